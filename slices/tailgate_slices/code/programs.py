"""Small straight-line programs that know their own output: every line is written and interpreted by one operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from tailgate_slices.drawing import integer, pick, pick_distinct

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
    expression: Callable[[str], str]  # Python source of the result, given the name of the variable
    apply: Callable[[State], State]


def draw_program(rng: np.random.Generator, depth: int) -> Program:
    """Draw a program that applies `depth` operations to one variable and prints it.

    The output never stands in the source as a whole word or number: repeating a part of the question is no answer.
    """
    draw = pick(rng, (_integer_program, _string_program))
    while True:
        program = draw(rng, depth)
        if program.output not in _tokens(program.source):
            return program


def _integer_program(rng: np.random.Generator, depth: int) -> Program:
    start = integer(rng, 2, 9)
    operations = [_integer_operation(rng) for _ in range(depth)]
    return _assemble("x", str(start), start, operations, "int")


def _string_program(rng: np.random.Generator, depth: int) -> Program:
    first, *others = pick_distinct(rng, _WORDS, depth + 1)
    operations = [_string_operation(rng, other) for other in others]
    return _assemble("s", f'"{first}"', first, operations, "str")


def _assemble(name: str, literal: str, state: State, operations: list[_Operation[State]], kind: str) -> Program:
    lines: list[str] = [f"{name} = {literal}"]
    for operation in operations:
        lines.append(f"{name} = {operation.expression(name)}")
        state = operation.apply(state)
    return Program(source="\n".join([*lines, f"print({name})"]), output=str(state), type=kind)


def _integer_operation(rng: np.random.Generator) -> _Operation[int]:
    size = integer(rng, 1, 9)
    options: tuple[_Operation[int], ...] = (
        _Operation(expression=lambda x: f"{x} + {size}", apply=lambda x: x + size),
        _Operation(expression=lambda x: f"{x} - {size}", apply=lambda x: x - size),
        _Operation(expression=lambda x: f"{x} * {size}", apply=lambda x: x * size),
        _Operation(expression=lambda x: f"max({x}, {size})", apply=lambda x: max(x, size)),
    )
    return pick(rng, options)


def _string_operation(rng: np.random.Generator, other: str) -> _Operation[str]:
    options: tuple[_Operation[str], ...] = (
        _Operation(expression=lambda s: f'{s} + "{other}"', apply=lambda s: s + other),
        _Operation(expression=lambda s: f'"{other}" + {s}', apply=lambda s: other + s),
        _Operation(expression=lambda s: f"{s}.upper()", apply=lambda s: s.upper()),
        _Operation(expression=lambda s: f"{s}[1:]", apply=lambda s: s[1:]),
    )
    return pick(rng, options)


def _tokens(source: str) -> set[str]:
    return set("".join(char if char.isalnum() else " " for char in source).split())
