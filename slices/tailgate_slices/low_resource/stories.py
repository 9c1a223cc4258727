"""Arithmetic problems: stories around quantities of CLDR units, and sums of numbers in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tailgate_slices.drawing import integer, pick
from tailgate_slices.low_resource.languages import Language
from tailgate_slices.low_resource.numerals import spellings
from tailgate_slices.low_resource.terms import UNITS, VALUES, quantity, units

# Measure -> kind of arithmetic -> wording. {parts} are quantities with "and" between them.
STORIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "duration": MappingProxyType(
            {
                "sum": "The stages of a journey take {parts}. How long does the journey take?",
                "difference": "Of a course of {first}, {second} are over. How much of it is left?",
                "product": "Each of {n} courses takes {first}. How long do they take one after the other?",
            }
        ),
        "length": MappingProxyType(
            {
                "sum": "The pieces of a road measure {parts}. How long is the road?",
                "difference": "Of a path of {first}, {second} are paved. How much of it is not paved?",
                "product": "Each of {n} fences measures {first}. How long are they in a row?",
            }
        ),
        "mass": MappingProxyType(
            {
                "sum": "The sacks on a cart weigh {parts}. What do the sacks weigh together?",
                "difference": "Of {first} of rice, {second} are sold. How much is left?",
                "product": "Each of {n} sacks weighs {first}. What do they weigh together?",
            }
        ),
        "volume": MappingProxyType(
            {
                "sum": "The jugs on a table hold {parts}. How much do the jugs hold together?",
                "difference": "Of {first} of water, {second} are used. How much is left?",
                "product": "Each of {n} jugs holds {first}. How much do they hold together?",
            }
        ),
    }
)
KINDS = ("sum", "sum", "sum", "difference", "difference", "product")
_ENGLISH_UNIT = {unit: f"{unit.partition('-')[2]}s" for kinds in UNITS.values() for unit in kinds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem with its result; without a unit, the result is a number in words."""

    prompt: str
    kind: str
    result: int
    unit: str | None
    answer: str
    english: str


def draw_problem(rng: np.random.Generator, language: Language) -> Problem:
    """Draw a story or, where the language has number words, sometimes a sum of them."""
    spoken = "words-to-number" in language.tasks
    if spoken and (not units(language.code) or integer(rng, 1, 3) == 1):
        return _spoken(rng, language)
    unit = pick(rng, units(language.code))
    kind = pick(rng, KINDS)
    operands, result = _numbers(rng, kind)
    example = pick(rng, [n for n in range(VALUES[0], 30) if n not in (*operands, result)])
    shown = [_written(language, unit, n) for n in operands]
    story = STORIES[unit.partition("-")[0]][kind].format(
        parts=" and ".join(shown), first=shown[0], second=shown[-1], n=result // operands[0]
    )
    return Problem(
        prompt=f'{story}\nAnswer in {language.name}, like "{_written(language, unit, example)}".',
        kind=kind,
        result=result,
        unit=unit,
        answer=_written(language, unit, result),
        english=f"{result} {_ENGLISH_UNIT[unit]}",
    )


def _written(language: Language, unit: str, value: int) -> str:
    text = quantity(language.code, unit, value)
    assert text is not None, (language.code, unit, value)  # `units` holds what is proven for every value
    return text


def _numbers(rng: np.random.Generator, kind: str) -> tuple[tuple[int, ...], int]:
    """Operands and result, all of them within the proven values and different from the result."""
    low = VALUES[0]
    if kind == "product":
        each, times = integer(rng, low, 20), integer(rng, 2, 5)
        return (each,), each * times
    if kind == "difference":
        part, rest = integer(rng, low, 40), integer(rng, low, 40)
        rest += part == rest
        return (part + rest, part), rest
    operands = tuple(integer(rng, low, 40) for _ in range(integer(rng, 2, 3)))
    return operands, sum(operands)


def _spoken(rng: np.random.Generator, language: Language) -> Problem:
    first, second = integer(rng, 1, 40), integer(rng, 1, 40)
    result = first + second
    left, right = pick(rng, [(a, b) for a in range(1, 6) for b in range(1, 6) if a + b != result])
    one, two, three = (spellings(language.code, n)[0] for n in (left, right, left + right))
    this, that = (spellings(language.code, n)[0] for n in (first, second))
    return Problem(
        prompt=(
            f'In {language.name}, "{one}" plus "{two}" is "{three}".\n'
            f'What is "{this}" plus "{that}"? Answer in {language.name} words.'
        ),
        kind="spoken",
        result=result,
        unit=None,
        answer="",
        english=str(result),
    )
