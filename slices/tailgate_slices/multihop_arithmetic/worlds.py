"""Units, rates and tables: quantities whose numbers come out whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tailgate_slices.drawing import integer, pick, pick_distinct
from tailgate_slices.multihop_arithmetic.axes import Values
from tailgate_slices.multihop_arithmetic.programs import Planned, Program, draw_program, factor, plan, step_size
from tailgate_slices.multihop_arithmetic.tasks import Cast, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Units from large to small, each with how many of the next it makes, and a thing measured in them."""

    name: str
    units: tuple[tuple[str, str], ...]  # one, several
    factors: tuple[int, ...]
    begins: str
    grows: str
    shrinks: str
    asks: str


_LADDERS = (
    Ladder(
        name="length",
        units=(("km", "km"), ("m", "m"), ("cm", "cm"), ("mm", "mm")),
        factors=(1000, 100, 10),
        begins="A rope is {n} {u} long.",
        grows="Someone adds {n} {u} to the rope.",
        shrinks="Someone cuts {n} {u} off the rope.",
        asks="How many {u} long is the rope now?",
    ),
    Ladder(
        name="mass",
        units=(("ton", "tons"), ("kg", "kg"), ("g", "g"), ("mg", "mg")),
        factors=(1000, 1000, 1000),
        begins="A bin holds {n} {u} of sand.",
        grows="Someone pours {n} {u} into the bin.",
        shrinks="Someone takes {n} {u} out of the bin.",
        asks="How many {u} of sand does the bin hold now?",
    ),
    Ladder(
        name="time",
        units=(
            *(("week", "weeks"), ("day", "days"), ("hour", "hours")),
            *(("minute", "minutes"), ("second", "seconds")),
        ),
        factors=(7, 24, 60, 60),
        begins="A voyage is planned to last {n} {u}.",
        grows="Someone adds {n} {u} to the plan.",
        shrinks="Someone takes {n} {u} off the plan.",
        asks="How many {u} does the voyage last by the plan?",
    ),
    Ladder(
        name="money",
        units=(("euro", "euros"), ("cent", "cents")),
        factors=(100,),
        begins="A purse holds {n} {u}.",
        grows="Someone puts {n} {u} into the purse.",
        shrinks="Someone takes {n} {u} out of the purse.",
        asks="How many {u} does the purse hold now?",
    ),
)
_PACKED = (
    *(("ship", "ships"), ("wagon", "wagons"), ("pallet", "pallets"), ("crate", "crates"), ("box", "boxes")),
    *(("bag", "bags"), ("pack", "packs"), ("sheet", "sheets"), ("label", "labels")),
)


def unit(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """Conversions to smaller units, each a step, and for mixed operations changes in between."""
    fitting = [ladder for ladder in _LADDERS if values.op == "mixed" or len(ladder.factors) >= values.hops]
    ladder = pick(rng, fitting) if fitting and integer(rng, 0, 3) else None
    if ladder is None and values.op == "mul":
        return _packed(rng, values)
    return _measured(rng, values, ladder or pick(rng, fitting))


def _packed(rng: np.random.Generator, values: Values) -> Problem:
    """Things in things: a ladder of units that the text makes up."""
    program = draw_program(rng, [Planned(op="*")] * values.hops, values.digits)
    first = integer(rng, 0, len(_PACKED) - 1 - values.hops)
    used = _PACKED[first : first + values.hops + 1]
    says = [f"Each {used[i][0]} holds {program.steps[i].operand} {used[i + 1][1]}." for i in range(values.hops)]
    question = f"How many {used[-1][1]} do {program.start} {used[0][1]} hold?"
    return Problem(sentences=tuple(says), question=question, program=program, template="packed")


def _measured(rng: np.random.Generator, values: Values, ladder: Ladder) -> Problem:
    top = min(len(ladder.factors), values.hops if values.op == "mul" else values.hops - 1)
    n = values.hops if values.op == "mul" else integer(rng, 1, top)
    first = integer(rng, 0, len(ladder.factors) - n)
    factors = iter(ladder.factors[first : first + n])
    converting = set(pick_distinct(rng, range(values.hops), n))
    planned = [
        Planned(op="*", operand=next(factors)) if place in converting else Planned(op=pick(rng, ("+", "-")))
        for place in range(values.hops)
    ]
    program = draw_program(rng, planned, values.digits)
    names = ladder.units[first:]
    says, at = [ladder.begins.format(n=program.start, u=names[0][1])], 0
    for step in program.steps:
        if step.op == "*":
            says.append(f"1 {names[at][0]} is {step.operand} {names[at + 1][1]}.")
            at += 1
        else:
            change = ladder.grows if step.op == "+" else ladder.shrinks
            says.append(change.format(n=step.operand, u=names[at][step.operand > 1]))
    question = ladder.asks.format(u=names[at][1])
    return Problem(sentences=tuple(says), question=question, program=program, template=ladder.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Something that goes on at a rate, and what may happen to the amount afterwards."""

    name: str
    begins: str
    runs: str
    grows: str
    shrinks: str
    shares: str  # empty: cannot be divided
    asks: str


_RATES = (
    Rate(
        name="speed",
        begins="A car leaves the town and drives {n} km an hour on a straight road.",
        runs="The car drives for {n} hours.",
        grows="Then the car drives {n} km further away from the town.",
        shrinks="Then the car drives {n} km back towards the town.",
        shares="",
        asks="How many km is the car away from the town?",
    ),
    Rate(
        name="price",
        begins="One ticket costs {n} euros.",
        runs="The bill is for {n} tickets.",
        grows="A fee of {n} is added to the bill.",
        shrinks="A voucher takes {n} off the bill.",
        shares="The bill is split into {n} equal bills, and one of them is the bill from here on.",
        asks="How many euros is the bill?",
    ),
    Rate(
        name="work",
        begins="A printer prints {n} pages a minute onto an empty pile.",
        runs="The printer prints for {n} minutes.",
        grows="Then the printer puts {n} more on the pile.",
        shrinks="Then someone takes {n} off the pile.",
        shares="Then the pile is cut into {n} equal piles, and one of them is the pile from here on.",
        asks="How many pages are on the pile?",
    ),
)
_FACTORY = (  # one more factor each
    ("A shift has {n} hours.", "does the worker pack in a shift"),
    ("A week has {n} shifts.", "does the worker pack in a week"),
    ("A season has {n} weeks.", "does the worker pack in a season"),
    ("A team has {n} such workers.", "does the team pack in a season"),
    ("A hall has {n} such teams.", "does the hall pack in a season"),
    ("A factory has {n} such halls.", "does the factory pack in a season"),
    ("A firm has {n} such factories.", "does the firm pack in a season"),
    ("A group has {n} such firms.", "does the group pack in a season"),
)


def rate(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """Amounts by hour, price or piece; for mixed operations what happens to the amount afterwards."""
    if values.op == "mul" and (values.hops > 1 or integer(rng, 0, 3) == 0):
        return _factory(rng, values)
    kind = pick(rng, _RATES)
    later = [Planned(op=pick(rng, ("+", "-"))) for _ in range(values.hops - 1)]
    if later and kind.shares and integer(rng, 0, 2) == 0:
        later[integer(rng, 0, len(later) - 1)] = Planned(op="/")  # one at most: small amounts have few divisors
    program = draw_program(rng, [Planned(op="*", operand=factor(rng, 1)), *later], values.digits)
    shapes = {"*": kind.runs, "+": kind.grows, "-": kind.shrinks, "/": kind.shares}
    says = [kind.begins.format(n=program.start), *(shapes[step.op].format(n=step.operand) for step in program.steps)]
    return Problem(sentences=tuple(says), question=kind.asks, program=program, template=kind.name)


def _factory(rng: np.random.Generator, values: Values) -> Problem:
    program = draw_program(rng, [Planned(op="*")] * values.hops, values.digits)
    says = [f"A worker packs {program.start} boxes an hour."]
    says += [shape.format(n=step.operand) for (shape, _), step in zip(_FACTORY, program.steps, strict=False)]
    question = f"How many boxes {_FACTORY[values.hops - 1][1]}?"
    return Problem(sentences=tuple(says), question=question, program=program, template="factory")


_TEAMS = ("red", "blue", "green")


def table(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """A small table: a filtered sum, or rows added and subtracted by name; other rows stand between them."""
    symbols = plan(rng, values.op, values.hops, ("+", "-"))
    if values.op == "mixed" and integer(rng, 0, 3) == 0:
        symbols = [*[Planned(op="+")] * (values.hops - 1), Planned(op="*")]
    program = draw_program(rng, symbols, values.digits)
    rows = [program.start, *(step.operand for step in program.steps if step.op != "*")]
    others = tuple(step_size(rng, values.digits) + 1 for _ in range(integer(rng, 2, 3)))
    team, *rest = pick_distinct(rng, _TEAMS, len(_TEAMS))
    lines = [f"{name}, {team}, {number}" for name, number in zip(cast.names, rows, strict=False)]
    for name, number in zip(cast.names[len(rows) :], others, strict=False):
        lines.insert(integer(rng, 0, len(lines)), f"{name}, {pick(rng, rest)}, {number}")
    listed = "\n".join(["", "name, team, points", *lines, ""])
    by_team = all(step.op in "+*" for step in program.steps)
    question = _of_team(team, program) if by_team else _of_names(cast.names, program)
    template = "filter" if by_team else "rows"
    return Problem(sentences=(listed,), question=question, program=program, template=template, distractors=others)


def _of_team(team: str, program: Program) -> str:
    last = program.steps[-1]
    if last.op == "*":
        return f"Each point is worth {last.operand} coins. How many coins are all points of the {team} team worth?"
    return f"How many points does the {team} team have in all?"


def _of_names(names: list[str], program: Program) -> str:
    verbs = {"+": "add", "-": "subtract"}
    then = [f"{verbs[step.op]} those of {name}" for name, step in zip(names[1:], program.steps, strict=False)]
    return f"Take the points of {names[0]}, {', '.join(then)}. What is the result?"
