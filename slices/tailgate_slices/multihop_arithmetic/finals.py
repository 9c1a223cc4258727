"""Which of the values in an answer it gives for its result, and whether it gives one at all.

A value that is denied, an operand, or part of a reason is none, as long as there is another.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from tailgate_slices.multihop_arithmetic.reading import Found, found_values

_WINDOW = 48  # letters around a value that tell what it is
_STOP = re.compile(r"[.!?;](?=\s|$)|\n")

_DENIAL = re.compile(r"not\b|never|neither|nor\b|rather|instead|n['\u2019]t\b", re.IGNORECASE)
_DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|never|neither|nor|rather than|instead of)|n['\u2019]t)\s"
    r"(?:(?:the|a|an|equal|to|be|exactly|on|answer|result)\s){0,3}[$(*]?$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(r"[ \t*)]{0,2}(?:[a-z]+[ \t])?(?:is|was)(?:[ \t]not\b|n['\u2019]t\b)", re.IGNORECASE)

_LEFT = r"(?:[0-9)]|\b[A-Z])(?:[ \t]?\b[a-z]{1,12})?[ \t]{0,2}"
_OPERAND_BEFORE = re.compile(rf"{_LEFT}[-+*/\u00d7\u00b7\u00f7][ \t(]{{0,3}}$|[0-9)][ \t]x[ \t]$")
_OPERAND_AFTER = re.compile(
    r"[ \t)]{0,3}(?:[a-z%]{1,12}[ \t])?[-+*/\u00d7\u00b7\u00f7][ \t(]{0,3}(?:[0-9]|[A-Z]\b)|[ \t]x[ \t][0-9]"
)

_REASON = re.compile(
    r"\b(?P<firm>because|given that|considering)\b|\b(?:since|is the (?:sum|product|difference|total) of)\b",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(r"\b(?:so|thus|therefore|hence)\b", re.IGNORECASE)
_RESULT = re.compile(r"=|\b(?:so|thus|therefore|hence|is|gives|makes)\b", re.IGNORECASE)
_COMPARED_BEFORE = re.compile(r"\b(?:more|fewer|less) than $", re.IGNORECASE)
_COMPARED_AFTER = re.compile(r"[ \t](?:[a-z]+[ \t])?(?:more|fewer|less|times)\b", re.IGNORECASE)
_REFERRED = re.compile(
    r"\b(?:after|before|from|since|until|following|(?:starting|beginning) (?:on|at|from|with))\s"
    r"(?:(?:the|a|on)\s){0,2}$",
    re.IGNORECASE,
)

_CUED = re.compile(
    r"(?:[=:\u2248\u2192]|\b(?:is|are|be|equals?|gives?|makes?|leaves?|totals?|becomes?|answer|result|total|then|so"
    r"|thus|hence|therefore|finally))"
    r"(?:[\s*$(\"]|\b(?:is|the|a|an|on|about|now|thus|also|exactly|equal|to|answer|result|total|still|it)\b){0,9}$",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\banswer(?:\s(?:is|was))?[\s:=*$(]{1,4}$", re.IGNORECASE)
_RESULT_IS = re.compile(r"\b(?:result|total)(?:\s(?:is|was))?[\s:=*$(]{1,4}$", re.IGNORECASE)
_CORRECTION = re.compile(r"\b(?:no|wait|actually|correction|sorry|rather|or|maybe|perhaps)\b", re.IGNORECASE)

_ALTERNATIVE = re.compile(
    r"(?:[^.;=\n]*|[^.;=\n]{0,20}[.;\n]\s{0,2}(?=or\b|maybe\b|perhaps\b|possibly\b|alternatively\b|either\b))"
    r"\b(?:or|either|perhaps|maybe|possibly|alternatively)\b[^.;=\n]*",
    re.IGNORECASE,
)
_UP_TO = re.compile(r"\s?(?:[a-z]{1,12}\s)?to\s", re.IGNORECASE)
_BETWEEN = re.compile(r"\bbetween\s$", re.IGNORECASE)
_AND = re.compile(r"\s?(?:[a-z]{1,12}\s)?and\s", re.IGNORECASE)
_UNSURE = re.compile(
    r"\b(?:do not|don['\u2019]?t|cannot|can['\u2019]?t|not) (?:know|tell|say|determine|sure|certain|possible|clear)\b"
    r"|\b(?:unknown|unclear|undetermined|no idea|impossible to|(?:not enough|insufficient) information)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The value that an answer gives for its result; None where there is no value in it."""

    value: int | float | None
    hedged: bool = False
    denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Numbers on the way to a result: all of them, and those that are the result in another unit."""

    values: Set[int | float] = frozenset()
    units: Set[int | float] = frozenset()


def read_final(text: str, kind: str, way: Way) -> Final:
    """The final value of a plain text."""
    found = found_values(text, kind)
    if not found:
        return Final(value=None, hedged=_UNSURE.search(text) is not None)
    kept = [each for each in found if not _denied(text, each)] if _DENIAL.search(text) else found
    if not kept:
        return Final(value=found[-1].value, denied=True)
    refers = _compared if kind == "number" else _referred
    offered = _unless_all(kept, lambda each: refers(text, each) or _aside(text, each, way))
    offered = _unless_all(offered, _reasons(text, offered))
    chosen = _chosen(text, _unless_all(offered, lambda each: _operand(text, each)))
    pairs = [pair for pair in pairwise(offered) if chosen in pair and _alternatives(text, *pair, kind)]
    rivals = {each.value for pair in pairs for each in pair if not _begins(text, each, pair, way)} - {chosen.value}
    # "3 hours or 180 minutes" is no hedge, and the result is the one that was asked for.
    if chosen.value in way.units and len(rivals - way.units) == 1:
        return Final(value=(rivals - way.units).pop())
    return Final(value=chosen.value, hedged=bool(rivals - way.units))


def _unless_all(found: Sequence[Found], dropped: Callable[[Found], bool]) -> Sequence[Found]:
    """The values that are not dropped; all of them where none would be left."""
    return [each for each in found if not dropped(each)] or found


def _before(text: str, found: Found) -> str:
    return text[max(0, found.start - _WINDOW) : found.start]


def _denied(text: str, found: Found) -> bool:
    """``not 42``, ``42 is not the answer``."""
    after = _DENIED_AFTER.match(text, found.end, found.end + _WINDOW)
    return after is not None or _DENIED_BEFORE.search(_before(text, found)) is not None


def _operand(text: str, found: Found) -> bool:
    """Whether an operation stands right before or behind a value: of ``42 = 30 + 12`` the 30 and the 12."""
    after = _OPERAND_AFTER.match(text, found.end, found.end + _WINDOW)
    return after is not None or _OPERAND_BEFORE.search(_before(text, found)) is not None


def _compared(text: str, found: Found) -> bool:
    """Whether a number only says by how much another differs, or from what: ``12 more than 30``."""
    after = _COMPARED_AFTER.match(text, found.end, found.end + _WINDOW)
    return after is not None or _COMPARED_BEFORE.search(_before(text, found)) is not None


def _referred(text: str, found: Found) -> bool:
    """Whether a day only says from where to count: ``30 days after Sunday``."""
    return _REFERRED.search(_before(text, found)) is not None


def _aside(text: str, found: Found, way: Way) -> bool:
    """Whether a number of the way stands in brackets: ``180 minutes (3 hours)``."""
    opened = text.rfind("(", 0, found.start)
    inside = opened > text.rfind(")", 0, found.start) and not text.startswith("or ", opened + 1)
    return inside and found.value in way.values


def _begins(text: str, found: Found, pair: tuple[Found, Found], way: Way) -> bool:
    """Whether a number of the way only says where a change begins: ``from 30 to 42``."""
    one, two = pair
    return found == one and one.value in way.values and _UP_TO.fullmatch(text[one.end : two.start]) is not None


def _reasons(text: str, found: Sequence[Found]) -> Callable[[Found], bool]:
    """Tells the values of a reason, which goes on to the end of its sentence and follows a value in it."""
    stops = _stops(text)
    spans = []
    for match in _REASON.finditer(text):
        place = bisect_right(stops, match.start())
        start, end = stops[place - 1], stops[place] if place < len(stops) else len(text)
        follows = any(start <= each.start < match.start() for each in found)
        goes_on = _CONCLUSION if match["firm"] else _RESULT
        if follows and goes_on.search(text, match.end(), end) is None:
            spans.append((match.end(), end))
    return lambda each: any(start <= each.start < end for start, end in spans)


def _chosen(text: str, found: Sequence[Found]) -> Found:
    """The last value that the text calls its answer and does not correct; else that of the last sentence.

    There it is the last one that a word such as "is" announces. Where none is announced, a result announced before goes
    first.
    """
    stops = _stops(text)
    sentence = bisect_right(stops, found[-1].start)
    last = [each for each in found if bisect_right(stops, each.start) == sentence]
    answer = _announced(text, found, _ANSWER)
    if answer is not None and _CORRECTION.search(text, answer.end) is None:
        return answer
    return _announced(text, last, _CUED) or _announced(text, found, _RESULT_IS) or found[-1]


def _announced(text: str, found: Sequence[Found], words: re.Pattern[str]) -> Found | None:
    """The last value right behind such words."""
    return next((each for each in reversed(found) if words.search(_before(text, each))), None)


def _stops(text: str) -> list[int]:
    """Where sentences begin."""
    return [0, *(match.end() for match in _STOP.finditer(text))]


def _alternatives(text: str, one: Found, two: Found, kind: str) -> bool:
    """Whether two values stand beside each other as alternatives: ``41 or 42``, ``41/42``, ``between 41 and 42``."""
    between = text[one.end : two.start]
    if len(between) > _WINDOW:
        return False
    if between.strip() == "/":
        return kind != "number" or two.value == 0 or one.value % two.value != 0
    if between.strip() == "-":
        return one.value < two.value
    if _AND.fullmatch(between):
        return _BETWEEN.search(_before(text, one)) is not None
    return _UP_TO.fullmatch(between) is not None or _ALTERNATIVE.fullmatch(between) is not None
