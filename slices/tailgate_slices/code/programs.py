"""Small straight-line programs that know their own output: every line is written and interpreted by one operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from tailgate_slices.drawing import integer, pick, pick_distinct
from tailgate_slices.sandbox.program import Language

State = TypeVar("State", int, str)

_WORDS = ("cat", "dog", "sun", "moon", "tree", "bird", "fish", "book", "rain", "star", "lamp", "milk", "sand", "leaf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Source text, the one line it prints, and the type of the value printed."""

    source: str
    output: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation(Generic[State]):
    expressions: tuple[str, str, str]  # of the result, in Python, JavaScript and Lua; $x is the variable
    apply: Callable[[State], State]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Syntax:
    """How a language writes the lines of a program, `%s` being what differs."""

    expression: int  # index into an operation's expressions
    first: str
    line: str
    output: str


_SYNTAX: dict[Language, _Syntax] = {
    "python": _Syntax(expression=0, first="%s", line="%s", output="print(%s)"),
    "javascript": _Syntax(expression=1, first="let %s;", line="%s;", output="console.log(%s);"),
    "lua": _Syntax(expression=2, first="local %s", line="%s", output="print(%s)"),
}


def draw_program(rng: np.random.Generator, depth: int, language: Language = "python") -> Program:
    """Draw a program that applies `depth` operations to one variable and prints it.

    The output never stands in the source as a whole word or number: repeating a part of the question is no answer.
    """
    draw = pick(rng, (_integer_program, _string_program))
    while True:
        program = draw(rng, depth, _SYNTAX[language])
        if program.output not in _tokens(program.source):
            return program


def _integer_program(rng: np.random.Generator, depth: int, syntax: _Syntax) -> Program:
    start = integer(rng, 2, 9)
    operations = [_integer_operation(rng) for _ in range(depth)]
    return _assemble(("x", str(start)), start, operations, syntax)


def _string_program(rng: np.random.Generator, depth: int, syntax: _Syntax) -> Program:
    first, *others = pick_distinct(rng, _WORDS, depth + 1)
    operations = [_string_operation(rng, other) for other in others]
    return _assemble(("s", f'"{first}"'), first, operations, syntax)


def _assemble(start: tuple[str, str], state: State, operations: list[_Operation[State]], syntax: _Syntax) -> Program:
    name, literal = start
    lines: list[str] = [syntax.first % f"{name} = {literal}"]
    for operation in operations:
        expression = operation.expressions[syntax.expression].replace("$x", name)
        lines.append(syntax.line % f"{name} = {expression}")
        state = operation.apply(state)
    kind = "int" if isinstance(state, int) else "str"
    return Program(source="\n".join([*lines, syntax.output % name]), output=str(state), type=kind)


def _everywhere(expression: str) -> tuple[str, str, str]:
    return expression, expression, expression


def _integer_operation(rng: np.random.Generator) -> _Operation[int]:
    size = integer(rng, 1, 9)
    options: tuple[_Operation[int], ...] = (
        _Operation(expressions=_everywhere(f"$x + {size}"), apply=lambda x: x + size),
        _Operation(expressions=_everywhere(f"$x - {size}"), apply=lambda x: x - size),
        _Operation(expressions=_everywhere(f"$x * {size}"), apply=lambda x: x * size),
        _Operation(
            expressions=(f"max($x, {size})", f"Math.max($x, {size})", f"math.max($x, {size})"),
            apply=lambda x: max(x, size),
        ),
    )
    return pick(rng, options)


def _string_operation(rng: np.random.Generator, other: str) -> _Operation[str]:
    options: tuple[_Operation[str], ...] = (
        _Operation(expressions=(f'$x + "{other}"', f'$x + "{other}"', f'$x .. "{other}"'), apply=lambda s: s + other),
        _Operation(expressions=(f'"{other}" + $x', f'"{other}" + $x', f'"{other}" .. $x'), apply=lambda s: other + s),
        _Operation(expressions=("$x.upper()", "$x.toUpperCase()", "$x:upper()"), apply=lambda s: s.upper()),
        _Operation(expressions=("$x[1:]", "$x.slice(1)", "$x:sub(2)"), apply=lambda s: s[1:]),
    )
    return pick(rng, options)


def _tokens(source: str) -> set[str]:
    return set("".join(char if char.isalnum() else " " for char in source).split())
