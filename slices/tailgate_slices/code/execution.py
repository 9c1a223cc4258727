"""Whether a function returns what it should, found out in the sandbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from tailgate_slices.code.recipes import Recipe
from tailgate_slices.sandbox import Language, Limits, choose_runner, unsafe_from_environment
from tailgate_slices.sandbox.calls import Calls, Report, Returned, call_function
from tailgate_slices.sandbox.process import ended_by_message

Mode: TypeAlias = Literal[
    "syntax_error", "runtime_error", "wrong_signature", "wrong_answer", "timeout", "forbidden", "resources"
]
LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a function failed, None if it is right, and the share of hidden tests that it passed."""

    mode: Mode | None
    passed: float


def verdict(source: str, function: str, language: Language, recipe: Recipe, arguments: tuple[Any, ...]) -> Verdict:
    """Judge a function by a recipe on hidden arguments.

    Raises
    ------
    SandboxUnavailable
        Programs in this language cannot be run here.
    """
    wanted = json.dumps([recipe.apply(argument) for argument in arguments])
    return _verdict(
        _Case(language=language, function=function, arguments=json.dumps(arguments), wanted=wanted,
              unsafe=unsafe_from_environment()),
        source,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Hidden tests as text, which can be a key."""

    language: Language
    function: str
    arguments: str
    wanted: str
    unsafe: bool


@lru_cache(maxsize=8192)  # the same answer comes again: from the other side of a pair, from a report
def _verdict(case: _Case, source: str) -> Verdict:
    runner = choose_runner(case.language, unsafe=case.unsafe)
    calls = Calls(
        language=case.language,
        source=source,
        function=case.function,
        arguments=tuple(json.loads(case.arguments)),
    )
    report = call_function(calls, runner, LIMITS)
    return judge(report, json.loads(case.wanted))


def judge(report: Report, wanted: list[Any]) -> Verdict:
    """Compare what the calls returned with what was wanted; the first failure names the mode."""
    right = [
        one is not None and one.error is None and same(one.value, value)
        for one, value in zip(report.returned, wanted, strict=True)
    ]
    passed = sum(right) / len(right)
    if all(right):
        return Verdict(mode=None, passed=1.0)
    return Verdict(mode=_mode(report, report.returned[right.index(False)]), passed=passed)


def _mode(report: Report, failed: Returned | None) -> Mode:
    if report.problem == "syntax":
        return "syntax_error"
    if report.problem == "no_function":
        return "wrong_signature"
    if failed is not None and failed.error is None:
        return "wrong_answer"
    if failed is not None or report.problem == "load":
        return _error_mode(failed.error or "" if failed is not None else report.message)
    ended = report.result.ended
    if ended in ("timeout", "forbidden"):
        return ended
    return "resources" if ended in ("memory", "output") else "runtime_error"


def _error_mode(message: str) -> Mode:
    found = ended_by_message(message)
    if found == "forbidden":
        return "forbidden"
    return "resources" if found == "memory" else "runtime_error"


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
