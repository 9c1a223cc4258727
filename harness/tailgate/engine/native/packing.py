"""The tensors of one forward pass: spans of many sequences in a single row, and what each may look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from tailgate.engine.blocks import Run, runs
from tailgate.engine.native.kv_store import KVStore
from tailgate.engine.sequence import Span

if TYPE_CHECKING:
    from tailgate_kernels.attention_batch import Heads, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSpan:
    """A span's place in the row: packed tokens `low` to `high - 1` are positions `start` and on of its sequence."""

    low: int
    high: int
    start: int
    past: tuple[Run, ...]  # where positions 0 to start - 1 lie
    table: tuple[Run, ...]  # where positions 0 to the last of the span lie

    @property
    def length(self) -> int:
        """Tokens of the span."""
        return self.high - self.low

    @property
    def end(self) -> int:
        """Position behind the last token."""
        return self.start + self.length


@dataclass(slots=True, kw_only=True)
class Pack:
    """One forward pass for the attention function: where its tokens' key-values go and which they see."""

    store: KVStore
    spans: tuple[PackedSpan, ...]
    ids_N: torch.Tensor
    positions_N: torch.Tensor
    slots_N: torch.Tensor
    block: int  # tokens of a block of the store
    pieces: dict[int | None, object] = field(default_factory=dict)  # the attention's plan by window, made once
    plans: dict[Heads, Plan] = field(default_factory=dict)  # that of the kernels, by what a layer computes with

    @property
    def tokens(self) -> int:
        """Packed tokens."""
        return self.spans[-1].high


def pack(spans: Sequence[Span], store: KVStore, block_size: int, device: str) -> Pack:
    """Lay spans one behind the other."""
    placed: list[PackedSpan] = []
    ids: list[int] = []
    positions: list[int] = []
    slots: list[int] = []
    for span in spans:
        table, low, end = span.sequence.table, len(ids), span.start + len(span.tokens)
        placed.append(
            PackedSpan(
                low=low,
                high=low + len(span.tokens),
                start=span.start,
                past=runs(table, block_size, 0, span.start),
                table=runs(table, block_size, 0, end),
            )
        )
        ids.extend(span.tokens)
        positions.extend(range(span.start, end))
        for run in runs(table, block_size, span.start, end):
            slots.extend(range(run.slot, run.slot + run.tokens))
    ids_N, positions_N, slots_N = _staged([ids, positions, slots], device)
    return Pack(
        store=store,
        spans=tuple(placed),
        ids_N=ids_N,
        positions_N=positions_N,
        slots_N=slots_N,
        block=block_size,
    )


def _staged(rows: list[list[int]], device: str) -> torch.Tensor:
    """Rows of numbers on the device, in one copy that the host does not wait for."""
    on_gpu = device.startswith("cuda")
    return torch.tensor(rows, pin_memory=on_gpu).to(device, non_blocking=on_gpu)
