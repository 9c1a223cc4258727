"""Prompts that begin alike: which beginnings to compute once. Policy only: no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

WORTH_SHARING = 16  # tokens of prompt saved, below which a pass of its own for the prefix costs more


@dataclass(slots=True, kw_only=True)
class Prefix:
    """Tokens that several prompts begin with. The root is empty; a child's `tokens` begin with its parent's."""

    tokens: tuple[int, ...]
    children: list[Prefix] = field(default_factory=list)
    members: list[int] = field(default_factory=list)  # prompts that branch off here


def find_prefixes(prompts: Sequence[tuple[int, ...]], least: int = WORTH_SHARING) -> Prefix:
    """The tree of common beginnings of prompts.

    A prompt keeps at least its last token for itself: the logits behind it are its own.

    Parameters
    ----------
    least : a prefix is kept where it saves at least so many tokens of prompt.
    """
    order = sorted(range(len(prompts)), key=lambda index: prompts[index])
    root = Prefix(tokens=())
    _divide(root, order, prompts, least)
    return root


def _divide(parent: Prefix, order: Sequence[int], prompts: Sequence[tuple[int, ...]], least: int) -> None:
    """Split sorted prompts into groups that share the next token, and each group again behind what it shares."""
    depth = len(parent.tokens)
    for group in _groups(order, prompts, depth):
        shared = _common(prompts[group[0]], prompts[group[-1]])
        shared = min(shared, *(len(prompts[index]) - 1 for index in group)) if len(group) > 1 else 0
        if (len(group) - 1) * (shared - depth) >= least:
            child = Prefix(tokens=prompts[group[0]][:shared])
            parent.children.append(child)
            _divide(child, group, prompts, least)
        else:
            parent.members.extend(group)


def _groups(order: Sequence[int], prompts: Sequence[tuple[int, ...]], depth: int) -> list[list[int]]:
    groups: list[list[int]] = []
    for index in order:
        same = groups and prompts[groups[-1][0]][depth : depth + 1] == prompts[index][depth : depth + 1]
        if same:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
