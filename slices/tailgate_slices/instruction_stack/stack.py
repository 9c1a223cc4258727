"""Stacks of rules: every kind by name, and the draw of as many as asked that one reference answer keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np

from tailgate_slices.drawing import integer
from tailgate_slices.instruction_stack.amounts import AMOUNTS
from tailgate_slices.instruction_stack.content import CONTENT
from tailgate_slices.instruction_stack.draft import LINED, SHAPES, Draft, write
from tailgate_slices.instruction_stack.layout import LAYOUT
from tailgate_slices.instruction_stack.lexical import LEXICAL
from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import FAMILIES, Fitting, Rule, RuleKind

KINDS: Mapping[str, RuleKind] = MappingProxyType({kind.name: kind for kind in (*LAYOUT, *AMOUNTS, *LEXICAL, *CONTENT)})
_SHAPING = frozenset(kind.name for kind in LAYOUT) - {"placeholder", "emphasis", "capital_words"}
MANY = 12  # rules past which a text needs lines of its own for rules of format
MOST_SENTENCES = 18
ATTEMPTS = 40
# Sentences of a reference answer, fewest and most, up to so many rules.
SENTENCES: tuple[tuple[int, int, int], ...] = ((3, 2, 3), (5, 3, 4), (8, 4, 5), (12, 5, 7), (20, 8, 10), (40, 14, 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Rules that hold together, with a text that keeps them all."""

    rules: tuple[Rule, ...]
    draft: Draft


def families(kind: str) -> tuple[str, ...]:
    """The families of rules that a value of the axis ``kind`` stands for."""
    return FAMILIES if kind == "mixed" else (kind,)


@cache
def _allowed(kind: str) -> tuple[RuleKind, ...]:
    return tuple(each for each in KINDS.values() if each.family in families(kind))


def draw_stack(rng: np.random.Generator, n_rules: int, kind: str) -> Stack:
    """Write texts until one keeps as many different rules as asked; nearly always the first does."""
    fewest, most = next((low, high) for up_to, low, high in SENTENCES if n_rules <= up_to)
    shapes = LINED if kind == "format" and n_rules > MANY else tuple(SHAPES)
    allowed = _allowed(kind)
    for attempt in range(ATTEMPTS):
        draft = write(rng, min(integer(rng, fewest, most) + attempt // 4, MOST_SENTENCES), shapes)
        seen = Reading.of(draft.text)
        rules = _choose(Fitting(rng=rng, draft=draft, seen=seen), allowed, n_rules)
        if len(rules) == n_rules:
            return Stack(rules=rules, draft=draft)
    raise AssertionError(f"no text keeps {n_rules} rules of kind {kind}")


def _choose(sought: Fitting, allowed: Sequence[RuleKind], n: int) -> tuple[Rule, ...]:
    """Rules in the order drawn: those of the reference's own layout first in half of the items, for they are few."""
    chosen: list[Rule] = []
    taken: set[str] = set()
    groups: set[str] = set()
    for kind in _order(sought, allowed):
        params = None if kind.group in groups else kind.fit(sought)
        if params is None or not kind.holds(sought.seen, params):
            continue
        rule = Rule(kind=kind, params=params)
        if (text := rule.text) in taken:
            continue
        chosen.append(rule)
        taken.add(text)
        groups |= {kind.group} - {""}
        if len(chosen) == n:
            break
    return tuple(chosen[i] for i in sought.rng.permutation(len(chosen)).tolist())


def _order(sought: Fitting, allowed: Sequence[RuleKind]) -> Iterator[RuleKind]:
    rng = sought.rng
    if rng.random() < 0.5:
        yield from (kind for kind in allowed if kind.name in _SHAPING)
    yield from (allowed[i] for i in rng.permutation(len(allowed)).tolist())
    again = [kind for kind in allowed for _ in range(kind.repeats - 1)]
    yield from (again[i] for i in rng.permutation(len(again)).tolist())
