"""Small Python functions to write and programs whose output to predict. Nothing a model wrote is executed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tailgate_slices.code.functions import Signature, returned_expression, same_polynomial
from tailgate_slices.code.programs import draw_program
from tailgate_slices.drawing import item_id, pick, pick_distinct, require_stratum
from tailgate_slices.grading import COMMON_MODES, RIGHT, bounded, failure, settled, signed_numbers, words
from tailgate_slices.item import Answer, Card, Grade, Item, SliceError, TokenCounter, item_rng

_PARAMETERS = ("a", "b", "c", "x", "y", "z", "price", "count", "total", "width", "height", "tax")
_FUNCTIONS = ("add", "join", "merge", "mix", "scale", "shift", "blend", "score")
_OPERATORS = ("+", "-", "*")


class Code:
    """Write a function of so many operations, or say what a program of so many operations prints."""

    name = "code"
    version = "1"
    axis = "task"
    strata: tuple[str, ...] = (
        *("task=write-1", "task=write-2", "task=write-3", "task=write-5"),
        *("task=print-1", "task=print-2", "task=print-4"),
    )
    chance = 0.0
    uses_tokenizer = False
    card = Card(
        catches="Lost exactness: dropped operations, swapped operators, broken syntax, values not followed through.",
        scoring="write: 1 if the function parses, has the asked-for name and number of parameters, and returns the "
        "same polynomial. print: 1 if the last value of the program's type in the output given is the output. "
        "Else 0. Nothing is executed.",
        provenance="Generated functions and programs; no text of others.",
        licence="Apache-2.0",
        failure_modes={
            **COMMON_MODES,
            "no_code": "no function in the answer",
            "syntax_error": "the code does not parse",
            "wrong_signature": "a function of another name or with other parameters",
            "unsupported": "more than one return of an expression of names, integers and + - *",
            "wrong_expression": "returns something else",
            "wrong_output": "another output",
            "no_output": "no value of the type that the program prints",
        },
        limits="A function to write stands in the request as a formula: this measures exact copying, syntax and "
        "naming, not design. Straight-line code; no loops, no libraries, no execution of what the model wrote.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a function or a program of as many operations as the stratum says."""
        require_stratum(self, stratum)
        rng = item_rng(self.name, self.version, seed, stratum, index)
        task, operations = _task(stratum)
        draw = _write if task == "write" else _print
        return draw(rng, operations, Item(
            id=item_id(self, stratum, seed, index), slice=self.name, stratum=stratum, index=index,
            prompt="", references=(), max_new_tokens=1,
        ))  # fmt: skip

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Grade a function by the polynomial it returns, an output by its value."""
        if item.attributes["task"] == "write":
            return _grade_function(item, answer)
        output = _given_output(bounded(settled(answer)))
        if item.attributes["type"] == "int":
            found = signed_numbers(output)
            right = bool(found) and found[-1] == item.references[0]
        else:
            found = words(output, fold=False)
            right = item.references[0] in found
        if right:
            return RIGHT
        return failure(answer, "wrong_output" if found else "no_output")

    def min_context(self, stratum: str) -> int:
        """A short request or program, with room for the chat template, and the answer."""
        require_stratum(self, stratum)
        return 224 + 32 * _task(stratum)[1]


def _task(stratum: str) -> tuple[str, int]:
    task, _, operations = stratum.partition("=")[2].partition("-")
    return task, int(operations)


def _write(rng: np.random.Generator, operations: int, item: Item) -> Item:
    names = pick_distinct(rng, _PARAMETERS, operations + 1)
    expression = names[0]
    for name in names[1:]:
        expression += f" {pick(rng, _OPERATORS)} {name}"
    function = pick(rng, _FUNCTIONS)
    head = f"{function}({', '.join(names)})"
    return replace(
        item,
        prompt=f"Write a Python function {head} that returns {expression}.",
        references=(f"def {head}: return {expression}",),
        max_new_tokens=30 + 8 * operations,
        stop=("\n```\n",),
        attributes={"task": "write", "function": function, "parameters": ",".join(names)},
    )


def _print(rng: np.random.Generator, operations: int, item: Item) -> Item:
    program = draw_program(rng, operations)
    return replace(
        item,
        prompt=f"```python\n{program.source}\n```\nWhat is the output of this code?",
        references=(program.output,),
        max_new_tokens=24 + 2 * operations,
        attributes={"task": "print", "type": program.type},
    )


def _grade_function(item: Item, answer: Answer) -> Grade:
    parameters = str(item.attributes["parameters"]).split(",")
    signature = Signature(name=str(item.attributes["function"]), parameters=tuple(parameters))
    given = returned_expression(answer.text, signature)
    if isinstance(given, str):
        return failure(answer, given)
    wanted = returned_expression(item.references[0], signature)
    if isinstance(wanted, str):
        raise SliceError(f"item {item.id} has the reference '{item.references[0]}', which is no function: {wanted}")
    same = same_polynomial(given, wanted)
    if same is None:
        return failure(answer, "unsupported")
    return RIGHT if same else failure(answer, "wrong_expression", decisive=True)


def _given_output(text: str) -> str:
    """What an answer presents as output: a code block, else code in the line, else its first paragraph."""
    before, fence, inside = text.partition("```")
    if fence:
        language, newline, rest = inside.partition("```")[0].partition("\n")
        return rest if newline and language.strip().isalnum() else inside.partition("```")[0]
    paragraph = before.partition("\n\n")[0] if len(before.partition("\n\n")[0]) > 40 else before
    spans = paragraph.split("`")
    return spans[-2] if len(spans) > 2 and len(spans) % 2 else paragraph
