"""Numbers in words, and the alphabetical order, of a language from ICU; every number is read back before it is used."""

from __future__ import annotations

import importlib
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from tailgate_slices.grading import words
from tailgate_slices.item import SliceError
from tailgate_slices.low_resource.languages import LANGUAGES, NO_RULES
from tailgate_slices.low_resource.proofs import proof, tidied

ICU_RELEASE = "77"  # other releases spell and sort some languages otherwise: the items would differ
HIGHEST = 9999
ENGLISH = frozenset(
    [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
    ]
)


@cache
def _icu() -> Any:
    try:
        icu = importlib.import_module("icu")
    except ImportError as error:
        raise SliceError(
            "low_resource needs ICU for number words and sorting; run: pip install pyicu-wheels==2.15.2"
        ) from error
    if icu.ICU_VERSION.partition(".")[0] != ICU_RELEASE:
        raise SliceError(
            f"low_resource draws its items from ICU {ICU_RELEASE}, found {icu.ICU_VERSION}; "
            "run: pip install pyicu-wheels==2.15.2"
        )
    return icu


@cache
def _speller(code: str) -> tuple[Any, tuple[str, ...]]:
    """ICU's formatter of a language, and the names of its rule sets for plain numbers."""
    icu = _icu()
    formatter = icu.RuleBasedNumberFormat(icu.URBNFRuleSetTag.SPELLOUT, icu.Locale(code))
    names = [formatter.getRuleSetName(at) for at in range(formatter.getNumberOfRuleSetNames())]
    plain = [name for name in names if name.startswith(("%spellout-cardinal", "%spellout-numbering"))]
    return formatter, tuple(sorted((name for name in plain if "year" not in name), key=_plainest))


def _plainest(name: str) -> tuple[bool, int, str]:
    return name != "%spellout-numbering", len(name), name


@lru_cache(maxsize=65536)
def spellings(code: str, number: int) -> tuple[str, ...]:
    """The number in words, in every proven form (genders, counting); the first is the plainest.

    Raises
    ------
    SliceError
        No form is proven: the language has no rules, or the words do not lead back to the number.
    """
    formatter, names = _speller(code)
    raw = dict.fromkeys(formatter.format(number, name) for name in names)
    proven = dict.fromkeys(tidied(text) for text in raw if number_proof(code, number, text) is None)
    if not proven:
        raise SliceError(f"low_resource cannot spell {number} in {LANGUAGES[code].name}: {NO_RULES} that hold")
    return tuple(proven)


def number_proof(code: str, number: int, text: str) -> str | None:
    """What speaks against ICU's words for a number being that number in that language; None: it is proven."""
    against = proof(tidied(text), script=LANGUAGES[code].script, english=ENGLISH)
    if against is not None:
        return against
    if any(char.isdecimal() for char in text):
        return "holds digits"
    read = _read(code, text)
    return None if read == number else f"is read back as {read}"


def _read(code: str, text: str) -> int | None:
    icu, (formatter, _) = _icu(), _speller(code)
    try:
        return int(formatter.parse(text).getLong())
    except icu.ICUError:
        return None


def squash(text: str) -> str:
    """Letters, marks and digits of a text without what stands between them, for comparing numbers in words."""
    return "".join(words(tidied(text)))


@cache
def readings(code: str) -> Mapping[str, int]:
    """Number of every way to write 0 to 999, and the thousands, in words; the keys are squashed."""
    found: dict[str, int] = {}
    for number in (*range(1000), *range(1000, HIGHEST, 1000)):
        for text in _forms(code, number):
            found.setdefault(squash(text), number)
    return MappingProxyType(found)


@cache
def number_words(code: str) -> frozenset[str]:
    """Every single word that numbers of the language are written with, as far as `readings` goes."""
    numbers_ = (*range(1000), *range(1000, HIGHEST, 1000))
    return frozenset(word for number in numbers_ for text in _forms(code, number) for word in words(tidied(text)))


@lru_cache(maxsize=4096)
def _forms(code: str, number: int) -> tuple[str, ...]:
    formatter, names = _speller(code)
    return tuple(dict.fromkeys(formatter.format(number, name) for name in names))


@cache
def collation(code: str) -> Callable[[str], bytes]:
    """Sort key of words in the alphabetical order of the language."""
    icu = _icu()
    collator = icu.Collator.createInstance(icu.Locale(code))

    def key(word: str) -> bytes:
        return bytes(collator.getSortKey(unicodedata.normalize("NFC", word)))

    return key
