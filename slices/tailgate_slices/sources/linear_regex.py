"""Regular expressions of a user against text of a model, in time linear in the text.

Python's ``re`` backtracks and knows no time limit: ``(a+)+$`` against forty letters takes minutes. Here Python's parser
reads the pattern, and all ways to match are followed at once (Thompson's construction), so only the question *is there
a match anywhere* is answered. What that method cannot do (references to groups, look-around, atomic groups) is refused.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tailgate_slices.item import SliceError
from tailgate_slices.sources.effort import Effort
from tailgate_slices.sources.reading import first_line, shown

MAX_STATES = 500  # time is states x characters at worst
_MAX_WORK = 20_000  # nodes visited while compiling; repeats of nothing add no state
_ALLOWED_FLAGS = re.UNICODE | re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE
_REFUSED = {
    "GROUPREF": "refers to a group",
    "GROUPREF_EXISTS": "refers to a group",
    "ASSERT": "looks ahead or behind",
    "ASSERT_NOT": "looks ahead or behind",
    "ATOMIC_GROUP": "has an atomic group",
    "POSSESSIVE_REPEAT": "has a possessive repeat",
}
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdecimal,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda char: char.isalnum() or char == "_",
}

Test = Callable[[str], bool]


@dataclass(slots=True)
class _Step:
    """A character to read, a place to be at, or ways to go on without reading."""

    test: Test | None = None
    place: str | None = None
    ways: tuple[int, ...] = ()


class LinearRegex:
    """A compiled pattern.

    Raises
    ------
    SliceError
        The pattern does not compile, needs backtracking, or is too large; flags other than i, m, s, x are refused.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._program: list[_Step] = []
        self._work = 0
        tree, flags = _parsed(pattern)
        if flags & ~_ALLOWED_FLAGS:
            raise SliceError(f"pattern {shown(pattern)} sets a flag other than i, m, s, x; remove it")
        self._sequence(tree, flags)

    def search(self, text: str, effort: Effort | None = None) -> bool:
        """Whether the pattern matches anywhere in the text.

        Raises
        ------
        EffortError
            The search visits more states than `effort` has left.
        """
        waiting: list[int] = []
        for at in range(len(text) + 1):
            states = self._reachable([*waiting, 0], text, at)
            if effort is not None:
                effort.spend(len(states))
            if len(self._program) in states:
                return True
            if at < len(text):
                waiting = [state + 1 for state in states if self._reads(state, text[at])]
        return False

    def _reads(self, state: int, char: str) -> bool:
        test = self._program[state].test
        return test is not None and test(char)

    def _reachable(self, starts: Iterable[int], text: str, at: int) -> set[int]:
        seen: set[int] = set()
        todo = list(starts)
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            if state == len(self._program):
                continue
            step = self._program[state]
            todo.extend(step.ways)
            if step.place is not None and _is_at(step.place, text, at):
                todo.append(state + 1)
        return seen

    def _add(self, step: _Step) -> int:
        if len(self._program) >= MAX_STATES:
            raise SliceError(
                f"pattern {shown(self.pattern)} is too large (over {MAX_STATES} states); use smaller repeats"
            )
        self._program.append(step)
        return len(self._program) - 1

    def _sequence(self, nodes: Any, flags: int) -> None:
        for kind, value in nodes:
            self._spend()
            self._node(str(kind), value, flags)

    def _spend(self) -> None:
        self._work += 1
        if self._work > _MAX_WORK:
            raise SliceError(f"pattern {shown(self.pattern)} is too large; use smaller repeats")

    def _node(self, kind: str, value: Any, flags: int) -> None:
        if kind in _REFUSED:
            raise SliceError(
                f"pattern {shown(self.pattern)} {_REFUSED[kind]}, which cannot be matched in linear time; "
                "write it otherwise"
            )
        if kind == "SUBPATTERN":
            _, added, removed, inner = value
            self._sequence(inner, (flags | added) & ~removed)
        elif kind == "BRANCH":
            self._branch(value[1], flags)
        elif kind in ("MAX_REPEAT", "MIN_REPEAT"):
            self._repeat(value, flags)
        elif kind == "AT":
            self._add(_Step(place=_place(str(value), flags)))
        else:
            self._add(_Step(test=_test(kind, value, flags)))

    def _branch(self, options: list[Any], flags: int) -> None:
        ends = []
        for option in options[:-1]:
            fork = self._add(_Step())
            self._sequence(option, flags)
            ends.append(self._add(_Step()))
            self._program[fork].ways = (fork + 1, len(self._program))
        self._sequence(options[-1], flags)
        for end in ends:
            self._program[end].ways = (len(self._program),)

    def _repeat(self, value: Any, flags: int) -> None:
        least, most, inner = int(value[0]), value[1], value[2]
        for _ in range(least):
            self._spend()
            self._sequence(inner, flags)
        if str(most) == "MAXREPEAT":
            fork = self._add(_Step())
            self._sequence(inner, flags)
            back = self._add(_Step(ways=(fork,)))
            self._program[fork].ways = (fork + 1, back + 1)
            return
        forks = []
        for _ in range(int(most) - least):
            self._spend()
            forks.append(self._add(_Step()))
            self._sequence(inner, flags)
        for fork in forks:
            self._program[fork].ways = (fork + 1, len(self._program))


def _parsed(pattern: str) -> tuple[Any, int]:
    parser: Any = importlib.import_module("re._parser")  # private, the same from 3.11 on; tests hold it to `re`
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = parser.parse(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise SliceError(f"pattern {shown(pattern)} does not compile: {first_line(error)}; correct it") from None
    return tree, int(tree.state.flags)


def _place(kind: str, flags: int) -> str:
    if kind in ("AT_BEGINNING", "AT_END") and flags & re.MULTILINE:
        return f"{kind}_LINE"
    return kind


def _is_at(place: str, text: str, at: int) -> bool:
    if place in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
        return at == 0
    if place == "AT_BEGINNING_LINE":
        return at == 0 or text[at - 1] == "\n"
    if place == "AT_END":
        return at == len(text) or (at == len(text) - 1 and text[at] == "\n")
    if place == "AT_END_LINE":
        return at == len(text) or text[at] == "\n"
    if place == "AT_END_STRING":
        return at == len(text)
    before = at > 0 and _CATEGORIES["CATEGORY_WORD"](text[at - 1])
    after = at < len(text) and _CATEGORIES["CATEGORY_WORD"](text[at])
    return (before != after) == (place == "AT_BOUNDARY")


def _test(kind: str, value: Any, flags: int) -> Test:
    if kind == "ANY":
        return (lambda char: True) if flags & re.DOTALL else (lambda char: char != "\n")
    if kind == "IN":
        negated = any(str(name) == "NEGATE" for name, _ in value)
        tests = [_single(str(name), inner) for name, inner in value if str(name) != "NEGATE"]
    else:
        negated = kind == "NOT_LITERAL"
        tests = [_single("LITERAL" if negated else kind, value)]
    folded = bool(flags & re.IGNORECASE)
    return lambda char: any(test(form) for form in _forms(char, folded) for test in tests) != negated


def _forms(char: str, folded: bool) -> tuple[str, ...]:
    return (char, char.lower(), char.upper()) if folded else (char,)


def _single(kind: str, value: Any) -> Test:
    if kind == "LITERAL":
        wanted = chr(value)
        return lambda char: char == wanted
    if kind == "RANGE":
        low, high = chr(value[0]), chr(value[1])
        return lambda char: len(char) == 1 and low <= char <= high
    if kind == "CATEGORY":
        name = str(value)
        test = _CATEGORIES[name.replace("_NOT_", "_")]
        return (lambda char: not test(char)) if "_NOT_" in name else test
    raise SliceError(f"a pattern uses '{kind.lower()}', which is not supported; write it otherwise")
