"""Rules about what is said: people, places, figures, questions, greetings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tailgate_slices.drawing import pick
from tailgate_slices.grading import words
from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, maybe, some, when
from tailgate_slices.instruction_stack.vocabulary import CATEGORIES, FOREIGN, GREETINGS

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
_NUMBER = re.compile(r"(?<![0-9:$])[0-9]{1,3}(?![0-9:%])")
_PRICE = re.compile(r"\$[0-9]{1,6}")
_TIME = re.compile(r"(?<![0-9:])[0-9]{1,2}:[0-9]{2}(?![0-9:])")
_PERCENT = re.compile(r"(?<![0-9.])[0-9]{1,3}%")
_YEAR = re.compile(r"(?<![0-9$.])[0-9]{4}(?![0-9%])")
_EMAIL = re.compile(r"\b[a-z]{1,20}@example\.org\b")
_HASHTAG = re.compile(r"#[a-z]{1,20}\b")
_WE = frozenset(("i", "we", "me", "us", "my", "our", "mine", "ours"))


def _said(sought: Fitting, category: str) -> tuple[str, ...]:
    return tuple(word for word in CATEGORIES[category] if word.casefold() in sought.seen.counts)


def _mention(category: str) -> RuleKind:
    return RuleKind(
        name=f"mention_{category}",
        family="content",
        wording=_WORDING[category],
        fit=lambda sought: maybe("word", some(sought.rng, _said(sought, category))),
        holds=lambda answer, rule: rule["word"].casefold() in answer.counts,
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
    absent = [word for word in CATEGORIES[category] if word.casefold() not in sought.seen.counts]
    if len(absent) < 3:
        return None
    options = [absent[int(i)] for i in sought.rng.permutation(len(absent))[:3]]
    return {"plural": _PLURALS[category], "options": ", ".join(options)}


def _n_said(answer: Reading, options: str) -> int:
    return sum(word.casefold() in answer.counts for word in options.split(", "))


def _order(sought: Fitting) -> Params | None:
    known = {word.casefold(): word for category in ("name", "animal", "city") for word in CATEGORIES[category]}
    said = [known[word] for word in sought.seen.counts if word in known]
    if len(said) < 2:
        return None
    place = int(sought.rng.integers(len(said) - 1))
    return {"first": said[place], "second": said[int(sought.rng.integers(place + 1, len(said)))]}


def _is_in_order(answer: Reading, rule: Params) -> bool:
    places = {word: place for place, word in reversed(list(enumerate(answer.words)))}
    first, second = (places.get(rule[name].casefold(), -1) for name in ("first", "second"))
    return 0 <= first < second


def _figure(pattern: re.Pattern[str], name: str) -> Callable[[Fitting], Params | None]:
    return lambda sought: maybe(name, some(sought.rng, pattern.findall(sought.seen.folded)))


def _number(sought: Fitting) -> Params | None:
    """A number of the text that does not count its lines or parts."""
    return None if sought.of("numbered", "sections") else _figure(_NUMBER, "number")(sought)


def _stands_alone(answer: Reading, figure: str, pattern: re.Pattern[str]) -> bool:
    return figure in pattern.findall(answer.folded)


def _has_any(*wanted: str) -> Callable[[Reading, Params], bool]:
    return lambda answer, rule: any(word in answer.counts for word in wanted)


def _greeting(sought: Fitting) -> Params | None:
    first = sought.seen.words[0]
    return maybe("word", next((word for word in GREETINGS if word.casefold() == first), None))


def _signature(sought: Fitting) -> Params | None:
    last = sought.seen.words[-4:]
    names = (name for name in CATEGORIES["name"] if last == words(f"Best wishes from {name}"))
    return maybe("name", next(names, None))


def _foreign(sought: Fitting) -> Params | None:
    return maybe("word", some(sought.rng, [word for word in FOREIGN if word in sought.seen.words]))


_FIGURES: tuple[RuleKind, ...] = (
    RuleKind(
        name="number",
        family="content",
        wording="Mention the number {number}, in digits.",
        fit=_number,
        holds=lambda answer, rule: _stands_alone(answer, rule["number"], _NUMBER),
    ),
    RuleKind(
        name="price",
        family="content",
        wording="Mention a price of {price}, written like this.",
        fit=_figure(_PRICE, "price"),
        holds=lambda answer, rule: _stands_alone(answer, rule["price"], _PRICE),
    ),
    RuleKind(
        name="time",
        family="content",
        wording="Mention the time {time}, written like this.",
        fit=_figure(_TIME, "time"),
        holds=lambda answer, rule: _stands_alone(answer, rule["time"], _TIME),
    ),
    RuleKind(
        name="percentage",
        family="content",
        wording="Mention a share of {percentage}, written like this.",
        fit=_figure(_PERCENT, "percentage"),
        holds=lambda answer, rule: _stands_alone(answer, rule["percentage"], _PERCENT),
    ),
    RuleKind(
        name="year",
        family="content",
        wording="Mention the year {year}.",
        fit=_figure(_YEAR, "year"),
        holds=lambda answer, rule: _stands_alone(answer, rule["year"], _YEAR),
    ),
    RuleKind(
        name="email",
        family="content",
        wording="Mention the e-mail address {address}.",
        fit=_figure(_EMAIL, "address"),
        holds=lambda answer, rule: rule["address"] in answer.folded,
    ),
    RuleKind(
        name="hashtag",
        family="content",
        wording="Use the hashtag {hashtag}.",
        fit=_figure(_HASHTAG, "hashtag"),
        holds=lambda answer, rule: rule["hashtag"] in answer.folded,
    ),
)
_NAMED: tuple[RuleKind, ...] = (
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
_MANNERS: tuple[RuleKind, ...] = (
    RuleKind(
        name="ask",
        family="content",
        wording="Ask the reader a question.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "?" in answer.text,
        group="question",
    ),
    RuleKind(
        name="no_question",
        family="content",
        wording="Do not ask any question.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "?" not in answer.text,
        group="question",
    ),
    RuleKind(
        name="exclaim",
        family="content",
        wording="Exclaim something, with an exclamation mark.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "!" in answer.text,
    ),
    RuleKind(
        name="address_reader",
        family="content",
        wording='Address the reader as "you".',
        fit=lambda sought: when(True),
        holds=_has_any("you", "your", "yours"),
    ),
    RuleKind(
        name="first_person",
        family="content",
        wording='Write in the first person: use "I" or "we".',
        fit=lambda sought: when(True),
        holds=_has_any("i", "we"),
        group="person",
    ),
    RuleKind(
        name="no_first_person",
        family="content",
        wording='Do not write about yourself: use neither "I", "me", "my" nor "we", "us", "our".',
        fit=lambda sought: when(True),
        holds=lambda answer, rule: not _WE.intersection(answer.counts),
        group="person",
    ),
    RuleKind(
        name="greet",
        family="content",
        wording='Greet the reader first: begin with "{word}".',
        fit=_greeting,
        holds=lambda answer, rule: answer.words[:1] == (rule["word"].casefold(),),
    ),
    RuleKind(
        name="sign",
        family="content",
        wording='Sign the text: end with "Best wishes from {name}."',
        fit=_signature,
        holds=lambda answer, rule: answer.words[-4:] == words(f"Best wishes from {rule['name']}"),
    ),
    RuleKind(
        name="foreign_word",
        family="content",
        wording="Use the foreign word {word}, in its own letters.",
        fit=_foreign,
        holds=lambda answer, rule: rule["word"] in answer.words,
    ),
    RuleKind(
        name="compare",
        family="content",
        wording='Compare two things, with the word "than".',
        fit=lambda sought: when(True),
        holds=_has_any("than"),
    ),
    RuleKind(
        name="reason",
        family="content",
        wording='Give a reason, with the word "because" or "since".',
        fit=lambda sought: when(True),
        holds=_has_any("because", "since"),
    ),
    RuleKind(
        name="contrast",
        family="content",
        wording='Name a contrast, with the word "but".',
        fit=lambda sought: when(True),
        holds=_has_any("but"),
    ),
    RuleKind(
        name="sequence",
        family="content",
        wording='Tell what came first and what came next, with the words "first" and "then".',
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "first" in answer.counts and "then" in answer.counts,
    ),
)
CONTENT: tuple[RuleKind, ...] = (*_NAMED, *_FIGURES, *_MANNERS)
