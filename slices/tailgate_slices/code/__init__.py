"""Small programs to write, repair, complete or follow in three languages.

What a model wrote is run only where hidden tests must decide, and only in the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from tailgate_slices.code.functions import Signature, returned_expression, same_polynomial
from tailgate_slices.code.outputs import outputs_given
from tailgate_slices.code.programs import draw_program
from tailgate_slices.code.tasks import DRAW, grade_executed
from tailgate_slices.drawing import fixed_values, item_id, pick, pick_distinct
from tailgate_slices.grading import COMMON_MODES, RIGHT, bounded, failure, settled
from tailgate_slices.item import Answer, Card, Grade, Item, Slice, SliceError, TokenCounter, item_rng
from tailgate_slices.sandbox import LANGUAGES, Language, unsafe_from_environment, why_not

_PARAMETERS = ("a", "b", "c", "x", "y", "z", "price", "count", "total", "width", "height", "tax")
_FUNCTIONS = ("add", "join", "merge", "mix", "scale", "shift", "blend", "score")
_OPERATORS = ("+", "-", "*")
_DRAWN: tuple[Language, ...] = ("python",) * 8 + ("javascript", "lua")  # where a stratum leaves the language open


class Code(Slice):
    """Write, repair or complete a function of so many steps, or say what a program of so many lines prints."""

    name = "code"
    version = "3"
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {
            "task": (
                *("write-1", "write-2", "write-3", "write-5", "print-1", "print-2", "print-4"),
                *("complete-1", "complete-2", "complete-3", "spec-1", "spec-2", "spec-3"),
                *("repair-1", "repair-2", "repair-3"),
            ),
            "language": LANGUAGES,
        }
    )
    card = Card(
        catches="Lost exactness: dropped operations, swapped operators, broken syntax, values not followed through.",
        why="Code tolerates no slip: one lost token and a program does something else.",
        scoring="write: 1 if the function parses, has the asked-for name and number of parameters, and returns the "
        "same polynomial, in one expression or by way of local names; nothing is run. print: 1 if the last value of "
        "the program's type in the output given is the output, and no other is given beside it ('3 or 4'). spec, "
        "repair, complete: 1 if the function, run in a sandbox, agrees with the specification on all hidden arguments "
        "(the example, corner cases, random ones, one of them twice) and has the properties of its steps on longer "
        "ones (order, size, members, parts, repetition). The last code block that defines the function counts. Else 0.",
        provenance="Generated functions and programs; no text of others.",
        licence="Apache-2.0",
        failure_modes={
            **COMMON_MODES,
            "no_code": "no code in the answer",
            "syntax_error": "the code does not parse",
            "wrong_signature": "a function of another name or with other parameters",
            "unsupported": "more than assignments and one return of expressions of names, integers and + - *",
            "wrong_expression": "returns something else, or names what it never defined",
            "wrong_output": "another output, or several",
            "no_output": "no value of the type that the program prints",
            "wrong_answer": "runs and returns something else on a hidden test",
            "broken_property": "returns what it should on all examples, but breaks a property of its steps",
            "runtime_error": "stops with an error",
            "timeout": "does not end in time",
            "resources": "takes more memory than allowed or writes more than it may",
            "forbidden": "the sandbox refused what it tried: network, processes, files",
        },
        limits="write: the formula stands in the request; exact copying, syntax and naming, not design. spec, repair, "
        "complete: one to four standard transformations of small values; no algorithms, no classes, no files. Hidden "
        "tests are finite: a wrong function that passes them all counts as right, and some recipes have no property. "
        "A program that raises the system's own errors reads as forbidden. Runs only where a sandbox works.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a language where the stratum names none, then a task of as many steps as the stratum says."""
        fixed = self._fixed(stratum)
        rng = item_rng(self.name, self.version, seed, stratum, index)
        task, size = _task(fixed.get("task") or pick(rng, self._tasks(fixed)))
        language = _language(fixed) or _drawn_language(task, rng)
        blank = Item(
            id=item_id(self, stratum, seed, index), slice=self.name, stratum=stratum, index=index,
            prompt="", references=(), max_new_tokens=1,
            attributes={"task": task, "size": size, "language": language},
        )  # fmt: skip
        if task in DRAW:
            return DRAW[task](rng, size, language, blank)
        return _write(rng, size, blank) if task == "write" else _print(rng, size, language, blank)

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Grade a formula by the polynomial it returns, an output by its value, everything else by running it.

        Raises
        ------
        SandboxUnavailable
            The item's task is graded by running the answer, and programs in its language cannot be run here.
        """
        if item.attributes["task"] in DRAW:
            return grade_executed(item, answer)
        return _grade_function(item, answer) if item.attributes["task"] == "write" else _grade_output(item, answer)

    def needs(self, stratum: str) -> str | None:
        """The reason why this machine cannot grade a stratum, None where it can.

        Items are the same on all machines: where a stratum leaves the language open, they come in every language, and
        one that cannot be run here is enough.
        """
        languages = self.executes(stratum)
        reasons = {language: why_not(language, unsafe=unsafe_from_environment()) for language in languages}
        missing = {language: reason for language, reason in reasons.items() if reason is not None}
        if not missing:
            return None
        reason = "; ".join(missing.values())
        served = next((language for language in languages if language not in missing), None)
        if served is None:
            return reason
        needless = " or ".join(missing)
        return f"{reason}; '{stratum},language={served}' needs no {needless}, '{stratum}' has items in every language"

    def executes(self, stratum: str) -> tuple[Language, ...]:
        """The language of a stratum's functions, or all where it leaves that open; none where nothing is run."""
        fixed = self._fixed(stratum)
        tasks = [_task(task)[0] for task in ([fixed["task"]] if "task" in fixed else self._tasks(fixed))]
        if not any(task in DRAW for task in tasks):
            return ()
        language = _language(fixed)
        return (language,) if language else LANGUAGES

    def min_context(self, stratum: str) -> int:
        """A request or program, with room for the chat template, and the answer."""
        fixed = self._fixed(stratum)
        tasks = [_task(task) for task in ([fixed["task"]] if "task" in fixed else self._tasks(fixed))]
        return max(448 + 160 * size if task in DRAW else 224 + 32 * size for task, size in tasks)

    def _tasks(self, fixed: Mapping[str, str]) -> tuple[str, ...]:
        """Tasks that exist in the language of a stratum."""
        written = fixed.get("language", "python") == "python"
        return tuple(task for task in self.axes["task"] if written or not task.startswith("write"))

    def _fixed(self, stratum: str) -> dict[str, str]:
        fixed = fixed_values(self, stratum)
        if "task" in fixed and fixed["task"] not in self._tasks(fixed):
            raise SliceError(
                f"code has no stratum '{stratum}': formulas are read as Python without running them; "
                f"choose 'task={fixed['task']}' or another task, such as 'task=spec-1,language={fixed['language']}'"
            )
        return fixed


def _task(name: str) -> tuple[str, int]:
    task, _, size = name.partition("-")
    return task, int(size)


def _drawn_language(task: str, rng: np.random.Generator) -> Language:
    language: Language = "python" if task == "write" else pick(rng, _DRAWN)
    return language


def _language(fixed: Mapping[str, str]) -> Language | None:
    return next((language for language in LANGUAGES if language == fixed.get("language")), None)


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
        attributes={**item.attributes, "function": function, "parameters": ",".join(names)},
    )


def _print(rng: np.random.Generator, operations: int, language: Language, item: Item) -> Item:
    program = draw_program(rng, operations, language)
    return replace(
        item,
        prompt=f"```{language}\n{program.source}\n```\nWhat is the output of this code?",
        references=(program.output,),
        max_new_tokens=24 + 2 * operations,
        attributes={**item.attributes, "type": program.type},
    )


def _grade_function(item: Item, answer: Answer) -> Grade:
    parameters = str(item.attributes["parameters"]).split(",")
    signature = Signature(name=str(item.attributes["function"]), parameters=tuple(parameters))
    given = returned_expression(answer.text, signature, cut=answer.finish_reason == "length")
    if isinstance(given, str):
        return failure(answer, given)
    wanted = returned_expression(item.references[0], signature)
    if isinstance(wanted, str):
        raise SliceError(f"item {item.id} has the reference '{item.references[0]}', which is no function: {wanted}")
    same = same_polynomial(given, wanted)
    if same is None:
        return failure(answer, "unsupported")
    return RIGHT if same else failure(answer, "wrong_expression", decisive=True)


def _grade_output(item: Item, answer: Answer) -> Grade:
    given = outputs_given(bounded(settled(answer)), str(item.attributes["type"]))
    if given == (item.references[0],):
        return RIGHT
    return failure(answer, "wrong_output" if given else "no_output")
