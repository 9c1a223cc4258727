"""What a haystack hides and what is asked about it: needles with their places, and questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

import numpy as np

from tailgate_slices.drawing import pick
from tailgate_slices.item import Attribute
from tailgate_slices.long_context.words import ADJECTIVES, KEYS, NAMES, PLACES

ROOM = 30  # tokens that a needle may slip behind its place, because a line stands there
_MOST_CODES = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """A line and the part of the text, in [0, 1), that stands before it."""

    place: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked at the end of the prompt, and what a grader must know."""

    text: str
    reference: str
    decile: int
    facts: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All needles of a haystack and its questions."""

    needles: tuple[Needle, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a plan takes its random parts from; keys, codes and names never come twice."""

    rng: np.random.Generator
    length: int
    listing: str  # language of a code listing
    deciles: tuple[int, ...]  # one for each question
    keys: Iterator[str]
    places: Iterator[str]
    codes: Iterator[str]
    names: Iterator[str]

    def pinned(self, decile: int, lines_each: int = 1) -> float:
        """A place in the decile, early enough that the needles of all questions before it cannot push it out."""
        return pinned_place(decile, float(self.rng.random()), self.length, lines_each * len(self.deciles))

    def anywhere(self) -> float:
        """A place in the text."""
        return float(self.rng.random())

    def crowd(self, tokens_each: int, most: int) -> int:
        """How many further needles there are: one for so many tokens of text, up to a limit."""
        return min(self.length // tokens_each, most)


def pinned_place(decile: int, share: float, length: int, n_lines: int) -> float:
    """A place in a decile: `share` of the part that leaves room for so many needles and a line of filler."""
    free = max(0.05, 0.95 - 10 * ROOM * (1 + n_lines) / length)
    return (decile + 0.02 + free * share) / 10


def draw_scene(rng: np.random.Generator, *, length: int, listing: str, deciles: tuple[int, ...]) -> Scene:
    """Shuffle keys, codes and names for a plan."""
    return Scene(
        rng=rng,
        length=length,
        listing=listing,
        deciles=deciles,
        keys=_shuffled(rng, KEYS),
        places=_shuffled(rng, PLACES),
        codes=iter(draw_codes(rng, _MOST_CODES)),
        names=_shuffled(rng, NAMES),
    )


def draw_codes(rng: np.random.Generator, n: int) -> list[str]:
    """Different codes of four digits."""
    return [str(1000 + value) for value in rng.choice(9000, size=n, replace=False).tolist()]


def lookalike(rng: np.random.Generator, key: str, taken: Set[str]) -> str:
    """A key with the same noun as another one, and not taken."""
    noun = key.rsplit(" ", maxsplit=1)[-1]
    return pick(rng, [f"{each} {noun}" for each in ADJECTIVES if f"{each} {noun}" not in taken])


def _shuffled(rng: np.random.Generator, options: tuple[str, ...]) -> Iterator[str]:
    return iter([options[place] for place in rng.permutation(len(options)).tolist()])
