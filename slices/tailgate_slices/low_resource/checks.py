"""How answers are read, by the form that the wanted one has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache
from types import MappingProxyType

from tailgate_slices.grading import find_phrase, numbers, settled, signed_numbers, words
from tailgate_slices.item import Item
from tailgate_slices.low_resource.claims import about_asked
from tailgate_slices.low_resource.phrases import Phrase, Phrases, mentions
from tailgate_slices.low_resource.reading import ANNOUNCING, FRAME, Reading
from tailgate_slices.low_resource.scripts import SPACELESS, normal
from tailgate_slices.low_resource.spoken import number_fault, segments
from tailgate_slices.low_resource.terms import (
    calendar_names,
    date_phrases,
    lettered,
    names,
    own_name,
    unit_forms,
    units,
)

_FIRST_OF_LIST = re.compile(r"\s*\(?(\d)[.)]\s(?=.*\d)", re.DOTALL)
# Behind one of these an order begins anew; commas and semicolons also stand within one.
_RESTART = re.compile(r"[:=>\u2192\n]|(?<!\d)[.!?]\s")


def form_fault(reading: Reading) -> str | None:
    """How an answer is wrong as to its form; None: it is right."""
    return _CHECKS[reading.form](reading)


def _word(reading: Reading) -> str | None:
    wanted = normal(reading.item.references[0])
    told = about_asked(reading, wanted)
    found = _names(reading.lang).within(told, reading.script)
    said = {*told, *(word for phrase in found for word in phrase)}
    if said & _glossary(reading.item) - set(wanted):
        return "wrong_entry"
    if wanted not in found and find_phrase(reading.said, wanted) is None:
        return "wrong_word"
    if _rivals(reading, wanted, found):
        return "hedged"
    return None if reading.item.attributes["task"] != "copy" or _stands_alone(reading, wanted) else "not_alone"


def _stands_alone(reading: Reading, wanted: Phrase) -> bool:
    """Whether a copy is all that an answer says, but for how an answer begins: ``Sure! Here is the text:``."""
    return set(reading.said) <= {*wanted, *FRAME, *ANNOUNCING}


@cache
def _names(code: str) -> Phrases:
    return Phrases(names(code))


def _rivals(reading: Reading, wanted: Phrase, found: Sequence[Phrase]) -> list[Phrase]:
    """Names of the wanted one's kind that the question does not hold; the language itself may be named."""
    tables = names(reading.lang)
    kinds = tables.get(wanted, frozenset())
    excused = (set(wanted), reading.asked, set(own_name(reading.lang)))
    return [phrase for phrase in found if tables[phrase] & kinds and not any(set(phrase) <= fit for fit in excused)]


def _glossary(item: Item) -> set[str]:
    """Native words of the entries that a prompt begins with."""
    if item.attributes["task"] == "copy":
        return set()
    entries = item.prompt.partition("\n")[0].split(".")
    return {word for entry in entries for word in normal(entry.rpartition(" is ")[2])}


def _term(reading: Reading) -> str | None:
    found = _places(reading, "month" if reading.kind == "month" else "weekday")
    if not found:
        return "wrong_word"
    return None if found == {reading.item.attributes["position"]} else "wrong_term"


def _places(reading: Reading, kind: str) -> set[int]:
    """Months or weekdays that an answer names and the question does not; all it names where that leaves none."""
    at, known = calendar_names(reading.lang, kind), _calendar(reading.lang, kind)
    named, asked = (
        {at[phrase] for phrase in known.within(text, reading.script)}
        for text in (reading.said, normal(reading.item.prompt))
    )
    return named - asked or named


@cache
def _calendar(code: str, kind: str) -> Phrases:
    return Phrases(calendar_names(code, kind))


def _date(reading: Reading) -> str | None:
    day, year, month = (int(reading.item.attributes[part]) for part in ("day", "year", "position"))
    given = [int(number) for number in numbers(_unlisted(reading, {day}))]
    right_numbers = sorted(given[-2:]) == sorted((day, year))
    months = _months(reading)
    if months != {month}:
        return "wrong_term" if months else "partial" if right_numbers else "wrong_word"
    if not right_numbers:
        return "partial"
    return "hedged" if set(given) - {day, year, month} - _asked(reading) else None


def _months(reading: Reading) -> set[int]:
    """Months that an answer names beyond those of the question, by their names or as they stand in a date."""
    at, known = _dated(reading.lang)
    named, asked = (
        {at[phrase] for phrase in known.within(lettered(text), reading.script)}
        for text in (reading.text, reading.item.prompt)
    )
    return named - asked or named


@cache
def _dated(code: str) -> tuple[Mapping[Phrase, int], Phrases]:
    found = {**calendar_names(code, "month"), **date_phrases(code)}
    return MappingProxyType(found), Phrases(found)


def _order(reading: Reading) -> str | None:
    wanted = [normal(word) for word in reading.item.references[0].split(", ")]
    known = Phrases(wanted)
    found = mentions(reading.said, known)
    # Between commas too: in Welsh "un deg, un deg un" (10, 11) the first three words are those of 11.
    parted = [hit for segment in segments(reading.text, "") for hit in mentions(words(segment), known)]
    orders = [order for order in (found, parted) if order[-len(wanted) :] == wanted]
    if orders:
        shown = mentions(normal(reading.item.prompt), known)
        is_anew = mentions(words(_RESTART.split(reading.text.rstrip(".!? "))[-1]), known) == wanted
        return None if any(_is_settled(order, wanted, shown, is_anew) for order in orders) else "hedged"
    if not found:
        return "wrong_word"
    return "wrong_order" if set(wanted) in (set(found), set(parted)) else "partial"


def _is_settled(found: list[Phrase], wanted: list[Phrase], shown: list[Phrase], is_anew: bool) -> bool:
    """Whether words in an order are the wanted one alone, or after what the question shows.

    A few of them may stand before it in a sentence of their own, not in the same list.
    """
    before = found[: -len(wanted)]
    if len(before) % len(wanted) == 0 and set(before) == set(wanted):
        return before[-len(wanted) :] in (wanted, shown[-len(wanted) :])
    return not before or is_anew


def _digits(reading: Reading) -> str | None:
    return _value_fault(reading, int(reading.item.references[0]))


def _value_fault(reading: Reading, wanted: int) -> str | None:
    """How the number that an answer gives is wrong: the last one must be right, and no other may stand against it.

    Numbers of the question stand against nothing, nor do those before the last equals sign or parts of a sum.
    """
    text = _unlisted(reading, {wanted})
    given = [int(number) for number in signed_numbers(text)]
    if not given:
        return "no_number"
    if given[-1] != wanted:
        return "wrong_number"
    last = [int(number) for number in signed_numbers(text.rpartition("=")[2])] or given
    others, late = ([n for n in found if n != wanted and n not in _asked(reading)] for found in (given, last))
    return "hedged" if late and wanted not in (sum(others), sum(late)) else None


def _unlisted(reading: Reading, wanted: Set[int]) -> str:
    """The settled text of an answer without the number of a list that it begins with: "1. 43 minggu"."""
    text = settled(reading.answer)
    listed = None if 1 in wanted else _FIRST_OF_LIST.match(text)
    return text[listed.end() :] if listed is not None and int(listed[1]) == 1 else text


def _asked(reading: Reading) -> set[int]:
    return {int(number) for number in numbers(reading.item.prompt)}


def _quantity(reading: Reading) -> str | None:
    unit = str(reading.item.attributes["unit"])
    said = lettered(reading.text)
    forms = unit_forms(reading.lang, unit)
    named = any(_holds(said, form, reading.script) for form in forms)
    fault = _value_fault(reading, int(reading.item.attributes["value"]))
    if fault == "no_number":
        return "partial" if named else "wrong_word"
    if fault is not None:
        return fault
    if not named:
        return "partial"
    return "hedged" if _other_units(reading, said, unit) else None


def _holds(said: Sequence[str], phrase: Phrase, script: str) -> bool:
    if script in SPACELESS:
        return "".join(phrase) in "".join(said)
    return find_phrase(said, phrase) is not None


def _other_units(reading: Reading, said: Sequence[str], unit: str) -> set[str]:
    """Units that an answer names besides the right one."""
    known, phrases = _units(reading.lang)
    named = (known[phrase] for phrase in mentions(said, phrases))
    return {other for fitting in named if unit not in fitting for other in fitting}


@cache
def _units(code: str) -> tuple[Mapping[Phrase, frozenset[str]], Phrases]:
    found: dict[Phrase, frozenset[str]] = {}
    for unit in units(code):
        for form in unit_forms(code, unit):
            found[form] = found.get(form, frozenset()) | {unit}
    return MappingProxyType(found), Phrases(found)


_CHECKS: Mapping[str, Callable[[Reading], str | None]] = MappingProxyType(
    {
        "word": _word,
        "term": _term,
        "date": _date,
        "order": _order,
        "digits": _digits,
        "number": number_fault,
        "quantity": _quantity,
    }
)
