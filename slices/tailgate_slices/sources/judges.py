"""Graders of questions read from data. Each reads a bounded part of an answer, in linear time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from tailgate_slices.grading import COMMON_MODES, RIGHT, failure, find_phrase, words
from tailgate_slices.item import Answer, Grade
from tailgate_slices.low_resource.scripts import dominant_script
from tailgate_slices.sources.linear_regex import LinearRegex
from tailgate_slices.sources.rows import require_package

LONGEST_ANSWER = 40_000  # characters read of an answer that may be a page long
LONGEST_NUMBER = 40
_TOO_LONG = Decimal("1e1000")
_EXPONENT = r"(?:[eE][+-]?[0-9]{1,3}(?!\w))?"
_NUMBER = re.compile(
    rf"(?:(?<![\w)])-)?(?:[0-9][0-9,]*(?:\.[0-9]+)?|(?<![\w.)])\.[0-9]+){_EXPONENT}"  # 5, 0.5, .5 and 5e-1
)
# 70,000 and, in India, 1,14,200
_GROUPED = re.compile(rf"-?[0-9]{{1,3}}(?:,[0-9]{{2,3}})*,[0-9]{{3}}(?:\.[0-9]+)?{_EXPONENT}\Z")
_FINAL_MARK = "####"


def modes_of(**own: str) -> Mapping[str, str]:
    """The common failure modes and a judge's own."""
    return MappingProxyType({**COMMON_MODES, **own})


def read(answer: Answer, limit: int = LONGEST_ANSWER) -> str:
    """The part of an answer that is read; a number cut by the budget is left out, for it might have gone on."""
    text = answer.text[:limit]
    if answer.finish_reason == "length":
        end = len(text)
        while end and text[end - 1].isdecimal():
            end -= 1
        text = text[:end]
    return text


def squeezed(text: str) -> str:
    """Canonically composed, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def folded(text: str) -> str:
    """Compatibility-composed and case-folded, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class NeedsNothing:
    """A judge that works on any machine."""

    def needs(self) -> str | None:
        """Nothing."""
        return None


@dataclass(frozen=True)
class Exact(NeedsNothing):
    """The whole answer is one of the references; white space at the ends and its amount do not count."""

    references: tuple[str, ...]
    modes = modes_of(
        form="a reference in another case or punctuation",
        more_text="a reference, and more text around it",
        wrong="something else",
    )

    def __call__(self, answer: Answer) -> Grade:
        """Compare with each reference."""
        text = squeezed(read(answer))
        if any(text == squeezed(reference) for reference in self.references):
            return RIGHT
        found, wanted = words(text), [words(reference) for reference in self.references]
        if any(found == each for each in wanted if each):
            return failure(answer, "form")
        inside = any(find_phrase(found, each) is not None for each in wanted)
        return failure(answer, "more_text" if inside else "wrong")


@dataclass(frozen=True)
class Contains(NeedsNothing):
    """The answer contains one of the references, whatever the case."""

    references: tuple[str, ...]
    modes = modes_of(missing="no reference in the answer")

    def __call__(self, answer: Answer) -> Grade:
        """Look for each reference."""
        text = folded(read(answer))
        if any(folded(reference) in text for reference in self.references):
            return RIGHT
        return failure(answer, "missing")


@dataclass(frozen=True)
class Matches(NeedsNothing):
    """A pattern matches somewhere in the answer."""

    pattern: LinearRegex
    modes = modes_of(no_match="the pattern matches nowhere")

    def __call__(self, answer: Answer) -> Grade:
        """Search the first 4,000 characters."""
        return RIGHT if self.pattern.search(read(answer, 4000)) else failure(answer, "no_match")


@dataclass(frozen=True)
class NotEmpty(NeedsNothing):
    """Any text at all is right: the row is measured, not judged."""

    modes = modes_of()

    def __call__(self, answer: Answer) -> Grade:
        """Look for anything but white space."""
        return RIGHT if answer.text[:LONGEST_ANSWER].strip() else failure(answer, "empty")


@dataclass(frozen=True)
class Number(NeedsNothing):
    """The first number after ``####``, or else the last number of the answer, equals the reference."""

    reference: str
    modes = modes_of(
        order_of_magnitude="off by a factor of ten or more",
        wrong_sign="the number with the other sign",
        wrong_number="another number",
        unparsable="no number at all",
    )

    def __call__(self, answer: Answer) -> Grade:
        """Compare as decimals: 70000, 70,000 and 70000.00 are equal."""
        wanted, text = as_number(self.reference), read(answer)
        _, mark, after = text.partition(_FINAL_MARK)
        found = (_numbers(after[:200])[:1] if mark else ()) or _numbers(text)[-1:]
        if not found or wanted is None:
            return failure(answer, "unparsable")
        return RIGHT if found[0] == wanted else failure(answer, _how_far(found[0], wanted))


def as_number(text: str) -> Decimal | None:
    """The only number in a text; None where there is none, or several, or one too long to compare answers with."""
    found = _numbers(text)
    return found[0] if len(found) == 1 and found[0] != _TOO_LONG else None


def _numbers(text: str) -> tuple[Decimal, ...]:
    return tuple(number for found in _NUMBER.findall(_ascii_digits(text)) for number in _split(found))


def _ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    digits = (unicodedata.decimal(char, None) for char in text)
    plain = "".join(char if digit is None else str(digit) for char, digit in zip(text, digits, strict=True))
    return plain.replace("\u2212", "-").replace("\u2013", "-")


def _split(found: str) -> tuple[Decimal, ...]:
    parts = [found.replace(",", "")] if _GROUPED.match(found) else [part for part in found.split(",") if part]
    # A longer number than any reference is out by orders of magnitude; reading it exactly would take long.
    return tuple(Decimal(part) if len(part) <= LONGEST_NUMBER else _TOO_LONG for part in parts)


def _how_far(given: Decimal, wanted: Decimal) -> str:
    if wanted and given == -wanted:
        return "wrong_sign"
    low, high = sorted((abs(given), abs(wanted)))
    return "order_of_magnitude" if high >= 10 * low and high >= 10 else "wrong_number"


@dataclass(frozen=True)
class HoldsAll(NeedsNothing):
    """Share of the references that the answer contains, whatever the case; or 1 if it contains any of them."""

    references: tuple[str, ...]
    any_will_do: bool = False
    modes = modes_of(none_found="no reference in the answer", some_missing="some references are missing")

    def __call__(self, answer: Answer) -> Grade:
        """Look for each reference."""
        text = folded(read(answer))
        found = sum(folded(reference) in text for reference in self.references)
        if found == len(self.references) or (found and self.any_will_do):
            return RIGHT
        if not found:
            return failure(answer, "none_found")
        mode = failure(answer, "some_missing").failure_mode
        return Grade(score=found / len(self.references), failure_mode=mode)


@dataclass(frozen=True)
class Overlap:
    """Character n-gram F-score (chrF) with a reference translation, by sacrebleu."""

    reference: str
    source: str
    modes = modes_of(
        wrong_script="mostly in another script than the reference",
        copied_source="the sentence as it was given",
        differs="another wording, or a wrong one",
    )

    def needs(self) -> str | None:
        """The package sacrebleu."""
        if find_spec("sacrebleu") is None:
            return "the python package sacrebleu: pip install 'tailgate[slices]'"
        return None

    def __call__(self, answer: Answer) -> Grade:
        """Score the first 4,000 characters; 1 is the reference itself."""
        text = answer.text[:4000].strip()
        if not text:
            return failure(answer, "differs")
        score = round(min(1.0, _chrf().sentence_score(text, [self.reference]).score / 100), 6)
        if score == 1.0:
            return RIGHT
        return Grade(score=score, failure_mode=failure(answer, self._mode(text)).failure_mode)

    def _mode(self, text: str) -> str:
        if words(text) == words(self.source):
            return "copied_source"
        return "wrong_script" if dominant_script(text) != dominant_script(self.reference) else "differs"


@cache
def _chrf() -> Any:
    return require_package("sacrebleu.metrics", "chrF").CHRF()
