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
from tailgate_slices.multihop_arithmetic.restated import STOP, Told, own_values, spans

_WINDOW = 48  # letters around a value that tell what it is

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
_COMPARED_AFTER = re.compile(
    r"[ \t](?:[a-z]+[ \t])?(?:more|fewer|less|times|equal (?:shares|parts|piles|bills))\b", re.IGNORECASE
)
_REFERRED = re.compile(
    r"\b(?:after|before|from|since|until|following|(?:starting|beginning) (?:on|at|from|with))\s"
    r"(?:(?:the|a|on)\s){0,2}$",
    re.IGNORECASE,
)

_CUED = re.compile(
    r"(?:[=:\u2248\u2192]|\b(?:is|are|be|equals?|gives?|makes?|leaves?|totals?|becomes?|answer|result|total|then|so"
    r"|giving|making|leaving|comes? to|end(?:s|ed)? up with|left with|thus|hence|therefore|finally))"
    r"(?:[\s*$(\"]|\b(?:is|the|a|an|on|about|now|thus|also|exactly|equal|to|answer|result|total|still|it)\b){0,9}$",
    re.IGNORECASE,
)
# Verbs of the questions themselves: they announce a value as well as they repeat an operand.
_SAID = re.compile(
    r"\b(?:has|have|had|holds?|contains?|drives|prints|packs|costs?|scored)\s"
    r"(?:(?:the|a|an|about|now|then|also|exactly|only|still|total|of|exact)\s){0,3}[$(*]?$",
    re.IGNORECASE,
)
_SUMMED = re.compile(
    r"[\s*)$]{0,3}(?:[a-z]{1,12}\s){0,3}(?:in all|in total|altogether|left|remain(?:s|ing)?|now|total)\b", re.IGNORECASE
)
_TAIL = re.compile(
    r"\b(?P<firm>when|where|if)\b[^.;:,\n0-9]{0,40}$"
    r"|\b(?:after|before|in|for|from|at|with)\b[^.;:,=\n0-9]{0,40}$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"[^.;:,=\n0-9]{0,24}(?:,\s|\sand\s)(?:and\s)?(?:then\s)?[a-z]{1,12}ing\s", re.IGNORECASE)
_PARTS = re.compile(r":\s")
_BARE = re.compile(r"\W*(?:(?:only|just|exactly|about|still|now|then|finally)\W+){0,2}", re.IGNORECASE)
_PARTED = re.compile(r":|\b(?:total|in all|altogether)\b", re.IGNORECASE)
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


def read_final(text: str, kind: str, way: Way, told: Told) -> Final:
    """The final value of a plain text."""
    found = own_values(text, found_values(text, kind), told)
    if not found:
        return Final(value=None, hedged=_UNSURE.search(text) is not None)
    kept = [each for each in found if not _denied(text, each)] if _DENIAL.search(text) else found
    if not kept:
        return Final(value=found[-1].value, denied=True)
    refers = _compared if kind == "number" else _referred
    offered = _unless_all(kept, lambda each: refers(text, each) or _aside(text, each, way))
    offered = _unless_all(offered, _reasons(text, offered))
    stated = _unless_all(offered, _tails(text, offered, told)) if kind == "number" else offered
    chosen = _chosen(text, _unless_all(stated, lambda each: _operand(text, each)), told)
    pairs = [pair for pair in pairwise(offered) if chosen in pair and _alternatives(text, *pair, kind)]
    rivals = {each.value for pair in pairs for each in pair if not _begins(text, each, pair, way)} - {chosen.value}
    # "3 hours or 180 minutes" is no hedge, and the result is the one that was asked for.
    if chosen.value in way.units and len(rivals - way.units) == 1:
        return Final(value=(rivals - way.units).pop())
    if rivals - way.units:
        return Final(value=chosen.value, hedged=True)
    restated = kind == "number" and _unevaluated(text, chosen, told)
    return Final(value=None if restated else chosen.value)


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


def _tails(text: str, found: Sequence[Found], told: Told) -> Callable[[Found], bool]:
    """Tells the numbers that say when, where or of what a value before them holds: ``28 cups after getting 1``."""
    dropped: set[Found] = set()
    for start, end in spans(text):
        inside = [each for each in found if start <= each.start < end]
        place = next((n for n, each in enumerate(inside) if _leads(text, each, told)), len(inside))
        for last, each in pairwise(inside[place:]):
            goes_on = last in dropped and _GOES_ON.fullmatch(text, last.end, each.start) is not None
            if goes_on or _in_tail(text, each):
                dropped.add(each)
        parts = _PARTS.search(text, inside[place].end, end) if place < len(inside) else None
        # Several numbers behind a colon that come to nothing are parts.
        ends = (_RESULT, _PARTED)
        if parts is not None and not any(words.search(text, parts.end(), end) for words in ends):
            several = [each for each in inside if each.start >= parts.end()]
            dropped.update(several if len(several) > 1 else ())
    return lambda each: each in dropped


def _leads(text: str, found: Found, told: Told) -> bool:
    """Whether a value is announced, or none of the question's."""
    before = _before(text, found)
    new = bool(told.operands) and found.value not in told.operands
    return new or _CUED.search(before) is not None or _SAID.search(before) is not None


def _in_tail(text: str, found: Found) -> bool:
    before = _before(text, found)
    tail = _TAIL.search(before)
    return tail is not None and (tail["firm"] is not None or not _given(text, found))


def _given(text: str, found: Found) -> bool:
    """Whether words around a value say that it is a result."""
    return _CUED.search(_before(text, found)) is not None or _SUMMED.match(text, found.end) is not None


def _unevaluated(text: str, found: Found, told: Told) -> bool:
    """Whether a number of the question is only restated: ``C = U - 3``, ``takes 3 out``."""
    if _operand(text, found):
        return True
    if found.value not in told.operands:
        return False
    if _compared(text, found):
        return True
    stops = _stops(text)
    start = stops[bisect_right(stops, found.start) - 1]
    bare = _BARE.fullmatch(text, start, found.start) is not None
    return not (bare or _given(text, found) or _SAID.search(_before(text, found)))


def _chosen(text: str, found: Sequence[Found], told: Told) -> Found:
    """The last value that the text calls its answer and does not correct; else that of the last sentence.

    There it is the last one that a word such as "is" announces. Where none is announced, a result announced before goes
    first, then one behind a verb such as "has", unless a number follows that the question does not have.
    """
    stops = _stops(text)
    sentence = bisect_right(stops, found[-1].start)
    last = [each for each in found if bisect_right(stops, each.start) == sentence]
    answer = _announced(text, found, _ANSWER)
    if answer is not None and _CORRECTION.search(text, answer.end) is None:
        return answer
    firm = _announced(text, last, _CUED) or _announced(text, found, _RESULT_IS)
    if firm is not None:
        return firm
    said = _announced(text, last, _SAID)
    # "has 4 cards, loses 2" has 4; of "had 4 cards, gets 2, 6 cards" the last number is new.
    restated = said is not None and all(each.value in told.operands for each in last if each.start > said.start)
    return said if said is not None and restated and not _given(text, found[-1]) else found[-1]


def _announced(text: str, found: Sequence[Found], words: re.Pattern[str]) -> Found | None:
    """The last value right behind such words."""
    return next((each for each in reversed(found) if words.search(_before(text, each))), None)


def _stops(text: str) -> list[int]:
    """Where sentences begin."""
    return [0, *(match.end() for match in STOP.finditer(text))]


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
