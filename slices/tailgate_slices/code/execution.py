"""Whether a function returns what it should, found out in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from tailgate_slices.code.properties import Call, Property, properties
from tailgate_slices.code.recipes import Recipe, hidden_arguments
from tailgate_slices.sandbox import Language, Limits, choose_runner, unsafe_from_environment
from tailgate_slices.sandbox.calls import Calls, Report, Returned, call_function
from tailgate_slices.sandbox.program import Cause

Mode: TypeAlias = Literal[
    "syntax_error", "runtime_error", "wrong_signature", "wrong_answer", "broken_property", "timeout", "forbidden",
    "resources",
]  # fmt: skip
LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a function failed, None if it is right, and the share of hidden tests that it passed."""

    mode: Mode | None
    passed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What an answer is tested on, as texts: the example shown and the item's identity, from which the rest follows."""

    language: Language
    function: str
    recipe: str
    example: str
    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """Arguments with the results that a function must give, and properties that it must have."""

    examples: tuple[Call, ...]
    wanted: tuple[Any, ...]
    properties: tuple[Property, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls: of the examples, then of one property after the other."""
        return (*self.examples, *(call for each in self.properties for call in each.calls))


def hidden_tests(hidden: Hidden) -> Tests:
    """The example shown, corner cases and random arguments, and the properties of the steps."""
    recipe = Recipe.loads(hidden.recipe)
    arguments = (json.loads(hidden.example), *hidden_arguments(recipe.takes, hidden.item_id))
    return Tests(
        examples=tuple(Call(argument=argument) for argument in arguments),
        wanted=tuple(recipe.apply(argument) for argument in arguments),
        properties=properties(recipe, hidden.item_id),
    )


def verdict(source: str, hidden: Hidden) -> Verdict:
    """Judge a function by its hidden tests.

    Raises
    ------
    SandboxUnavailable
        Programs in this language cannot be run here.
    """
    return _verdict(source, hidden, unsafe_from_environment())


@lru_cache(maxsize=8192)  # the same answer comes again: from the other side of a pair, from a report
def _verdict(source: str, hidden: Hidden, unsafe: bool) -> Verdict:
    runner = choose_runner(hidden.language, unsafe=unsafe)
    tests = hidden_tests(hidden)
    calls = Calls(
        language=hidden.language,
        source=source,
        function=hidden.function,
        arguments=tuple(call.argument for call in tests.calls),
        times=tuple(call.times for call in tests.calls),
    )
    return judge(call_function(calls, runner, LIMITS), tests.wanted, tests.properties)


def judge(report: Report, wanted: Sequence[Any], asked: Sequence[Property] = ()) -> Verdict:
    """Compare what the calls returned with what was wanted, then with what is asked of them together.

    The first failure names the mode; those of examples come first.
    """
    found = [
        None if one is not None and one.error is None and same(one.value, value) else _mode(report, one)
        for one, value in zip(report.returned, wanted, strict=False)
    ]
    at = len(wanted)
    for each in asked:
        found.append(_property_mode(report, each, report.returned[at : at + len(each.calls)]))
        at += len(each.calls)
    return Verdict(mode=next(filter(None, found), None), passed=found.count(None) / len(found))


def _property_mode(report: Report, asked: Property, returned: Sequence[Returned | None]) -> Mode | None:
    results = [one.value for one in returned if one is not None and one.error is None]
    if len(results) == len(returned):
        return None if asked.holds(results) else "broken_property"
    return _mode(report, next(one for one in returned if one is None or one.error is not None))


def _mode(report: Report, failed: Returned | None) -> Mode:
    if report.problem == "syntax":
        return "syntax_error"
    if report.problem == "no_function":
        return "wrong_signature"
    if failed is not None and failed.error is None:
        return "wrong_answer"
    if failed is not None or report.problem == "load":
        return _error_mode(failed.cause if failed is not None else report.cause)
    ended = report.result.ended
    if ended in ("timeout", "forbidden"):
        return ended
    return "resources" if ended in ("memory", "output") else "runtime_error"


def _error_mode(cause: Cause | None) -> Mode:
    if cause == "forbidden":
        return "forbidden"
    return "resources" if cause == "memory" else "runtime_error"


def same(given: Any, wanted: Any) -> bool:
    """Whether a result has the wanted value: 2.0 is 2, True is not 1, and Lua's empty table is either kind."""
    if isinstance(given, bool) or isinstance(wanted, bool):
        return given is wanted
    if isinstance(wanted, dict):
        if given == [] and not wanted:
            return True
        return isinstance(given, dict) and given.keys() == wanted.keys() and all(
            same(given[key], value) for key, value in wanted.items()
        )  # fmt: skip
    if isinstance(wanted, list):
        return isinstance(given, list) and len(given) == len(wanted) and all(map(same, given, wanted))
    if isinstance(wanted, str):
        return isinstance(given, str) and given == wanted
    return isinstance(given, (int, float)) and given == wanted
