"""Small Python programs: what they print, and one-line expressions written from a description. Nothing is executed."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np

from tailgate_slices.code.expressions import parse_expression, same_polynomial
from tailgate_slices.code.programs import draw_program
from tailgate_slices.drawing import integer, item_id, level, pick, pick_distinct, require_stratum
from tailgate_slices.grading import COMMON_MODES, RIGHT, failure, signed_numbers, words
from tailgate_slices.item import Answer, Card, Grade, Item, TokenCounter, item_rng

TASKS = ("output", "output", "expression")
_NAMES = ("a", "b", "c", "x", "y", "z", "price", "count", "total", "width", "height")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    prompt: str
    reference: str
    type: str


class Code:
    """Predict the output of a generated program, or write an expression; the stratum counts operations."""

    name = "code"
    version = "1"
    axis = "depth"
    strata: tuple[str, ...] = ("depth=1", "depth=2", "depth=3", "depth=4", "depth=6")
    chance = 0.0
    uses_tokenizer = False
    card = Card(
        catches="Lost exactness: dropped operations, changed literals, broken syntax.",
        scoring="Output: 1 if the last value of the program's type in the answer is the output. Expression: 1 if it "
        "parses and is the same polynomial as the reference. Else 0. Nothing is executed.",
        provenance="Generated programs and descriptions; no text of others.",
        licence="Apache-2.0",
        failure_modes={
            **COMMON_MODES,
            "syntax_error": "the expression does not parse",
            "unsupported": "parses, but is more than one expression of names, integers and + - *",
            "wrong_expression": "another expression",
            "wrong_output": "another output",
            "no_output": "no value of the type that the program prints",
        },
        limits="Straight-line programs of one variable; no loops, no libraries, no execution of what the model wrote.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a task, then a program or an expression of as many operations as the stratum says."""
        require_stratum(self, stratum)
        rng = item_rng(self.name, self.version, seed, stratum, index)
        task = pick(rng, TASKS)
        question = (_output_question if task == "output" else _expression_question)(rng, level(stratum))
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=question.prompt,
            references=(question.reference,),
            max_new_tokens=max(20, 14 + 2 * level(stratum)) if task == "output" else 12 + 6 * level(stratum),
            stop=("\n",),
            attributes={"task": task, "type": question.type},
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Grade an output by its value, an expression by its polynomial."""
        if item.attributes["task"] == "expression":
            return _grade_expression(item, answer)
        if item.attributes["type"] == "int":
            found = signed_numbers(answer.text)
            if not found:
                return failure(answer, "no_output")
            return RIGHT if found[-1] == item.references[0] else failure(answer, "wrong_output")
        said = words(answer.text, fold=False)
        if not said:
            return failure(answer, "no_output")
        return RIGHT if item.references[0] in said else failure(answer, "wrong_output")

    def min_context(self, stratum: str) -> int:
        """A program of one line an operation, with room for the chat template, and the answer."""
        require_stratum(self, stratum)
        return 192 + 32 * level(stratum)


def _output_question(rng: np.random.Generator, depth: int) -> _Question:
    program = draw_program(rng, depth)
    return _Question(
        prompt=f"What does this Python program print?\n{program.source}", reference=program.output, type=program.type
    )


def _expression_question(rng: np.random.Generator, depth: int) -> _Question:
    names = pick_distinct(rng, _NAMES, depth + 1)
    source = said = names[0]
    for other in names[1:]:
        operand = other if rng.random() < 0.5 else str(integer(rng, 2, 9))
        sign, word = pick(rng, (("+", "plus"), ("-", "minus"), ("*", "times")))
        source = f"({source}) {sign} {operand}" if " " in source else f"{source} {sign} {operand}"
        said = f"{said} {word} {operand}" if said == names[0] else f"{said}, then {word} {operand}"
    return _Question(prompt=f"Write in Python: {said}", reference=source, type="expression")


def _grade_expression(item: Item, answer: Answer) -> Grade:
    given = parse_expression(answer.text)
    if isinstance(given, str):
        return failure(answer, given)
    same = same_polynomial(given, ast.parse(item.references[0], mode="eval").body)
    if same is None:
        return failure(answer, "unsupported")
    return RIGHT if same else failure(answer, "wrong_expression")
