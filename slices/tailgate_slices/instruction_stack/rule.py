"""What a rule is: a wording, a way to find one that a text keeps, and a checker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tailgate_slices.drawing import pick
from tailgate_slices.instruction_stack.draft import Draft
from tailgate_slices.instruction_stack.reading import Reading

Params: TypeAlias = Mapping[str, Any]  # strings and whole numbers, named in the wording
FAMILIES = ("format", "lexical", "content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A reference answer for which rules are sought."""

    rng: np.random.Generator
    draft: Draft
    seen: Reading

    def of(self, *shapes: str) -> bool:
        """Whether the reference has one of these shapes."""
        return self.draft.shape in shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleKind:
    """A kind of rule.

    `fit` draws parameters of a rule that the reference keeps (the checker has the last word), or finds that there is
    none. An item holds at most `repeats` rules of a kind, and one of a `group`.
    """

    name: str
    family: str
    wording: str
    fit: Callable[[Fitting], Params | None]
    holds: Callable[[Reading, Params], bool]
    repeats: int = 1
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as it stands in a prompt."""

    kind: RuleKind
    params: Params

    @property
    def text(self) -> str:
        """Its wording."""
        return self.kind.wording.format(**self.params)

    def kept_by(self, answer: Reading) -> bool:
        """Whether an answer keeps it."""
        return self.kind.holds(answer, self.params)


def pack(rules: Sequence[Rule]) -> str:
    """Rules as one text, for the attributes of an item."""
    return json.dumps([[rule.kind.name, rule.params] for rule in rules], ensure_ascii=False)


def unpack(text: str, kinds: Mapping[str, RuleKind]) -> tuple[Rule, ...]:
    """The rules that `pack` wrote."""
    return tuple(Rule(kind=kinds[name], params=params) for name, params in json.loads(text))


def some(rng: np.random.Generator, options: Sequence[str]) -> str | None:
    """One of several options; None where there is none."""
    return pick(rng, options) if options else None


def maybe(name: str, value: str | int | None) -> Params | None:
    """Parameters of one name, unless there is no value."""
    return None if value is None else {name: value}


def when(condition: bool, **params: str | int) -> Params | None:
    """Parameters on a condition."""
    return params if condition else None
