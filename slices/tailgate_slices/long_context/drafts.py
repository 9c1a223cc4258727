"""Texts that can be made longer and shorter by lines: filler with needles in it, and lists that are all needles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tailgate_slices.long_context.filler import REGISTERS, Counter, draw_filler
from tailgate_slices.long_context.plans import Needle, Plan, Question, draw_codes, draw_scene, pinned_place
from tailgate_slices.long_context.tasks import PLANS
from tailgate_slices.long_context.words import KEYS, LONG_KEYS

EXACT = 512  # from here on a prompt is within 1 % of its length; a shorter one is at most one line below
_LINE = "The {0} is on the shelf. The code of the {0} is {1}."
_HALF = "The {} is on the shelf."
_MOST_CODES = 9000
_MOST_PADS = 12
_KEYS_ENOUGH = 1500  # lines for which keys of two words suffice


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a haystack is to be like."""

    task: str
    length: int
    deciles: tuple[int, ...]  # of the needle of each question


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A text and the questions about it; `gap` stands between the two."""

    text: str
    gap: str
    questions: tuple[Question, ...]
    n_lines: int
    n_needles: int

    def prompt(self, number: int) -> str:
        """The text, then one of its questions."""
        return f"{self.text}{self.gap}{self.questions[number].text}"

    @property
    def longest(self) -> int:
        """Number of the question with most letters."""
        return max(range(len(self.questions)), key=lambda number: len(self.questions[number].text))


class Draft(Protocol):
    """A text that can be made longer and shorter by lines."""

    @property
    def weights(self) -> Sequence[float]:
        """Estimated tokens of each line there is."""

    @property
    def pads(self) -> tuple[str, ...]:
        """Short lines to close a gap with."""

    @property
    def fewest(self) -> int:
        """Lines without which there is nothing to ask."""

    def render(self, n_lines: int, pads: tuple[str, ...] = ()) -> Stack:
        """The text with so many of its lines and some short ones at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatteredDraft:
    """Filler with needles between its lines."""

    plan: Plan
    frame: str
    lines: tuple[str, ...]
    weights: tuple[float, ...]
    pads: tuple[str, ...]
    fewest: int = 0

    def render(self, n_lines: int, pads: tuple[str, ...] = ()) -> Stack:
        """Every needle stands at the first end of a line that lies at or behind its place."""
        needles = [
            Needle(place=each.place, text=self.frame.format(each.text))
            for each in sorted(self.plan.needles, key=lambda needle: needle.place)
        ]
        text = "\n".join(_scatter((*self.lines[:n_lines], *pads), needles))
        n_all = n_lines + len(pads)
        return Stack(text=text, gap="\n\n", questions=self.plan.questions, n_lines=n_all, n_needles=len(needles))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDraft:
    """Lines that each give the code of a key; the questions are about the lines at the places."""

    keys: tuple[str, ...]
    codes: tuple[str, ...]
    places: tuple[float, ...]
    deciles: tuple[int, ...]
    weights: tuple[float, ...]
    pads: tuple[str, ...]
    exact: bool

    @property
    def fewest(self) -> int:
        """A line for each question."""
        return len(self.places)

    def render(self, n_lines: int, pads: tuple[str, ...] = ()) -> Stack:
        """Short lines, which give no code, stand at the end."""
        lines = [_LINE.format(key, code) for key, code in zip(self.keys[:n_lines], self.codes[:n_lines], strict=True)]
        asked = self._asked(lines, sum(len(pad) + 1 for pad in pads))
        questions = tuple(self._question(line, decile) for line, decile in zip(asked, self.deciles, strict=True))
        text = "\n".join((*lines, *pads))
        return Stack(text=text, gap="\n", questions=questions, n_lines=n_lines + len(pads), n_needles=n_lines)

    def _question(self, line: int, decile: int) -> Question:
        key = self.keys[line]
        return Question(
            text=f"What is the code of the {key}?",
            reference=self.codes[line],
            decile=decile,
            facts={"key": key, "line": line},
        )

    def _asked(self, lines: list[str], padded: int) -> list[int]:
        """The first line that begins at or behind each place and is not asked for yet."""
        starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
        found: list[int] = []
        for place in self.places:
            # In a list of a few lines the share of the lines counts: all of them must be equally likely.
            behind = np.searchsorted(starts, place * (starts[-1] + padded)) if self.exact else place * len(lines)
            line = min(int(behind), len(lines) - 1)
            while line in found:
                line = (line + 1) % len(lines)
            found.append(line)
        return found


def draw_scattered(
    rng: np.random.Generator, order: Order, register: tuple[str, str], tokens: Counter
) -> ScatteredDraft:
    """Draw needles and questions of a task and more filler than its length can take."""
    scene = draw_scene(rng, length=order.length, listing=register[1], deciles=order.deciles)
    plan = PLANS[order.task](scene)
    filler = draw_filler(rng, register, order.length, tokens)
    kind = REGISTERS[register]
    return ScatteredDraft(
        plan=plan,
        frame="{}" if order.task == "symbol" else kind.frame,
        lines=filler.lines,
        weights=filler.weights,
        pads=kind.short * 3,
    )


def draw_list(rng: np.random.Generator, order: Order, tokens: Counter) -> ListDraft:
    """Draw more keys and codes than a list of the length can take."""
    n_most = min(_MOST_CODES, max(4, order.length // 8))  # a line has 15 words
    pool = KEYS if n_most <= _KEYS_ENOUGH else LONG_KEYS
    keys = [pool[place] for place in rng.choice(len(pool), size=n_most + _MOST_PADS, replace=False).tolist()]
    codes = draw_codes(rng, n_most)
    sample = "".join(f"{_LINE.format(key, code)}\n" for key, code in zip(keys[:16], codes[:16], strict=False))
    exact = order.length >= EXACT
    return ListDraft(
        keys=tuple(keys[:n_most]),
        codes=tuple(codes),
        places=tuple(_list_place(rng, decile, order) for decile in order.deciles),
        deciles=order.deciles,
        weights=(max(1.0, tokens.count(sample) / min(16, n_most)),) * n_most,
        pads=tuple(_HALF.format(key) for key in keys[n_most:]) if exact else (),
        exact=exact,
    )


def _list_place(rng: np.random.Generator, decile: int, order: Order) -> float:
    share = float(rng.random())
    if order.length < EXACT:
        return (decile + share) / 10
    return pinned_place(decile, share, order.length, len(order.deciles))


def _scatter(lines: tuple[str, ...], needles: list[Needle]) -> Iterator[str]:
    total = sum(len(line) + 1 for line in lines) + sum(len(needle.text) + 1 for needle in needles)
    offset, done = 0, 0
    for line in lines:
        while done < len(needles) and needles[done].place * total <= offset:
            yield needles[done].text
            offset += len(needles[done].text) + 1
            done += 1
        yield line
        offset += len(line) + 1
    yield from (needle.text for needle in needles[done:])
