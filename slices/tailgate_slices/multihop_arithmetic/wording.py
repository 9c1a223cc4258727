"""Names handed on, chains of variables, sums, nested expressions, and small stories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tailgate_slices.drawing import integer, pick, pick_distinct
from tailgate_slices.multihop_arithmetic.axes import Values
from tailgate_slices.multihop_arithmetic.programs import Planned, Program, Step, draw_program, first_number, plan
from tailgate_slices.multihop_arithmetic.tasks import Cast, Problem, stray_numbers

_VARIABLES = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")
_MENU = ("+", "+", "-", "-", "*")  # of mixed chains and stories


def alias(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """``A = 5. B = A.``: a number handed on."""
    program = draw_program(rng, [Planned(op="keep", operand=0)] * values.hops, values.digits)
    return _chain(rng, values, program)


def chain(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """``A = 5. B = A + 3.``: a number changed on its way."""
    return _chain(rng, values, draw_program(rng, plan(rng, values.op, values.hops, _MENU), values.digits))


def _chain(rng: np.random.Generator, values: Values, program: Program) -> Problem:
    """The lines of a chain; distractors give a value to a variable that leads nowhere, some of them from the chain."""
    names = pick_distinct(rng, _VARIABLES, values.hops + 1 + values.noise)
    stray = stray_numbers(rng, values.noise, values.digits, program)
    lines = [(names[0], f"{names[0]} = {program.start}.")]
    for old, new, step in zip(names, names[1:], program.steps, strict=False):
        lines.append((new, f"{new} = {old}{_written(step)}."))
    for name, number in zip(names[values.hops + 1 :], stray, strict=True):
        place = integer(rng, 1, len(lines))
        source = f"{lines[place - 1][0]} + " if integer(rng, 0, 1) else ""
        lines.insert(place, (name, f"{name} = {source}{number}."))
    return Problem(
        sentences=tuple(line for _, line in lines),
        question=f"Write the value of {names[values.hops]} as a number.",
        program=program,
        names=tuple(names[: values.hops + 1]),
        template=values.form,
        distractors=stray,
    )


def _written(step: Step) -> str:
    return "" if step.op == "keep" else f" {step.op} {step.operand}"


def total(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """A sum, product or quotient without brackets, to be written as an equation."""
    program = draw_program(rng, plan(rng, values.op, values.hops, ("+", "-")), values.digits)
    written = f"{program.start}{''.join(map(_written, program.steps))}"
    return Problem(
        sentences=(),
        question=f"Write the result of {written} as an equation.",
        program=program,
        template="sum",
        shown=f"{written} = {program.result}",
    )


def expression(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """A nested expression: every operation has the value of the one inside it on its left or right."""
    drawn = draw_program(rng, plan(rng, values.op, values.hops, ("+", "+", "-", "-", "*", "*")), values.digits)
    steps, written, value, loose = [], str(drawn.start), drawn.start, ""
    for step in drawn.steps:
        # A difference is turned round only now: the value inside has to stay below what it is taken from.
        flipped = step.op == "-" and integer(rng, 0, 1) == 1
        done = Step(op="from", operand=value + first_number(rng, values.digits)) if flipped else step
        if done.op == "-" and done.operand >= value:
            done = Step(op="-", operand=integer(rng, 1, value - 1)) if value > 1 else Step(op="from", operand=value + 1)
        written, loose = _nested(rng, written, loose, done)
        value = done.apply(value)
        steps.append(done)
    program = Program(start=drawn.start, steps=tuple(steps))
    return Problem(sentences=(), question=f"What is {written}?", program=program, template="expression")


def _nested(rng: np.random.Generator, written: str, loose: str, step: Step) -> tuple[str, str]:
    """The expression with one more operation, and that operation; `loose` is the outermost one so far."""
    if step.op == "from":
        return f"{step.operand} - {_bracketed(written, loose, '+-')}", "-"
    if step.op != "-" and integer(rng, 0, 1):
        return f"{step.operand} {step.op} {_bracketed(written, loose, '+-*')}", step.op
    return f"{_bracketed(written, loose, '+-' if step.op == '*' else '')} {step.op} {step.operand}", step.op


def _bracketed(written: str, loose: str, binding: str) -> str:
    return f"({written})" if loose and loose in binding else written


def story(rng: np.random.Generator, values: Values, cast: Cast) -> Problem:
    """Things got and lost by one person, compared between people, or put into a box and taken out."""
    program = draw_program(rng, plan(rng, values.op, values.hops, _MENU), values.digits)
    template = pick(rng, ("moves", "moves", "moves", "moves", "compare", "box"))
    sentences, question = _STORIES[template](program, cast.names, cast.things[0])
    return Problem(sentences=tuple(sentences), question=question, program=program, template=template)


def _moves(program: Program, names: Sequence[str], thing: str) -> tuple[list[str], str]:
    verbs = {
        "+": "gets {}",
        "-": "loses {}",
        "*": "ends up with {} times as many",
        "/": "splits them into {} equal shares and keeps one",
    }
    moves = [verbs[step.op].format(step.operand) for step in program.steps]
    said = f"{names[0]} has {program.start} {thing}, {', then '.join(moves)}."
    return [said], f"How many {thing} does {names[0]} have now?"


def _compare(program: Program, names: Sequence[str], thing: str) -> tuple[list[str], str]:
    shapes = {
        "+": "{new} has {n} more than {old}.",
        "-": "{new} has {n} fewer than {old}.",
        "*": "{new} has {n} times as many as {old}.",
        "/": "{old} has {n} times as many as {new}.",
    }
    said = [f"{names[0]} has {program.start} {thing}."]
    for old, new, step in zip(names, names[1:], program.steps, strict=False):
        said.append(shapes[step.op].format(old=old, new=new, n=step.operand))
    return said, f"How many {thing} does {names[len(program.steps)]} have?"


def _box(program: Program, names: Sequence[str], thing: str) -> tuple[list[str], str]:
    shapes = {
        "+": "{} puts {} more into the box.",
        "-": "{} takes {} out of the box.",
        "*": "{} fills the box up to {} times as many.",
        "/": "{} splits what is in the box into {} equal shares and leaves one of them in it.",
    }
    said = [f"A box holds {program.start} {thing}."]
    said += [shapes[step.op].format(name, step.operand) for name, step in zip(names, program.steps, strict=False)]
    return said, f"How many {thing} does the box hold now?"


_STORIES: dict[str, Callable[[Program, Sequence[str], str], tuple[list[str], str]]] = {
    "moves": _moves,
    "compare": _compare,
    "box": _box,
}
