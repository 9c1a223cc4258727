"""The Python value that an answer states, found without running anything."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import Any

from tailgate_slices.grading import RIGHT, failure
from tailgate_slices.item import Answer, Grade
from tailgate_slices.sources.code_blocks import fenced_blocks
from tailgate_slices.sources.judges import NeedsNothing, modes_of, read

MAX_READ = 8000
_OPENING, _CLOSING = "([{", ")]}"
_QUOTE = re.compile(r"\"\"\"|'''|\"|'")
_BARE = re.compile(r"[^\s,;#\"'()\[\]{}=]+")
_CALL = re.compile(r"(?:assert\s+)?f\s?(?=\()")
_SPACES = re.compile(r"[ \t]*")
# Behind a value on its line: nothing, a comment, the end of a sentence, a reason. "5 or 6" is no answer.
_BEHIND = re.compile(r"[ \t]*(?:$|#|[.,;:]?[ \t]*(?:\n|$)|[.,;:]?[ \t]+(?:because|since|as|which)\b)")


@dataclass(frozen=True)
class Literal(NeedsNothing):
    """The answer states a Python value equal to the reference: alone, after ``f(...) ==``, or between [ANSWER] tags."""

    reference: str
    modes = modes_of(wrong_value="another value", unparsable="no Python value, or several")

    def __call__(self, answer: Answer) -> Grade:
        """Compare as Python compares, so ``(1, 2)`` and ``( 1,2 )`` are equal."""
        text = literal_text(read(answer, MAX_READ))
        if text == self.reference.strip():
            return RIGHT
        given, wanted = _value(text), _value(self.reference)
        if given is None or wanted is None:
            return failure(answer, "unparsable")
        return RIGHT if given[0] == wanted[0] else failure(answer, "wrong_value")


def literal_text(text: str) -> str:
    """The part of an answer that states a value; all of it where no value stands alone at its beginning."""
    if "[ANSWER]" in text:
        text = text.partition("[ANSWER]")[2]
    text = text.partition("[/ANSWER]")[0]
    blocks = fenced_blocks(text)
    text = _right_side((blocks[0] if blocks else text).strip().strip("`").strip())
    end = value_end(text)
    if _BEHIND.match(text, end) is None or _value(_next_line(text, end)) is not None:
        return text
    return text[:end]


def value_end(text: str, start: int = 0) -> int:
    """Where the value that begins at `start` ends: a name or number, or brackets and strings as far as they go on."""
    at, depth = start, 0
    while at < len(text):
        if (quote := _QUOTE.match(text, at)) is not None:
            at = _string_end(text, quote.end(), quote[0])
        elif text[at] in _OPENING:
            at, depth = at + 1, depth + 1
        elif text[at] in _CLOSING:
            at, depth = at + 1, depth - 1
        elif (bare := _BARE.match(text, at)) is not None:
            at = bare.end()
        else:
            at += 1
        if depth <= 0 and not _goes_on(text, at):
            return at
    return len(text)


def _goes_on(text: str, at: int) -> bool:
    """Whether what follows belongs to the same value: a call or an index right behind it, or one more string."""
    if text[at : at + 1] in ("(", "["):
        return True
    spaces = _SPACES.match(text, at)
    return _QUOTE.match(text, spaces.end() if spaces else at) is not None


def _string_end(text: str, at: int, quote: str) -> int:
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(quote, at):
            return at + len(quote)
        else:
            at += 1
    return len(text)


def _right_side(text: str) -> str:
    """What stands behind the ``==`` of an assertion about f; the text itself where it is none."""
    call = _CALL.match(text)
    if call is None:
        return text
    side = text[value_end(text, call.end()) :].lstrip()
    return side.removeprefix("==").strip() if side.startswith("==") else text


def _next_line(text: str, end: int) -> str:
    """The next line with something in it: where it is a value as well, the answer states two."""
    return text[end:].partition("\n")[2].strip().partition("\n")[0]


def _value(text: str) -> tuple[Any] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in an answer are no news
            return (ast.literal_eval(text.strip()),)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
