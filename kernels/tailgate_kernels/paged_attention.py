"""Attention of packed query tokens over key-values in blocks: prefill, decode and verify in one kernel.

For the queries i of a tile (tokens of one sequence, or of all sequences that share a beginning) and keys j of a range::

    s_ij = scale * q_i . k_j            (cap * tanh(s_ij / cap) with a soft cap)
    out_i = sum_j exp(s_ij - lse_i) v_j,   lse_i = log sum_j exp(s_ij),   j <= i, j > i - window, begin <= j < end

Ranges of one query (a beginning shared by many sequences, read once for all of them; then its own) are merged by their
log-sum-exps: ``out = sum_p exp(lse_p - lse) out_p``.

Layout: queries and outputs [Q, N, D], stored key-values [H, S, D], any strides but the last; position p of a sequence
lies in slot ``table[p // block] * block + p % block``. The Q/H query heads of a key-value head stand in one tile, so
that a key is read once for all of them.
Dtypes: queries fp16, bf16, fp32; key-values the same, or int8, fp8 (e4m3), int4 with scales per token and head,
decoded to the queries' dtype as `reference_attention.decode_kv` does. fp8 is decoded by a shift: it runs on
architectures without fp8 too. Both products accumulate in fp32; between pieces fp32 is kept.
Tiles: 16 rows for a few query tokens, where reading keys is all that matters; 64 and more for many. Both take the same
steps over keys, at absolute positions: what else is in a batch, how a prompt is cut, where a tile begins changes no
row's sum. Batch-invariant: yes, no range is split by load. A share cuts the sum where the caller says.
NaN and infinities: a query that is not finite spoils its own row; a key or value that is not finite spoils every row of
its tile that reads the range, of its own sequence or of those that share it.
Floor: bytes = 2 * context * H * D * bytes(kv) a sequence (a share once) + 2 * N * Q * D * 2; operations = 4 * Q * D a
visible pair. Decode of 64 sequences of 4,096 tokens, H 8, Q 32, D 128, fp16: 1,075 MB, 4.3 GFLOP, bytes bind, by the
sheets (scripts/kernel_floors.py): 527 us on A100, 321 on H100, 224 on H200, 1,066 on RTX 4090.
Reference: `reference_attention.paged_attention`.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from tailgate_kernels.arithmetic import dot, narrow
from tailgate_kernels.attention_batch import Batch, Heads, KVFormat, Plan, StoredKV, Tiles, check_queries, make_plan
from tailgate_kernels.launch import (
    OPTIONS,
    SMALLEST_DOT,
    TRITON_NAMES,
    LaunchError,
    Specialization,
    Tile,
    architecture,
    is_interpreted,
    next_power,
)
from tailgate_kernels.reference_attention import Attended, Look

AS_COMPUTED, INT8, FP8, INT4 = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2), tl.constexpr(3)
CODES: dict[KVFormat, int] = {"": 0, "int8": 1, "fp8": 2, "int4": 3}
LOG2E = tl.constexpr(1.4426950408889634)
LN2 = tl.constexpr(0.6931471805599453)
KEYS = 64  # keys a step, the same in both tiles
LARGE_SHARED = (80, 90, 100)  # 163 KiB of shared memory and more; 99 KiB elsewhere
MERGED_ROWS = 16  # queries a program of the merge


def tiles(dtype: torch.dtype, kv: KVFormat, size: int, arch: int) -> tuple[Tile, Tile]:
    """The tile for few and for many query tokens, by dtype, stored format, head size and architecture.

    Sizes are the largest that compile without spills for every architecture (scripts/check_kernels.py).
    """
    if dtype == torch.float32:  # products of fp32 take no tensor core, and their operands lie in registers
        few, many = (Tile(rows=rows, columns=16, depth=0, warps=8, stages=1) for rows in (SMALLEST_DOT, 32))
        return few, many
    keys = 32 if size > 128 else KEYS
    large = arch in LARGE_SHARED and size <= 128 and not (kv and arch == 80)
    many = Tile(rows=128 if large else 64, columns=keys, depth=0, warps=8, stages=2)
    return Tile(rows=SMALLEST_DOT, columns=keys, depth=0, warps=4, stages=2), many


@triton.jit
def _load_stored(codes, scales, slot, seen, codes_ss, scales_ss, D: tl.constexpr, D_PAD: tl.constexpr,
                 KV: tl.constexpr, DTYPE: tl.constexpr, EMULATE: tl.constexpr):  # fmt: skip
    """Vectors of slots, [slots, D_PAD], zero where not seen."""
    d = tl.arange(0, D_PAD)
    mask = seen[:, None] & (d < D)[None, :]
    place = codes + slot[:, None] * codes_ss
    if KV == AS_COMPUTED:
        x = tl.load(place + d[None, :], mask=mask, other=0.0)
    elif KV == INT4:
        high = d >= D // 2
        byte = tl.load(place + tl.where(high, d - D // 2, d)[None, :], mask=mask, other=0).to(tl.int32)
        code = tl.where(high[None, :], byte >> 4, byte & 15).to(tl.float32)
        step = tl.load(scales + slot * scales_ss, mask=seen, other=0.0)
        low = tl.load(scales + slot * scales_ss + 1, mask=seen, other=0.0)
        x = narrow(tl.where(mask, code * step[:, None] + low[:, None], 0.0), DTYPE, EMULATE)
    else:
        code = tl.load(place + d[None, :], mask=mask, other=0)
        if KV == FP8:
            # The seven bits behind the sign, where float16 has its own: the same number over 2**8.
            bits = (code.to(tl.int16) << 7) & -0x4001
            value = bits.to(tl.float16, bitcast=True).to(tl.float32) * 256.0
        else:
            value = code.to(tl.float32)
        scale = tl.load(scales + slot * scales_ss, mask=seen, other=0.0)
        x = narrow(value * scale[:, None], DTYPE, EMULATE)
    return x


@triton.jit
def paged_attention_kernel(
    q, k, v, k_scale, v_scale, out, lse, rows, meta, positions, tables,
    q_sh, q_sn, k_sh, k_ss, v_sh, v_ss, ks_sh, ks_ss, vs_sh, vs_ss, out_sp, out_sh, out_sn, lse_sp, lse_sh, tables_s,
    scale, softcap, window,
    KV: tl.constexpr, SOFTCAP: tl.constexpr, WINDOW: tl.constexpr, PAGE: tl.constexpr, GROUP: tl.constexpr,
    GROUP_PAD: tl.constexpr, DK: tl.constexpr, DK_PAD: tl.constexpr, DV: tl.constexpr, DV_PAD: tl.constexpr,
    ROWS: tl.constexpr, KEYS: tl.constexpr, EMULATE: tl.constexpr,
):  # fmt: skip
    """One tile of query rows against one range of keys, for one key-value head."""
    tile, head = tl.program_id(0), tl.program_id(1)
    meta += tile * 6
    table, begin, end = tl.load(meta), tl.load(meta + 1), tl.load(meta + 2)
    first, last, piece = tl.load(meta + 3), tl.load(meta + 4), tl.load(meta + 5)

    row = tl.arange(0, ROWS)
    token = tl.load(rows + tile * (ROWS // GROUP_PAD) + row // GROUP_PAD).to(tl.int64)
    of_group = row % GROUP_PAD
    used = (token >= 0) & (of_group < GROUP)
    position = tl.load(positions + token, mask=used, other=0)
    query_head = (head * GROUP + of_group).to(tl.int64)
    dk, dv = tl.arange(0, DK_PAD), tl.arange(0, DV_PAD)
    q_place = q + query_head * q_sh + token * q_sn
    queries = tl.load(q_place[:, None] + dk[None, :], mask=used[:, None] & (dk < DK)[None, :], other=0.0)
    k += head.to(tl.int64) * k_sh
    v += head.to(tl.int64) * v_sh
    k_scale += head.to(tl.int64) * ks_sh
    v_scale += head.to(tl.int64) * vs_sh

    high = tl.minimum(end, last + 1)
    low = begin
    if WINDOW:
        low = tl.maximum(low, first - window + 1)
    low = low // KEYS * KEYS  # steps at absolute positions: a row's sum does not depend on its tile

    best = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    acc = tl.zeros([ROWS, DV_PAD], tl.float32)
    for at in range(low, high, KEYS):
        key = at + tl.arange(0, KEYS)
        seen = (key >= begin) & (key < high)
        block = tl.load(tables + table * tables_s + key // PAGE, mask=seen, other=0).to(tl.int64)
        slot = block * PAGE + key % PAGE
        keys = _load_stored(k, k_scale, slot, seen, k_ss, ks_ss, DK, DK_PAD, KV, queries.dtype, EMULATE)
        logits = dot(queries, tl.trans(keys), tl.zeros([ROWS, KEYS], tl.float32), EMULATE) * scale
        if SOFTCAP:
            shrink = tl.exp2(tl.abs(logits / softcap) * (-2.0 * LOG2E))
            capped = softcap * (1.0 - shrink) / (1.0 + shrink)
            logits = tl.where(logits < 0, -capped, capped)
        visible = seen[None, :] & (key[None, :] <= position[:, None])
        if WINDOW:
            visible = visible & (key[None, :] > position[:, None] - window)
        logits = tl.where(visible, logits * LOG2E, float("-inf"))
        new_best = tl.maximum(best, tl.max(logits, 1))
        level = tl.where(new_best == float("-inf"), 0.0, new_best)  # nothing seen yet: -inf less -inf is no number
        weights = tl.exp2(logits - level[:, None])
        keep = tl.exp2(best - level)
        total = total * keep + tl.sum(weights, 1)
        values = _load_stored(v, v_scale, slot, seen, v_ss, vs_ss, DV, DV_PAD, KV, queries.dtype, EMULATE)
        acc = dot(narrow(weights, queries.dtype, EMULATE), values, acc * keep[:, None], EMULATE)
        best = new_best

    anything = total != 0.0  # true of NaN
    acc = tl.where(anything[:, None], acc / tl.where(anything, total, 1.0)[:, None], 0.0)
    log_sum = tl.where(anything, best * LN2 + tl.log(tl.where(anything, total, 1.0)), float("-inf"))
    piece = piece.to(tl.int64)
    out_place = out + piece * out_sp + query_head * out_sh + token * out_sn
    acc = narrow(acc, out.dtype.element_ty, EMULATE)
    tl.store(out_place[:, None] + dv[None, :], acc, mask=used[:, None] & (dv < DV)[None, :])
    tl.store(lse + piece * lse_sp + query_head * lse_sh + token, log_sum, mask=used)


@triton.jit
def merge_pieces_kernel(parts, part_lse, out, lse, parts_sp, parts_sh, parts_sn, plse_sp, plse_sh, out_sh, out_sn,
                        lse_sh, tokens, PIECES: tl.constexpr, DV: tl.constexpr, DV_PAD: tl.constexpr,
                        ROWS: tl.constexpr, EMULATE: tl.constexpr):  # fmt: skip
    """The pieces of some queries of one head into one, by their log-sum-exps."""
    token, head = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64), tl.program_id(1).to(tl.int64)
    used = token < tokens
    d = tl.arange(0, DV_PAD)
    parts += head * parts_sh
    part_lse += head * plse_sh + token
    best = tl.full([ROWS], float("-inf"), tl.float32)
    for piece in tl.static_range(0, PIECES):
        best = tl.maximum(best, tl.load(part_lse + piece * plse_sp, mask=used, other=float("-inf")))
    level = tl.where(best == float("-inf"), 0.0, best)
    total = tl.zeros([ROWS], tl.float32)
    acc = tl.zeros([ROWS, DV_PAD], tl.float32)
    for piece in tl.static_range(0, PIECES):
        log_sum = tl.load(part_lse + piece * plse_sp, mask=used, other=float("-inf"))
        written = (log_sum != float("-inf"))[:, None] & (d < DV)[None, :]  # what no tile wrote is not read
        weight = tl.exp2((log_sum - level) * LOG2E)
        total += weight
        place = parts + piece * parts_sp + token[:, None] * parts_sn + d[None, :]
        acc += weight[:, None] * tl.load(place, mask=written, other=0.0)
    acc = narrow(acc / tl.where(total == 0.0, 1.0, total)[:, None], out.dtype.element_ty, EMULATE)
    kept = used[:, None] & (d < DV)[None, :]
    tl.store(out + head * out_sh + token[:, None] * out_sn + d[None, :], acc, mask=kept)
    log_sum = tl.where(total == 0.0, float("-inf"), level + tl.log(tl.where(total == 0.0, 1.0, total)))
    tl.store(lse + head * lse_sh + token, log_sum, mask=used)


def plan(batch: Batch, model: Heads, *, slots: int, device: torch.device | str) -> Plan:
    """Cut a batch into the tiles of this device, once for all layers of a forward pass.

    Parameters
    ----------
    slots : tokens that the store holds.

    Raises
    ------
    LaunchError
        The batch does not fit the store, or heads do not divide.
    """
    shapes = tiles(model.dtype, model.kv_format, model.size, architecture(torch.device(device)))
    few, many = (_rows(tile, model.group) // next_power(model.group) for tile in shapes)
    return make_plan(batch, slots=slots, group=model.group, tokens=(few, many), device=device)


def _rows(tile: Tile, group: int) -> int:
    """Rows of a tile: at least one token's query heads."""
    return max(tile.rows, next_power(group))


def paged_attention(q_QND: torch.Tensor, stored: StoredKV, planned: Plan, look: Look) -> Attended:
    """Attention of packed query tokens over stored key-values.

    Parameters
    ----------
    q_QND : queries, [Q, N, D].
    planned : from `plan`, for this store, these heads and this device.

    Raises
    ------
    LaunchError
        An argument does not fit.
    """
    check_queries(q_QND, stored, planned)
    if look.window is not None and look.window < 1:
        raise LaunchError(f"window is {look.window}; it must be at least 1, or None")
    if look.softcap is not None and not look.softcap > 0:
        raise LaunchError(f"softcap is {look.softcap}; it must be above 0, or None")
    size = (q_QND.shape[0], q_QND.shape[1], stored.sizes()[1])
    out_QND = q_QND.new_empty(size)
    lse_QN = q_QND.new_empty(size[:2], dtype=torch.float32)
    if planned.pieces == 1:
        _launch(q_QND, stored, planned, look, (out_QND[None], lse_QN[None]))
        return Attended(out_QND=out_QND, lse_QN=lse_QN)
    parts = q_QND.new_empty((planned.pieces, *size), dtype=torch.float32)
    part_lse = q_QND.new_full((planned.pieces, *size[:2]), float("-inf"), dtype=torch.float32)
    _launch(q_QND, stored, planned, look, (parts, part_lse))
    merge_pieces_kernel[(triton.cdiv(size[1], MERGED_ROWS), size[0])](
        parts, part_lse, out_QND, lse_QN, *parts.stride()[:3], *part_lse.stride()[:2], *out_QND.stride()[:2],
        lse_QN.stride(0), size[1], PIECES=planned.pieces, DV=size[2], DV_PAD=next_power(size[2]), ROWS=MERGED_ROWS,
        EMULATE=is_interpreted(), num_warps=4, **OPTIONS,
    )  # fmt: skip
    return Attended(out_QND=out_QND, lse_QN=lse_QN)


def _launch(
    q_QND: torch.Tensor, stored: StoredKV, planned: Plan, look: Look, into: tuple[torch.Tensor, torch.Tensor]
) -> None:
    few, many = tiles(q_QND.dtype, stored.kv, q_QND.shape[2], architecture(q_QND.device))
    for tile, work in ((few, planned.few), (many, planned.many)):
        if work is not None:
            _launch_tiles(q_QND, stored, planned, look, into, (tile, work))


def _launch_tiles(
    q_QND: torch.Tensor,
    stored: StoredKV,
    planned: Plan,
    look: Look,
    into: tuple[torch.Tensor, torch.Tensor],
    work: tuple[Tile, Tiles],
) -> None:
    tile, tiled = work
    rows = _rows(tile, planned.group)
    expected = rows // next_power(planned.group)
    if tiled.rows_Tt.shape[1] != expected:
        raise LaunchError(f"the plan has {tiled.rows_Tt.shape[1]} tokens a tile, {q_QND.dtype} takes {expected}; make "
                          "the plan with the queries' dtype")  # fmt: skip
    k, v = stored.k[0], stored.v[0]
    k_scale, v_scale = (stored.k[1], stored.v[1]) if stored.kv else (k, v)
    out, lse = into
    paged_attention_kernel[(tiled.rows_Tt.shape[0], stored.heads)](
        q_QND, k, v, k_scale, v_scale, out, lse, tiled.rows_Tt, tiled.meta_T6, planned.positions_N, planned.tables_SM,
        *q_QND.stride()[:2], *k.stride()[:2], *v.stride()[:2], *k_scale.stride()[:2], *v_scale.stride()[:2],
        *out.stride()[:3], *lse.stride()[:2], planned.tables_SM.stride(0),
        look.scale, look.softcap or 1.0, look.window or 0,
        **_constants(stored.kv, stored.sizes(), planned.group, look), PAGE=planned.batch.block, ROWS=rows,
        KEYS=tile.columns, EMULATE=is_interpreted(), num_warps=tile.warps, num_stages=tile.stages, **OPTIONS,
    )  # fmt: skip


def _constants(kv: KVFormat, sizes: tuple[int, int], group: int, look: Look) -> dict[str, Any]:
    """What the kernel is compiled for, next to its tile and the size of a block."""
    dk, dv = sizes
    return {
        "KV": CODES[kv],
        "SOFTCAP": look.softcap is not None,
        "WINDOW": look.window is not None,
        "GROUP": group,
        "GROUP_PAD": next_power(group),
        "DK": dk,
        "DK_PAD": max(SMALLEST_DOT, next_power(dk)),
        "DV": dv,
        "DV_PAD": max(SMALLEST_DOT, next_power(dv)),
    }


def specializations(arch: int) -> list[Specialization]:
    """What is launched for common models: every format at head size 128, windows and soft caps at 256."""
    plain, capped = Look(scale=1.0), Look(scale=1.0, window=4096, softcap=50.0)
    found = []
    for dtype, kv, size, look in (
        *((torch.float16, kv, 128, plain) for kv in CODES),
        (torch.bfloat16, "", 128, plain),
        (torch.bfloat16, "int4", 128, plain),
        (torch.float16, "", 64, plain),
        (torch.bfloat16, "", 256, capped),
        (torch.float32, "", 128, plain),
    ):
        for name, tile in zip(("few", "many"), tiles(dtype, kv, size, arch), strict=True):
            found.append(_specialize(dtype, kv, size, look, (name, tile)))
    merge = {"parts": "fp32", "part_lse": "fp32", "out": "fp16", "lse": "fp32"}
    sizes = {"PIECES": 2, "DV": 128, "DV_PAD": 128, "ROWS": MERGED_ROWS, "EMULATE": False}
    merging = Specialization(
        name="merge D=128",
        kernel=merge_pieces_kernel,
        pointers=merge,
        constants=sizes,
        floats=(),
        counts=("plse_sp", "plse_sh", "lse_sh", "tokens"),
        warps=4,
        stages=1,
    )
    return [*found, merging]


def _specialize(dtype: torch.dtype, kv: KVFormat, size: int, look: Look, of: tuple[str, Tile]) -> Specialization:
    name, tile = of
    x = TRITON_NAMES[dtype]
    codes = {"": x, "int8": "i8", "fp8": "i8", "int4": "u8"}[kv]
    scales = "fp32" if kv else x
    pointers = {"q": x, "k": codes, "v": codes, "k_scale": scales, "v_scale": scales, "out": x, "lse": "fp32"}
    extra = ", window, soft cap" if look.softcap else ""
    return Specialization(
        name=f"{name} {x}, kv {kv or x}, D={size}{extra}",
        kernel=paged_attention_kernel,
        pointers={**pointers, "rows": "i32", "meta": "i32", "positions": "i32", "tables": "i32"},
        constants={
            **_constants(kv, (size, size), 4, look),
            "PAGE": 16,
            "ROWS": tile.rows,
            "KEYS": tile.columns,
            "EMULATE": False,
        },
        floats=("scale", "softcap"),
        counts=("lse_sp", "lse_sh", "tables_s"),
        warps=tile.warps,
        stages=tile.stages,
    )
