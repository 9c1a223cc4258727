"""Rules about what is named: people, places, animals and things, in the singular or the plural."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tailgate_slices.drawing import pick
from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, maybe, some
from tailgate_slices.instruction_stack.vocabulary import CATEGORIES

MOST_MENTIONS = 5  # of one category in an item
_PLURALS: Mapping[str, str] = MappingProxyType(
    {
        "name": "people",
        "city": "cities",
        "colour": "colours",
        "animal": "animals",
        "food": "kinds of food",
        "day": "days of the week",
        "month": "months",
        "job": "jobs",
        "object": "things",
    }
)
_WORDING: Mapping[str, str] = MappingProxyType(
    {
        "name": "Mention a person called {word}.",
        "city": "Mention the city of {word}.",
        "colour": "Mention the colour {word}.",
        "animal": "Mention a {word} (the animal).",
        "food": "Mention {word} as something to eat.",
        "day": "Mention the day {word}.",
        "month": "Mention the month of {word}.",
        "job": "Mention a {word} (the job).",
        "object": "Mention a {word} (the thing).",
    }
)
_COUNTED = frozenset(
    word.casefold() for category in ("animal", "food", "day", "job", "object") for word in CATEGORIES[category]
)
_IRREGULAR: Mapping[str, str] = MappingProxyType({"mouse": "mice", "wolf": "wolves", "beans": "bean", "nuts": "nut"})


@cache
def forms(word: str) -> tuple[str, ...]:
    """How a word that a rule asks for may stand in a text: folded, and in the other number where it has one."""
    folded = word.casefold()
    return (folded, _other_number(folded)) if folded in _COUNTED else (folded,)


def _other_number(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    return f"{word}es" if word.endswith(("s", "x", "sh", "ch")) else f"{word}s"


def _names(answer: Reading, word: str) -> bool:
    return any(form in answer.counts for form in forms(word))


def _said(sought: Fitting, category: str) -> tuple[str, ...]:
    return tuple(word for word in CATEGORIES[category] if _names(sought.seen, word))


def _mention(category: str) -> RuleKind:
    return RuleKind(
        name=f"mention_{category}",
        family="content",
        wording=_WORDING[category],
        fit=lambda sought: maybe("word", some(sought.rng, _said(sought, category))),
        holds=lambda answer, rule: _names(answer, rule["word"]),
        repeats=MOST_MENTIONS,
    )


def _some_of(sought: Fitting) -> Params | None:
    category = pick(sought.rng, tuple(_PLURALS))
    said = _said(sought, category)
    if len(said) < 2:
        return None
    absent = [word for word in CATEGORIES[category] if word not in said][:2]
    return {"n": 2, "plural": _PLURALS[category], "options": ", ".join((*absent, *said[:3]))}


def _none_of(sought: Fitting) -> Params | None:
    category = pick(sought.rng, tuple(_PLURALS))
    absent = [word for word in CATEGORIES[category] if not _names(sought.seen, word)]
    if len(absent) < 3:
        return None
    options = [absent[int(i)] for i in sought.rng.permutation(len(absent))[:3]]
    return {"plural": _PLURALS[category], "options": ", ".join(options)}


def _n_said(answer: Reading, options: str) -> int:
    return sum(_names(answer, word) for word in options.split(", "))


def _order(sought: Fitting) -> Params | None:
    known = {word.casefold(): word for category in ("name", "animal", "city") for word in CATEGORIES[category]}
    said = [known[word] for word in sought.seen.counts if word in known]
    if len(said) < 2:
        return None
    place = int(sought.rng.integers(len(said) - 1))
    return {"first": said[place], "second": said[int(sought.rng.integers(place + 1, len(said)))]}


def _is_in_order(answer: Reading, rule: Params) -> bool:
    places = {word: place for place, word in reversed(list(enumerate(answer.words)))}
    first, second = (
        min((places[form] for form in forms(rule[name]) if form in places), default=-1) for name in ("first", "second")
    )
    return 0 <= first < second


NAMED: tuple[RuleKind, ...] = (
    *map(_mention, _PLURALS),
    RuleKind(
        name="name_some_of",
        family="content",
        wording="Of these {plural}, name at least {n}: {options}.",
        fit=_some_of,
        holds=lambda answer, rule: _n_said(answer, rule["options"]) >= rule["n"],
        repeats=5,
    ),
    RuleKind(
        name="name_none_of",
        family="content",
        wording="Of these {plural}, name none: {options}.",
        fit=_none_of,
        holds=lambda answer, rule: _n_said(answer, rule["options"]) == 0,
        repeats=7,
    ),
    RuleKind(
        name="name_before",
        family="content",
        wording="Name {first} before you name {second}.",
        fit=_order,
        holds=_is_in_order,
        repeats=5,
    ),
)
