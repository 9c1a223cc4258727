"""What stands in an answer: values of a kind, and the equations it shows.

Model output is hostile: everything here is linear in the bounded text, and no number of many digits is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from tailgate_slices.multihop_arithmetic.dates import WEEKDAYS
from tailgate_slices.multihop_arithmetic.programs import Program, Step

MOST_DIGITS = 20  # past any result: such a number is wrong by orders of magnitude whatever it is
HUGE = 10**MOST_DIGITS
_MARK = re.compile(r"answer(?: is)?\s?[:=]", re.IGNORECASE)
_NUMBER = re.compile(r"(?P<sign>(?<![\w)])-)?(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]+))?")
_DATE = re.compile(r"(?<![0-9])(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})(?![0-9])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[0-9]{4})(?![0-9])"
_WRITTEN_DATES = (
    re.compile(rf"\b{_MONTH}\s{_DAY},?\s{_YEAR}", re.IGNORECASE),
    re.compile(rf"(?<![0-9]){_DAY}(?:\sof)?\s{_MONTH},?\s{_YEAR}", re.IGNORECASE),
)
_WEEKDAY = re.compile(rf"\b(?:{'|'.join(WEEKDAYS)})\b", re.IGNORECASE)
_EQUALS = r"=|\u2248|\u2192|\b(?:is|equals|makes|gives|leaves)\b"
_TOKEN = re.compile(rf"([0-9]+)|([-+*/\u00d7\u00b7\u00f7]|(?<=[0-9 ])x(?=[0-9 ]))|({_EQUALS})|([\n;:.!?,])")
# "Step 2 - 30 + 9 = 39", "2) 30 + 9 = 39": the number of a step is none of its own.
_ITEM = re.compile(r"\bstep\s[0-9]{1,2}\b(?:\s?[-)])?|^[ \t]{0,8}[0-9]{1,2}\)", re.IGNORECASE | re.MULTILINE)
_OPERATIONS = {"\u00d7": "*", "\u00b7": "*", "x": "*", "\u00f7": "/"}
_ORDER = {word.casefold(): place for place, word in enumerate(WEEKDAYS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value in the text and where it stands; dates are day numbers, days of the week 0 to 6."""

    value: int | float
    start: int
    end: int


def final_part(text: str) -> str:
    """The first line with text after the last ``Answer:`` of a plain text; all of it where there is none."""
    marks = [match.end() for match in _MARK.finditer(text)]
    if not marks:
        return text
    return text[marks[-1] :].lstrip(" \t\r\n*:").partition("\n")[0]


def found_values(text: str, kind: str) -> list[Found]:
    """All values of a kind (``number``, ``date`` or ``weekday``) in a plain text, in their order."""
    if kind == "date":
        matches = [match for pattern in (_DATE, *_WRITTEN_DATES) for match in pattern.finditer(text)]
        dates = ((match, _day(match)) for match in sorted(matches, key=re.Match.start))
        return [_found(match, day) for match, day in dates if day is not None]
    if kind == "weekday":
        return [_found(match, _ORDER[match[0].casefold()]) for match in _WEEKDAY.finditer(text)]
    return [_found(match, _number(match)) for match in _NUMBER.finditer(text)]


def _found(match: re.Match[str], value: int | float) -> Found:
    return Found(value=value, start=match.start(), end=match.end())


def _day(match: re.Match[str]) -> int | None:
    month = match["month"]
    try:
        number = int(month) if month.isdigit() else _MONTHS.index(month[:3].casefold()) + 1
        return date(int(match["year"]), number, int(match["day"])).toordinal()
    except ValueError:  # 2027-02-30 is no date
        return None


def _number(match: re.Match[str]) -> int | float:
    whole = int(match["whole"]) if len(match["whole"]) <= MOST_DIGITS else HUGE
    part = (match["part"] or "")[:MOST_DIGITS]
    size = whole + float(f"0.{part}") if part.strip("0") else whole
    return -size if match["sign"] else size


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An equation in an answer: ``30 + 9 + 3 = 42``."""

    program: Program
    result: int

    @property
    def right(self) -> bool:
        """Whether both sides are equal."""
        return self.program.result == self.result


def shown_equations(text: str) -> list[Shown]:
    """The equations of a plain text, words between their parts left out.

    ``30 + 9 = 39 + 3 = 42`` shows two: what stands right of a sign goes on from the value there.
    """
    found = []
    for sides in _sides(_ITEM.sub("", text)):
        for left, right in pairwise(sides):
            program, result = _side(left), "".join(right[:1])
            if program is not None and program.steps and result.isdigit():
                found.append(Shown(program=program, result=_small(result)))
    return found


def _sides(text: str) -> Iterator[list[list[str]]]:
    """Tokens of each clause, cut at its equals signs."""
    sides: list[list[str]] = [[]]
    for number, operation, equals, end in _TOKEN.findall(text):
        if end:
            yield sides
            sides = [[]]
        elif equals:
            sides.append([])
        else:
            sides[-1].append(number or _OPERATIONS.get(operation, operation))
    yield sides


def _side(tokens: list[str]) -> Program | None:
    """Numbers with one kind of operation between them; None for anything else."""
    tokens = tokens[next((place for place, token in enumerate(tokens) if token.isdigit()), 0) :]  # "- 3 + 4": a bullet
    numbers, operations = tokens[::2], tokens[1::2]
    if len(numbers) != len(operations) + 1 or not all(token.isdigit() for token in numbers):
        return None
    kinds = set(operations)
    mixed = len(kinds) > 1 and not kinds <= {"+", "-"}  # what binds more tightly, and brackets, are not followed
    if mixed or any(token.isdigit() for token in operations):
        return None
    steps = tuple(Step(op=op, operand=_small(n)) for op, n in zip(operations, numbers[1:], strict=True))
    if any(step.op == "/" and step.operand == 0 for step in steps):
        return None
    return Program(start=_small(numbers[0]), steps=steps)


def _small(digits: str) -> int:
    return int(digits) if len(digits) <= MOST_DIGITS else HUGE
