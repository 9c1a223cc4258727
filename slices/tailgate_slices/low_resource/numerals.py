"""Numbers in words, and the alphabetical order, of a language from ICU.

Every number is read back, and put right where ICU does not write as the language does, before it is used.
"""

from __future__ import annotations

import importlib
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from tailgate_slices.item import SliceError
from tailgate_slices.low_resource.languages import LANGUAGES, NO_RULES, OTHER_WORDS
from tailgate_slices.low_resource.proofs import proof, tidied
from tailgate_slices.low_resource.respelling import HIGHEST, accepted, corrected, folded, highest
from tailgate_slices.low_resource.scripts import held, normal

ICU_RELEASE = "77"  # other releases spell and sort some languages otherwise: the items would differ
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


_KNOWN = (*range(1000), *range(1000, HIGHEST, 1000), *range(1001, HIGHEST, 1000))


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
    # Bulgarian's words for persons are no words from eleven on: "двамадесет".
    fit = (name for name in plain if not any(part in name for part in ("year", "personal")))
    return formatter, tuple(sorted(fit, key=_plainest))


def _plainest(name: str) -> tuple[bool, int, str]:
    return name != "%spellout-numbering", len(name), name


@lru_cache(maxsize=65536)
def spellings(code: str, number: int) -> tuple[str, ...]:
    """The number in words, in every proven form (genders, counting); the first is the plainest.

    Raises
    ------
    SliceError
        No form is proven: the language has no rules, or the words do not lead back to the number or are not its own.
    """
    name = LANGUAGES[code].name
    if LANGUAGES[code].lacks.get("number-to-words") == OTHER_WORDS or number > highest(code):
        raise SliceError(f"low_resource cannot spell {number} in {name}: nothing but ICU says that it is written so")
    proven = [tidied(text) for text in _forms(code, number) if number_proof(code, number, text) is None]
    if not proven:
        raise SliceError(f"low_resource cannot spell {number} in {name}: {NO_RULES} that hold")
    return tuple(dict.fromkeys(corrected(code, text) for text in proven))


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


def squash(code: str, text: str) -> str:
    """A number in words of a language for comparing: without what stands between them or is spelt either way."""
    return folded(code, "".join(normal(held(text))))


@cache
def readings(code: str) -> Mapping[str, int]:
    """Number of every way to write 0 to 999, the thousands and one more, in words; the keys are squashed."""
    found: dict[str, int] = {}
    for number in _KNOWN:
        for text in _texts(code, number):
            found.setdefault(squash(code, text), number)
    return MappingProxyType(found)


@cache
def number_words(code: str) -> frozenset[str]:
    """Every single word that numbers of the language are written with, as far as `readings` goes; squashed."""
    found = {squash(code, word) for number in _KNOWN for text in _texts(code, number) for word in normal(held(text))}
    return frozenset(found | readings(code).keys())


@cache
def basic_words(code: str) -> frozenset[tuple[str, ...]]:
    """The words of the numbers up to 20, of round ones up to 100, and of 1,000, each as a text is cut into words."""
    few = (*range(1, 21), *range(30, 101, 10), 1000)
    return frozenset(normal(word) for number in few for text in _texts(code, number) for word in text.split())


def _texts(code: str, number: int) -> tuple[str, ...]:
    """All ways to write a number, proven or not."""
    right = (corrected(code, tidied(text)) for text in _forms(code, number))
    return tuple(dict.fromkeys(each for text in right for each in accepted(code, number, text)))


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
