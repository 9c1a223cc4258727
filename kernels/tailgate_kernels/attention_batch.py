"""What paged attention is asked: stored key-values, which query tokens belong to whom, and the plan of a launch.

Torch only: the plan is made on the host, once for a forward pass, and serves every layer and both backends.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from tailgate_kernels.launch import FLOATS, LaunchError, check_last_stride, check_shape, check_tensor

# Shape legend: H key-value heads, S slots of the store, D head size, B bytes of codes, N packed query tokens, T tiles,
# t query tokens of a tile, M longest block table.

KVFormat = Literal["", "int8", "fp8", "int4"]
FORMATS: tuple[KVFormat, ...] = ("", "int8", "fp8", "int4")
META = 6  # table, begin, end, first position, last position, piece


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredKV:
    """Key-values of one layer: slabs over all slots, codes first, then what scales them.

    ``""``: values [H, S, D] in the queries' dtype. ``int8``: codes [H, S, D] int8, scales [H, S, 1] fp32; ``fp8``: the
    same with float8_e4m3fn codes, viewed as int8. ``int4``: codes [H, S, D/2] uint8, entry d in the low half of a byte
    and entry d + D/2 in the high half, step and minimum [H, S, 2] fp32. Any strides but that of the last dimension.
    """

    kv: KVFormat
    k: tuple[torch.Tensor, ...]
    v: tuple[torch.Tensor, ...]

    @property
    def heads(self) -> int:
        """Key-value heads."""
        return self.k[0].shape[0]

    @property
    def slots(self) -> int:
        """Tokens there is room for."""
        return self.k[0].shape[1]

    def sizes(self) -> tuple[int, int]:
        """Head sizes of keys and of values."""
        per_byte = 2 if self.kv == "int4" else 1
        return self.k[0].shape[2] * per_byte, self.v[0].shape[2] * per_byte

    def check(self, dtype: torch.dtype, device: torch.device) -> None:
        """Shapes, dtypes, devices and strides.

        Raises
        ------
        LaunchError
            One does not fit.
        """
        if self.kv not in FORMATS:
            raise LaunchError(f"kv is '{self.kv}'; it must be one of: {', '.join(repr(each) for each in FORMATS)}")
        codes = {"": dtype, "int8": torch.int8, "fp8": torch.int8, "int4": torch.uint8}[self.kv]
        scales = {"": 0, "int8": 1, "fp8": 1, "int4": 2}[self.kv]
        for name, parts in (("k", self.k), ("v", self.v)):
            if len(parts) != 1 + (scales > 0):
                raise LaunchError(f"{name} has {len(parts)} parts; kv='{self.kv}' has {1 + (scales > 0)}")
            check_tensor(f"{name}[0]", parts[0], device=device, dtypes=(codes,))
            check_shape(f"{name}[0]", parts[0], (self.heads, self.slots, None))
            check_last_stride(f"{name}[0]", parts[0])
            if scales:
                check_tensor(f"{name}[1]", parts[1], device=device, dtypes=(torch.float32,))
                check_shape(f"{name}[1]", parts[1], (self.heads, self.slots, scales))
                check_last_stride(f"{name}[1]", parts[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What a model's attention computes with: heads, size and dtype of a query, how key-values are stored."""

    queries: int
    kv: int
    size: int
    dtype: torch.dtype
    kv_format: KVFormat = ""

    @property
    def group(self) -> int:
        """Query heads of a key-value head.

        Raises
        ------
        LaunchError
            They do not divide.
        """
        if self.kv < 1 or self.queries < 1 or self.queries % self.kv:
            raise LaunchError(
                f"heads is {self.queries} to {self.kv}; query heads must be a multiple of key-value heads"
            )
        return self.queries // self.kv


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Positions `begin` to `end - 1`, which several sequences keep in the same blocks: read once for all of them.

    A sequence may belong to several, in any nesting, as long as their positions are apart. Where a sequence is cut
    decides the order in which its sum is taken; whom it shares with does not.
    """

    sequences: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Query tokens of many sequences, packed one behind the other.

    Parameters
    ----------
    lengths : query tokens of each sequence.
    ends : positions of each sequence behind its last query token; its queries are the last `lengths` of them.
    tables : block ids of each sequence; position p lies in slot ``table[p // block] * block + p % block``.
    block : tokens of a block.
    shared : beginnings that are read once for several sequences.
    """

    lengths: tuple[int, ...]
    ends: tuple[int, ...]
    tables: tuple[tuple[int, ...], ...]
    block: int
    shared: tuple[Shared, ...] = ()

    @property
    def tokens(self) -> int:
        """Packed query tokens."""
        return sum(self.lengths)

    def check(self, slots: int) -> None:
        """Lengths, tables and shares.

        Parameters
        ----------
        slots : tokens that the store holds.

        Raises
        ------
        LaunchError
            A sequence is empty, a table too short or out of range, a share no share.
        """
        if not self.lengths or not len(self.lengths) == len(self.ends) == len(self.tables):
            raise LaunchError(f"lengths, ends and tables name {len(self.lengths)}, {len(self.ends)} and "
                              f"{len(self.tables)} sequences; they must name the same, at least one")  # fmt: skip
        if self.block < 1 or slots % self.block:
            raise LaunchError(f"block is {self.block}; it must be at least 1 and divide the {slots} slots of the store")
        for index, (length, end, table) in enumerate(zip(self.lengths, self.ends, self.tables, strict=True)):
            self._check_sequence(index, length, end, table, slots)
        for share in self.shared:
            self._check_share(share)
        for index in range(len(self.lengths)):
            for (_, end), (begin, _) in _neighbours(_ranges(self, index)):
                if begin < end:
                    raise LaunchError(f"shared gives position {begin} of sequence {index} twice; shares of a sequence "
                                      "must be apart")  # fmt: skip

    def _check_sequence(self, index: int, length: int, end: int, table: Sequence[int], slots: int) -> None:
        if length < 1:
            raise LaunchError(f"lengths[{index}] is {length}; leave out sequences without query tokens")
        if end < length:
            raise LaunchError(f"ends[{index}] is {end}, below its {length} query tokens")
        needed = -(-end // self.block)
        if len(table) < needed:
            raise LaunchError(f"tables[{index}] has {len(table)} blocks of {self.block}; {end} positions need {needed}")
        wrong = next((block for block in table[:needed] if not 0 <= block < slots // self.block), None)
        if wrong is not None:
            raise LaunchError(
                f"tables[{index}] names block {wrong}; the store has blocks 0 to {slots // self.block - 1}"
            )

    def _check_share(self, share: Shared) -> None:
        wrong = next((each for each in share.sequences if not 0 <= each < len(self.lengths)), None)
        if wrong is not None or len(set(share.sequences)) != len(share.sequences) or not share.sequences:
            raise LaunchError(f"shared names sequences {list(share.sequences)}; name each once, 0 to "
                              f"{len(self.lengths) - 1}")  # fmt: skip
        past = min(self.ends[each] - self.lengths[each] for each in share.sequences)
        if not 0 <= share.begin < share.end <= past:
            raise LaunchError(
                f"shared covers positions {share.begin} to {share.end}; they must lie within the {past} that all its "
                "sequences have before their queries"
            )
        low, high = share.begin // self.block, -(-share.end // self.block)
        tables = {tuple(self.tables[each][low:high]) for each in share.sequences}
        if len(tables) > 1:
            raise LaunchError(f"shared covers positions {share.begin} to {share.end} of sequences "
                              f"{list(share.sequences)}, whose tables differ there")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tiles:
    """Work of one launch: the packed tokens of each tile, -1 where it has fewer, and which keys they look at.

    A tile that is all -1 is allowed and does nothing: a captured graph pads with it.
    """

    rows_Tt: torch.Tensor  # int32
    meta_T6: torch.Tensor  # int32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A batch on the device. `few` and `many`: by tile, of `tile_tokens` query tokens; `pieces`: most parts that a
    query's keys are read in.
    """

    batch: Batch
    slots: int
    group: int
    positions_N: torch.Tensor  # int32
    tables_SM: torch.Tensor  # int32
    few: Tiles | None
    many: Tiles | None
    tile_tokens: tuple[int, int]
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Query tokens [(packed, position)] that look at one range of a table's positions."""

    tokens: list[tuple[int, int]]
    shared: bool
    table: int
    begin: int
    end: int
    piece: int


def make_plan(batch: Batch, *, slots: int, group: int, tokens: tuple[int, int], device: torch.device | str) -> Plan:
    """Cut a batch into tiles.

    Parameters
    ----------
    slots : tokens that the store holds.
    group : query heads of a key-value head.
    tokens : query tokens of a tile for few and for many tokens; a share and every longer span takes the latter.

    Raises
    ------
    LaunchError
        The batch does not fit the store.
    """
    batch.check(slots)
    starts = [sum(batch.lengths[:index]) for index in range(len(batch.lengths))]
    first = [end - length for end, length in zip(batch.ends, batch.lengths, strict=True)]
    queries = [
        [(start + offset, position + offset) for offset in range(length)]
        for start, position, length in zip(starts, first, batch.lengths, strict=True)
    ]
    few: list[_Work] = []
    many: list[_Work] = []
    for work in _works(batch, queries):
        (many if work.shared or len(work.tokens) > tokens[0] else few).append(work)
    positions = [position for tokens_of_one in queries for _, position in tokens_of_one]
    width = max(map(len, batch.tables))
    tables = [[*table, *[0] * (width - len(table))] for table in batch.tables]
    return Plan(
        batch=batch,
        slots=slots,
        group=group,
        positions_N=_int32(positions, device),
        tables_SM=_int32(tables, device),
        few=_tiles(few, tokens[0], device),
        many=_tiles(many, tokens[1], device),
        tile_tokens=tokens,
        pieces=max(len(_ranges(batch, index)) for index in range(len(batch.lengths))),
    )


def _works(batch: Batch, queries: list[list[tuple[int, int]]]) -> Iterator[_Work]:
    """Shares with the queries of all their sequences, then what each sequence looks at by itself."""
    for share in batch.shared:
        by_piece: dict[int, list[tuple[int, int]]] = {}
        for index in share.sequences:
            piece = _ranges(batch, index).index((share.begin, share.end))
            by_piece.setdefault(piece, []).extend(queries[index])
        for piece, tokens in by_piece.items():
            table, begin, end = share.sequences[0], share.begin, share.end
            yield _Work(tokens=tokens, shared=True, table=table, begin=begin, end=end, piece=piece)
    for index, tokens in enumerate(queries):
        mine = {(share.begin, share.end) for share in batch.shared if index in share.sequences}
        for piece, (begin, end) in enumerate(_ranges(batch, index)):
            if (begin, end) not in mine:
                yield _Work(tokens=tokens, shared=False, table=index, begin=begin, end=end, piece=piece)


def _ranges(batch: Batch, index: int) -> list[tuple[int, int]]:
    """Parts that a sequence's keys are read in, in order: its shares, and what lies between and behind them."""
    found, at = [], 0
    shares = sorted((share.begin, share.end) for share in batch.shared if index in share.sequences)
    for begin, end in shares:
        if begin > at:
            found.append((at, begin))
        found.append((begin, end))
        at = max(at, end)
    return [*found, (at, batch.ends[index])]


def _neighbours(ranges: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    return itertools.pairwise(ranges)


def _tiles(works: Sequence[_Work], size: int, device: torch.device | str) -> Tiles | None:
    rows: list[list[int]] = []
    meta: list[list[int]] = []
    for work in works:
        for low in range(0, len(work.tokens), size):
            part = work.tokens[low : low + size]
            positions = [position for _, position in part]
            rows.append([token for token, _ in part] + [-1] * (size - len(part)))
            meta.append([work.table, work.begin, work.end, min(positions), max(positions), work.piece])
    if not rows:
        return None
    return Tiles(rows_Tt=_int32(rows, device), meta_T6=_int32(meta, device))


def _int32(values: object, device: torch.device | str) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int32, device=device)


def check_queries(q_QND: torch.Tensor, stored: StoredKV, plan: Plan) -> None:
    """Queries against the stored key-values and the plan.

    Raises
    ------
    LaunchError
        They do not fit.
    """
    check_tensor("q", q_QND, device=plan.positions_N.device, dtypes=FLOATS)
    stored.check(q_QND.dtype, q_QND.device)
    check_shape("q", q_QND, (stored.heads * plan.group, plan.batch.tokens, stored.sizes()[0]))
    check_last_stride("q", q_QND)
    if stored.slots != plan.slots:
        raise LaunchError(f"k has {stored.slots} slots, the plan was made for {plan.slots}; make a plan for this store")
