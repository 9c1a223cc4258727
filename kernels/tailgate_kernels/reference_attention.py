"""The oracle of paged attention in plain PyTorch: one sequence at a time, softmax written out."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tailgate_kernels.attention_batch import KVFormat, Plan, StoredKV, check_queries

# Shape legend: H key-value heads, Q query heads, N packed query tokens, n those of one sequence, m keys, D head size.


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How queries look at keys. `window`: keys that a query sees, itself included; `softcap`: bound of the logits."""

    scale: float
    window: int | None = None
    softcap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attended:
    """Outputs [Q, N, D] in the queries' dtype and log-sum-exps of the visible logits [Q, N], fp32, natural."""

    out_QND: torch.Tensor
    lse_QN: torch.Tensor


def decode_kv(kv: KVFormat, parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Stored vectors as they are read, fp32, or as they were computed."""
    if kv == "":
        return parts[0]
    codes, scale = parts
    if kv == "int4":
        whole = torch.cat((codes & 15, codes >> 4), dim=-1).float()
        return whole * scale[..., :1] + scale[..., 1:]
    values = codes.view(torch.float8_e4m3fn) if kv == "fp8" else codes
    return values.float() * scale


def paged_attention(
    q_QND: torch.Tensor, stored: StoredKV, plan: Plan, look: Look, *, arithmetic: torch.dtype = torch.float32
) -> Attended:
    """Attention of packed query tokens over stored key-values.

    Parameters
    ----------
    q_QND : queries, [Q, N, D].
    arithmetic : dtype of products and sums; fp64 for a judge.

    Raises
    ------
    LaunchError
        An argument does not fit.
    """
    check_queries(q_QND, stored, plan)
    heads, tokens, _ = q_QND.shape
    out_QND = torch.empty((heads, tokens, stored.sizes()[1]), dtype=arithmetic, device=q_QND.device)
    lse_QN = torch.empty((heads, tokens), dtype=arithmetic, device=q_QND.device)
    low = 0
    for length, end, table in zip(plan.batch.lengths, plan.batch.ends, plan.batch.tables, strict=True):
        at = torch.arange(end, device=q_QND.device)
        blocks = torch.tensor(table, device=q_QND.device)
        slots_m = blocks[at // plan.batch.block] * plan.batch.block + at % plan.batch.block
        k_HmD, v_HmD = (
            decode_kv(stored.kv, tuple(part[:, slots_m] for part in parts)).to(q_QND.dtype).to(arithmetic)
            for parts in (stored.k, stored.v)
        )
        rows = slice(low, low + length)
        out_QND[:, rows], lse_QN[:, rows] = _attend(q_QND[:, rows].to(arithmetic), k_HmD, v_HmD, look)
        low += length
    return Attended(out_QND=out_QND.to(q_QND.dtype) if arithmetic != torch.float64 else out_QND, lse_QN=lse_QN)


def _attend(
    q_QnD: torch.Tensor, k_HmD: torch.Tensor, v_HmD: torch.Tensor, look: Look
) -> tuple[torch.Tensor, torch.Tensor]:
    group = q_QnD.shape[0] // k_HmD.shape[0]
    k_QmD, v_QmD = (each.repeat_interleave(group, dim=0) for each in (k_HmD, v_HmD))
    logits_Qnm = torch.einsum("qnd,qmd->qnm", q_QnD, k_QmD) * look.scale
    if look.softcap is not None:
        logits_Qnm = torch.tanh(logits_Qnm / look.softcap) * look.softcap
    n, m = logits_Qnm.shape[1:]
    at_n = torch.arange(m - n, m, device=q_QnD.device)[:, None]
    keys_m = torch.arange(m, device=q_QnD.device)[None]
    hidden = keys_m > at_n
    if look.window is not None:
        hidden = hidden | (keys_m <= at_n - look.window)
    logits_Qnm = logits_Qnm.masked_fill(hidden, float("-inf"))
    return torch.softmax(logits_Qnm, dim=-1) @ v_QmD, torch.logsumexp(logits_Qnm, dim=-1)
