"""Decoding passes as graphs: all launches of a pass are recorded once and repeated on other numbers.

Decoding a few tokens takes a GPU less time than a host needs to launch the hundreds of kernels of a pass. A recorded
pass has a size: it computes `tokens` rows, and those behind a shorter pass are padding, whose key-values go to slots of
their own. Passes of long spans, and those whose sequences share beginnings in more than one layer of nesting, are
computed as before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch

from tailgate.engine.finish import is_out_of_memory
from tailgate.engine.native.borrowed import LONGEST_DECODED, BorrowedModel
from tailgate.engine.native.kernel_attention import as_batch
from tailgate.engine.native.kv_store import KVStore
from tailgate.engine.native.packing import Pack, PackedSpan
from tailgate.errors import SetupError
from tailgate_kernels.attention_batch import META, Batch, Heads, Plan, Tiles
from tailgate_kernels.dispatch import Kernels

# Shape legend: N packed tokens, B tokens of a graph, E hidden size, T tiles, t query tokens of a tile, M blocks of a
# table.

SIZES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128)  # tokens of a graph
MOST_PIECES = 2  # one shared beginning, and what lies behind it
# How far a repeated pass may lie from the pass, relative: its padding can change the order of a sum, and where keys or
# activations are rounded a last bit becomes a step of a code.
CLOSE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
CLOSE_IN_CODES = 5e-2

Compute = Callable[[], torch.Tensor]


class Recorder(Protocol):
    """Turns a pass over tensors that stay where they are into one that can be repeated."""

    def record(self, compute: Compute) -> Compute:
        """The same pass, over whatever those tensors hold by then."""


class CudaRecorder:
    """Records launches in CUDA graphs that share one pool of memory."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._pool = torch.cuda.graph_pool_handle()
        # Of its own: torch frees what belongs to a stream of captures.
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]

    def record(self, compute: Compute) -> Compute:
        """The pass as a graph; it must have run before, so that nothing is compiled while it is recorded."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device), torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            output = compute()

        def replay() -> torch.Tensor:
            graph.replay()
            return output

        return replay


class Repeated:
    """Computes the pass again: the recorder of a device without graphs, which proves the padding and the plans."""

    def record(self, compute: Compute) -> Compute:
        """The pass itself."""
        return compute


@dataclass(slots=True, kw_only=True, eq=False)
class Frame:
    """Tensors of one size that a recorded pass reads, and the pass. `reused`: it was right on other numbers, too."""

    pack: Pack
    compute: Compute
    reused: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class GraphedModel:
    """A borrowed model whose decoding passes are recorded and repeated.

    Parameters
    ----------
    context : tokens of the longest sequence.
    spare : first of `SIZES[-1]` slots of the store in which no sequence lies.
    close : how far a repeated pass may lie from the pass, relative.
    """

    model: BorrowedModel
    kernels: Kernels
    recorder: Recorder
    context: int
    spare: int
    close: float
    repeated: int = 0  # passes so far
    _store: KVStore | None = None
    # By tokens and pieces; None: there was no memory to record it.
    _frames: dict[tuple[int, int], Frame | None] = field(default_factory=dict)

    def forward(self, packed: Pack) -> torch.Tensor:
        """Hidden states behind the last norm, [N, E].

        Raises
        ------
        SetupError
            A recorded pass does not give what the pass gave, or the model's forward pass cannot be recorded.
        """
        if packed.store is not self._store:
            self.forget()  # before the new store takes its memory
            self._store = packed.store
        size = next((size for size in SIZES if size >= packed.tokens), None)
        if size is None or any(span.length > LONGEST_DECODED for span in packed.spans):
            return self.model.forward(packed)
        known = next(filter(None, self._frames.values()), None)
        if known is None:
            return self._first(packed, size)
        self._plan(packed, known.pack.plans)
        frame = self._frames.get((size, _pieces(packed)))
        return self._first(packed, size) if frame is None else self._again(frame, packed)

    def forget(self) -> None:
        """Let go of the store and of all that was recorded over it."""
        self._store, self._frames = None, {}

    def _again(self, frame: Frame, packed: Pack) -> torch.Tensor:
        _fill(frame.pack, packed, self.spare)
        found_NE = frame.compute()[: packed.tokens]
        if frame.reused:
            self.repeated += 1
            return found_NE
        # What the host put into the recording for good shows on other numbers only.
        expected_NE = self.model.forward(packed)
        self._check_close(found_NE, expected_NE)
        frame.reused = True
        return expected_NE

    def _plan(self, packed: Pack, known: Mapping[Heads, Plan]) -> None:
        batch = as_batch(packed.spans, packed.block)
        for heads in known:
            packed.plans[heads] = self.kernels.plan(batch, heads, slots=packed.store.slots)

    def _first(self, packed: Pack, size: int) -> torch.Tensor:
        """Compute a pass as it is, then record it for later ones and hold the two together."""
        expected_NE = self.model.forward(packed)
        of = (size, _pieces(packed))
        if of[1] > MOST_PIECES or of in self._frames:
            return expected_NE
        self._frames[of] = frame = self._record(packed, size)
        if frame is not None:
            _fill(frame.pack, packed, self.spare)
            self._check_close(frame.compute()[: packed.tokens], expected_NE)
        return expected_NE

    def _record(self, packed: Pack, size: int) -> Frame | None:
        """A pass of a size; None where memory ran out: the pass itself fits."""
        width = min(-(-self.context // packed.block), packed.store.slots // packed.block)
        still = _still(packed, size, width)
        _fill(still, packed, self.spare)
        try:
            self.model.forward(still)  # compiles what this size needs
            return Frame(pack=still, compute=self.recorder.record(lambda: self.model.forward(still)))
        except (RuntimeError, MemoryError) as error:
            if any(is_out_of_memory(each) for each in (error, error.__context__) if each is not None):
                return None
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise SetupError(f"a pass of {size} tokens cannot be recorded: {first}; leave out graphs=on") from error

    def _check_close(self, found_NE: torch.Tensor, expected_NE: torch.Tensor) -> None:
        """Refuse a recorded pass that differs by more than rounding makes of another order of summation."""
        finite = torch.isfinite(expected_NE).all(dim=1)
        found, expected = found_NE[finite].float(), expected_NE[finite].float()
        off = float((found - expected).norm() / expected.norm().clamp_min(1e-30))
        if not off <= self.close:
            raise SetupError(f"a recorded pass differs from the pass itself by {off:.2g}; leave out graphs=on")


def _pieces(packed: Pack) -> int:
    return max(plan.pieces for plan in packed.plans.values())


def _still(packed: Pack, size: int, width: int) -> Pack:
    """Tensors of a size, to be filled; the spans say only how many tokens there are, and that the pass decodes."""
    spans = tuple(PackedSpan(low=at, high=at + 1, start=0, past=(), table=()) for at in range(size))
    return dataclasses.replace(
        packed,
        spans=spans,
        ids_N=packed.ids_N.new_zeros(size),
        positions_N=packed.positions_N.new_zeros(size),
        slots_N=packed.slots_N.new_zeros(size),
        pieces={},
        plans={heads: _still_plan(plan, size, width) for heads, plan in packed.plans.items()},
    )


def _still_plan(plan: Plan, size: int, width: int) -> Plan:
    device = plan.positions_N.device
    return dataclasses.replace(
        plan,
        batch=Batch(lengths=(size,), ends=(size,), tables=((),), block=plan.batch.block),
        positions_N=torch.zeros(size, dtype=torch.int32, device=device),
        tables_SM=torch.zeros((size, width), dtype=torch.int32, device=device),
        few=_still_tiles(size, plan.tile_tokens[0], device),
        many=_still_tiles(2 * size, plan.tile_tokens[1], device),  # of shares, and of what lies behind them,
    )


def _still_tiles(count: int, tokens: int, device: torch.device) -> Tiles:
    rows_Tt = torch.full((count, tokens), -1, dtype=torch.int32, device=device)
    return Tiles(rows_Tt=rows_Tt, meta_T6=torch.zeros((count, META), dtype=torch.int32, device=device))


def _fill(still: Pack, packed: Pack, spare: int) -> None:
    """The numbers of a pass, and padding behind them: rows that no tile computes, with slots of their own."""
    n = packed.tokens
    for there, here in ((still.ids_N, packed.ids_N), (still.positions_N, packed.positions_N)):
        there[:n].copy_(here)
        there[n:].zero_()
    still.slots_N[:n].copy_(packed.slots_N)
    torch.arange(spare + n, spare + still.tokens, out=still.slots_N[n:])
    for heads, plan in packed.plans.items():
        into = still.plans[heads]
        into.positions_N[:n].copy_(plan.positions_N)
        rows, columns = plan.tables_SM.shape
        into.tables_SM[:rows, :columns].copy_(plan.tables_SM)
        _fill_tiles(into.few, plan.few)
        _fill_tiles(into.many, plan.many)


def _fill_tiles(into: Tiles | None, tiles: Tiles | None) -> None:
    assert into is not None
    count = 0 if tiles is None else len(tiles.rows_Tt)
    if tiles is not None:
        into.rows_Tt[:count].copy_(tiles.rows_Tt)
        into.meta_T6[:count].copy_(tiles.meta_T6)
    into.rows_Tt[count:].fill_(-1)
    into.meta_T6[count:].zero_()
