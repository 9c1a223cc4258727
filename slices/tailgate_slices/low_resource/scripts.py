"""Which script a text is written in, and whether it was decoded wrongly."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from tailgate_slices.grading import MAX_CHARS, words

SPACELESS = frozenset({"THAI", "LAO", "KHMER", "MYANMAR"})  # written without spaces between words
INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")  # say whether letters join: a part of the spelling in the scripts below
_JOINED = frozenset(
    [
        *("ARABIC", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA"),
        *("TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA"),
    ]
)
APOSTROPHES = "'\u2018\u2019\u02bb\u02bc"
_WITHIN_A_WORD = re.compile(f"(?<=[^\\W\\d_])[{APOSTROPHES}](?=[^\\W\\d_])")
_UNASSIGNED = frozenset({"Cn", "Co", "Cs"})
# UTF-8 read byte by byte as Latin-1 or Windows-1252: a lead byte with as many continuation bytes as it asks for.
# Left out are the ones that follow a letter in sound text: no-break space, guillemets, soft hyphen, middle dot.
_SYMBOL = "\u0080-\u009f\u00a1-\u00aa\u00ac\u00ae-\u00b6\u00b8-\u00ba\u00bc-\u00bf"
_WINDOWS = (
    "\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019\u201c\u201d\u2022"
)
_MISREAD = re.compile(
    f"[\u00c2-\u00df][{_SYMBOL}]"
    f"|[\u00e0-\u00ef][\u0080-\u00bf{_WINDOWS}][{_SYMBOL}]"
    "|\u00e2\u20ac"  # quotation marks and dashes in Windows-1252
    "|<0x[0-9A-F]{2}>"  # a byte token that no decoder joined
)


@lru_cache(maxsize=4096)  # bounded: hostile text can hold any of a million characters
def script_of(char: str) -> str | None:
    """Script of a letter as Unicode names it, e.g. ``ETHIOPIC``; None for marks, digits, signs."""
    return _named_script(char) if unicodedata.category(char)[0] == "L" else None


@lru_cache(maxsize=4096)
def script_of_sign(char: str) -> str | None:
    """Script of a letter, or of a mark that belongs to one script; None for marks that any script may take."""
    return _named_script(char) if unicodedata.category(char)[0] in "LM" else None


def _named_script(char: str) -> str | None:
    first = unicodedata.name(char, "").partition(" ")[0]
    return None if first in ("", "MODIFIER", "FEMININE", "MASCULINE", "COMBINING", "VARIATION") else first


def joins(char: str, before: str) -> bool:
    """Whether a character is a joiner after a letter or mark of a script that is spelt with joiners."""
    return char in JOINERS and script_of_sign(before) in _JOINED


def script_counts(text: str) -> Counter[str]:
    """Letters of each script in the first 4,000 characters."""
    return Counter(script for char in text[:MAX_CHARS] if (script := script_of(char)) is not None)


def dominant_script(text: str) -> str | None:
    """Script of most letters in the first 4,000 characters; None where there are no letters."""
    counts = script_counts(text)
    return max(sorted(counts), key=counts.__getitem__) if counts else None


def other_share(text: str, script: str) -> float | None:
    """Share of the letters that are in another script; None where there are no letters."""
    counts = script_counts(text)
    return 1.0 - counts[script] / counts.total() if counts else None


def visible(text: str) -> str:
    """Text without format characters: soft hyphens, zero-width spaces and joiners, marks of direction."""
    return "".join(char for char in text[:MAX_CHARS] if unicodedata.category(char) != "Cf")


def normal(text: str) -> tuple[str, ...]:
    """Words of a text for comparing: without invisible characters, a dotted capital I as a small i."""
    return words(visible(text).replace("\u0130", "i"))


def held(text: str) -> str:
    """Text with every apostrophe within a word as a letter: dropped, it leaves a Ukrainian five the Russian one."""
    return _WITHIN_A_WORD.sub("\ua78c", text)


def is_broken(text: str) -> bool:
    """Whether the text holds replacement characters, unassigned or private code points, or misread UTF-8."""
    part = text[:MAX_CHARS]
    if any(char == "\ufffd" or unicodedata.category(char) in _UNASSIGNED for char in part):
        return True
    return _MISREAD.search(part) is not None
