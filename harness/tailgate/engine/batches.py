"""Which requests share a batch. Policy only: no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """A batch holds at most `rows` requests and, padded to its longest, at most `tokens` tokens.

    No request in it is shorter than `shortest` times the longest: padding is computed like any other token.
    """

    rows: int = 32
    tokens: int = 16_384
    shortest: float = 0.75


def plan_batches(lengths: Sequence[int], limits: BatchLimits) -> list[list[int]]:
    """Cut requests into batches of like length, longest first.

    Longest first finds out at once whether memory suffices. The cut is greedy from the front, so that dropping
    finished batches from the front leaves the others as they were: a resumed run computes the same batches.

    Parameters
    ----------
    lengths : tokens each request can need, prompt and answer together.

    Returns
    -------
    Lists of indices into `lengths`.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches: list[list[int]] = []
    for index in order:
        if batches and _fits(index, batches[-1], lengths, limits):
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _fits(index: int, batch: list[int], lengths: Sequence[int], limits: BatchLimits) -> bool:
    rows, longest = len(batch) + 1, lengths[batch[0]]
    return rows <= limits.rows and rows * longest <= limits.tokens and lengths[index] >= limits.shortest * longest
