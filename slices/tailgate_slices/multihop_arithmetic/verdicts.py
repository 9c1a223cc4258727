"""In which way a final value is wrong, and how far the shown steps are right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from tailgate_slices.grading import COMMON_MODES, failure, settled
from tailgate_slices.item import Answer, Grade, Item
from tailgate_slices.multihop_arithmetic.axes import STEPPED
from tailgate_slices.multihop_arithmetic.finals import Way, read_final
from tailgate_slices.multihop_arithmetic.notation import plain
from tailgate_slices.multihop_arithmetic.programs import Program, Step, read_program
from tailgate_slices.multihop_arithmetic.reading import Shown, final_part, found_values, shown_equations
from tailgate_slices.multihop_arithmetic.restated import Told, read_told

MODES = MappingProxyType(
    {
        **COMMON_MODES,
        "sign": "the right number with the wrong sign",
        "slip": "every step shown with the right numbers and one wrong result; or one off in one digit, or by a day",
        "intermediate": "the start value or a value on the way",
        "distractor": "a number of a distractor, or what comes out when it is used",
        "magnitude": "off by a factor of ten or more",
        "wrong_number": "another number, date or day",
        "hedged": "two final values, joined by a word such as or; or none, and says that it does not know",
        "denied": "says only what the result is not",
        "unparsable": "no number (date, day of the week) that it gives for its result",
    }
)
WORST_LOG10 = 6.0  # of the error that is reported: one answer must not carry a cell's average


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What the grader knows about an item; an item without a recorded program has none to compare with."""

    kind: str
    stepped: bool  # whether the answer was asked to show its steps
    wanted: int
    program: Program | None
    in_days: bool  # whether the numbers of the program are days of the calendar, which nobody writes
    distractors: tuple[int, ...]
    converts: bool  # whether the question is one of units: the same amount may be named in another
    told: Told

    @property
    def way(self) -> Way:
        """Numbers that may be named beside the result: those of the way, and the result in another unit."""
        if self.program is None or self.kind != "number":
            return Way()
        values, ops = self.program.values[:-1], [step.op for step in self.program.steps]
        units = [value for place, value in enumerate(values) if self.converts and set(ops[place:]) == {"*"}]
        return Way(values=set(values) - {self.wanted}, units=set(units) - {self.wanted})

    @property
    def calculates(self) -> bool:
        """Whether there is a step on which a slip is possible."""
        return self.program is None or any(step.op != "keep" for step in self.program.steps)


def read_key(item: Item) -> Key:
    """The key of an item, from its reference and what was recorded when it was drawn."""
    kind = str(item.attributes.get("answer", "number"))
    recorded = item.attributes.get("program")
    program = read_program(str(recorded)) if recorded is not None else None
    distractors = tuple(map(int, str(item.attributes.get("distractors", "")).split()))
    operands = {program.start, *(step.operand for step in program.steps)} if program is not None else set()
    return Key(
        kind=kind,
        stepped=item.attributes.get("style") in STEPPED,
        wanted=int(found_values(item.references[0], kind)[0].value),
        program=program,
        in_days=kind != "number" or item.attributes.get("form") == "calendar",
        distractors=distractors,
        converts=item.attributes.get("form") == "unit",
        told=read_told(item.prompt, operands | set(distractors) if kind == "number" else set()),
    )


def judge(item: Item, answer: Answer) -> Grade:
    """Compare the final value of an answer with the reference."""
    key = read_key(item)
    text = plain(settled(answer))
    final = read_final(final_part(text) if key.stepped else text, key.kind, key.way, key.told)
    shown = shown_equations(text)
    given = final.value
    if given is None:
        return _with_signals(failure(answer, "hedged" if final.hedged else "unparsable"), _step_signals(key, shown))
    signals = {**_error_signals(key, given), **_step_signals(key, shown)}
    if final.hedged or final.denied:
        return _with_signals(failure(answer, "denied" if final.denied else "hedged"), signals)
    if given == key.wanted:
        return Grade(score=1.0, failure_mode=None, signals=signals)
    return _with_signals(failure(answer, how_wrong(key, given, shown)), signals)


def _with_signals(grade: Grade, signals: dict[str, float]) -> Grade:
    return Grade(score=grade.score, failure_mode=grade.failure_mode, signals=signals)


def how_wrong(key: Key, given: int | float, shown: Sequence[Shown]) -> str:
    """The failure mode of a wrong value, the most telling that fits."""
    number = key.kind == "number"
    checks = (
        ("sign", number and given == -key.wanted),
        ("slip", key.program is not None and given in _slips(key.program, shown)),
        ("intermediate", given in _on_the_way(key)),
        ("distractor", given in _distracted(key)),
        ("magnitude", number and _far(given, key.wanted)),
        ("slip", key.calculates and _near(key, given)),
    )
    return next((mode for mode, fits in checks if fits), "wrong_number")


def _on_the_way(key: Key) -> set[int]:
    days = () if key.program is None else key.program.values[:-1]
    return {date.fromordinal(day).weekday() for day in days} if key.kind == "weekday" else set(days)


def _distracted(key: Key) -> set[int]:
    """What comes out when a distractor is used: alone, added, taken away, or in place of another number.

    Days of the week are too few to tell.
    """
    if key.kind == "weekday":
        return set()
    found = {key.wanted + sum(key.distractors)} if key.distractors else set()
    for number in key.distractors:
        found |= {number, key.wanted + number, key.wanted - number}
        found |= key.program.variants(number) if key.program is not None else set()
    return found


def _far(given: float, wanted: int) -> bool:
    low, high = sorted((abs(given), abs(wanted)))
    return high >= 10 * low and high >= 10


def _near(key: Key, given: int | float) -> bool:
    """One off in one digit, as by a carry that was forgotten; a date or day next to the right one."""
    off = abs(given - key.wanted)
    if key.kind == "date":
        return off == 1
    if key.kind == "weekday":
        return off in (1, 6)
    return off in {10**power for power in range(len(str(abs(key.wanted))))}


def _slips(program: Program, shown: Sequence[Shown]) -> set[int]:
    """The last shown result, where the equations follow every step of the program and one result is wrong."""
    followed = follow(program, shown)
    covered = sum(len(each.program.steps) for each in followed)
    wrong = [each for each in followed if not each.right]
    return {followed[-1].result} if covered == len(program.steps) and len(wrong) == 1 else set()


def follow(program: Program, shown: Sequence[Shown]) -> list[Shown]:
    """The shown equations that carry out the program's next steps on the value shown last, right or wrong."""
    followed: list[Shown] = []
    place, value = 0, program.start
    for each in shown:
        n = len(each.program.steps)
        if _matches(each.program, value, program.steps[place : place + n]):
            followed.append(each)
            place, value = place + n, each.result
    return followed


def _matches(shown: Program, value: int, steps: Sequence[Step]) -> bool:
    """Whether an equation's left side is these steps on that value; a single sum or product may be turned round."""
    if shown.start == value and shown.steps == tuple(steps):
        return True
    if len(steps) != 1 or len(shown.steps) != 1:
        return False
    turned = {"+": "+", "*": "*", "from": "-"}.get(steps[0].op)
    return shown.steps[0] == Step(op=turned or "", operand=value) and shown.start == steps[0].operand


def _step_signals(key: Key, shown: Sequence[Shown]) -> dict[str, float]:
    """The share of the steps shown with the right numbers and result, where an answer was asked to show them."""
    if not key.stepped or key.in_days or key.program is None or not key.calculates:
        return {}
    right = sum(len(each.program.steps) for each in follow(key.program, shown) if each.right)
    return {"steps_right": right / len(key.program.steps)}


def _error_signals(key: Key, given: int | float) -> dict[str, float]:
    if key.kind != "number":
        return {}
    ratio = max(abs(given), 1) / max(abs(key.wanted), 1)
    return {"log10_error": min(abs(math.log10(ratio)), WORST_LOG10)}
