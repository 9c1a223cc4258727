"""What a slice asks, what a model answered, and how the answer was judged. No model, no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np

Attribute: TypeAlias = str | int | float | bool


class SliceError(ValueError):
    """A slice, stratum or suite cannot be served as asked; the message is fit for one line on a terminal."""


class TokenCounter(Protocol):
    """Measures text in the tokens of the model under test."""

    @property
    def sha256(self) -> str:
        """Content hash of the tokenizer: items whose length depends on it carry it in their identity."""

    def count(self, text: str) -> int:
        """Number of tokens of `text`, without special tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question, with everything an engine and a grader need to know about it."""

    id: str
    slice: str
    stratum: str
    index: int
    prompt: str  # the whole user message, few-shot examples included
    references: tuple[str, ...]  # accepted answers; the first is shown to people
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    cluster: str | None = None  # shared text (haystack, document); None: the item stands alone
    attributes: Mapping[str, Attribute] = field(default_factory=dict)  # for discovery, never for gating
    system: str = ""  # the system prompt; empty: there is none, and the model's template may put its own

    @property
    def shown(self) -> str:
        """Both messages as one text for people."""
        return shown_prompt(self.prompt, self.system)


def shown_prompt(prompt: str, system: str) -> str:
    """A user message and the system prompt before it, as one text; the message itself where there is none."""
    return f"[system]\n{system}\n\n[user]\n{prompt}" if system else prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model wrote: text up to the stop string, and why it stopped."""

    text: str
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Score in [0, 1], below 1 the way in which the answer failed, and what else was measured on it.

    `signals` are numbers that describe the answer (the share of another script, the rules kept); they are averaged by
    side in reports and never decide: by cell, or over a whole slice where there are too many of them for that, which
    a name with a slash says (``rule/no_digits``).
    """

    score: float
    failure_mode: str | None
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a slice is for, printed by `tailgate slices show`.

    `owner` looks after the slice, and `review_by` is the day (ISO) by which somebody must have looked whether the card
    still tells the truth. Nobody owns a slice by default: `tailgate slices lint` names a card that says neither. For
    the slices of this package both stand in `tailgate_slices.cards`.
    """

    catches: str
    why: str
    scoring: str
    provenance: str
    licence: str
    failure_modes: Mapping[str, str]
    limits: str
    owner: str = ""
    review_by: str = ""


class Slice(Protocol):
    """A generator of fresh items without end, the grader of their answers, and a card.

    Difficulty has axes. A stratum fixes the value of one or more of them, ``len=512`` or ``len=512,task=kv``, in the
    order of the axes; an item draws the others. Subclasses name at least `name`, `version`, `axes` and `card`.
    """

    name: str
    version: str
    axes: Mapping[str, tuple[str, ...]]  # axis -> its values, easy to hard; a suite gates by the first unless it says
    card: Card
    chance: float = 0.0  # score of an answer picked at random
    uses_tokenizer: bool = False
    descriptive: bool = False  # measured and reported, never gated
    uses_system: bool = False  # items have a system prompt

    @property
    def axis(self) -> str:
        """The first axis."""
        return next(iter(self.axes))

    @property
    def strata(self) -> tuple[str, ...]:
        """A stratum for each value of the first axis."""
        return tuple(f"{self.axis}={value}" for value in self.axes[self.axis])

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Item `index` of a stratum: a pure function of (slice version, seed, stratum, index, tokenizer hash)."""

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Judge an answer; any text at all gets a grade, never an exception."""

    def min_context(self, stratum: str) -> int:
        """Tokens of context a model needs for the longest item of a stratum, answer included."""

    def needs(self, stratum: str) -> str | None:
        """What this machine lacks to serve a stratum (an interpreter, a sandbox); None: nothing."""
        return None

    def executes(self, stratum: str) -> tuple[str, ...]:
        """Languages of the programs that grading a stratum may run in a sandbox; none by default."""
        return ()

    def cluster_items(self, stratum: str) -> int:
        """Most items of a stratum that share a text (a haystack, a document); 1: every item stands alone."""
        return 1

    def size(self, stratum: str) -> int | None:
        """Items that a stratum has; None: fresh ones without end.

        Where there is an end, the items have one order, whatever the seed.
        """
        return None


def item_rng(*parts: str | int) -> np.random.Generator:
    """Random generator that depends on nothing but `parts`, the same on every platform."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
