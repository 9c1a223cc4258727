"""What is kept of a predicted distribution: its likeliest tokens, and what is left for the rest. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOP_K = 64
BYTES_PER_TOKEN = TOP_K * (3 + 4) + 4  # ids of three bytes, log-probabilities and the log-sum-exp as fp32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TopTokens:
    """The likeliest tokens at one position: ids [K], natural log-probabilities [K], log-sum-exp of the logits."""

    ids: NDArray[np.uint32]
    log_probs: NDArray[np.float32]
    lse: float

    @property
    def tail_mass(self) -> float:
        """Probability of all other tokens."""
        return float(max(0.0, 1.0 - np.exp(self.log_probs.astype(np.float64)).sum()))


def kl_floor(baseline: NDArray[Any], candidate: NDArray[Any]) -> float:
    """A lower bound on KL(baseline || candidate), in nats.

    The distributions are compared on the baseline's top tokens and one bin for all others: merging outcomes never
    raises a divergence (data processing inequality).

    Parameters
    ----------
    baseline, candidate : log-probabilities of the same tokens.
    """
    p, q = baseline.astype(np.float64), candidate.astype(np.float64)
    p_rest, q_rest = (max(0.0, 1.0 - float(np.exp(each).sum())) for each in (p, q))
    kept = float(np.sum(np.exp(p) * (p - q)))
    # fp32 rounding leaves about 1e-7 of "rest" where there is none: too little to divide by.
    rest = p_rest * float(np.log(p_rest / max(q_rest, 1e-7))) if p_rest > 1e-7 else 0.0
    return max(0.0, kept + rest)


def pack_tops(tops: list[TopTokens]) -> bytes:
    """Distributions as bytes, at most half a kilobyte each; a vocabulary smaller than `TOP_K` keeps all of it."""
    if not tops:
        return b""
    ids = np.stack([top.ids for top in tops]).astype("<u4")
    three = ids.view(np.uint8).reshape(*ids.shape, 4)[..., :3]
    log_probs = np.stack([top.log_probs for top in tops]).astype("<f4")
    lse = np.array([top.lse for top in tops], dtype="<f4")
    return b"".join((np.array([len(tops)], "<u4").tobytes(), three.tobytes(), log_probs.tobytes(), lse.tobytes()))


def unpack_tops(data: bytes) -> list[TopTokens]:
    """The inverse of `pack_tops`."""
    if not data:
        return []
    count = int(np.frombuffer(data, "<u4", 1)[0])
    k = (len(data) - 4 - 4 * count) // (7 * count)
    middle = 4 + 3 * count * k
    ids = np.zeros((count, k, 4), np.uint8)
    ids[..., :3] = np.frombuffer(data, np.uint8, 3 * count * k, 4).reshape(count, k, 3)
    log_probs = np.frombuffer(data, "<f4", count * k, middle).reshape(count, k)
    lse = np.frombuffer(data, "<f4", count, middle + 4 * count * k)
    whole = ids.view("<u4")[..., 0]
    return [TopTokens(ids=whole[i], log_probs=log_probs[i], lse=float(lse[i])) for i in range(count)]
