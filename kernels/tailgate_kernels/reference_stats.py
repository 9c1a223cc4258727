"""The oracle of token statistics in plain PyTorch: the whole [rows, vocabulary] at once."""

from __future__ import annotations

import torch

from tailgate_kernels.stats_request import NOBODY, Head, RowStats, Stored, Wanted, check_stats

# Shape legend: R rows, E hidden size, V vocabulary, K kept tokens.

LEAST_REST = 1e-7  # of a sum of fp32 probabilities that should be 1: less "rest" than this is rounding


def logits(hidden_RE: torch.Tensor, head: Head, arithmetic: torch.dtype) -> torch.Tensor:
    """Logits [R, V] in `arithmetic`, rounded on the way where the head says so."""
    dtype = head.weight_VE.dtype

    def step(x: torch.Tensor) -> torch.Tensor:
        return x.to(dtype).to(arithmetic) if head.rounded else x

    bias_V = None if head.bias_V is None else head.bias_V.to(arithmetic)
    found = step(torch.nn.functional.linear(hidden_RE.to(arithmetic), head.weight_VE.to(arithmetic), bias_V))
    found = step(found * head.multiply)
    found = step(found / head.divide)
    if head.softcap is not None:
        found = step(step(torch.tanh(step(found / head.softcap))) * head.softcap)
    return found


def token_stats(
    hidden_RE: torch.Tensor, head: Head, wanted: Wanted, *, arithmetic: torch.dtype = torch.float32
) -> RowStats:
    """Statistics of predicted distributions.

    Parameters
    ----------
    arithmetic : dtype of products, sums and answers; fp64 for a judge.

    Raises
    ------
    LaunchError
        An argument does not fit.
    """
    check_stats(hidden_RE, head, wanted)
    logits_RV = logits(hidden_RE, head, arithmetic)
    best_logit_R, best_R = logits_RV.max(dim=-1)
    second_R = logits_RV.scatter(1, best_R[:, None], float("-inf")).amax(dim=-1)
    lse_R = torch.logsumexp(logits_RV, dim=-1)
    top = logits_RV.sort(dim=-1, descending=True, stable=True) if wanted.top_k else None
    stored_RK = None if wanted.stored is None else _picked(logits_RV, lse_R, wanted.stored.ids_RK)
    kl_R, js_R = (None, None) if wanted.stored is None or stored_RK is None else divergences(wanted.stored, stored_RK)
    return RowStats(
        best_R=best_R,
        best_logit_R=best_logit_R,
        margin_R=best_logit_R - second_R,
        lse_R=lse_R,
        finite_R=best_logit_R.isfinite() & lse_R.isfinite(),
        target_log_prob_R=None
        if wanted.targets_R is None
        else _picked(logits_RV, lse_R, wanted.targets_R[:, None])[:, 0],
        top_ids_RK=None if top is None else top.indices[:, : wanted.top_k],
        top_log_probs_RK=None if top is None else top.values[:, : wanted.top_k] - lse_R[:, None],
        stored_log_probs_RK=stored_RK,
        kl_R=kl_R,
        js_R=js_R,
    )


def _picked(logits_RV: torch.Tensor, lse_R: torch.Tensor, ids_RK: torch.Tensor) -> torch.Tensor:
    found_RK = logits_RV.gather(1, ids_RK.clamp(min=0).long()) - lse_R[:, None]
    return found_RK.masked_fill(ids_RK == NOBODY, float("nan"))


def divergences(stored: Stored, predicted_RK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """KL(stored || predicted) and Jensen-Shannon divergence on the stored tokens and one outcome for the rest, fp64."""
    kept_RK = stored.ids_RK != NOBODY
    p_RK, q_RK = (x.double().masked_fill(~kept_RK, float("-inf")) for x in (stored.log_probs_RK, predicted_RK))
    p_rest_R, q_rest_R = ((1 - x.exp().sum(dim=-1)).clamp(min=0) for x in (p_RK, q_RK))
    kl_R = _terms(p_RK.exp(), p_RK, q_RK) + _rest(p_rest_R, q_rest_R.clamp(min=LEAST_REST))
    half_RK = torch.logaddexp(p_RK, q_RK) - torch.log(torch.tensor(2.0, dtype=torch.float64))
    half_rest_R = (p_rest_R + q_rest_R) / 2
    js_R = (_terms(p_RK.exp(), p_RK, half_RK) + _terms(q_RK.exp(), q_RK, half_RK)) / 2
    js_R = js_R + (_rest(p_rest_R, half_rest_R) + _rest(q_rest_R, half_rest_R)) / 2
    nobody_R = ~kept_RK.any(dim=-1)
    kl_R, js_R = (x.clamp(min=0).masked_fill(nobody_R, float("nan")) for x in (kl_R, js_R))
    return kl_R, js_R


def _terms(weight_RK: torch.Tensor, p_RK: torch.Tensor, q_RK: torch.Tensor) -> torch.Tensor:
    """``sum weight * (p - q)`` over tokens that have a weight."""
    return torch.where(weight_RK == 0, 0.0, weight_RK * (p_RK - q_RK)).sum(dim=-1)


def _rest(p_R: torch.Tensor, q_R: torch.Tensor) -> torch.Tensor:
    return torch.where(p_R > LEAST_REST, p_R * torch.log(p_R / q_R.clamp(min=torch.finfo(torch.float64).tiny)), 0.0)
