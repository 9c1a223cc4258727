"""Statistics of predicted distributions from hidden states and the LM head, without the logits ever in memory.

With ``z_rv = cap(divide(multiply(h_r . w_v + b_v)))`` for rows r and the vocabulary v::

    best_r = argmax_v z_rv,   margin_r = z_r,best - max_{v != best} z_rv,   lse_r = log sum_v exp(z_rv)
    log p_r(v) = z_rv - lse_r  for given tokens, for the K likeliest, and for the tokens of a stored distribution,
    KL_r = sum_k p_k (log p_k - log q_k) + rest_p log(rest_p / rest_q),   JS_r likewise, with all others as one outcome

The vocabulary is cut into chunks of 1,024 at fixed places; a program walks one chunk for a tile of rows with an online
softmax and writes a few numbers, a second kernel puts the chunks together in their order. What is written is
4 + K numbers a row and chunk: for K = 64 an eighth of the bytes that logits in fp32 would be, without K 1/256.
Layout: hidden [R, E], weights [V, E], any stride but the last. Tokens are ordered by 64-bit keys, logit above id, so
that ties have one order.
Dtypes: fp16, bf16, fp32 in; products and sums fp32; divergences fp64.
Tiles: `decode` for a few rows, `verify` for many; the caller names one. A row's sums take the same steps in both.
Batch-invariant: yes.
NaN and infinities: a row that has any is told by ``finite``, the others do not change.
Floor: bytes = V E * 2 + R E * 2 + R (V / 1024) (16 + 8 K) * 2; operations = 2 R V E. For R 16, E 4096, V 128256, K 64:
1,053 MB, 16.8 GFLOP, bytes bind, by the sheets (scripts/kernel_floors.py): 516 us on A100, 314 on H100, 219 on H200,
1,045 on RTX 4090.
Reference: `reference_stats.token_stats`.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import triton
import triton.language as tl

from tailgate_kernels.arithmetic import dot, narrow
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
from tailgate_kernels.stats_request import Head, RowStats, Wanted, check_stats

Phase = Literal["decode", "verify"]
PHASES: tuple[Phase, ...] = ("decode", "verify")
CHUNK = 1024  # tokens of the vocabulary a program walks
LOWEST_KEY = tl.constexpr(-(2**63))
LOG2E = tl.constexpr(1.4426950408889634)
LEAST_REST = tl.constexpr(1e-7)  # reference_stats.LEAST_REST


def tile(phase: Phase, dtype: torch.dtype) -> Tile:
    """The tile of a phase, the same on every architecture.

    Raises
    ------
    LaunchError
        There is no such phase.
    """
    if phase not in PHASES:
        raise LaunchError(f"phase is '{phase}'; it must be one of: {', '.join(PHASES)}")
    # The largest that compile without spills for every architecture (scripts/check_kernels.py).
    if dtype == torch.float32:
        return Tile(rows=SMALLEST_DOT, columns=64, depth=16, warps=8, stages=2)
    rows, warps = (SMALLEST_DOT, 4) if phase == "decode" else (64, 8)
    return Tile(rows=rows, columns=64, depth=64, warps=warps, stages=3)


@triton.jit
def _level(x):
    """What to subtract before exp: -inf less -inf is no number."""
    return tl.where(x == float("-inf"), 0.0, x)


@triton.jit
def _keys(logits, ids):
    """One order of all tokens: by logit, then the lower id first."""
    bits = logits.to(tl.int32, bitcast=True)
    bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (bits.to(tl.int64) << 32) | (0xFFFFFFFF - ids.to(tl.int64))


@triton.jit
def _no_keys(ROWS: tl.constexpr, K: tl.constexpr):
    """Places of the K highest keys, below every key and all different."""
    return tl.full([ROWS, K], LOWEST_KEY, tl.int64) + tl.arange(0, K).to(tl.int64)[None, :]


@triton.jit
def _insert(kept, new):
    """Put new keys in the place of the lowest kept ones, as long as one is higher.

    Keys are all different. Past the first tiles few are inserted, where sorting would cost the same in every tile.
    """
    lowest, highest = tl.min(kept, 1), tl.max(new, 1)
    while tl.max((highest > lowest).to(tl.int32), 0) > 0:
        better = (highest > lowest)[:, None]
        kept = tl.where(better & (kept == lowest[:, None]), highest[:, None], kept)
        new = tl.where(better & (new == highest[:, None]), LOWEST_KEY, new)
        lowest, highest = tl.min(kept, 1), tl.max(new, 1)
    return kept


@triton.jit
def token_stats_kernel(
    hidden, weight, bias, targets, stored, best, best_id, second, total, target_logit, stored_logit, top,
    n_rows, n_vocabulary, n_hidden, multiply, divide, softcap,
    hidden_sr, weight_sv, stored_sr, part_sc, stored_logit_sr, top_sc, top_sr,
    HAS_BIAS: tl.constexpr, HAS_TARGETS: tl.constexpr, HAS_STORED: tl.constexpr, SCALED: tl.constexpr,
    SOFTCAP: tl.constexpr, ROUNDED: tl.constexpr, STORED: tl.constexpr, STORED_PAD: tl.constexpr, TOP: tl.constexpr,
    CHUNK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, EMULATE: tl.constexpr,
):  # fmt: skip
    """One chunk of the vocabulary for one tile of rows."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    used = row < n_rows
    chunk = tl.program_id(1)
    high = tl.full([ROWS], float("-inf"), tl.float32)
    runner_up = tl.full([ROWS], float("-inf"), tl.float32)
    high_id = tl.zeros([ROWS], tl.int32)
    summed = tl.zeros([ROWS], tl.float32)
    if TOP:
        keys = _no_keys(ROWS, TOP)
    if HAS_TARGETS:
        target = tl.load(targets + row, mask=used, other=-1)
    if HAS_STORED:
        k = tl.arange(0, STORED_PAD)
        in_stored = used[:, None] & (k < STORED)[None, :]
        stored_id = tl.load(stored + row[:, None] * stored_sr + k[None, :], mask=in_stored, other=-1)

    for at in range(chunk * CHUNK, tl.minimum(chunk * CHUNK + CHUNK, n_vocabulary), COLUMNS):
        token = at + tl.arange(0, COLUMNS)
        real = token < n_vocabulary
        logits = tl.zeros([ROWS, COLUMNS], tl.float32)
        for e in range(0, n_hidden, DEPTH):
            depth = e + tl.arange(0, DEPTH)
            inside = depth < n_hidden
            left = tl.load(
                hidden + row[:, None] * hidden_sr + depth[None, :], mask=used[:, None] & inside[None, :], other=0.0
            )
            place = weight + token.to(tl.int64)[None, :] * weight_sv + depth[:, None]
            right = tl.load(place, mask=real[None, :] & inside[:, None], other=0.0)
            logits = dot(left, right, logits, EMULATE)
        if HAS_BIAS:
            logits += tl.load(bias + token, mask=real, other=0.0).to(tl.float32)[None, :]
        logits = _finished(
            logits, multiply, divide, softcap, SCALED, SOFTCAP, ROUNDED, hidden.dtype.element_ty, EMULATE
        )
        logits = tl.where(real[None, :], logits, float("-inf"))

        here = tl.max(logits, 1)
        here_id = tl.min(tl.where(logits == here[:, None], token[None, :], 2147483647), 1)
        next_best = tl.max(tl.where(token[None, :] == here_id[:, None], float("-inf"), logits), 1)
        runner_up = tl.maximum(tl.minimum(high, here), tl.maximum(runner_up, next_best))
        high_id = tl.where((here > high) | (at == chunk * CHUNK), here_id, high_id)
        raised = tl.maximum(high, here)
        level = _level(raised)
        summed = summed * tl.exp2((high - level) * LOG2E) + tl.sum(tl.exp2((logits - level[:, None]) * LOG2E), 1)
        high = raised
        if TOP:
            mine = tl.where(
                real[None, :], _keys(logits, tl.zeros([ROWS, COLUMNS], tl.int32) + token[None, :]), LOWEST_KEY
            )
            keys = _insert(keys, mine)
        if HAS_TARGETS:
            asked = tl.sum(tl.where(token[None, :] == target[:, None], logits, 0.0), 1)
            tl.store(target_logit + row, asked, mask=used & (target >= at) & (target < at + COLUMNS))
        if HAS_STORED:
            local = stored_id - at
            found = (local >= 0) & (local < COLUMNS)
            picked = tl.gather(logits, tl.where(found, local, 0), 1)
            tl.store(stored_logit + row[:, None] * stored_logit_sr + k[None, :], picked, mask=found & in_stored)

    part = chunk.to(tl.int64) * part_sc + row
    tl.store(best + part, high, mask=used)
    tl.store(best_id + part, high_id, mask=used)
    tl.store(second + part, runner_up, mask=used)
    tl.store(total + part, summed, mask=used)
    if TOP:
        place = top + chunk.to(tl.int64) * top_sc + row[:, None] * top_sr + tl.arange(0, TOP)[None, :]
        tl.store(place, keys, mask=used[:, None])


@triton.jit
def _finished(logits, multiply, divide, softcap, SCALED: tl.constexpr, SOFTCAP: tl.constexpr, ROUNDED: tl.constexpr,
              DTYPE: tl.constexpr, EMULATE: tl.constexpr):  # fmt: skip
    """What the architecture does to its logits, rounded step by step where the model's modules round."""
    logits = _step(logits, ROUNDED, DTYPE, EMULATE)
    if SCALED:
        logits = _step(logits * multiply, ROUNDED, DTYPE, EMULATE)
        logits = _step(tl.div_rn(logits, divide), ROUNDED, DTYPE, EMULATE)
    if SOFTCAP:
        logits = _step(tl.div_rn(logits, softcap), ROUNDED, DTYPE, EMULATE)
        shrink = tl.exp2(tl.abs(logits) * (-2.0 * LOG2E))
        bent = (1.0 - shrink) / (1.0 + shrink)
        bent = _step(tl.where(logits < 0, -bent, bent), ROUNDED, DTYPE, EMULATE)
        logits = _step(bent * softcap, ROUNDED, DTYPE, EMULATE)
    return logits


@triton.jit
def _step(x, ROUNDED: tl.constexpr, DTYPE: tl.constexpr, EMULATE: tl.constexpr):
    return narrow(x, DTYPE, EMULATE).to(tl.float32) if ROUNDED else x


@triton.jit
def merge_chunks_kernel(
    best, best_id, second, total, target_logit, stored, stored_logit, stored_log_prob, top,
    out_best, out_logit, out_margin, out_lse, out_target, out_ids, out_top, out_stored, out_kl, out_js,
    chunks, part_sc, stored_sr, stored_lp_sr, stored_logit_sr, top_sc, top_sr, out_ids_sr, out_top_sr, out_stored_sr,
    HAS_TARGETS: tl.constexpr, HAS_STORED: tl.constexpr, STORED: tl.constexpr, STORED_PAD: tl.constexpr,
    TOP: tl.constexpr, CHUNKS: tl.constexpr,
):  # fmt: skip
    """One row's chunks put together, in their order."""
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.arange(0, CHUNKS)
    there = chunk < chunks
    part = chunk.to(tl.int64) * part_sc + row
    highs = tl.load(best + part, mask=there, other=float("-inf"))
    ids = tl.load(best_id + part, mask=there, other=2147483647)
    high = tl.max(highs, 0)
    winner = tl.min(tl.where(highs == high, ids, 2147483647), 0)
    others = tl.where(ids == winner, tl.load(second + part, mask=there, other=float("-inf")), highs)
    level = _level(high)
    sums = tl.load(total + part, mask=there, other=0.0)
    lse = level + tl.log(tl.sum(sums * tl.exp2((highs - level) * LOG2E), 0))
    tl.store(out_best + row, winner.to(tl.int64))
    tl.store(out_logit + row, high)
    tl.store(out_margin + row, high - tl.max(others, 0))
    tl.store(out_lse + row, lse)
    if HAS_TARGETS:
        tl.store(out_target + row, tl.load(target_logit + row) - lse)
    if TOP:
        k = tl.arange(0, TOP)
        kept = _no_keys(1, TOP)
        for at in range(0, chunks):
            place = top + tl.cast(at, tl.int64) * top_sc + row * top_sr + k
            kept = _insert(kept, tl.load(place)[None, :])
        keys = kept.reshape(TOP)
        rank = tl.sum((keys[None, :] > keys[:, None]).to(tl.int32), 1)
        bits = (keys >> 32).to(tl.int32)
        bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
        tl.store(out_ids + row * out_ids_sr + rank, 0xFFFFFFFF - (keys & 0xFFFFFFFF))
        tl.store(out_top + row * out_top_sr + rank, bits.to(tl.float32, bitcast=True) - lse)
    if HAS_STORED:
        j = tl.arange(0, STORED_PAD)
        inside = j < STORED
        asked = tl.load(stored + row * stored_sr + j, mask=inside, other=-1) >= 0
        p = tl.load(stored_log_prob + row * stored_lp_sr + j, mask=asked, other=0.0)
        q = tl.load(stored_logit + row * stored_logit_sr + j, mask=asked, other=0.0) - lse
        tl.store(out_stored + row * out_stored_sr + j, tl.where(asked, q, float("nan")), mask=inside)
        _store_divergences(out_kl + row, out_js + row, p.to(tl.float64), q.to(tl.float64), asked)


@triton.jit
def _store_divergences(out_kl, out_js, p, q, kept):
    """On the kept tokens and one outcome for all others; NaN where none is kept."""
    p_mass, q_mass = tl.where(kept, tl.exp(p), 0.0), tl.where(kept, tl.exp(q), 0.0)
    p_rest, q_rest = tl.maximum(1.0 - tl.sum(p_mass, 0), 0.0), tl.maximum(1.0 - tl.sum(q_mass, 0), 0.0)
    kl = tl.sum(tl.where(p_mass == 0.0, 0.0, p_mass * (p - q)), 0)
    kl += _rest_term(p_rest, tl.maximum(q_rest, LEAST_REST))
    middle = tl.log(tl.where(kept, (p_mass + q_mass) * 0.5, 1.0))
    js = tl.sum(tl.where(p_mass == 0.0, 0.0, p_mass * (p - middle)), 0)
    js += tl.sum(tl.where(q_mass == 0.0, 0.0, q_mass * (q - middle)), 0)
    rest = (p_rest + q_rest) * 0.5
    js = (js + _rest_term(p_rest, rest) + _rest_term(q_rest, rest)) * 0.5
    anybody = tl.max(kept.to(tl.int32), 0) > 0
    tl.store(out_kl, tl.where(anybody, tl.where(kl < 0.0, 0.0, kl), float("nan")).to(tl.float32))
    tl.store(out_js, tl.where(anybody, tl.where(js < 0.0, 0.0, js), float("nan")).to(tl.float32))


@triton.jit
def _rest_term(p, q):
    matters = p > LEAST_REST
    return tl.where(matters, p * tl.log(tl.where(matters, p / q, 1.0)), 0.0)


def token_stats(hidden_RE: torch.Tensor, head: Head, wanted: Wanted, *, phase: Phase) -> RowStats:
    """Statistics of predicted distributions, without [R, V] in memory.

    Parameters
    ----------
    phase : which tile computes it; name one for a whole run where equal rows must give equal bits.

    Raises
    ------
    LaunchError
        An argument does not fit.
    """
    check_stats(hidden_RE, head, wanted)
    shape = tile(phase, hidden_RE.dtype)
    architecture(hidden_RE.device)
    chunks = triton.cdiv(head.weight_VE.shape[0], CHUNK)
    parts = _Parts(hidden_RE, wanted, chunks)
    _launch_chunks(hidden_RE, head, wanted, shape, parts)
    return _merge(hidden_RE, wanted, parts)


class _Parts:
    """Buffers between the two kernels; [C, R] by chunk and row, [R, K] for what single chunks find."""

    def __init__(self, hidden_RE: torch.Tensor, wanted: Wanted, chunks: int) -> None:
        rows = hidden_RE.shape[0]
        self.chunks = chunks
        self.best, self.second, self.total = (
            hidden_RE.new_empty((chunks, rows), dtype=torch.float32) for _ in ("best", "second", "total")
        )
        self.best_id = hidden_RE.new_empty((chunks, rows), dtype=torch.int32)
        self.kept = 1 if wanted.stored is None else wanted.stored.ids_RK.shape[1]
        # A token that is not asked for is found by no chunk: what stays is the answer to it.
        self.target = hidden_RE.new_full((rows,), float("nan"), dtype=torch.float32)
        self.stored = hidden_RE.new_full((rows, self.kept), float("nan"), dtype=torch.float32)
        self.top_size = max(2, next_power(wanted.top_k)) if wanted.top_k else 0
        self.top = hidden_RE.new_empty((chunks, rows, max(1, self.top_size)), dtype=torch.int64)

    def constants(self, wanted: Wanted) -> dict[str, Any]:
        """What both kernels are compiled for."""
        return {
            "HAS_TARGETS": wanted.targets_R is not None,
            "HAS_STORED": wanted.stored is not None,
            "STORED": self.kept,
            "STORED_PAD": max(2, next_power(self.kept)),
            "TOP": self.top_size,
        }


def _launch_chunks(hidden_RE: torch.Tensor, head: Head, wanted: Wanted, shape: Tile, parts: _Parts) -> None:
    rows, size = hidden_RE.shape
    vocabulary = head.weight_VE.shape[0]
    nothing = parts.best_id
    stored = nothing if wanted.stored is None else wanted.stored.ids_RK
    token_stats_kernel[(triton.cdiv(rows, shape.rows), parts.chunks)](
        hidden_RE, head.weight_VE, head.weight_VE if head.bias_V is None else head.bias_V,
        nothing if wanted.targets_R is None else wanted.targets_R, stored,
        parts.best, parts.best_id, parts.second, parts.total, parts.target, parts.stored, parts.top,
        rows, vocabulary, size, float(head.multiply), float(head.divide), float(head.softcap or 1.0),
        hidden_RE.stride(0), head.weight_VE.stride(0), stored.stride(0), parts.best.stride(0), parts.stored.stride(0),
        *parts.top.stride()[:2],
        HAS_BIAS=head.bias_V is not None, SCALED=(head.multiply, head.divide) != (1.0, 1.0),
        SOFTCAP=head.softcap is not None, ROUNDED=head.rounded, **parts.constants(wanted),
        CHUNK=CHUNK, ROWS=shape.rows, COLUMNS=shape.columns, DEPTH=shape.depth, EMULATE=is_interpreted(),
        num_warps=shape.warps, num_stages=shape.stages, **OPTIONS,
    )  # fmt: skip


def _merge(hidden_RE: torch.Tensor, wanted: Wanted, parts: _Parts) -> RowStats:
    rows = hidden_RE.shape[0]
    best_R = hidden_RE.new_empty((rows,), dtype=torch.int64)
    logit_R, margin_R, lse_R, target_R, kl_R, js_R = hidden_RE.new_empty((6, rows), dtype=torch.float32)
    ids_RK = hidden_RE.new_empty((rows, max(1, parts.top_size)), dtype=torch.int64)
    top_RK = hidden_RE.new_empty((rows, max(1, parts.top_size)), dtype=torch.float32)
    stored_RK = torch.empty_like(parts.stored)
    stored_ids = parts.best_id if wanted.stored is None else wanted.stored.ids_RK
    stored_log_probs = parts.stored if wanted.stored is None else wanted.stored.log_probs_RK
    merge_chunks_kernel[(rows,)](
        parts.best, parts.best_id, parts.second, parts.total, parts.target, stored_ids, parts.stored, stored_log_probs,
        parts.top, best_R, logit_R, margin_R, lse_R, target_R, ids_RK, top_RK, stored_RK, kl_R, js_R,
        parts.chunks, parts.best.stride(0), stored_ids.stride(0), stored_log_probs.stride(0), parts.stored.stride(0),
        *parts.top.stride()[:2], ids_RK.stride(0), top_RK.stride(0), stored_RK.stride(0),
        **parts.constants(wanted), CHUNKS=max(2, next_power(parts.chunks)), num_warps=4, **OPTIONS,
    )  # fmt: skip
    has_stored, has_top = wanted.stored is not None, wanted.top_k > 0
    return RowStats(
        best_R=best_R,
        best_logit_R=logit_R,
        margin_R=margin_R,
        lse_R=lse_R,
        finite_R=logit_R.isfinite() & lse_R.isfinite(),
        target_log_prob_R=None if wanted.targets_R is None else target_R,
        top_ids_RK=ids_RK[:, : wanted.top_k] if has_top else None,
        top_log_probs_RK=top_RK[:, : wanted.top_k] if has_top else None,
        stored_log_probs_RK=stored_RK if has_stored else None,
        kl_R=kl_R if has_stored else None,
        js_R=js_R if has_stored else None,
    )


def specializations(arch: int) -> list[Specialization]:
    """Both tiles as the engine launches them: all statistics, the best token alone, with a soft cap, in fp32."""
    everything: dict[str, Any] = {"HAS_TARGETS": True, "HAS_STORED": True, "STORED": 64, "STORED_PAD": 64, "TOP": 64}
    best: dict[str, Any] = {"HAS_TARGETS": False, "HAS_STORED": False, "STORED": 1, "STORED_PAD": 2, "TOP": 0}
    found = []
    for phase in PHASES:
        for name, dtype, asked, form in (
            ("everything", torch.float16, everything, False),
            ("best token", torch.float16, best, False),
            ("everything, soft cap, rounded", torch.bfloat16, everything, True),
            ("everything", torch.float32, everything, False),
        ):
            found.append(_specialize(f"{phase} {TRITON_NAMES[dtype]}, {name}", tile(phase, dtype), dtype, asked, form))
    pointers = dict.fromkeys(
        ("best", "second", "total", "target_logit", "stored_logit", "stored_log_prob", "out_logit", "out_margin",
         "out_lse", "out_target", "out_top", "out_stored", "out_kl", "out_js"), "fp32",
    ) | {"best_id": "i32", "stored": "i32", "top": "i64", "out_best": "i64", "out_ids": "i64"}  # fmt: skip
    merging = Specialization(
        name="merge",
        kernel=merge_chunks_kernel,
        pointers=pointers,
        constants={**everything, "CHUNKS": 128},
        floats=(),
        counts=("chunks", "part_sc"),
        warps=4,
        stages=3,
    )
    return [*found, merging]


def _specialize(name: str, shape: Tile, dtype: torch.dtype, asked: dict[str, Any], form: bool) -> Specialization:
    x = TRITON_NAMES[dtype]
    floats = dict.fromkeys(("best", "second", "total", "target_logit", "stored_logit"), "fp32")
    ids = {"targets": "i32", "stored": "i32", "best_id": "i32", "top": "i64"}
    return Specialization(
        name=name,
        kernel=token_stats_kernel,
        pointers={"hidden": x, "weight": x, "bias": x, **floats, **ids},
        constants={
            **asked,
            "HAS_BIAS": form,
            "SCALED": form,
            "SOFTCAP": form,
            "ROUNDED": form,
            "CHUNK": CHUNK,
            "ROWS": shape.rows,
            "COLUMNS": shape.columns,
            "DEPTH": shape.depth,
            "EMULATE": False,
        },
        floats=("multiply", "divide", "softcap"),
        counts=("n_rows", "part_sc"),
        warps=shape.warps,
        stages=shape.stages,
    )
