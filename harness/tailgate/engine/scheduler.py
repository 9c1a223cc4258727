"""Which requests share a batch. Policy only: no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """A batch holds at most `rows` requests and, padded to its longest, at most `tokens` tokens."""

    rows: int = 64
    tokens: int = 16_384


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
        if batches and _fits(batches[-1], lengths, limits):
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _fits(batch: list[int], lengths: Sequence[int], limits: BatchLimits) -> bool:
    rows = len(batch) + 1
    return rows <= limits.rows and rows * lengths[batch[0]] <= limits.tokens
