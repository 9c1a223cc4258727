"""Which language single words are in: the names and number words that the slice knows, those of neighbours too."""

from __future__ import annotations

from functools import cache

from tailgate_slices.low_resource.identify import agrees
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.low_resource.numerals import ENGLISH, basic_words, number_words
from tailgate_slices.low_resource.phrases import Phrases
from tailgate_slices.low_resource.reading import Reading
from tailgate_slices.low_resource.respelling import folded
from tailgate_slices.low_resource.scripts import normal
from tailgate_slices.low_resource.terms import calendar, date_phrases, english_names, names, unit_forms

SHORTEST = 3  # letters of a word that tells of a language: shorter ones are words of many
ENOUGH = 0.5  # of the letters of an answer


def same_language(reading: Reading) -> bool | None:
    """Whether an answer is in its language; None where nothing tells.

    One word that the language has decides for it. Against it decide words that only its neighbours in the script or
    English have, where they make up half of the answer; then the detector.
    """
    said = tuple(reading.new.split()) or reading.said
    if _is_own(reading, said):
        return True
    foreign = _neighbours(reading.lang).within(said, reading.script)
    letters = sum(len(word) for phrase in foreign for word in phrase)
    if letters and letters >= ENOUGH * sum(map(len, said)):
        return False
    return agrees(reading.new, reading.lang)


def _is_own(reading: Reading, said: tuple[str, ...]) -> bool:
    """Whether an answer holds a word of its language that is not just repeated from the question."""
    found = _own(reading.lang).within(reading.said, reading.script)
    fresh = [phrase for phrase in found if not reading.asked.issuperset(phrase) or not reading.new]
    return bool(fresh) or _counts(said, reading.lang) or _measures(reading)


def _counts(said: tuple[str, ...], code: str) -> bool:
    """Whether number words of a language are said: a long one, or nothing but such words."""
    known = number_words(code) if "number-to-words" in LANGUAGES[code].tasks else frozenset()
    counted = [word for word in said if folded(code, word) in known]
    return any(len(word) >= SHORTEST for word in counted) or 0 < len(counted) == len(said)


def _measures(reading: Reading) -> bool:
    """Whether an answer in a unit has the unit's name."""
    unit = reading.item.attributes.get("unit")
    return unit is not None and bool(Phrases(unit_forms(reading.lang, str(unit))).within(reading.said, reading.script))


@cache
def _own(code: str) -> Phrases:
    forms = (normal(form) for kind in ("month", "weekday") for place in calendar(code, kind) for form in place.forms)
    return Phrases([*names(code), *forms, *date_phrases(code), *_numbers(code)])


@cache
def _neighbours(code: str) -> Phrases:
    """Names and number words of the other languages that are written in the script of one."""
    script = LANGUAGES[code].script
    others = [other for other, language in LANGUAGES.items() if language.script == script and other != code]
    found = {phrase for other in others for phrase in (*names(other), *_numbers(other))}
    if script == "LATIN":
        found |= {*english_names(), *((word,) for word in ENGLISH)}
    return Phrases(phrase for phrase in found if sum(map(len, phrase)) >= SHORTEST)


def _numbers(code: str) -> set[tuple[str, ...]]:
    if "number-to-words" in LANGUAGES[code].lacks:
        return set()
    return {phrase for phrase in basic_words(code) if sum(map(len, phrase)) >= SHORTEST}
