"""Languages and their words: names of countries, languages, months and days from CLDR, proven to be in the language."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from babel import Locale

from tailgate_slices.low_resource.scripts import script_of

LONGEST = 12  # characters: long names cost many tokens in scripts that tokenizers split into bytes
SHORTEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language of the slice: its English name and the script that its words must be written in."""

    code: str
    name: str
    script: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing, in English and in the language."""

    english: str
    native: str


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        code: Language(code=code, name=name, script=script)
        for code, name, script in (
            ("sw", "Swahili", "LATIN"),
            ("yo", "Yoruba", "LATIN"),
            ("ka", "Georgian", "GEORGIAN"),
            ("bn", "Bengali", "BENGALI"),
            ("ta", "Tamil", "TAMIL"),
            ("am", "Amharic", "ETHIOPIC"),
            ("km", "Khmer", "KHMER"),
            ("lo", "Lao", "LAO"),
        )
    }
)


@cache
def terms(code: str) -> tuple[Term, ...]:
    """All usable terms of a language, each native word once, in a fixed order.

    A term is used when its native word is in the right script, differs from every English name, has 3 to 12
    characters and none that is invisible, and stands for one English name only.
    """
    language = LANGUAGES[code]
    english_names = {english.casefold() for english, _ in _names(code)}
    meanings: dict[str, set[str]] = {}
    natives: dict[str, set[str]] = {}
    for english, native in _names(code):
        meanings.setdefault(native, set()).add(english)
        natives.setdefault(english, set()).add(native)
    return tuple(
        Term(english=min(english), native=native)
        for native, english in sorted(meanings.items())
        if len(english) == 1
        and len(natives[min(english)]) == 1
        and native.casefold() not in english_names
        and _is_clean(native, language.script)
        and _is_plain(min(english))
    )


def _names(code: str) -> Iterator[tuple[str, str]]:
    native, english = Locale(code), Locale("en")
    for table in ("territories", "languages"):
        ours, theirs = getattr(native, table), getattr(english, table)
        for key in sorted(ours):
            if key in theirs and len(key) == 2:
                yield theirs[key], unicodedata.normalize("NFC", ours[key])
    for table in ("months", "days"):
        ours, theirs = (getattr(locale, table)["format"]["wide"] for locale in (native, english))
        for key in sorted(ours):
            yield theirs[key], unicodedata.normalize("NFC", ours[key])


def _is_clean(word: str, script: str) -> bool:
    if not SHORTEST <= len(word) <= LONGEST or any(unicodedata.category(char)[0] not in "LM" for char in word):
        return False
    return {script_of(char) for char in word} <= {script, None}


def _is_plain(english: str) -> bool:
    return len(english) <= 16 and all(char.isalpha() or char == " " for char in english)
