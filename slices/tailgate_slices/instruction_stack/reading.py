"""What the checkers of rules read of an answer: words, lines, sentences and paragraphs, each computed once."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tailgate_slices.grading import bounded, words

_MARKER = re.compile(r"(?:[-*+>#]|[0-9]{1,3}[.)])[ \t]+")
_SENTENCE_END = re.compile(r"[.!?][\"')\]]?(?=\s|$)")
_SPOKEN = re.compile(r"[^\W_]")  # a letter or digit
_FENCE = re.compile(r"```[a-z]{0,10}\n(.*)\n```", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The bounded part of an answer. Every view of it is linear in its length."""

    text: str

    @classmethod
    def of(cls, text: str) -> Reading:
        """Read an answer of any length."""
        return cls(text=bounded(text))

    @cached_property
    def folded(self) -> str:
        """The text without its case."""
        return self.text.casefold()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Runs of letters, marks and digits, case-folded: for looking words up."""
        return words(self.text)

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each word occurs."""
        return Counter(self.words)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """What people count as words: pieces between white space that hold a letter or digit."""
        return spoken(self.text)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Lines that are not blank, without white space around them."""
        stripped = (line.strip() for line in self.text.split("\n"))
        return tuple(line for line in stripped if line)

    @cached_property
    def blank_lines(self) -> int:
        """Lines with nothing on them, between the first and the last line."""
        return sum(not line.strip() for line in self.text.split("\n")) if self.text else 0

    @cached_property
    def paragraphs(self) -> tuple[str, ...]:
        """Blocks of lines with blank lines between them."""
        blocks: list[list[str]] = [[]]
        for line in self.text.split("\n"):
            if line.strip():
                blocks[-1].append(line)
            elif blocks[-1]:
                blocks.append([])
        return tuple("\n".join(block) for block in blocks if block)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Stretches of a line up to a full stop, question or exclamation mark, without list markers."""
        found = (piece for line in self.lines for piece in _SENTENCE_END.split(without_marker(line)))
        return tuple(piece.strip() for piece in found if spoken(piece))

    @cached_property
    def record(self) -> Mapping[str, Any] | None:
        """The JSON object that the text is, in a code fence or not; None where it is none."""
        fenced = _FENCE.fullmatch(self.text)
        try:
            found = json.loads(fenced[1] if fenced else self.text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @cached_property
    def has_other_script(self) -> bool:
        """Whether a letter is neither Latin nor a mark on one."""
        return any(
            char.isalpha() and not unicodedata.name(char, "?").startswith(("LATIN", "FULLWIDTH LATIN", "FEMININE"))
            for char in self.text
            if ord(char) > 127
        )


def spoken(text: str) -> tuple[str, ...]:
    """Pieces between white space that hold a letter or digit."""
    return tuple([piece for piece in text.split() if piece[0].isalnum() or _SPOKEN.search(piece)])


def without_marker(line: str) -> str:
    """A line without the bullet or number of a list before it."""
    found = _MARKER.match(line)
    return line[found.end() :] if found else line


def starts_with(text: str, phrase: str) -> bool:
    """Whether the first words of a text are those of a phrase, whatever the case and the marks around them."""
    wanted = words(phrase)
    return words(text[: 4 * len(phrase) + 80])[: len(wanted)] == wanted
