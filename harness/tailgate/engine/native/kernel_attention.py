"""Attention of the native engine by the project's kernels: what a pack asks of them, and the plan of a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch

from tailgate.engine.blocks import Run
from tailgate.engine.native.packing import Pack, PackedSpan
from tailgate_kernels.attention_batch import Batch, Heads, KVFormat, Shared, StoredKV
from tailgate_kernels.dispatch import Kernels
from tailgate_kernels.reference_attention import Look

# Shape legend: Q query heads, N packed tokens, D head size.

SHORTEST_SHARE = 64  # tokens: merging another piece costs more than reading fewer key-values again


def attend(
    kernels: Kernels, pack: Pack, layer: int, q_QND: torch.Tensor, look: Look, sinks_Q: torch.Tensor | None
) -> torch.Tensor:
    """Attention of packed queries over a layer of the store, in which their own key-values lie; [Q, N, D]."""
    k, v = pack.store.parts(layer)
    stored = StoredKV(kv=cast(KVFormat, pack.store.codes), k=k, v=v)
    heads = Heads(queries=q_QND.shape[0], kv=stored.heads, size=q_QND.shape[2], dtype=q_QND.dtype, kv_format=stored.kv)
    plan = pack.plans.get(heads)
    if plan is None:
        plan = pack.plans[heads] = kernels.plan(as_batch(pack.spans, pack.block), heads, slots=pack.store.slots)
    found = kernels.paged_attention(q_QND, stored, plan, look)
    if sinks_Q is None:
        return found.out_QND
    # One more logit in the denominator: exp(lse) / (exp(lse) + exp(sink)).
    return found.out_QND * torch.sigmoid(found.lse_QN - sinks_Q.float()[:, None])[..., None].to(q_QND.dtype)


def as_batch(spans: Sequence[PackedSpan], block: int) -> Batch:
    """The spans of a pass as the kernels take them; beginnings that several keep in the same blocks are shared."""
    tables = [_blocks(span.table, block) for span in spans]
    past = [table[: span.start // block] for span, table in zip(spans, tables, strict=True)]
    return Batch(
        lengths=tuple(span.length for span in spans),
        ends=tuple(span.end for span in spans),
        tables=tuple(tables),
        block=block,
        shared=tuple(_shares(past, range(len(spans)), 0, block)),
    )


def _blocks(runs: Sequence[Run], block: int) -> tuple[int, ...]:
    return tuple(first for run in runs for first in range(run.slot // block, -(-(run.slot + run.tokens) // block)))


def _shares(past: Sequence[tuple[int, ...]], among: Sequence[int], at: int, block: int) -> Iterator[Shared]:
    """Blocks from the `at`-th on that two or more have in common, then what parts of those have beyond them."""
    by_block: dict[int, list[int]] = {}
    for index in among:
        if len(past[index]) > at:
            by_block.setdefault(past[index][at], []).append(index)
    for found in by_block.values():
        if len(found) > 1:
            end = _end_of_common([past[index] for index in found], at)
            if (end - at) * block >= SHORTEST_SHARE:
                yield Shared(sequences=tuple(found), begin=at * block, end=end * block)
            yield from _shares(past, found, end, block)


def _end_of_common(tables: Sequence[tuple[int, ...]], at: int) -> int:
    """Where tables that agree up to `at` begin to differ; those between the least and the greatest lie no farther."""
    low, high = min(tables), max(tables)
    end = min(len(low), len(high))
    return next((place for place in range(at, end) if low[place] != high[place]), end)
