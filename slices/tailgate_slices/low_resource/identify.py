"""Which language a text is in, asked of an optional detector that knows about half of the languages."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from tailgate_slices.low_resource.languages import LANGUAGES

MIN_LETTERS = 20  # a detector guesses below
MAX_LETTERS = 300  # and needs no more
SURE = 0.25  # relative distance of the best language to the second


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """The detector, and the languages of the slice that it knows."""

    engine: Any
    known: frozenset[str]


@cache
def detector() -> Detector | None:
    """The detector, restricted to English and the languages of the slice; None where lingua is not installed."""
    try:
        lingua = importlib.import_module("lingua")
    except ImportError:
        return None
    supported = {language.iso_code_639_1.name.lower(): language for language in lingua.Language.all()}
    known = [code for code in (*LANGUAGES, "en") if code in supported]
    builder = lingua.LanguageDetectorBuilder.from_languages(*(supported[code] for code in known))
    engine = builder.with_minimum_relative_distance(SURE).build()
    return Detector(engine=engine, known=frozenset(known) - {"en"})


def agrees(text: str, code: str) -> bool | None:
    """Whether a text is in a language; None where nobody can tell.

    That is so for short texts, without a detector, for languages that it does not know, and where it is not sure.
    """
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return None
    found = detector()
    if found is None or code not in found.known:
        return None
    name = _identified(text[:MAX_LETTERS])
    return None if name is None else name == code


@lru_cache(maxsize=1024)
def _identified(text: str) -> str | None:
    found = detector()
    language = None if found is None else found.engine.detect_language_of(text)
    return None if language is None else str(language.iso_code_639_1.name).lower()
