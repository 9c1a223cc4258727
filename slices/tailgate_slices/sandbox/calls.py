"""Calls of one function in a program that a model wrote, all in one process; their results are judged outside.

The harness in the sandbox knows inputs, never what is expected of them. It marks what the function returned with a
token drawn for this run, so that what the program prints is no result. A program that finds the token can only do
what it may do anyway: state results, right or wrong.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from tailgate_slices.sandbox.harnesses import HARNESSES
from tailgate_slices.sandbox.program import Cause, Language, Limits, Program, Result, Runner

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """A function in a source text, and the one argument of each call.

    `times` has an entry for each call, or none: how often the function is applied, to what it returned from the second
    time on. Without entries that is once.
    """

    language: Language
    source: str
    function: str
    arguments: tuple[Json, ...]
    times: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What one call came to: a value, or the error that ended it."""

    value: Json = None
    error: str | None = None
    cause: Cause | None = None  # of the error, where the system or the interpreter names one


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of all calls: `returned` is None for those that never finished."""

    result: Result
    returned: tuple[Returned | None, ...]
    problem: Literal["syntax", "load", "no_function"] | None  # before the first call
    message: str  # of the problem
    cause: Cause | None = None  # of the problem


def call_function(calls: Calls, runner: Runner, limits: Limits) -> Report:
    """Load the source once and call the function on every argument.

    Raises
    ------
    SandboxUnavailable
        The runner cannot run the language.
    """
    token = secrets.token_hex(16)
    task = _TASKS[calls.language](calls, token)
    program = Program(language=calls.language, source=HARNESSES[calls.language], stdin=task)
    return _report(runner.run(program, limits), token, len(calls.arguments))


def _json_task(calls: Calls, token: str) -> str:
    return json.dumps(_task(calls, token, [json.dumps(argument) for argument in calls.arguments]))


def _python_task(calls: Calls, token: str) -> str:
    return ascii(_task(calls, token, [ascii(argument) for argument in calls.arguments]))


def _lua_task(calls: Calls, token: str) -> str:
    return f"return {lua_value(_task(calls, token, [f'return {lua_value(each)}' for each in calls.arguments]))}"


def _task(calls: Calls, token: str, arguments: list[Json]) -> dict[str, Json]:
    """What a harness reads; every argument is a text of its own, read anew for its call."""
    times: list[Json] = list(calls.times or (1,) * len(arguments))
    return {
        "token": token,
        "source": calls.source,
        "function": calls.function,
        "arguments": arguments,
        "times": times,
    }


_TASKS: Mapping[Language, Callable[[Calls, str], str]] = MappingProxyType(
    {"python": _python_task, "javascript": _json_task, "lua": _lua_task}
)


def lua_value(value: Json) -> str:
    """A value as Lua source."""
    if isinstance(value, str):
        return lua_string(value)
    if isinstance(value, list):
        return "{" + ", ".join(map(lua_value, value)) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua_string(key)}] = {lua_value(each)}" for key, each in value.items()) + "}"
    return "nil" if value is None else str(value).lower()


def lua_string(text: str) -> str:
    """A text as a quoted string of Lua, every byte outside plain ASCII by its number."""
    plain = (
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}"
        for byte in text.encode(errors="replace")
    )
    return '"' + "".join(plain) + '"'


def _report(result: Result, token: str, n_calls: int) -> Report:
    """Read the marked lines; the first about a call counts, and lines out of shape are no results."""
    returned: list[Returned | None] = [None] * n_calls
    problem: Literal["syntax", "load", "no_function"] | None = None
    message, cause = "", None
    for line in result.stdout.split("\n"):
        frame = _frame(line.removeprefix(token)) if line.startswith(token) else {}
        at = frame.get("call")
        if type(at) is int and 0 <= at < n_calls and returned[at] is None:
            returned[at] = _returned(frame)
        elif frame.get("problem") in ("syntax", "load", "no_function") and problem is None:
            problem = frame["problem"]  # type: ignore[assignment]  # one of the three, as just checked
            message, cause = str(frame.get("error", ""))[:300], _cause(frame)
    return Report(result=result, returned=tuple(returned), problem=problem, message=message, cause=cause)


def _frame(text: str) -> Mapping[str, Json]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _returned(frame: Mapping[str, Json]) -> Returned:
    if "error" in frame:
        return Returned(error=str(frame["error"])[:300], cause=_cause(frame))
    return Returned(value=frame.get("value"))


def _cause(frame: Mapping[str, Json]) -> Cause | None:
    return next((cause for cause in get_args(Cause) if cause == frame.get("cause")), None)
