"""Problems worked off, as the examples of a prompt show it: one equation a line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tailgate_slices.multihop_arithmetic.dates import iso, weekday
from tailgate_slices.multihop_arithmetic.programs import Step
from tailgate_slices.multihop_arithmetic.tasks import Problem


def worked(problem: Problem) -> str:
    """The steps of a problem; a name that is handed on is a step as well."""
    steps = zip(problem.program.steps, pairwise(problem.program.values), strict=True)
    if problem.template in ("date", "weekday", "days"):
        return "\n".join(_of_days(step, old, new, problem.template) for step, (old, new) in steps)
    return "\n".join(_named(problem, [_of_numbers(step, old, new) for step, (old, new) in steps]))


def _named(problem: Problem, equations: list[str]) -> Iterator[str]:
    if not problem.names:
        yield from equations
        return
    yield f"{problem.names[0]} = {problem.program.start}"
    yield from (f"{name} = {equation}" for name, equation in zip(problem.names[1:], equations, strict=True))


def _of_numbers(step: Step, old: int, new: int) -> str:
    if step.op == "keep":
        return str(new)
    left = f"{step.operand} - {old}" if step.op == "from" else f"{old} {step.op} {step.operand}"
    return f"{left} = {new}"


def _of_days(step: Step, old: int, new: int, template: str) -> str:
    if step.op == "from":
        return f"{iso(step.operand)} - {iso(old)} = {new} days"
    written = weekday if template == "weekday" else iso
    return f"{written(old)} {step.op} {step.operand} days = {written(new)}"
