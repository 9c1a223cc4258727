"""What an item asks, as a formal program: a start value, and steps that each need the value before."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailgate_slices.drawing import integer, pick

SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}  # of an operation that the `op` axis names


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation on the running value.

    `op` is ``+ - * /``, ``from`` (the operand minus the value) or ``keep`` (handed on as it is). Divisions have no
    remainder.
    """

    op: str
    operand: int

    def apply(self, value: int) -> int:
        """The value after the step."""
        match self.op:
            case "+":
                return value + self.operand
            case "-":
                return value - self.operand
            case "*":
                return value * self.operand
            case "/":
                return value // self.operand
            case "from":
                return self.operand - value
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A start value and the steps on it, in order, whatever binds more tightly in writing."""

    start: int
    steps: tuple[Step, ...]

    @property
    def values(self) -> tuple[int, ...]:
        """The start value and the value after each step."""
        found = [self.start]
        for step in self.steps:
            found.append(step.apply(found[-1]))
        return tuple(found)

    @property
    def result(self) -> int:
        """The value after the last step."""
        return self.values[-1]

    @property
    def text(self) -> str:
        """As recorded with the item: ``5 + 3 * 2`` is worked off from the left, to 16."""
        return " ".join([str(self.start), *(f"{step.op} {step.operand}" for step in self.steps)])

    def variants(self, number: int) -> set[int]:
        """Results of taking another number for one of the program's own."""
        found = {Program(start=number, steps=self.steps).result}
        for place, step in enumerate(self.steps):
            if step.op != "/":
                wrong = (*self.steps[:place], Step(op=step.op, operand=number), *self.steps[place + 1 :])
                found.add(Program(start=self.start, steps=wrong).result)
        return found


def read_program(text: str) -> Program:
    """The program that `Program.text` wrote."""
    start, *rest = text.split()
    steps = zip(rest[::2], rest[1::2], strict=True)
    return Program(start=int(start), steps=tuple(Step(op=op, operand=int(operand)) for op, operand in steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A step whose operation is decided; the operand is drawn where it is None."""

    op: str
    operand: int | None = None


def plan(rng: np.random.Generator, op: str, hops: int, menu: Sequence[str]) -> list[Planned]:
    """Operations of the steps: all alike, or for ``mixed`` from the menu, at least two different ones."""
    if op != "mixed":
        return [Planned(op=SYMBOLS[op])] * hops
    while True:
        symbols = [pick(rng, menu) for _ in range(hops)]
        if len(set(symbols)) > 1:
            return [Planned(op=symbol) for symbol in symbols]


def draw_program(rng: np.random.Generator, planned: Sequence[Planned], digits: int) -> Program:
    """Draw numbers for the planned steps such that the value stays at one or above and every operation occurs.

    The start has `digits` digits, operands of sums at most one fewer; factors are small, so that products stay
    readable.
    """
    wanted = {each.op for each in planned}
    if wanted == {"/"}:
        return _divided(rng, len(planned), digits)
    while True:
        program = _try_program(rng, planned, digits)
        if {step.op for step in program.steps} == wanted:
            return program


def _divided(rng: np.random.Generator, hops: int, digits: int) -> Program:
    """Divisions without a remainder, drawn from their end: the result, at least 2, times all divisors is the start."""
    divisors: list[int] = []
    most = 10**digits - 1
    room = most // 2
    for left in range(hops - 1, -1, -1):
        divisors.append(integer(rng, 2, min(_most_factor(hops), room // 2**left)))
        room //= divisors[-1]
    product = math.prod(divisors)
    result = integer(rng, max(2, -(-(10 ** (digits - 1)) // product)), most // product)
    return Program(start=result * product, steps=tuple(Step(op="/", operand=each) for each in divisors))


def _try_program(rng: np.random.Generator, planned: Sequence[Planned], digits: int) -> Program:
    # Room for every one of the first steps to take something away.
    falls = _falling(planned)
    value = start = max(first_number(rng, digits), integer(rng, 3 * falls, 4 * falls))
    steps = []
    for place, each in enumerate(planned):
        steps.append(_draw_step(rng, each, value, digits, (len(planned), _falling(planned[place:]))))
        value = steps[-1].apply(value)
    return Program(start=start, steps=tuple(steps))


def _falling(planned: Sequence[Planned]) -> int:
    """How many subtractions the plan begins with."""
    return len(list(itertools.takewhile(lambda each: each.op == "-", planned)))


def _draw_step(rng: np.random.Generator, planned: Planned, value: int, digits: int, counts: tuple[int, int]) -> Step:
    hops, left = counts  # steps in all, and subtractions on end from here
    if planned.operand is not None:
        return Step(op=planned.op, operand=planned.operand)
    if planned.op == "*":
        return Step(op="*", operand=factor(rng, hops))
    if planned.op == "/":
        divisors = [number for number in range(2, 10) if value % number == 0 and value > number]
        return Step(op="/", operand=pick(rng, divisors)) if divisors else Step(op="+", operand=step_size(rng, digits))
    size = step_size(rng, digits)
    if planned.op == "+" or value <= left:
        return Step(op="+", operand=size)
    # Leaves enough for the steps still to come, and results other than 1 at their end.
    most = max(1, min(value - left, 2 * value // (left + 2)))
    return Step(op="-", operand=size if size <= most else integer(rng, 1, most))


def first_number(rng: np.random.Generator, digits: int) -> int:
    """A start value: 2 to 9, 10 to 60, then any number of so many digits."""
    if digits <= 2:
        return integer(rng, 2, 9) if digits == 1 else integer(rng, 10, 60)
    return integer(rng, 10 ** (digits - 1), 10**digits - 1)


def step_size(rng: np.random.Generator, digits: int) -> int:
    """What one step adds or takes away: one digit fewer than the start has, and at least one."""
    length = max(1, digits - 1)
    return integer(rng, 10 ** (length - 1), 10**length - 1)


def factor(rng: np.random.Generator, hops: int) -> int:
    """A factor: the more steps, the smaller."""
    return integer(rng, 2, _most_factor(hops))


def _most_factor(hops: int) -> int:
    return 9 if hops <= 2 else 5 if hops <= 4 else 3
