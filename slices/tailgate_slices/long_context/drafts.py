"""Texts that can be made longer and shorter by lines: filler with needles in it, and lists that are all needles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tailgate_slices.long_context.filler import REGISTERS, Counter, draw_filler
from tailgate_slices.long_context.plans import Needle, Question, draw_codes, draw_scene, pinned_place
from tailgate_slices.long_context.tasks import PLANS
from tailgate_slices.long_context.words import KEYS, LONG_KEYS

EXACT = 512  # from here on a prompt is within 1 % of its length; a shorter one is at most one line below
SIZED = 8192  # up to here places are shares of the tokens, in longer texts of the letters: far fewer lines to count
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
    def dotted(self) -> str:
        """How a line of dots stands in the text, to close what the short lines leave; empty: none may."""

    @property
    def fewest(self) -> int:
        """Lines without which there is nothing to ask."""

    def render(self, n_lines: int, pads: tuple[str, ...] = ()) -> Stack:
        """The text with so many of its lines and some short ones at the end."""


Size = Callable[[str], int]  # how much of a text a line takes, its end included


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatteredDraft:
    """Filler with needles between its lines."""

    needles: tuple[Needle, ...]  # by their places
    needle_sizes: tuple[int, ...]
    questions: tuple[Question, ...]
    lines: tuple[str, ...]
    sizes: tuple[int, ...]
    weights: tuple[float, ...]
    pads: tuple[str, ...]
    dotted: str
    size: Size
    fewest: int = 0

    def render(self, n_lines: int, pads: tuple[str, ...] = ()) -> Stack:
        """Every needle stands at the first end of a line that lies at or behind its place."""
        lines = (*self.lines[:n_lines], *pads)
        text = "\n".join(self._woven(lines, (*self.sizes[:n_lines], *map(self.size, pads))))
        n_needles = len(self.needles)
        return Stack(text=text, gap="\n\n", questions=self.questions, n_lines=len(lines), n_needles=n_needles)

    def _woven(self, lines: tuple[str, ...], sizes: tuple[int, ...]) -> Iterator[str]:
        total = sum(sizes) + sum(self.needle_sizes)
        offset, done = 0, 0
        for line, size in zip(lines, sizes, strict=True):
            while done < len(self.needles) and self.needles[done].place * total <= offset:
                yield self.needles[done].text
                offset += self.needle_sizes[done]
                done += 1
            yield line
            offset += size
        yield from (needle.text for needle in self.needles[done:])


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDraft:
    """Lines that each give the code of a key; the questions are about the lines at the places."""

    keys: tuple[str, ...]
    lines: tuple[str, ...]
    sizes: tuple[int, ...]
    codes: tuple[str, ...]
    places: tuple[float, ...]
    deciles: tuple[int, ...]
    weights: tuple[float, ...]
    pads: tuple[str, ...]
    size: Size
    exact: bool

    @property
    def dotted(self) -> str:
        """In a list of a few lines none may stand behind the last one: all of them must be equally likely."""
        return "{}" if self.exact else ""

    @property
    def fewest(self) -> int:
        """A line for each question."""
        return len(self.places)

    def render(self, n_lines: int, pads: tuple[str, ...] = ()) -> Stack:
        """Short lines, which give no code, stand at the end."""
        asked = self._asked(n_lines, sum(map(self.size, pads)))
        questions = tuple(self._question(line, decile) for line, decile in zip(asked, self.deciles, strict=True))
        text = "\n".join((*self.lines[:n_lines], *pads))
        return Stack(text=text, gap="\n", questions=questions, n_lines=n_lines + len(pads), n_needles=n_lines)

    def _question(self, line: int, decile: int) -> Question:
        key = self.keys[line]
        return Question(
            text=f"What is the code of the {key}?",
            reference=self.codes[line],
            decile=decile,
            facts={"key": key, "line": line},
        )

    def _asked(self, n_lines: int, padded: int) -> list[int]:
        """The first line that begins at or behind each place and is not asked for yet."""
        starts = np.cumsum([0, *self.sizes[:n_lines]])
        found: list[int] = []
        for place in self.places:
            # In a list of a few lines the share of the lines counts: all of them must be equally likely.
            behind = np.searchsorted(starts, place * (starts[-1] + padded)) if self.exact else place * n_lines
            line = min(int(behind), n_lines - 1)
            while line in found:
                line = (line + 1) % n_lines
            found.append(line)
        return found


def draw_scattered(
    rng: np.random.Generator, order: Order, register: tuple[str, str], tokens: Counter
) -> ScatteredDraft:
    """Draw needles and questions of a task and more filler than its length can take."""
    scene = draw_scene(rng, length=order.length, listing=register[1], deciles=order.deciles)
    plan = PLANS[order.task](scene)
    filler = draw_filler(rng, register, order.length, tokens)
    kind, size = REGISTERS[register], _size(order, tokens)
    frame = "{}" if order.task == "symbol" else kind.frame
    needles = tuple(
        Needle(place=each.place, text=frame.format(each.text))
        for each in sorted(plan.needles, key=lambda needle: needle.place)
    )
    return ScatteredDraft(
        needles=needles,
        needle_sizes=tuple(size(needle.text) for needle in needles),
        questions=plan.questions,
        lines=filler.lines,
        sizes=tuple(map(size, filler.lines)),
        weights=filler.weights,
        pads=kind.short * 3,
        dotted="" if order.length < EXACT else kind.frame if kind.name == "code" else "{}",
        size=size,
    )


def draw_list(rng: np.random.Generator, order: Order, tokens: Counter) -> ListDraft:
    """Draw more keys and codes than a list of the length can take."""
    n_most = min(_MOST_CODES, max(4, order.length // 8))  # a line has 15 words
    pool = KEYS if n_most <= _KEYS_ENOUGH else LONG_KEYS
    keys = [pool[place] for place in rng.choice(len(pool), size=n_most + _MOST_PADS, replace=False).tolist()]
    codes = draw_codes(rng, n_most)
    lines = tuple(_LINE.format(key, code) for key, code in zip(keys, codes, strict=False))
    sample = "".join(f"{line}\n" for line in lines[:16])
    exact, size = order.length >= EXACT, _size(order, tokens)
    return ListDraft(
        keys=tuple(keys[:n_most]),
        lines=lines,
        sizes=tuple(map(size, lines)),
        codes=tuple(codes),
        places=tuple(_list_place(rng, decile, order) for decile in order.deciles),
        deciles=order.deciles,
        weights=(max(1.0, tokens.count(sample) / len(lines[:16])),) * n_most,
        pads=tuple(_HALF.format(key) for key in keys[n_most:]) if exact else (),
        size=size,
        exact=exact,
    )


def _size(order: Order, tokens: Counter) -> Size:
    if order.length > SIZED:
        return lambda line: len(line) + 1
    return lambda line: tokens.count(f"{line}\n")


def _list_place(rng: np.random.Generator, decile: int, order: Order) -> float:
    share = float(rng.random())
    if order.length < EXACT:
        return (decile + share) / 10
    return pinned_place(decile, share, order.length, len(order.deciles))
