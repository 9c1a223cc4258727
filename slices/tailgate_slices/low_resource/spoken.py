"""How answers in number words are read."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence, Set
from itertools import groupby

from tailgate_slices.grading import numbers, words
from tailgate_slices.low_resource.numerals import ENGLISH, number_words, readings, squash
from tailgate_slices.low_resource.phrases import search, stands_alone
from tailgate_slices.low_resource.reading import Reading
from tailgate_slices.low_resource.respelling import accepted, folded
from tailgate_slices.low_resource.scripts import APOSTROPHES, SPACELESS, held, visible

_INSIDE = f"-\u05be{APOSTROPHES}"  # what stands within a number in words, besides letters and spaces
_NOT_COUNTED = frozenset({"on"})  # ten in two languages, and a word of English sentences


def number_fault(reading: Reading) -> str | None:
    """How an answer that should be a number in words is wrong; None: it is right."""
    texts = _accepted(reading)
    wanted = {squash(reading.lang, text) for text in texts}
    joining = "," if any("," in text for text in texts) else ""
    asked = set(_spoken(reading, visible(reading.item.prompt), wanted, joining)) - wanted
    spoken = _spoken(reading, reading.text, wanted, joining)
    new = [run for run in spoken if run not in asked] or spoken
    if not new:
        return _unspoken(reading)
    if new[-1] not in wanted:
        return "wrong_number"
    known = readings(reading.lang)
    others = [known.get(run) for run in new if run not in wanted and run not in _NOT_COUNTED]
    return "hedged" if others and not _explained(others, reading) else None


def _accepted(reading: Reading) -> list[str]:
    value = int(reading.item.attributes["value"])
    return [text for reference in reading.item.references for text in accepted(reading.lang, value, reference)]


def _explained(others: list[int | None], reading: Reading) -> bool:
    """Whether other numbers are parts that add up to the answer."""
    return sum(other or 0 for other in others) == reading.item.attributes["value"] and None not in others


def _unspoken(reading: Reading) -> str:
    """How an answer without a number in the words of the language is wrong."""
    if set(reading.said) & ENGLISH:
        return "untranslated"
    letters = any(map(str.isalpha, reading.new))
    return "in_digits" if numbers(reading.text) and not letters else "wrong_word"


def _spoken(reading: Reading, text: str, wanted: set[str], joining: str) -> list[str]:
    """Numbers in words that a text holds, squashed: runs of number words with nothing else between them."""
    parts = [said for segment in segments(held(text), joining) if (said := words(segment))]
    whole = readings(reading.lang).keys() | wanted
    if reading.script in SPACELESS:
        longest = max(map(len, whole))
        return [run for said in parts for run in _runs_of_letters("".join(said), wanted, whole, longest)]
    vocabulary = number_words(reading.lang) | wanted
    return [run for said in parts for run in _runs_of_words(said, whole, vocabulary, reading.lang)]


def _runs_of_words(said: Sequence[str], whole: Set[str], vocabulary: Set[str], code: str) -> list[str]:
    together = squash(code, " ".join(said))  # a model may write in one word what others write in several
    if together in whole:
        return [together]
    folds = [folded(code, word) for word in said]
    runs = [list(run) for inside, run in groupby(folds, vocabulary.__contains__) if inside]
    # Words that only join numbers ("and") are in the vocabulary; a run of nothing else says no number.
    squashed = [(folded(code, "".join(run)), run) for run in runs]
    return [text for text, run in squashed if text in whole or not whole.isdisjoint(run)]


def _runs_of_letters(text: str, wanted: Set[str], whole: Set[str], longest: int) -> list[str]:
    """Without spaces between words: what is known next to each other is one number, whatever else stands around.

    The syllables of other words look like small numbers; within a longer text they count where nothing else does.
    """
    runs = _joined(search(text, whole, longest))
    alone = [(start, stop) for start, stop in runs if stands_alone(text, start, stop)]
    sure = [(start, stop) for start, stop in alone if text[start:stop] in wanted or start == 0 or stop == len(text)]
    return [text[start:stop] for start, stop in sure or alone]


def _joined(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches with those that touch made one."""
    found: list[tuple[int, int]] = []
    for start, stop in places:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def segments(text: str, joining: str) -> list[str]:
    """Parts of a text between signs; spaces, hyphens, apostrophes and what else is `joining` hold a number together."""
    inside = _INSIDE + joining
    kept = (char if unicodedata.category(char)[0] in "LMZ" or char in inside else "\n" for char in text)
    return "".join(kept).split("\n")
