"""Haystacks of the length asked for in tokens of the model under test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tailgate_slices.drawing import pick
from tailgate_slices.item import item_rng
from tailgate_slices.long_context.drafts import Draft, Order, Stack, draw_list, draw_scattered
from tailgate_slices.long_context.filler import LISTINGS, PROSE, Counter
from tailgate_slices.long_context.fitting import Fitting

# Kv-like tasks, which small models can do, come more often than those that need a large one.
TASK_SHARES = (
    *("kv", "kv", "kv", "kv", "multikey", "multikey", "multivalue", "multiquery", "tracking", "common"),
    *("absent", "paraphrase", "join", "symbol"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which haystack: it depends on nothing else but the tokenizer."""

    name: str
    version: str
    seed: int
    stratum: str
    number: int
    length: int
    n_questions: int
    task: str | None  # None: drawn
    decile: int | None  # None: drawn for each question


@dataclass(frozen=True, slots=True, kw_only=True)
class Haystack:
    """A text of the right length, with the tokens of the prompt of each question."""

    task: str
    language: str
    register: str
    stack: Stack
    prompt_tokens: tuple[int, ...]


def draw_haystack(address: Address, tokens: Counter) -> Haystack:
    """Draw and build the haystack of an address.

    Raises
    ------
    SliceError
        The length cannot be had for the task in these tokens.
    """
    where = (address.name, address.version, address.seed, address.stratum)
    rng = item_rng(*where, "haystack", address.number, tokens.sha256)
    task = pick(rng, TASK_SHARES) if address.task is None else address.task
    drawn = tuple(rng.integers(10, size=address.n_questions).tolist())
    deciles = drawn if address.decile is None else (address.decile,) * address.n_questions
    return build_haystack(rng, Order(task=task, length=address.length, deciles=deciles), tokens)


def build_haystack(rng: np.random.Generator, order: Order, tokens: Counter) -> Haystack:
    """Draw a haystack and bring it to its length.

    Raises
    ------
    SliceError
        The length cannot be had for the task in these tokens.
    """
    register, language = ("list", "en") if order.task == "kv" else _draw_register(rng, order.task)
    draft: Draft = (
        draw_list(rng, order, tokens)
        if order.task == "kv"
        else draw_scattered(rng, order, (register, language), tokens)
    )
    fitted = Fitting(draft=draft, target=order.length, tokens=tokens).result()
    return Haystack(
        task=order.task,
        language=language,
        register=register,
        stack=fitted.stack,
        prompt_tokens=fitted.prompt_tokens,
    )


def _draw_register(rng: np.random.Generator, task: str) -> tuple[str, str]:
    options = LISTINGS if task == "symbol" else PROSE
    return options[int(rng.integers(len(options)))]
