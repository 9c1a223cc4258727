"""Which language a prompt is in, where that is sure enough to count on."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from babel.core import get_global

LanguageOf = Callable[[str], str | None]

MAX_READ = 1000  # characters
# Lingua weighs 75 languages, so that even plain English gets little: "Hello" is Sotho to it by 0.17, "ok" Zulu by 0.06.
# With these floors nothing in a language that it knows was told wrong on 550 prompts of general, XCOPA and XSTest.
FEWEST_LETTERS = 12
LEAST_CONFIDENCE, LEAST_LEAD = 0.15, 2.0
CERTAIN = 0.9  # then a few letters will do: a script or a sign of one language alone


def lingua_language() -> LanguageOf | None:
    """Language identification by the package lingua (ISO 639-1 codes); None where it is not installed.

    The function gives None for a text that is too short, or that could as well be in another language.
    """
    try:
        lingua: Any = importlib.import_module("lingua")
    except ImportError:
        return None
    detector = lingua.LanguageDetectorBuilder.from_all_languages().build()

    def identify(text: str) -> str | None:
        first, second, *_ = detector.compute_language_confidence_values(text[:MAX_READ])
        return str(first.language.iso_code_639_1.name).lower() if _is_sure(text, first.value, second.value) else None

    return identify


def _is_sure(text: str, first: float, second: float) -> bool:
    letters = sum(char.isalpha() for char in text[:MAX_READ])
    if letters < FEWEST_LETTERS and first < CERTAIN:
        return False
    return first >= LEAST_CONFIDENCE and first >= LEAST_LEAD * second


def short_code(code: str) -> str:
    """The two-letter code of a language that a benchmark calls ``sw``, ``swh`` or ``swh_Latn``, where it has one."""
    base = code.partition("_")[0]
    found = get_global("language_aliases").get(base, base)
    return str(found) if len(str(found)) == 2 else base
