"""Events so many days after or before each other: the answer is a date, a day of the week or a number of days."""

from __future__ import annotations

from datetime import date

import numpy as np

from tailgate_slices.drawing import integer, pick, pick_distinct
from tailgate_slices.multihop_arithmetic.axes import Values
from tailgate_slices.multihop_arithmetic.programs import Program, Step
from tailgate_slices.multihop_arithmetic.tasks import Cast, Problem

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EVENTS = (
    *("meeting", "test", "review", "training", "fair", "concert", "exam", "wedding", "trip", "festival"),
    *("match", "lecture", "picnic", "parade"),
)
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1).toordinal(), date(2099, 12, 31).toordinal()


def calendar(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """A start date and moves by days; the program runs on day numbers of the Gregorian calendar."""
    templates = ("date", "weekday") if values.op == "add" else ("date", "weekday", "days")
    template = pick(rng, templates)
    start = integer(rng, _FIRST_DAY, _LAST_DAY)
    if template == "days":
        return _days(rng, values, start)
    program = Program(start=start, steps=_moves(rng, values, values.hops))
    events = pick_distinct(rng, _EVENTS, values.hops + 1)
    if template == "date":
        begins, asks = f"The {events[0]} is on {iso(start)}.", f"On which date is the {events[-1]}? Write YYYY-MM-DD."
        reference = iso(program.result)
    else:
        begins, asks = f"The {events[0]} is on a {weekday(start)}.", f"On which day of the week is the {events[-1]}?"
        reference = weekday(program.result)
    return Problem(
        sentences=(begins, *_told(events, program.steps)),
        question=asks,
        program=program,
        template=template,
        answer=template,
        reference=reference,
    )


def _days(rng: np.random.Generator, values: Values, start: int) -> Problem:
    """The days from the last event to a given date: the last step is a difference of dates."""
    moves = _moves(rng, values, values.hops - 1)
    reached = Program(start=start, steps=moves).result
    until = reached + max(1, _size(rng, values.digits))
    events = pick_distinct(rng, _EVENTS, values.hops)
    return Problem(
        sentences=(f"The {events[0]} is on {iso(start)}.", *_told(events, moves)),
        question=f"How many days after the {events[-1]} is {iso(until)}?",
        program=Program(start=start, steps=(*moves, Step(op="from", operand=until))),
        template="days",
    )


def _moves(rng: np.random.Generator, values: Values, n: int) -> tuple[Step, ...]:
    """Moves by days; where they must be mixed, the first two differ, or the one before a difference goes forward."""
    symbols = {"add": ["+"] * n, "sub": ["-"] * n}.get(values.op)
    if symbols is None:
        symbols = [pick(rng, ("+", "-")) for _ in range(n)]
        turn = integer(rng, 0, n - 1)
        symbols[turn] = "+"
        if n == values.hops:
            symbols[(turn + 1) % n] = "-"
    return tuple(Step(op=symbol, operand=_size(rng, values.digits)) for symbol in symbols)


def _size(rng: np.random.Generator, digits: int) -> int:
    return integer(rng, max(2, 10 ** (digits - 1)), 10**digits - 1)


def _told(events: list[str], steps: tuple[Step, ...]) -> list[str]:
    words = {"+": "after", "-": "before"}
    return [
        f"The {new} is {step.operand} days {words[step.op]} the {old}."
        for old, new, step in zip(events, events[1:], steps, strict=False)
    ]


def iso(day: int) -> str:
    """A day as it is written in figures."""
    return date.fromordinal(day).isoformat()


def weekday(day: int) -> str:
    """The name of a day in its week."""
    return WEEKDAYS[date.fromordinal(day).weekday()]
