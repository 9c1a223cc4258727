"""Haystacks of the length asked for in tokens of the model under test, and the few that were built last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tailgate_slices.drawing import pick
from tailgate_slices.item import item_rng
from tailgate_slices.long_context.drafts import EXACT, Draft, Order, Stack, draw_list, draw_scattered
from tailgate_slices.long_context.filler import LISTINGS, PROSE, Counter
from tailgate_slices.long_context.fitting import Fitted, Fitting

TAIL = 240  # characters at the end of a text within which its last line and a question share tokens
KEPT = 32  # haystacks in memory: more than one for each length, at most some 20 MB
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


@lru_cache(maxsize=KEPT)
def haystack_at(address: Address, tokens: Counter) -> Haystack:
    """The haystack of an address; built once for all of its questions.

    Raises
    ------
    SliceError
        The length is too small for the task in these tokens.
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
        The length is too small for the task in these tokens.
    """
    register, language = ("list", "en") if order.task == "kv" else _draw_register(rng, order.task)
    draft: Draft = (
        draw_list(rng, order, tokens)
        if order.task == "kv"
        else draw_scattered(rng, order, (register, language), tokens)
    )
    fitted = Fitting(draft=draft, target=order.length, slack=_slack(order), tokens=tokens).result()
    return Haystack(
        task=order.task,
        language=language,
        register=register,
        stack=fitted.stack,
        prompt_tokens=_prompt_tokens(fitted, tokens),
    )


def _draw_register(rng: np.random.Generator, task: str) -> tuple[str, str]:
    options = LISTINGS if task == "symbol" else PROSE
    return options[int(rng.integers(len(options)))]


def _slack(order: Order) -> float:
    """Deviation left alone: questions of one text differ by some tokens, and all of them must be within 1 %."""
    if order.length < EXACT:
        return 0.0
    return order.length * (0.009 if len(order.deciles) == 1 else 0.004)


def _prompt_tokens(fitted: Fitted, tokens: Counter) -> tuple[int, ...]:
    """Tokens of every prompt; those that were not counted follow from how their ends differ."""
    stack = fitted.stack
    ends = [tokens.count(f"{stack.text[-TAIL:]}{stack.gap}{question.text}") for question in stack.questions]
    return tuple(fitted.n_tokens + end - ends[stack.longest] for end in ends)
