"""How answers are judged, and what they tell about the state of the language."""

from __future__ import annotations

import unicodedata

from tailgate_slices.grading import bounded, find_phrase
from tailgate_slices.low_resource.checks import form_fault
from tailgate_slices.low_resource.denials import denied, taken_back
from tailgate_slices.low_resource.lexicon import same_language
from tailgate_slices.low_resource.reading import FRAME, Reading
from tailgate_slices.low_resource.scripts import dominant_script, is_broken, normal, other_share

SWITCHED = 0.2  # share of letters in another script from which an answer mixes languages
DECISIVE = frozenset(
    [
        "broken_text",
        "untranslated",
        "wrong_script",
        "code_switched",
        "wrong_language",
        "wrong_entry",
        "hedged",
        "not_alone",
    ]
)
_OPEN = frozenset({"wrong_word", "partial"})  # modes that a lost language explains better


def fault(reading: Reading) -> str | None:
    """How an answer is wrong, the loss of its language before a wrong word; None: it is right."""
    mode = form_fault(reading)
    if mode is None:
        is_denied = denied(reading) or taken_back(reading, lambda part: form_fault(part) is None)
        return "hedged" if is_denied else None
    if is_broken(bounded(reading.answer.text)):
        return "broken_text"
    return _how_lost(reading, mode) if mode in _OPEN else mode


def _how_lost(reading: Reading, mode: str) -> str:
    english = normal(str(reading.item.attributes["english"]))
    rest = " ".join(word for word in reading.new.split() if word not in english)
    script = dominant_script(rest)
    if script is None:
        if find_phrase(reading.said, english) is not None and any(map(str.isalpha, english)):
            return "untranslated"
        return "no_word" if mode == "wrong_word" else mode
    if script != reading.script:
        return "wrong_script"
    if (other_share(rest, reading.script) or 0.0) >= SWITCHED:
        return "code_switched"
    return "wrong_language" if same_language(reading) is False else mode


def drift(reading: Reading) -> dict[str, float]:
    """What an answer tells about the language: its script, mixed in letters, broken characters, the language itself.

    English words that the question used count for no script. A number is absent where it cannot be measured: without
    letters, or where neither words nor a detector tell the language.
    """
    found = {"broken_text": float(is_broken(bounded(reading.answer.text)))}
    english = {word for word in reading.asked if dominant_script(word) != reading.script}
    own = " ".join(word for word in reading.said if word not in english and word not in FRAME)
    own = unicodedata.normalize("NFC", own)
    share = other_share(own, reading.script)
    if share is not None:
        found["script_right"] = float(dominant_script(own) == reading.script)
        found["other_script_share"] = share
    if reading.form != "digits" and (same := same_language(reading)) is not None:
        found["language_right"] = float(same)
    return found
