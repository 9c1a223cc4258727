"""Attention over packed tokens and key-values of our own, registered with the attention interface of transformers.

Plain attention (grouped queries, windows, sinks) is computed in pieces: the tokens of a span among themselves, and
each run of its past; pieces of one query are merged by their log-sum-exps. A run that several sequences read is
visited once, with the queries of all of them. A few new tokens of a sequence that lies in one run take one call: where
many sequences decode, the time goes into the number of calls. Windows that cut through a span, soft-capped logits and
devices without the fused operator take the path that spells the softmax out. Kernels, where they were chosen, compute
all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from tailgate.engine.blocks import Run
from tailgate.engine.native.kernel_attention import attend
from tailgate.engine.native.kv_codes import Scales
from tailgate.engine.native.packing import Pack, PackedSpan
from tailgate.errors import SetupError
from tailgate_kernels.dispatch import Kernels
from tailgate_kernels.reference_attention import Look

# Shape legend: Q query heads, H key-value heads, G queries per key-value head, N packed tokens, n tokens of a piece,
# m key-values looked at, D head size.

NAME = "tailgate_packed"
LONGEST_TIP = 40  # tokens; a longest draft and the token before it
SPELLED_OUT_ROWS = 256  # queries at once where the scores are materialised: bounds them to [heads, 256, m]
# What transformers passes along that does not change the result of attention.
HARMLESS = frozenset({"dropout", "position_ids", "cache_position", "use_cache", "is_causal", "layer_idx"}
                    | {"output_attentions", "output_hidden_states", "output_router_logits", "return_dict"})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Queries that look at one run of key-values. `merge`: an earlier piece has looked at another part for them."""

    rows: slice | torch.Tensor  # packed tokens
    run: Run | None  # None: the span's own packed tokens, causally
    merge: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tip:
    """The newest tokens of a sequence that lies in one run, themselves included."""

    low: int
    high: int
    run: Run
    mask_GnM: torch.Tensor | None  # None: one token, which sees the whole run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """How a pack is computed under one window."""

    pieces: tuple[Piece, ...]
    tips: tuple[Tip, ...]
    windowed: tuple[PackedSpan, ...]  # spans the window cuts through
    merges: bool


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    tailgate_pack: Pack | None = None,
    tailgate_kernels: Kernels | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of packed tokens; query [1, Q, N, D], key and value [1, H, N, D]; returns [1, N, Q, D].

    Raises
    ------
    SetupError
        The model asks for something that is not served exactly: a mask, dropout, unknown arguments.
    """
    strange = sorted(name for name, given in others.items() if given is not None and name not in HARMLESS)
    if tailgate_pack is None or attention_mask is not None or strange or others.get("is_causal") is False:
        raise SetupError(f"the model's attention takes arguments unknown to the native engine ({strange}); "
                         "use --engine reference")  # fmt: skip
    layer = cast(int, module.layer_idx)
    q_QND, k_HND, v_HND = query[0], key[0], value[0]
    scale = float(scaling) if scaling is not None else q_QND.shape[-1] ** -0.5
    # A token sees its own pass as later passes will: where the store rounds, chunks and batches change nothing.
    scales = _scales(module)
    k_HND, v_HND = tailgate_pack.store.write(layer, k_HND, v_HND, tailgate_pack.slots_N, scales)
    layer_io = _Layer(pack=tailgate_pack, layer=layer, q_QND=q_QND, k_HND=k_HND, v_HND=v_HND, scale=scale)
    if tailgate_kernels is not None:
        look = Look(scale=scale, window=sliding_window, softcap=softcap)
        out_QND = attend(tailgate_kernels, tailgate_pack, layer, q_QND, look, s_aux)
    elif softcap is None and _is_fused(layer_io):
        out_QND = _in_pieces(layer_io, sliding_window, s_aux)
    else:
        out_QND = _spelled_out(layer_io, tailgate_pack.spans, sliding_window, softcap, s_aux)
    return out_QND.transpose(0, 1)[None], None


def _scales(module: torch.nn.Module) -> Scales | None:
    """The scales that came with the checkpoint for a layer's keys and values."""
    held = getattr(module, "kv_scales", None)
    return None if held is None else (held.of_keys, held.of_values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    pack: Pack
    layer: int
    q_QND: torch.Tensor
    k_HND: torch.Tensor
    v_HND: torch.Tensor
    scale: float


def _is_fused(at: _Layer) -> bool:
    return at.q_QND.device.type == "cpu" and at.k_HND.shape[-1] == at.v_HND.shape[-1]


def plan_pieces(at: _Layer, window: int | None) -> Plan:
    """Cut the work of a pack: tips by themselves, shared runs together, then every span's own."""
    queries: dict[tuple[int, Run], list[tuple[int, int]]] = {}
    own: list[tuple[int, PackedSpan]] = []
    tips: list[Tip] = []
    windowed = [span for span in at.pack.spans if window is not None and span.length > 1 and span.end > window]
    for span in at.pack.spans:
        if span in windowed:
            continue
        table = _last(span.table, window) if span.length == 1 else span.table
        if len(table) == 1 and span.length <= LONGEST_TIP and span.start > 0:
            tips.append(Tip(low=span.low, high=span.high, run=table[0], mask_GnM=_causal(span.length, table[0], at)))
            continue
        visible = table if span.length == 1 else span.past
        for rank, run in enumerate(visible):
            queries.setdefault((rank, run), []).append((span.low, span.high))
        if span.length > 1:
            own.append((len(visible), span))
    pieces = [
        Piece(rows=_rows(ranges, at.q_QND.device), run=run, merge=rank > 0)
        for (rank, run), ranges in sorted(queries.items(), key=lambda each: each[0][0])
    ]
    pieces += [Piece(rows=slice(span.low, span.high), run=None, merge=rank > 0) for rank, span in own]
    merges = any(piece.merge for piece in pieces)
    return Plan(pieces=tuple(pieces), tips=tuple(tips), windowed=tuple(windowed), merges=merges)


def _causal(length: int, run: Run, at: _Layer) -> torch.Tensor | None:
    """What the last `length` tokens of a run may not see of it, once for every query of a group."""
    if length == 1:
        return None
    hidden_nM = at.q_QND.new_full((length, run.tokens), float("-inf")).triu_(run.tokens - length + 1)
    return hidden_nM.repeat(at.q_QND.shape[0] // at.k_HND.shape[0], 1)


def _rows(ranges: Sequence[tuple[int, int]], device: torch.device) -> slice | torch.Tensor:
    (low, high), *more = ranges
    if not more:
        return slice(low, high)
    return torch.tensor([token for low, high in ranges for token in range(low, high)], device=device)


def _last(table: Sequence[Run], window: int | None) -> tuple[Run, ...]:
    """The runs of the last `window` tokens."""
    hidden = max(0, sum(run.tokens for run in table) - window) if window is not None else 0
    kept = []
    for run in table:
        cut = min(hidden, run.tokens)
        hidden -= cut
        if cut < run.tokens:
            kept.append(Run(slot=run.slot + cut, tokens=run.tokens - cut))
    return tuple(kept)


def _in_pieces(at: _Layer, window: int | None, sinks: torch.Tensor | None) -> torch.Tensor:
    plan = at.pack.pieces.get(window)
    if not isinstance(plan, Plan):
        plan = at.pack.pieces[window] = plan_pieces(at, window)
    heads, tokens, _ = at.q_QND.shape
    out_QND = at.q_QND.new_empty((heads, tokens, at.v_HND.shape[-1]))
    lse_QN = at.q_QND.new_empty((heads, tokens), dtype=torch.float32) if plan.merges or sinks is not None else None
    for piece in plan.pieces:
        _add_piece(at, piece, out_QND, lse_QN)
    if plan.tips:
        _add_tips(at, plan.tips, out_QND, lse_QN)
    if sinks is not None and lse_QN is not None:
        # One more logit in the denominator: exp(lse) / (exp(lse) + exp(sink)).
        out_QND *= torch.sigmoid(lse_QN - sinks.float()[:, None])[..., None].to(out_QND.dtype)
    if plan.windowed:
        cut_QND = _spelled_out(at, plan.windowed, window, None, sinks)
        for span in plan.windowed:
            out_QND[:, span.low : span.high] = cut_QND[:, span.low : span.high]
    return out_QND


def _add_piece(at: _Layer, piece: Piece, out_QND: torch.Tensor, lse_QN: torch.Tensor | None) -> None:
    rows = piece.rows
    q_QnD = at.q_QND[:, rows]
    if piece.run is None:
        new_QnD, new_QN = _fused(q_QnD, at.k_HND[:, rows], at.v_HND[:, rows], at.scale, causal=True)
    else:
        k_HmD, v_HmD = at.pack.store.read(at.layer, piece.run)
        new_QnD, new_QN = _see_all(q_QnD, k_HmD, v_HmD, at.scale)
    if piece.merge and lse_QN is not None:
        old_QN = lse_QN[:, rows]
        both_QN = torch.logaddexp(old_QN, new_QN)
        old_part = out_QND[:, rows] * torch.exp(old_QN - both_QN)[..., None].to(out_QND.dtype)
        new_QnD = old_part + new_QnD * torch.exp(new_QN - both_QN)[..., None].to(out_QND.dtype)
        new_QN = both_QN
    out_QND[:, rows] = new_QnD
    if lse_QN is not None:
        lse_QN[:, rows] = new_QN


def _add_tips(at: _Layer, tips: Sequence[Tip], out_QND: torch.Tensor, lse_QN: torch.Tensor | None) -> None:
    """One call a tip; the queries of a key-value head stand side by side, so that it is read once."""
    kv_heads = at.k_HND.shape[0]
    q_1HGND = at.q_QND.reshape(1, kv_heads, -1, *at.q_QND.shape[1:])
    for tip in tips:
        q_1HGnD = q_1HGND[:, :, :, tip.low : tip.high]
        k_HmD, v_HmD = at.pack.store.read(at.layer, tip.run)
        new_1HrD, new_1Hr = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            q_1HGnD.reshape(1, kv_heads, -1, q_1HGnD.shape[-1]),
            k_HmD[None],
            v_HmD[None],
            0.0,
            False,
            attn_mask=tip.mask_GnM,
            scale=at.scale,
        )
        out_QND[:, tip.low : tip.high] = new_1HrD.view(out_QND.shape[0], -1, out_QND.shape[-1])
        if lse_QN is not None:
            lse_QN[:, tip.low : tip.high] = new_1Hr.reshape(out_QND.shape[0], -1)


def _see_all(
    q_QnD: torch.Tensor, k_HmD: torch.Tensor, v_HmD: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every query looks at every key-value: the queries of a key-value head stand side by side, it is read once."""
    heads, n, size = q_QnD.shape
    grouped = q_QnD.reshape(k_HmD.shape[0], -1, size)
    out, lse = _fused(grouped, k_HmD, v_HmD, scale, causal=False)
    return out.reshape(heads, n, -1), lse.reshape(heads, n)


def _fused(
    q_QnD: torch.Tensor, k_HmD: torch.Tensor, v_HmD: torch.Tensor, scale: float, *, causal: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q_QnD[None], k_HmD[None], v_HmD[None], 0.0, causal, scale=scale
    )
    return out[0], lse[0]


def _spelled_out(
    at: _Layer, spans: Sequence[PackedSpan], window: int | None, softcap: float | None, sinks: torch.Tensor | None
) -> torch.Tensor:
    """Softmax written out, span by span and a bounded number of queries at a time."""
    heads, tokens, _ = at.q_QND.shape
    out_QND = at.q_QND.new_empty((heads, tokens, at.v_HND.shape[-1]))
    for span in spans:
        slots = _slots(span.table, at.q_QND.device)
        for low in range(span.low, span.high, SPELLED_OUT_ROWS):
            high = min(low + SPELLED_OUT_ROWS, span.high)
            first, last = span.start + low - span.low, span.start + high - span.low
            begin = max(0, first - window + 1) if window is not None else 0
            k_HmD, v_HmD = at.pack.store.gather(at.layer, slots[begin:last])
            scores_QnM = _scores(at.q_QND[:, low:high], k_HmD, at.scale, softcap)
            at_N = torch.arange(first, last, device=slots.device)[:, None]
            keys_M = torch.arange(begin, last, device=slots.device)[None]
            hidden = keys_M > at_N
            if window is not None:
                hidden = hidden | (keys_M <= at_N - window)
            scores_QnM.masked_fill_(hidden, float("-inf"))
            out_QND[:, low:high] = _weigh(scores_QnM, v_HmD, sinks)
    return out_QND


def _slots(table: Sequence[Run], device: torch.device) -> torch.Tensor:
    return torch.cat([torch.arange(run.slot, run.slot + run.tokens, device=device) for run in table])


def _scores(q_QnD: torch.Tensor, k_HmD: torch.Tensor, scale: float, softcap: float | None) -> torch.Tensor:
    heads, n, size = q_QnD.shape
    grouped = q_QnD.reshape(k_HmD.shape[0], -1, size)
    scores = torch.bmm(grouped, k_HmD.transpose(1, 2)).mul_(scale)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    return scores.reshape(heads, n, -1)


def _weigh(scores_QnM: torch.Tensor, v_HmD: torch.Tensor, sinks: torch.Tensor | None) -> torch.Tensor:
    heads, n, m = scores_QnM.shape
    scores = scores_QnM.float()
    if sinks is not None:
        scores = torch.cat([scores, sinks.float()[:, None, None].expand(heads, n, 1)], dim=-1)
    weights = torch.softmax(scores, dim=-1)[..., :m].to(v_HmD.dtype)
    return torch.bmm(weights.reshape(v_HmD.shape[0], -1, m), v_HmD).reshape(heads, n, -1)


def _no_mask(*_: object, **__: object) -> None:
    """The pack itself says who sees whom."""
    return


def register() -> None:
    """Make the attention known to transformers; registering twice changes nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, _no_mask)
