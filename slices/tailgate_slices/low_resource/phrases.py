"""Known phrases found in a text, the longest first: by its words, or by its letters where no spaces part the words."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from tailgate_slices.low_resource.scripts import SPACELESS

Phrase = tuple[str, ...]
FEWEST_LETTERS = 2  # beside a word in a text without spaces; one alone is a slip: the word is misspelt
_VOWELS_BEHIND = frozenset("\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3")  # of Thai and Lao: letters to Unicode


class Phrases:
    """Phrases to look for, sorted by how they begin."""

    def __init__(self, known: Iterable[Phrase]) -> None:
        by_first: dict[str, list[Phrase]] = {}
        for phrase in sorted(set(filter(None, known)), key=len, reverse=True):
            by_first.setdefault(phrase[0], []).append(phrase)
        self.by_first: Mapping[str, Sequence[Phrase]] = MappingProxyType(by_first)
        self.joined = MappingProxyType({"".join(phrase): phrase for phrases in by_first.values() for phrase in phrases})
        self.longest = max(map(len, self.joined), default=0)

    def within(self, said: Sequence[str], script: str) -> list[Phrase]:
        """The phrases that a text in a script mentions, in its order."""
        found = mentions(said, self)
        if found or script not in SPACELESS:
            return found
        return [phrase for chunk in said for phrase in self._at_an_end(chunk)]

    def _at_an_end(self, chunk: str) -> list[Phrase]:
        """Phrases that a stretch of letters begins or ends with: those in the middle may be parts of other words."""
        return [
            self.joined[chunk[start:stop]]
            for start, stop in search(chunk, self.joined, self.longest)
            if stands_alone(chunk, start, stop) and (start == 0 or stop == len(chunk))
        ]


def mentions(said: Sequence[str], known: Phrases) -> list[Phrase]:
    """Phrases in the order in which a text mentions them, the longest first where several begin with a word."""
    found: list[Phrase] = []
    at = 0
    while at < len(said):
        hit = next((p for p in known.by_first.get(said[at], ()) if tuple(said[at : at + len(p)]) == p), None)
        if hit is not None:
            found.append(hit)
        at += len(hit) if hit is not None else 1
    return found


def search(text: str, known: Collection[str], longest: int) -> list[tuple[int, int]]:
    """Where known words begin and end in a text without spaces, from left to right, the longest first."""
    found, at = [], 0
    while at < len(text):
        stops = range(min(len(text), at + longest), at, -1)
        stop = next((end for end in stops if text[at:end] in known and _may_end(text, end)), None)
        if stop is not None:
            found.append((at, stop))
        at = at + 1 if stop is None else stop
    return found


def _may_end(text: str, at: int) -> bool:
    """Whether a word may end before a place: no mark, nor a vowel that belongs to the letter before it, follows."""
    return at == len(text) or (unicodedata.category(text[at])[0] != "M" and text[at] not in _VOWELS_BEHIND)


def stands_alone(text: str, start: int, stop: int) -> bool:
    """Whether what is before and behind a word in a text without spaces can be words, not a slip of the pen."""
    around = (sum(map(str.isalpha, part)) for part in (text[:start], text[stop:]))
    return all(letters == 0 or letters >= FEWEST_LETTERS for letters in around)
