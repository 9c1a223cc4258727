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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model wrote: text up to the stop string, and why it stopped."""

    text: str
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Score in [0, 1] and, below 1, the way in which the answer failed."""

    score: float
    failure_mode: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a slice is for, printed by `tailgate slices show`."""

    catches: str
    scoring: str
    provenance: str
    licence: str
    failure_modes: Mapping[str, str]
    limits: str


class Slice(Protocol):
    """A generator of fresh items without end, the grader of their answers, and a card."""

    name: str
    version: str
    axis: str  # the attribute its strata lie on, e.g. "len"
    strata: tuple[str, ...]  # easy to hard, each "axis=value"
    chance: float
    uses_tokenizer: bool
    card: Card

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Item `index` of a stratum: a pure function of (slice version, seed, stratum, index, tokenizer hash)."""

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Judge an answer; any text at all gets a grade, never an exception."""

    def min_context(self, stratum: str) -> int:
        """Tokens of context a model needs for the longest item of a stratum, answer included."""


def item_rng(*parts: str | int) -> np.random.Generator:
    """Random generator that depends on nothing but `parts`, the same on every platform."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
