"""Which script a text is written in, and whether it was decoded wrongly."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from tailgate_slices.grading import MAX_CHARS

# What UTF-8 looks like when read as Latin-1: a lead byte followed by a C1 control or a Latin-1 symbol.
_LATIN1_MISREAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf]")


@lru_cache(maxsize=4096)  # bounded: hostile text can hold any of a million characters
def script_of(char: str) -> str | None:
    """Script of a letter as Unicode names it, e.g. ``ETHIOPIC``; None for marks, digits, signs."""
    if unicodedata.category(char)[0] != "L":
        return None
    first = unicodedata.name(char, "").partition(" ")[0]
    return None if first in ("", "MODIFIER", "FEMININE", "MASCULINE") else first


def dominant_script(text: str) -> str | None:
    """Script of most letters in the first 4,000 characters; None where there are no letters."""
    counts = Counter(script for char in text[:MAX_CHARS] if (script := script_of(char)) is not None)
    return max(sorted(counts), key=counts.__getitem__) if counts else None


def is_broken(text: str) -> bool:
    """Whether the text holds replacement characters, unassigned or private code points, or misread UTF-8."""
    part = text[:MAX_CHARS]
    if any(char == "\ufffd" or unicodedata.category(char) in ("Cn", "Co", "Cs") for char in part):
        return True
    return _LATIN1_MISREAD.search(part) is not None
