"""How each task asks: a prompt, the accepted answers, and what the grader has to know about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from tailgate_slices.drawing import integer, pick, pick_distinct
from tailgate_slices.item import Attribute
from tailgate_slices.low_resource.languages import Language
from tailgate_slices.low_resource.numerals import collation, spellings
from tailgate_slices.low_resource.respelling import highest
from tailgate_slices.low_resource.stories import draw_problem
from tailgate_slices.low_resource.terms import (
    Place,
    Term,
    calendar,
    terms,
    territories,
    written_date,
)

GLOSSARY_ENTRIES = 2
FEWEST = {"weekday": 5, "month": 6}  # proven names that a language needs before they are asked for
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_TRIES = 5000  # one draw in 70 serves for five words of Swahili, where most names begin alike
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    `form` says how the answer is read: one word, a term of the calendar, a date, words in an order, digits, a number
    in words, or a quantity. `english` is what the answer says, in English; `more` are attributes that grading needs.
    """

    prompt: str
    references: tuple[str, ...]
    form: str
    kind: str
    english: str
    more: Mapping[str, Attribute] = field(default_factory=dict)


def ask(task: str, rng: np.random.Generator, language: Language) -> Question:
    """Draw a question of a task that the language has data for."""
    return _ASK[task](rng, language)


def _copy(rng: np.random.Generator, language: Language) -> Question:
    term = pick(rng, terms(language.code))
    return _named(f'Repeat exactly: "{term.native}"', term)


def _lookup(rng: np.random.Generator, language: Language) -> Question:
    glossary = pick_distinct(rng, terms(language.code), GLOSSARY_ENTRIES)
    term = pick(rng, glossary)
    entries = " ".join(_entry(language, each) for each in glossary)
    return _named(f"{entries}\nWhat is the {language.name} name of {term.english}?", term)


def _territory(rng: np.random.Generator, language: Language) -> Question:
    term, example = pick_distinct(rng, territories(language.code), 2)
    return _named(f"{_entry(language, example)}\nWhat is the {language.name} name of {term.english}?", term)


def _entry(language: Language, term: Term) -> str:
    return f"The {language.name} name of {term.english} is {term.native}."


def _named(prompt: str, term: Term) -> Question:
    return Question(prompt=prompt, references=(term.native,), form="word", kind="name", english=term.english)


def calendar_kinds(code: str) -> tuple[str, ...]:
    """Which of weekdays and months a language has enough proven names of."""
    return tuple(kind for kind, fewest in FEWEST.items() if len(calendar(code, kind)) >= fewest)


def _date(rng: np.random.Generator, language: Language) -> Question:
    kinds = calendar_kinds(language.code)
    kind = pick(rng, (*kinds, "date", "date") if dates(language.code) else kinds)
    if kind == "date":
        return _whole_date(rng, language)
    place, example = pick_distinct(rng, calendar(language.code, kind), 2)
    prompt = (
        f"In {language.name}, the {kind} {example.english} is {example.forms[0]}.\n"
        f"What is the {kind} {place.english} in {language.name}?"
    )
    return _placed(prompt, place, kind)


def _placed(prompt: str, place: Place, kind: str) -> Question:
    more = {"position": place.position}
    return Question(prompt=prompt, references=place.forms, form="term", kind=kind, english=place.english, more=more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    year: int
    month: int
    day: int

    @property
    def english(self) -> str:
        return f"{self.day} {MONTHS[self.month - 1]} {self.year}"

    def written(self, code: str) -> str:
        text = written_date(code, self.year, self.month, self.day)
        assert text is not None, (code, self)  # `dates` holds proven months only, and days do not change the letters
        return text


def dates(code: str) -> tuple[int, ...]:
    """The months whose dates are proven when written out; empty where they are too few."""
    months = tuple(month for month in range(1, 13) if written_date(code, 2000, month, 13) is not None)
    return months if len(months) >= FEWEST["month"] else ()


def _whole_date(rng: np.random.Generator, language: Language) -> Question:
    months = pick_distinct(rng, dates(language.code), 2)
    days = pick_distinct(rng, range(2, 29), 2)
    years = pick_distinct(rng, range(1950, 2030), 2)
    example, wanted = (
        _Day(year=year, month=month, day=day) for year, month, day in zip(years, months, days, strict=True)
    )
    prompt = (
        f'In {language.name}, {example.english} is written "{example.written(language.code)}".\n'
        f"How is {wanted.english} written in {language.name}?"
    )
    more = {"position": wanted.month, "day": wanted.day, "year": wanted.year}
    return Question(
        prompt=prompt,
        references=(wanted.written(language.code),),
        form="date",
        kind="date",
        english=MONTHS[wanted.month - 1],
        more=more,
    )


def _sort(rng: np.random.Generator, language: Language) -> Question:
    values = ("value",) if "words-to-number" in language.tasks else ()
    kind = pick(rng, ("alphabet", "alphabet", *calendar_kinds(language.code), *values))
    size = integer(rng, 3, 5)
    ordered = _in_order(rng, language, kind, size)
    shown = ", ".join(_shuffled(rng, ordered))
    prompt = f"{_SORTS[kind].format(name=language.name)}, on one line, separated by commas: {shown}."
    more = {"size": size}
    return Question(prompt=prompt, references=(", ".join(ordered),), form="order", kind=kind, english="", more=more)


_SORTS: Mapping[str, str] = MappingProxyType(
    {
        "alphabet": "Sort these {name} words in alphabetical order",
        "weekday": "Put these {name} weekdays in the order of the week, from Monday to Sunday",
        "month": "Put these {name} months in the order of the year, from January to December",
        "value": "Sort these {name} numbers from the smallest to the largest",
    }
)


def _in_order(rng: np.random.Generator, language: Language, kind: str, size: int) -> list[str]:
    if kind == "alphabet":
        return _alphabetical(rng, language.code, size)
    if kind == "value":
        return [spellings(language.code, n)[0] for n in sorted(pick_distinct(rng, range(1, 21), size))]
    places = sorted(pick_distinct(rng, calendar(language.code, kind), size), key=lambda place: place.position)
    return [place.forms[0] for place in places]


def _alphabetical(rng: np.random.Generator, code: str, size: int) -> list[str]:
    """Words that the language's own order and that of the code points sort alike: their order is beyond dispute."""
    key, pool = collation(code), [term.native for term in terms(code)]
    for _ in range(_TRIES):
        chosen = sorted(pick_distinct(rng, pool, size), key=str.casefold)
        if chosen == sorted(chosen, key=key) and len({word[0].casefold() for word in chosen}) == size:
            return chosen
    raise AssertionError(f"no {size} words of {code} sort alike in {_TRIES} draws")


def _shuffled(rng: np.random.Generator, things: Sequence[Thing]) -> list[Thing]:
    """The same things in another order."""
    order = pick_distinct(rng, things, len(things))
    return order if order != list(things) else [*things[1:], things[0]]


def _number(rng: np.random.Generator, language: Language) -> int:
    longest = len(str(highest(language.code)))
    digits = pick(rng, [n for n in (1, 2, 2, 2, 3, 3, 4) if n <= longest])
    return integer(rng, max(1, 10 ** (digits - 1)), min(10**digits - 1, highest(language.code)))


def _numbers(rng: np.random.Generator, language: Language) -> tuple[int, int, int]:
    """A number that is asked for, and two small ones as examples."""
    wanted = _number(rng, language)
    first, second = pick_distinct(rng, [n for n in range(2, 30) if n != wanted], 2)
    return wanted, first, second


def _words_to_number(rng: np.random.Generator, language: Language) -> Question:
    wanted, first, second = _numbers(rng, language)
    one, two, asked = (spellings(language.code, n)[0] for n in (first, second, wanted))
    prompt = (
        f'In {language.name}, "{one}" is {first} and "{two}" is {second}.\nWhich number is "{asked}"? Answer in digits.'
    )
    more = {"digits": len(str(wanted))}
    return Question(
        prompt=prompt, references=(str(wanted),), form="digits", kind="reading", english=str(wanted), more=more
    )


def _number_to_words(rng: np.random.Generator, language: Language) -> Question:
    wanted, first, second = _numbers(rng, language)
    one, two = (spellings(language.code, n)[0] for n in (first, second))
    prompt = (
        f'In {language.name}, {first} is "{one}" and {second} is "{two}".\n'
        f"Write the number {wanted} in {language.name} words."
    )
    return spelled(prompt, language, wanted, "writing")


def spelled(prompt: str, language: Language, number: int, kind: str) -> Question:
    """A question whose answer is a number in words."""
    return Question(
        prompt=prompt,
        references=spellings(language.code, number),
        form="number",
        kind=kind,
        english=str(number),
        more={"value": number, "digits": len(str(number))},
    )


def _answer(rng: np.random.Generator, language: Language) -> Question:
    numbers = ("number",) if "words-to-number" in language.tasks else ()
    kind = pick(rng, (*calendar_kinds(language.code), *numbers))
    step = pick(rng, (1, 1, -1, -1, 2, 3))
    if kind == "number":
        return _neighbour(rng, language, step)
    names = {place.position: place for place in calendar(language.code, kind)}
    cycle = 7 if kind == "weekday" else 12
    origin = 0 if kind == "weekday" else 1
    starts = [at for at in names if (at - origin + step) % cycle + origin in names]
    start = pick(rng, starts)
    wanted = names[(start - origin + step) % cycle + origin]
    shown = [at for at in names if at + 1 in names and wanted.position not in (at, at + 1)]
    example = pick(rng, shown)
    prompt = (
        f"The {kind} after {names[example].forms[0]} is {names[example + 1].forms[0]}.\n"
        f"Which {kind} comes {_distance(step, kind)} {names[start].forms[0]}? Answer in {language.name}."
    )
    return _placed(prompt, wanted, kind)


def _distance(step: int, kind: str) -> str:
    if abs(step) == 1:
        return "right after" if step > 0 else "right before"
    unit = "days" if kind == "weekday" else "months"
    return f"{'two' if step == 2 else 'three'} {unit} after"


def _neighbour(rng: np.random.Generator, language: Language, step: int) -> Question:
    step = 1 if step > 0 else -1
    start = integer(rng, 2, min(99, highest(language.code) - 1))
    example = pick(rng, [n for n in range(2, 30) if start + step not in (n, n + 1)])
    first, after, asked = (spellings(language.code, n)[0] for n in (example, example + 1, start))
    prompt = (
        f'In {language.name}, the number after "{first}" is "{after}".\n'
        f'Which number comes right {"after" if step > 0 else "before"} "{asked}"? Answer in {language.name} words.'
    )
    return spelled(prompt, language, start + step, "number")


def _problem(rng: np.random.Generator, language: Language) -> Question:
    problem = draw_problem(rng, language)
    if problem.unit is None:
        return spelled(problem.prompt, language, problem.result, problem.kind)
    return Question(
        prompt=problem.prompt,
        references=(problem.answer,),
        form="quantity",
        kind=problem.kind,
        english=problem.english,
        more={"value": problem.result, "unit": problem.unit},
    )


_ASK: Mapping[str, Callable[[np.random.Generator, Language], Question]] = MappingProxyType(
    {
        "copy": _copy,
        "lookup": _lookup,
        "territory": _territory,
        "date": _date,
        "sort": _sort,
        "words-to-number": _words_to_number,
        "number-to-words": _number_to_words,
        "answer": _answer,
        "problem": _problem,
    }
)
