"""The look at predicted tokens by the project's kernels, which never write `[tokens, vocabulary]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from tailgate.engine.distribution import TOP_K, TopTokens
from tailgate.engine.sequence import Row
from tailgate_kernels.dispatch import Kernels
from tailgate_kernels.stats_request import NOBODY, Head, RowStats, Stored, Wanted

if TYPE_CHECKING:
    from tailgate.engine.native.head import Wanted as Position

# Shape legend: R rows, E hidden size, K kept tokens.


def look(kernels: Kernels, head: Head, hidden_NE: torch.Tensor, wanted: Sequence[Position]) -> list[Row]:
    """What the head predicts at the wanted positions.

    Positions with a given token take one tile and those without another, whatever else shares the pass.
    """
    found: dict[int, Row] = {}
    for phase in ("verify", "decode"):
        part = {place: each for place, each in enumerate(wanted) if (each.target is not None) == (phase == "verify")}
        if part:
            rows = _rows(kernels, head, hidden_NE, list(part.values()), phase)
            found.update(zip(part, rows, strict=True))
    return [found[place] for place in range(len(wanted))]


def _rows(
    kernels: Kernels, head: Head, hidden_NE: torch.Tensor, part: Sequence[Position], phase: Literal["decode", "verify"]
) -> list[Row]:
    device = hidden_NE.device
    hidden_RE = hidden_NE[torch.tensor([each.packed for each in part], device=device)]
    stats = kernels.token_stats(hidden_RE, head, _asked(part, head.weight_VE.shape[0], device), phase=phase)
    log_probs, floors = (_floats(each, len(part)) for each in (stats.target_log_prob_R, stats.kl_R))
    return [
        # Without a finite logit there is no best one, and what stands there is no token.
        Row(best=best if finite else 0, finite=finite, margin=margin, log_prob=log_prob, kl_floor=floor, top=top)
        for best, finite, margin, log_prob, floor, top in zip(
            stats.best_R.tolist(),
            stats.finite_R.tolist(),
            stats.margin_R.tolist(),
            log_probs,
            floors,
            _tops(stats, part),
            strict=True,
        )
    ]


def _asked(part: Sequence[Position], vocabulary: int, device: torch.device) -> Wanted:
    targets = [NOBODY if each.target is None else each.target for each in part]
    return Wanted(
        targets_R=torch.tensor(targets, dtype=torch.int32, device=device),
        stored=_stored(part, min(TOP_K, vocabulary), device),
        top_k=min(TOP_K, vocabulary) if any(each.keep_top for each in part) else 0,
    )


def _stored(part: Sequence[Position], k: int, device: torch.device) -> Stored | None:
    """The baseline's distributions, none in rows that have none."""
    if all(each.baseline is None for each in part):
        return None
    ids_RK = np.full((len(part), k), NOBODY, dtype=np.int32)
    log_probs_RK = np.zeros((len(part), k), dtype=np.float32)
    for row, each in enumerate(part):
        if each.baseline is not None:
            ids_RK[row], log_probs_RK[row] = each.baseline.ids, each.baseline.log_probs
    return Stored(ids_RK=torch.from_numpy(ids_RK).to(device), log_probs_RK=torch.from_numpy(log_probs_RK).to(device))


def _floats(values_R: torch.Tensor | None, rows: int) -> list[float]:
    return [float("nan")] * rows if values_R is None else [float(each) for each in values_R.tolist()]


def _tops(stats: RowStats, part: Sequence[Position]) -> list[TopTokens | None]:
    if stats.top_ids_RK is None or stats.top_log_probs_RK is None:
        return [None] * len(part)
    ids_RK, log_probs_RK = stats.top_ids_RK.cpu().numpy().astype(np.uint32), stats.top_log_probs_RK.cpu().numpy()
    lse = stats.lse_R.tolist()
    return [
        TopTokens(ids=ids_RK[row], log_probs=log_probs_RK[row], lse=lse[row]) if each.keep_top else None
        for row, each in enumerate(part)
    ]
