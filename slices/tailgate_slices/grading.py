"""What all graders share. Model output is hostile text: everything here is linear in it, and reads a bounded part."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tailgate_slices.item import Answer, Grade

MAX_CHARS = 4000  # far past the longest legitimate answer; what lies beyond is not read
# One character twelve times, two characters six times, up to 24 characters five times: a loop.
_LOOP = re.compile(r"(.)\1{11}|(..)\2{5}|(.{3,24}?)\3{4}", re.DOTALL)
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
_NUMBER = re.compile(r"[0-9]+")
_SIGNED = re.compile(r"(?:(?<![\w)])-)?[0-9]+")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
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
    """Whether the text begins by declining to answer."""
    opening = text[:120].casefold().replace("\u2019", "'")
    return any(phrase in opening for phrase in _REFUSALS)


def is_loop(text: str) -> bool:
    """Whether some unit of at most 24 characters repeats at least five times on end, over 12 characters or more.

    One search with bounded repeats: at each character it compares at most 24 units, so it is linear in the text.
    """
    return _LOOP.search(text) is not None


def words(text: str, *, fold: bool = True) -> tuple[str, ...]:
    """Words of a text, compatibility-normalised: maximal runs of letters, marks and digits; case-folded or not."""
    plain = unicodedata.normalize("NFKC", text[:MAX_CHARS])
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
