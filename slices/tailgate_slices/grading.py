"""What all graders share. Model output is hostile text: everything here is linear in it, and reads a bounded part."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from tailgate_slices.declining import declines
from tailgate_slices.item import Answer, Grade

MAX_CHARS = 4000  # far past the longest legitimate answer; what lies beyond is not read
LONGEST_UNIT, FEWEST_REPEATS, SHORTEST_LOOP = 24, 5, 12  # a loop: so many characters, times, characters in all
LOOP_SHARE = 0.6  # of a text that loops take up; "Hahahahahaha! I love it." stays below
MARKS_SHARE = 0.9  # where loops of marks and white space count as well: rules and indents take up less
LOOP_END = 48  # characters of a loop that a text ends in, however long it is
_ALNUM = re.compile(r"[^\W_]")
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
_NUMBER = re.compile(r"[0-9]+")
_SIGNED = re.compile(r"(?:(?<![\w)])-)?[0-9]+")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
# Apostrophes that Unicode counts as letters; with them folded, they part words as the other apostrophes do.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u02bb\u02bc", "'"))
_REFUSALS = (
    "i'm sorry",
    "i am sorry",
    "sorry, but",
    "i cannot",
    "i can't",
    "i can not",
    "i'm unable",
    "i am unable",
    "i'm not able",
    "i am not able",
    "as an ai",
    "i do not have access",
    "i don't have access",
    "i won't",
)

COMMON_MODES = {
    "empty": "no text at all",
    "degenerate": "a repetition loop",
    "refused": "declined to answer",
    "length": "wrong, and cut off at the answer budget",
}

RIGHT = Grade(score=1.0, failure_mode=None)


def bounded(text: str) -> str:
    """The part of an answer that graders read, without surrounding white space."""
    return text[:MAX_CHARS].strip()


def failure(answer: Answer, mode: str, *, decisive: bool = False) -> Grade:
    """Score 0 with the most telling failure mode.

    Parameters
    ----------
    answer
        The wrong answer.
    mode
        How the slice itself would call the failure.
    decisive
        Whether that holds for a truncated answer as well; otherwise ``length`` outranks it.
    """
    text = bounded(answer.text)
    if not text:
        return Grade(score=0.0, failure_mode="length" if answer.finish_reason == "length" else "empty")
    if is_loop(text):
        return Grade(score=0.0, failure_mode="degenerate")
    if is_refusal(text):
        return Grade(score=0.0, failure_mode="refused")
    if answer.finish_reason == "length" and not decisive:
        return Grade(score=0.0, failure_mode="length")
    return Grade(score=0.0, failure_mode=mode)


def is_refusal(text: str) -> bool:
    """Whether a wrong answer begins like one that declines: looser than `declines`, for it only names a failure."""
    if declines(text, reproof=False):
        return True
    opening = text[:120].casefold().replace("\u2019", "'")
    return any(phrase in opening for phrase in _REFUSALS)


def is_loop(text: str) -> bool:
    """Whether loops take up most of a text, or it ends in a long one.

    A loop is a unit of at most 24 characters, five times or more on end, over 12 characters or more. Those of marks
    and white space alone (rules, indents, lines to fill in) count only where there is next to nothing else.
    Linear in the text: it is compared with itself once for each length of a unit.
    """
    loops = _loops(text)
    if not loops:
        return False
    spoken = [loop for loop in loops if _ALNUM.search(text, *loop)]
    return (
        _covered(spoken) >= LOOP_SHARE * len(text)
        or _covered(loops) >= MARKS_SHARE * len(text)
        or any(stop - start >= LOOP_END and not _ALNUM.search(text, stop) for start, stop in spoken)
    )


def _loops(text: str) -> list[tuple[int, int]]:
    """Where the loops of a text begin and end; those with units of another length may overlap."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found: list[tuple[int, int]] = []
    for unit in range(1, min(LONGEST_UNIT, len(codes) - 1) + 1):
        shortest = max((FEWEST_REPEATS - 1) * unit, SHORTEST_LOOP - unit)
        breaks = np.flatnonzero(codes[unit:] != codes[:-unit])
        edges = np.concatenate(([-1], breaks, [len(codes) - unit]))
        for place in np.flatnonzero(np.diff(edges) > shortest).tolist():
            found.append((int(edges[place]) + 1, int(edges[place + 1]) + unit))
    return found


def _covered(stretches: Sequence[tuple[int, int]]) -> int:
    """Characters that lie in one of the stretches at least."""
    n, end = 0, 0
    for start, stop in sorted(stretches):
        n += max(0, stop - max(start, end))
        end = max(end, stop)
    return n


def words(text: str, *, fold: bool = True) -> tuple[str, ...]:
    """Words of a text, compatibility-normalised: maximal runs of letters, marks and digits; case-folded or not.

    Every apostrophe parts words, those that are letters to Unicode too: a text says the same with any of them.
    """
    plain = unicodedata.normalize("NFKC", text[:MAX_CHARS]).translate(_APOSTROPHES)
    plain = plain.casefold() if fold else plain
    if plain.isascii():
        return tuple(_ASCII_WORD.findall(plain))
    return tuple("".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in plain).split())


def find_phrase(text: Sequence[str], phrase: Sequence[str]) -> int | None:
    """Index of the first occurrence of a sequence of words in another; None where there is none."""
    if not phrase:
        return None
    for start in range(len(text) - len(phrase) + 1):
        if tuple(text[start : start + len(phrase)]) == tuple(phrase):
            return start
    return None


def settled(answer: Answer) -> str:
    """Text of an answer without a number that the budget cut: its next token might have been another digit."""
    text = answer.text[:MAX_CHARS]
    if answer.finish_reason == "length":
        while text and text[-1].isdecimal():
            text = text[:-1]
    return text


def numbers(text: str) -> tuple[str, ...]:
    """Runs of decimal digits of any script in the bounded part of a text, as ASCII; ``3,141`` is one number."""
    return tuple(_NUMBER.findall(_ascii_digits(text)))


def _ascii_digits(text: str) -> str:
    digits = (unicodedata.decimal(char, None) for char in text[:MAX_CHARS])
    plain = "".join(char if digit is None else str(digit) for char, digit in zip(text, digits, strict=False))
    return _THOUSANDS.sub("", plain)


def signed_numbers(text: str) -> tuple[str, ...]:
    """Like `numbers`, with a minus sign kept where it stands right before a number and after no other word.

    ``5-3`` holds 5 and 3, ``= -3`` holds -3; the signs U+2212 and U+2013 count as minus.
    """
    plain = _ascii_digits(text).replace("\u2212", "-").replace("\u2013", "-")
    return tuple(_SIGNED.findall(plain))
