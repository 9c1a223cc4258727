"""Words and phrases of a language from CLDR through Babel: names, the calendar, dates and quantities, all proven."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from babel.dates import format_date
from babel.units import UnknownUnitError, format_unit

from tailgate_slices.grading import numbers
from tailgate_slices.low_resource.cldr import own_locale
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.low_resource.proofs import proof, tidied
from tailgate_slices.low_resource.scripts import normal, visible

LONGEST = 12  # characters: long names cost many tokens in scripts that tokenizers split into bytes
SHORTEST = 3
VALUES = range(3, 121)  # of quantities; 1 and 2 are words, not digits, in some languages
_TABLES = ("territories", "languages", "months", "days")
UNITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "duration": ("duration-minute", "duration-hour", "duration-day", "duration-week", "duration-year"),
        "length": ("length-meter", "length-kilometer", "length-centimeter"),
        "mass": ("mass-kilogram", "mass-gram"),
        "volume": ("volume-liter",),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing, in English and in the language."""

    english: str
    native: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A month (1 to 12) or weekday (0 to 6, Monday first): its English name and its forms in the language."""

    position: int
    english: str
    forms: tuple[str, ...]


@cache
def terms(code: str) -> tuple[Term, ...]:
    """All usable names of a language (countries, languages, months, weekdays), each native word once.

    A term is used when its native word is proven to be in the language, differs from every English name, has 3 to 12
    characters, all of them letters or marks, and stands for one English name only.
    """
    return _usable(code, _TABLES)


@cache
def names(code: str) -> Mapping[tuple[str, ...], frozenset[str]]:
    """All that CLDR names in a language and in its script, usable or not, by its words: which tables it is in."""
    found: dict[tuple[str, ...], frozenset[str]] = {}
    for table in _TABLES:
        for _, native in _names(code, (table,)):
            phrase = normal(native)
            if phrase not in english_names() and proof(tidied(native), script=LANGUAGES[code].script) is None:
                found[phrase] = found.get(phrase, frozenset()) | {table}
    return MappingProxyType(found)


@cache
def own_name(code: str) -> tuple[str, ...]:
    """What a language calls itself, by its words."""
    return normal(own_locale(code).languages.get(code, ""))


@cache
def english_names() -> frozenset[tuple[str, ...]]:
    """What the names of the slice are in English, by their words."""
    return frozenset(normal(name) for name, _ in _names("en", _TABLES))


@cache
def territories(code: str) -> tuple[Term, ...]:
    """The usable names of countries and regions."""
    names = {(term.english, term.native) for term in _usable(code, ("territories",))}
    return tuple(term for term in terms(code) if (term.english, term.native) in names)


def _usable(code: str, tables: tuple[str, ...]) -> tuple[Term, ...]:
    english_names = frozenset(english.casefold() for english, _ in _names(code, tables))
    meanings: dict[str, set[str]] = {}
    natives: dict[str, set[str]] = {}
    for english, native in _names(code, tables):
        meanings.setdefault(native, set()).add(english)
        natives.setdefault(english, set()).add(native)
    return tuple(
        Term(english=min(english), native=native)
        for native, english in sorted(meanings.items())
        if len(english) == 1
        and len(natives[min(english)]) == 1
        and _is_word(native)
        and proof(native, script=LANGUAGES[code].script, english=english_names) is None
        and _is_plain(min(english))
    )


def _names(code: str, tables: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    native, english = own_locale(code), own_locale("en")
    for table in tables:
        if table in ("months", "days"):
            ours, theirs = (getattr(locale, table)["format"]["wide"] for locale in (native, english))
        else:
            ours, theirs = getattr(native, table), getattr(english, table)
        for key in sorted(ours):
            if key in theirs and (table in ("months", "days") or len(key) == 2):
                yield theirs[key], unicodedata.normalize("NFC", ours[key])


def _is_word(text: str) -> bool:
    letters = visible(text)  # `proof` tells joiners that belong from other invisible characters
    return SHORTEST <= len(letters) <= LONGEST and all(unicodedata.category(char)[0] in "LM" for char in letters)


def _is_plain(english: str) -> bool:
    return len(english) <= 16 and all(char.isalpha() or char == " " for char in english)


@cache
def calendar(code: str, kind: str) -> tuple[Place, ...]:
    """The months or weekdays of a language whose names are proven, in their order; `kind` is "month" or "weekday"."""
    english = _wide("en", kind, "format")
    unwanted = frozenset(name.casefold() for name in english.values())
    places = []
    for position in sorted(english):
        names = dict.fromkeys(tidied(_wide(code, kind, context)[position]) for context in ("format", "stand-alone"))
        forms = tuple(name for name in names if _is_name(name, code, unwanted))
        if forms:
            places.append(Place(position=position, english=english[position], forms=forms))
    seen = [form for place in places for form in place.forms]
    return tuple(place for place in places if all(seen.count(form) == 1 for form in place.forms))


@cache
def calendar_names(code: str, kind: str) -> Mapping[tuple[str, ...], int]:
    """Position of every name of a month or weekday, proven or not, by its words."""
    contexts = [_wide(code, kind, context) for context in ("format", "stand-alone")]
    return MappingProxyType({normal(name): at for names in contexts for at, name in names.items()})


def _wide(code: str, kind: str, context: str) -> Mapping[int, str]:
    locale = own_locale(code)
    table = locale.months if kind == "month" else locale.days
    names: Mapping[int, str] = table[context]["wide"]
    return names


def _is_name(name: str, code: str, unwanted: frozenset[str]) -> bool:
    if any(unicodedata.category(char)[0] not in "LM" and char != " " for char in visible(name)):
        return False
    return proof(name, script=LANGUAGES[code].script, english=unwanted) is None


@lru_cache(maxsize=65536)
def written_date(code: str, year: int, month: int, day: int) -> str | None:
    """A date as it is written out in the language; None where that is not proven or gives the month in digits."""
    text = tidied(format_date(datetime.date(year, month, day), "long", locale=own_locale(code)))
    unwanted = frozenset(name.casefold() for name in _wide("en", "month", "format").values())
    if proof(text, script=LANGUAGES[code].script, english=unwanted) is not None:
        return None
    return text if sorted(n.lstrip("0") for n in numbers(text)) == sorted((str(day), str(year))) else None


@cache
def date_phrases(code: str) -> Mapping[tuple[str, ...], int]:
    """Month of the words that a date is written out with: many languages inflect the name of the month there."""
    texts = {month: written_date(code, 2000, month, 13) for month in range(1, 13)}
    return MappingProxyType({lettered(text): month for month, text in texts.items() if text is not None})


def lettered(text: str) -> tuple[str, ...]:
    """Words of a text without its digits, which some languages glue to them."""
    return normal("".join(" " if char.isdecimal() else char for char in text))


@lru_cache(maxsize=65536)
def quantity(code: str, unit: str, value: int) -> str | None:
    """A number of units, written out in the language with digits; None where that is not proven."""
    try:
        text = tidied(format_unit(value, unit, length="long", locale=own_locale(code)))
    except UnknownUnitError:
        return None
    if proof(text, script=LANGUAGES[code].script, english=_english_units(unit)) is not None:
        return None
    return text if numbers(text) == (str(value),) else None


@cache
def _english_units(unit: str) -> frozenset[str]:
    english = own_locale("en")
    long = [format_unit(value, unit, length="long", locale=english) for value in (1, 2)]
    short = [format_unit(value, unit, length="short", locale=english) for value in (1, 2)]
    return frozenset(word for text in (*long, *short) for word in lettered(text))


@cache
def unit_forms(code: str, unit: str) -> frozenset[tuple[str, ...]]:
    """The words of a unit with any number beside it; empty where a number of it is not proven."""
    texts = [quantity(code, unit, value) for value in VALUES]
    return frozenset(lettered(text) for text in texts if text is not None) if all(texts) else frozenset()


@cache
def units(code: str) -> tuple[str, ...]:
    """The units of a language whose quantities are proven for every value."""
    return tuple(unit for kinds in UNITS.values() for unit in kinds if unit_forms(code, unit))
