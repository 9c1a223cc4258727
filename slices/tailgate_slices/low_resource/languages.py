"""The languages of the slice: script, tier by resource, and the tasks that their locale data serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TASKS = (
    *("copy", "lookup", "sort", "words-to-number", "answer", "date", "number-to-words", "problem", "territory"),
)  # easy to hard for a small model
NO_RULES = "ICU has no spell-out rules for it"
THAI_LETTERS = "ICU spells its numbers from 1 to 99 only: zero, and all from 100 on, hold Thai letters"

OTHER_WORDS = "ICU spells its numbers otherwise than published lists do, which differ among themselves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language of the slice: its English name, and the script that its words must be written in.

    `tier` says roughly how much text of the language there is to train on; the grouping is the authors' own.
    `lacks` holds the tasks that the language has no data for, each with the reason.
    """

    code: str
    name: str
    script: str
    tier: str
    lacks: Mapping[str, str]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that items of the language can have."""
        return tuple(task for task in TASKS if task not in self.lacks)


_TABLE = (
    ("id", "Indonesian", "LATIN", "high"),
    ("tr", "Turkish", "LATIN", "high"),
    ("uk", "Ukrainian", "CYRILLIC", "high"),
    ("el", "Greek", "GREEK", "high"),
    ("he", "Hebrew", "HEBREW", "high"),
    ("fa", "Persian", "ARABIC", "high"),
    ("hi", "Hindi", "DEVANAGARI", "high"),
    ("ko", "Korean", "HANGUL", "high"),
    ("th", "Thai", "THAI", "high"),
    ("bg", "Bulgarian", "CYRILLIC", "mid"),
    ("az", "Azerbaijani", "LATIN", "mid"),
    ("kk", "Kazakh", "CYRILLIC", "mid"),
    ("ka", "Georgian", "GEORGIAN", "mid"),
    ("hy", "Armenian", "ARMENIAN", "mid"),
    ("ur", "Urdu", "ARABIC", "mid"),
    ("bn", "Bengali", "BENGALI", "mid"),
    ("ta", "Tamil", "TAMIL", "mid"),
    ("te", "Telugu", "TELUGU", "mid"),
    ("ml", "Malayalam", "MALAYALAM", "mid"),
    ("mr", "Marathi", "DEVANAGARI", "mid"),
    ("kn", "Kannada", "KANNADA", "mid"),
    ("gu", "Gujarati", "GUJARATI", "mid"),
    ("ne", "Nepali", "DEVANAGARI", "mid"),
    ("sw", "Swahili", "LATIN", "low"),
    ("cy", "Welsh", "LATIN", "low"),
    ("uz", "Uzbek", "LATIN", "low"),
    ("so", "Somali", "LATIN", "low"),
    ("ha", "Hausa", "LATIN", "low"),
    ("yo", "Yoruba", "LATIN", "low"),
    ("mn", "Mongolian", "CYRILLIC", "low"),
    ("ky", "Kyrgyz", "CYRILLIC", "low"),
    ("ps", "Pashto", "ARABIC", "low"),
    ("am", "Amharic", "ETHIOPIC", "low"),
    ("ti", "Tigrinya", "ETHIOPIC", "low"),
    ("pa", "Punjabi", "GURMUKHI", "low"),
    ("or", "Odia", "ORIYA", "low"),
    ("si", "Sinhala", "SINHALA", "low"),
    ("my", "Burmese", "MYANMAR", "low"),
    ("km", "Khmer", "KHMER", "low"),
    ("lo", "Lao", "LAO", "low"),
    ("chr", "Cherokee", "CHEROKEE", "low"),
)
# Proven by a test against ICU's rules, so that drawing a task needs neither ICU nor all locale data.
_NO_RULES: frozenset[str] = frozenset(
    ["bn", "ha", "kn", "ml", "mn", "mr", "or", "pa", "ps", "si", "so", "te", "ti", "ur", "uz", "yo"]
)
_WRONG_WORDS: Mapping[str, str] = MappingProxyType({"lo": THAI_LETTERS, "chr": OTHER_WORDS})


def _lacks(code: str) -> Mapping[str, str]:
    reason = NO_RULES if code in _NO_RULES else _WRONG_WORDS.get(code)
    numbers = ("words-to-number", "number-to-words")
    return MappingProxyType({} if reason is None else dict.fromkeys(numbers, reason))


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        code: Language(code=code, name=name, script=script, tier=tier, lacks=_lacks(code))
        for code, name, script, tier in _TABLE
    }
)
