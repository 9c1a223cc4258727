"""Proof that a text is in a language: what every generated text passes before it is asked."""

from __future__ import annotations

import unicodedata

from tailgate_slices.low_resource.scripts import INVISIBLE, joins, normal, script_of_sign


def proof(text: str, *, script: str, english: frozenset[str] = frozenset()) -> str | None:
    """What speaks against a text being in a language; None: it is proven.

    Libraries of locale data answer in English, without a word, where they know nothing of a language, and some of
    their texts hold invisible characters or letters of a neighbouring script.

    Parameters
    ----------
    text
        Words as they would be shown to a model.
    script
        What all letters, and all marks that belong to one script, must be written in.
    english
        English texts and words in small letters; a text that equals or holds one of them is not proven.
    """
    if text != unicodedata.normalize("NFC", text):
        return "is not composed (NFC)"
    for before, char in zip(f" {text}", text, strict=False):
        if joins(char, before):
            continue
        if unicodedata.category(char) in INVISIBLE or (char.isspace() and char != " "):
            return f"holds the invisible U+{ord(char):04X}"
    found = {sign for char in text if (sign := script_of_sign(char)) is not None}
    if not found:
        return "holds no letters"
    if found != {script}:
        return f"holds {', '.join(sorted(found - {script}))}"
    if text.casefold() in english or english.intersection(normal(text)):
        return "is English"
    return None


def tidied(text: str) -> str:
    """Text composed (NFC), with single plain spaces and without format characters, save for joiners that it needs."""
    pairs = zip(f" {text}", text, strict=False)
    shown = "".join(char for before, char in pairs if unicodedata.category(char) != "Cf" or joins(char, before))
    return unicodedata.normalize("NFC", " ".join(shown.split()))
