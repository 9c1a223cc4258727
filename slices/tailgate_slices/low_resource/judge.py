"""How answers are read, by the form that the wanted one has, and what they tell about the state of the language."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from types import MappingProxyType

from tailgate_slices.grading import bounded, find_phrase, numbers, settled, words
from tailgate_slices.item import Answer, Item
from tailgate_slices.low_resource.identify import agrees
from tailgate_slices.low_resource.numerals import ENGLISH, number_words, readings, squash
from tailgate_slices.low_resource.scripts import SPACELESS, dominant_script, is_broken, other_share, visible
from tailgate_slices.low_resource.terms import calendar_names, date_phrases, lettered, unit_forms

SWITCHED = 0.2  # share of letters in another script from which an answer mixes languages
DECISIVE = frozenset({"broken_text", "untranslated", "wrong_script", "code_switched", "wrong_language", "wrong_entry"})
_FRAME = frozenset({"the", "word", "name", "is", "in", "for", "a", "of", "this", "answer"})
_OPEN = frozenset({"wrong_word", "partial"})  # modes that a lost language explains better


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a dictionary
class Reading:
    """An answer beside its question, cut into words once."""

    item: Item
    answer: Answer

    @cached_property
    def text(self) -> str:
        """The answer without invisible characters; a dotted capital I counts as a small i."""
        return visible(bounded(self.answer.text)).replace("\u0130", "i")

    @cached_property
    def said(self) -> tuple[str, ...]:
        """The words of the answer."""
        return words(self.text)

    @cached_property
    def asked(self) -> frozenset[str]:
        """The words of the prompt."""
        return frozenset(normal(self.item.prompt))

    @cached_property
    def new(self) -> str:
        """What the answer holds beyond the words of the question and the frame of a sentence."""
        fresh = (word for word in self.said if word not in self.asked and word not in _FRAME)
        return unicodedata.normalize("NFC", " ".join(fresh))

    @property
    def script(self) -> str:
        """The script that the answer should be in."""
        return str(self.item.attributes["script"])

    @property
    def lang(self) -> str:
        """The language that the answer should be in."""
        return str(self.item.attributes["lang"])

    @property
    def kind(self) -> str:
        """The kind of question within its task."""
        return str(self.item.attributes["kind"])


def normal(text: str) -> tuple[str, ...]:
    """Words of a text of ours, read as those of an answer are."""
    return words(visible(text).replace("\u0130", "i"))


def fault(reading: Reading) -> str | None:
    """How an answer is wrong, the loss of its language before a wrong word; None: it is right."""
    form = str(reading.item.attributes["form"])
    mode = _CHECKS[form](reading)
    if mode is None:
        return None
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
    return "wrong_language" if agrees(reading.new, reading.lang) is False else mode


def drift(reading: Reading) -> dict[str, float]:
    """What an answer tells about the language: its script, mixed in letters, broken characters, a detector's view.

    English words that the question used count for no script. A number is absent where it cannot be measured: without
    letters, or where no detector knows the language.
    """
    found = {"broken_text": float(is_broken(bounded(reading.answer.text)))}
    english = {word for word in reading.asked if dominant_script(word) != reading.script}
    own = " ".join(word for word in reading.said if word not in english and word not in _FRAME)
    own = unicodedata.normalize("NFC", own)
    share = other_share(own, reading.script)
    if share is not None:
        found["script_right"] = float(dominant_script(own) == reading.script)
        found["other_script_share"] = share
    if reading.item.attributes["form"] != "digits" and (same := agrees(reading.new, reading.lang)) is not None:
        found["language_right"] = float(same)
    return found


def _word(reading: Reading) -> str | None:
    wanted, entries = normal(reading.item.references[0]), _glossary(reading.item)
    others = set(reading.said) & entries - set(wanted)
    if others:
        return "wrong_entry"
    return "wrong_word" if find_phrase(reading.said, wanted) is None else None


def _glossary(item: Item) -> set[str]:
    """Native words of the entries that a prompt begins with."""
    if item.attributes["task"] == "copy":
        return set()
    entries = item.prompt.partition("\n")[0].split(".")
    return {word for entry in entries for word in normal(entry.rpartition(" is ")[2])}


def mentions(said: Sequence[str], phrases: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Phrases in the order in which a text mentions them, the longest first where several begin with a word."""
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for phrase in sorted(filter(None, phrases), key=len, reverse=True):
        by_first.setdefault(phrase[0], []).append(phrase)
    found, at = [], 0
    while at < len(said):
        hit = next((p for p in by_first.get(said[at], ()) if tuple(said[at : at + len(p)]) == p), None)
        if hit is not None:
            found.append(hit)
        at += len(hit) if hit is not None else 1
    return found


def _term(reading: Reading) -> str | None:
    found = _places(reading, "month" if reading.kind == "month" else "weekday")
    if not found:
        return "wrong_word"
    return None if found == {reading.item.attributes["position"]} else "wrong_term"


def _places(reading: Reading, kind: str) -> set[int]:
    """Months or weekdays that an answer names and the question does not; all it names where that leaves none."""
    names = {normal(" ".join(phrase)): at for phrase, at in calendar_names(reading.lang, kind).items()}
    named = {names[phrase] for phrase in mentions(reading.said, names)}
    asked = {names[phrase] for phrase in mentions(normal(reading.item.prompt), names)}
    return named - asked or named


def _date(reading: Reading) -> str | None:
    attributes = reading.item.attributes
    wanted = sorted(str(attributes[part]) for part in ("day", "year"))
    given = [number.lstrip("0") for number in numbers(settled(reading.answer))]
    right_numbers = sorted(given[-2:]) == wanted
    months = _months(reading)
    if months == {attributes["position"]}:
        return None if right_numbers else "partial"
    if months:
        return "wrong_term"
    return "partial" if right_numbers else "wrong_word"


def _months(reading: Reading) -> set[int]:
    """Months that an answer names beyond those of the question, by their names or as they stand in a date."""
    found = {**calendar_names(reading.lang, "month"), **date_phrases(reading.lang)}
    names = {normal(" ".join(phrase)): at for phrase, at in found.items()}
    named, asked = (
        {names[phrase] for phrase in mentions(normal(" ".join(lettered(text))), names)}
        for text in (reading.text, reading.item.prompt)
    )
    return named - asked or named


def _order(reading: Reading) -> str | None:
    wanted = [normal(word) for word in reading.item.references[0].split(", ")]
    found = mentions(reading.said, wanted)
    # Between commas too: in Welsh "un deg, un deg un" (10, 11) the first three words are those of 11.
    parted = [hit for segment in _segments(reading.text, "") for hit in mentions(words(segment), wanted)]
    if wanted in (found[-len(wanted) :], parted[-len(wanted) :]):
        return None
    if not found:
        return "wrong_word"
    return "wrong_order" if set(wanted) in (set(found), set(parted)) else "partial"


def _digits(reading: Reading) -> str | None:
    found = numbers(settled(reading.answer))
    if not found:
        return "no_number"
    return None if found[-1].lstrip("0") == reading.item.references[0] else "wrong_number"


def _number(reading: Reading) -> str | None:
    wanted = {squash(reference) for reference in reading.item.references}
    asked = set(_spoken(reading, reading.item.prompt, wanted)) - wanted
    spoken = _spoken(reading, reading.text, wanted)
    new = [run for run in spoken if run not in asked] or spoken
    if not new:
        return _unspoken(reading)
    return None if new[-1] in wanted else "wrong_number"


def _unspoken(reading: Reading) -> str:
    """How an answer without a number in the words of the language is wrong."""
    if set(reading.said) & ENGLISH:
        return "untranslated"
    letters = any(map(str.isalpha, reading.new))
    return "in_digits" if numbers(reading.text) and not letters else "wrong_word"


def _spoken(reading: Reading, text: str, wanted: set[str]) -> list[str]:
    """Numbers in words that a text holds, without spaces: runs of number words with nothing else between them."""
    known = readings(reading.lang)
    joining = "," if any("," in reference for reference in reading.item.references) else ""
    segments = [words(segment) for segment in _segments(text, joining)]
    if reading.script in SPACELESS:
        return [run for segment in segments if (run := "".join(segment)) in wanted or run in known]
    own = {word for reference in reading.item.references for word in words(reference)}
    vocabulary = number_words(reading.lang) | own
    runs: list[tuple[str, ...]] = []
    for segment in segments:
        whole = "".join(segment)  # a model may write in one word what ICU writes in several
        parts = [tuple(run) for inside, run in groupby(segment, vocabulary.__contains__) if inside]
        runs += [segment] if whole in wanted or whole in known else parts
    # Words that only join numbers ("and") are in the vocabulary; a run of nothing else says no number.
    says = [run for run in runs if "".join(run) in wanted or "".join(run) in known or not known.keys().isdisjoint(run)]
    return ["".join(run) for run in says]


def _segments(text: str, joining: str) -> list[str]:
    """Parts of a text between signs; spaces, hyphens, apostrophes and what else is `joining` hold a number together."""
    inside = "-'\u2019\u05be" + joining
    kept = (char if unicodedata.category(char)[0] in "LMZ" or char in inside else "\n" for char in text)
    return "".join(kept).split("\n")


def _quantity(reading: Reading) -> str | None:
    attributes = reading.item.attributes
    found = numbers(settled(reading.answer))
    said = lettered(reading.text)
    forms = unit_forms(reading.lang, str(attributes["unit"]))
    named = any(_holds(said, normal(" ".join(form)), reading.script) for form in forms)
    if not found:
        return "partial" if named else "wrong_word"
    if found[-1].lstrip("0") != str(attributes["value"]):
        return "wrong_number"
    return None if named else "partial"


def _holds(said: Sequence[str], phrase: Sequence[str], script: str) -> bool:
    if script in SPACELESS:
        return "".join(phrase) in "".join(said)
    return find_phrase(said, phrase) is not None


_CHECKS: Mapping[str, Callable[[Reading], str | None]] = MappingProxyType(
    {
        "word": _word,
        "term": _term,
        "date": _date,
        "order": _order,
        "digits": _digits,
        "number": _number,
        "quantity": _quantity,
    }
)
