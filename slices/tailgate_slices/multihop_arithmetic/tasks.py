"""What every form of question hands over, the names it may use, and sentences that must not change the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailgate_slices.drawing import integer, pick_distinct
from tailgate_slices.multihop_arithmetic.programs import Program, first_number, step_size

NAMES = (
    *("Anna", "Ben", "Lucy", "Tom", "Mary", "Sam", "Kate", "Paul", "Emma", "Jack"),
    *("Rose", "Max", "Nina", "Leo", "Clara", "Adam", "Julia", "Peter", "Sara", "David"),
)
THINGS = ("apples", "coins", "books", "cups", "shells", "pens", "stones", "balls", "cards", "keys", "plates", "stamps")
_ASIDES = (
    "There are {n} trees in the park.",
    "Bus number {n} stops at the corner.",
    "The street has {n} lamps.",
    "Room {n} is closed.",
    "The oldest house of the village has {n} windows.",
    "A library nearby owns {n} maps.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Names and things in random order: a form takes them from the front, distractors from the back."""

    names: list[str]
    things: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Sentences in their order and a question, with the program that answers them."""

    sentences: tuple[str, ...]
    question: str
    program: Program
    template: str
    answer: str = "number"  # or "date", "weekday"
    reference: str = ""  # empty: the program's result
    names: tuple[str, ...] = ()  # of the variables that hold the start and the value after each step
    shown: str = ""  # how a few-shot example answers; empty: the reference
    distractors: tuple[int, ...] = ()  # numbers in the sentences that have nothing to do with the answer


def draw_cast(rng: np.random.Generator) -> Cast:
    """All names and things, shuffled."""
    return Cast(names=pick_distinct(rng, NAMES, len(NAMES)), things=pick_distinct(rng, THINGS, len(THINGS)))


def stray_numbers(rng: np.random.Generator, count: int, digits: int, program: Program) -> tuple[int, ...]:
    """Numbers for distractors, about as large as the program's own, and none its result."""
    found: list[int] = []
    while len(found) < count:
        number = first_number(rng, digits) if integer(rng, 0, 1) else step_size(rng, digits) + 1
        if number != program.result:
            found.append(number)
    return tuple(found)


def asides(rng: np.random.Generator, cast: Cast, numbers: Sequence[int]) -> list[str]:
    """A sentence for each number, about people and things that the question does not mention."""
    shapes = pick_distinct(rng, _ASIDES, len(numbers))
    people = [f"{who} has {{n}} {what}." for who, what in zip(cast.names[::-1], cast.things[::-1], strict=False)]
    chosen = [people[i] if integer(rng, 0, 1) else shapes[i] for i in range(len(numbers))]
    return [shape.format(n=number) for shape, number in zip(chosen, numbers, strict=True)]


def weave(rng: np.random.Generator, sentences: Sequence[str], others: Sequence[str]) -> list[str]:
    """Sentences in their order, with others anywhere between them."""
    woven = list(sentences)
    for other in others:
        woven.insert(integer(rng, 0, len(woven)), other)
    return woven
