"""What is asked about predicted distributions, and what is answered. Torch only."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tailgate_kernels.launch import FLOATS, LaunchError, check_last_stride, check_shape, check_tensor

# Shape legend: R rows, E hidden size, V vocabulary, K tokens of a stored distribution or of the likeliest.

MOST_KEPT = 64  # tokens of a stored distribution, and of the likeliest
NOBODY = -1  # no token


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """An LM head: ``logits = hidden @ weight.T + bias``, times `multiply`, over `divide`, soft-capped.

    `rounded`: every step is rounded to the dtype of the weights, as a model's own modules round; otherwise logits stay
    in fp32 from the product on.
    """

    weight_VE: torch.Tensor
    bias_V: torch.Tensor | None = None
    multiply: float = 1.0
    divide: float = 1.0
    softcap: float | None = None
    rounded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """Kept distributions: token ids int32 [R, K], natural log-probabilities fp32 [R, K]; ids of -1: none."""

    ids_RK: torch.Tensor
    log_probs_RK: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wanted:
    """What is wanted next to best token, margin and log-sum-exp.

    Parameters
    ----------
    targets_R : int32, tokens whose log-probabilities are wanted, -1: none.
    stored : distributions to measure divergence from.
    top_k : likeliest tokens, at most 64.
    """

    targets_R: torch.Tensor | None = None
    stored: Stored | None = None
    top_k: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowStats:
    """Statistics of each row; what was not asked for is None, a row of which it was not asked holds NaN.

    ``best_R`` int64, the lower id where logits tie; ``margin_R`` best logit less second; ``lse_R`` natural log-sum-exp;
    ``finite_R`` whether every number is one: -inf is allowed to all logits but the best. Elsewhere the row's other
    values mean nothing. ``top_ids_RK`` int64 and ``top_log_probs_RK``, likeliest first, the lower id first where they
    tie. ``stored_log_probs_RK``: of the stored tokens. ``kl_R`` = KL(stored || predicted), ``js_R``: in nats, with all
    other tokens as one outcome, so that both are lower bounds. Floats are fp32.
    """

    best_R: torch.Tensor
    best_logit_R: torch.Tensor
    margin_R: torch.Tensor
    lse_R: torch.Tensor
    finite_R: torch.Tensor
    target_log_prob_R: torch.Tensor | None
    top_ids_RK: torch.Tensor | None
    top_log_probs_RK: torch.Tensor | None
    stored_log_probs_RK: torch.Tensor | None
    kl_R: torch.Tensor | None
    js_R: torch.Tensor | None


def check_stats(hidden_RE: torch.Tensor, head: Head, wanted: Wanted) -> None:
    """Everything that a launch relies on; reads token ids back from the device.

    Raises
    ------
    LaunchError
        An argument does not fit.
    """
    weight = head.weight_VE
    check_tensor("hidden", hidden_RE, device=weight.device, dtypes=FLOATS)
    check_tensor("weight", weight, device=weight.device, dtypes=(hidden_RE.dtype,))
    check_shape("weight", weight, (None, None))
    check_shape("hidden", hidden_RE, (None, weight.shape[1]))
    rows, vocabulary = hidden_RE.shape[0], weight.shape[0]
    for name, x in (("hidden", hidden_RE), ("weight", weight)):
        check_last_stride(name, x)
    if head.bias_V is not None:
        check_tensor("bias", head.bias_V, device=weight.device, dtypes=FLOATS)
        check_shape("bias", head.bias_V, (vocabulary,))
        check_last_stride("bias", head.bias_V)
    if head.softcap is not None and not head.softcap > 0:
        raise LaunchError(f"softcap is {head.softcap}; it must be above 0, or None")
    if head.divide == 0:
        raise LaunchError("divide is 0; logits cannot be divided by it")
    if not 0 <= wanted.top_k <= min(MOST_KEPT, vocabulary):
        raise LaunchError(f"top_k is {wanted.top_k}; it must be 0 to {min(MOST_KEPT, vocabulary)}")
    if wanted.targets_R is not None:
        check_shape("targets", wanted.targets_R, (rows,))
        _check_ids("targets", wanted.targets_R, weight)
    if wanted.stored is not None:
        check_shape("stored.ids", wanted.stored.ids_RK, (rows, None))
        _check_ids("stored.ids", wanted.stored.ids_RK, weight)
        if (kept := wanted.stored.ids_RK.shape[1]) > MOST_KEPT:
            raise LaunchError(f"stored.ids has {kept} tokens a row; at most {MOST_KEPT} are compared")
        check_tensor("stored.log_probs", wanted.stored.log_probs_RK, device=weight.device, dtypes=(torch.float32,))
        check_shape("stored.log_probs", wanted.stored.log_probs_RK, wanted.stored.ids_RK.shape)
        check_last_stride("stored.log_probs", wanted.stored.log_probs_RK)


def _check_ids(name: str, ids: torch.Tensor, weight_VE: torch.Tensor) -> None:
    check_tensor(name, ids, device=weight_VE.device, dtypes=(torch.int32,))
    check_last_stride(name, ids)
    low, high = (int(each) for each in ids.aminmax())
    wrong = low if low < NOBODY else high
    if not NOBODY <= wrong < weight_VE.shape[0]:
        raise LaunchError(f"{name} holds token {wrong}; the vocabulary has {weight_VE.shape[0]}, -1 stands for none")
