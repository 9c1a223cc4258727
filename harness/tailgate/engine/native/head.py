"""Logits where they are needed and what is kept of them; never more than a bounded piece of `[tokens, vocabulary]`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tailgate.engine.distribution import TOP_K, TopTokens, kl_floor
from tailgate.engine.native.few_rows import MOST_ROWS, Product, few_rows_product, is_plain_linear
from tailgate.engine.native.kernel_head import look
from tailgate.engine.sequence import Row
from tailgate_kernels.dispatch import Kernels
from tailgate_kernels.stats_request import Head as HeadForm

# Shape legend: R rows of logits, E hidden size, V vocabulary, K kept tokens.

LOGITS_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A position whose prediction is wanted, and what of it."""

    packed: int  # place in the packed row
    target: int | None = None  # token whose log-probability is wanted
    baseline: TopTokens | None = None  # the baseline's distribution at this position
    keep_top: bool = False


class Head:
    """The model's LM head with what the architecture does to its logits.

    Parameters
    ----------
    kernels : what looks at predictions; None: torch's own operators. A head whose weights are stored as codes is looked
        at by torch.
    """

    def __init__(self, module: Any, kernels: Kernels | None = None) -> None:
        config = module.config.get_text_config()
        self._project = module.get_output_embeddings()
        self._few_rows: Product | None = None
        if is_plain_linear(self._project):
            self._few_rows = few_rows_product(self._project.weight, self._project.bias)
        self._softcap = getattr(config, "final_logit_softcapping", None)
        self._divide_by = getattr(config, "logits_scaling", None)
        self._multiply_by = getattr(config, "logit_scale", None)
        self._kernels = kernels if type(self._project) is torch.nn.Linear else None

    def logits(self, hidden_RE: torch.Tensor) -> torch.Tensor:
        """Logits as the model itself computes them, in fp32; [R, V]."""
        few_rows = self._few_rows if hidden_RE.shape[0] <= MOST_ROWS else None
        logits_RV = (few_rows or self._project)(hidden_RE)
        if self._multiply_by is not None:
            logits_RV = logits_RV * self._multiply_by
        if self._divide_by is not None:
            logits_RV = logits_RV / self._divide_by
        if self._softcap is not None:
            logits_RV = torch.tanh(logits_RV / self._softcap) * self._softcap
        in_fp32: torch.Tensor = logits_RV.float()
        return in_fp32

    def rows(self, hidden_NE: torch.Tensor, wanted: Sequence[Wanted]) -> list[Row]:
        """What the model predicts at the wanted positions."""
        if self._kernels is not None and wanted:
            return look(self._kernels, self._form(), hidden_NE, wanted)
        found: list[Row] = []
        for part in _parts(wanted, self._rows_at_once()):
            hidden_RE = hidden_NE[torch.tensor([each.packed for each in part], device=hidden_NE.device)]
            found.extend(_look(self.logits(hidden_RE), part))
        return found

    def _form(self) -> HeadForm:
        weight_VE = self._project.weight
        return HeadForm(
            weight_VE=weight_VE,
            bias_V=self._project.bias,
            multiply=self._multiply_by or 1.0,
            divide=self._divide_by or 1.0,
            softcap=self._softcap,
            rounded=weight_VE.dtype != torch.float32,
        )

    def _rows_at_once(self) -> int:
        return max(1, LOGITS_BYTES // (4 * int(self._project.out_features)))


def _parts(wanted: Sequence[Wanted], size: int) -> Iterator[Sequence[Wanted]]:
    """Pieces of at most `size` positions."""
    for start in range(0, len(wanted), size):
        yield wanted[start : start + size]


def _look(logits_RV: torch.Tensor, part: Sequence[Wanted]) -> list[Row]:
    best_R = logits_RV.argmax(dim=-1)
    best_logit_R = logits_RV.gather(1, best_R[:, None])[:, 0]
    # Masked vocabulary entries may be -inf by design; NaN, +inf or nothing finite at all may not.
    finite_R = torch.isfinite(best_logit_R)
    margin_R = best_logit_R - logits_RV.scatter(1, best_R[:, None], float("-inf")).amax(dim=-1)
    normalized = any(each.target is not None or each.keep_top or each.baseline is not None for each in part)
    lse_R = torch.logsumexp(logits_RV, dim=-1) if normalized else None
    if lse_R is not None:
        finite_R &= torch.isfinite(lse_R)
    tops = _tops(logits_RV, lse_R, part)
    log_probs = _targets(logits_RV, lse_R, part)
    floors = _floors(logits_RV, lse_R, part)
    return [
        Row(best=best, finite=finite, margin=margin, top=top, log_prob=log_prob, kl_floor=floor)
        for best, finite, margin, top, log_prob, floor in zip(
            best_R.tolist(), finite_R.tolist(), margin_R.tolist(), tops, log_probs, floors, strict=True
        )
    ]


def _tops(logits_RV: torch.Tensor, lse_R: torch.Tensor | None, part: Sequence[Wanted]) -> list[TopTokens | None]:
    if lse_R is None or not any(each.keep_top for each in part):
        return [None] * len(part)
    top = logits_RV.topk(min(TOP_K, logits_RV.shape[1]), dim=-1)
    ids_RK, log_probs_RK = top.indices.cpu().numpy(), (top.values - lse_R[:, None]).cpu().numpy()
    lse = lse_R.tolist()
    return [
        TopTokens(ids=ids_RK[row].astype(np.uint32), log_probs=log_probs_RK[row], lse=lse[row])
        if each.keep_top
        else None
        for row, each in enumerate(part)
    ]


def _targets(logits_RV: torch.Tensor, lse_R: torch.Tensor | None, part: Sequence[Wanted]) -> list[float]:
    if lse_R is None:
        return [float("nan")] * len(part)
    ids = [-1 if each.target is None else each.target for each in part]
    ids_R = torch.tensor(ids, device=logits_RV.device).clamp(min=0)
    found = (logits_RV.gather(1, ids_R[:, None])[:, 0] - lse_R).tolist()
    return [value if index >= 0 else float("nan") for index, value in zip(ids, found, strict=True)]


def _floors(logits_RV: torch.Tensor, lse_R: torch.Tensor | None, part: Sequence[Wanted]) -> list[float]:
    floors = [float("nan")] * len(part)
    known = [(row, each.baseline) for row, each in enumerate(part) if each.baseline is not None]
    if lse_R is None or not known:
        return floors
    rows_R = torch.tensor([row for row, _ in known], device=logits_RV.device)
    ids_RK = torch.from_numpy(np.stack([top.ids for _, top in known]).astype(np.int64)).to(logits_RV.device)
    candidate_RK = (logits_RV[rows_R].gather(1, ids_RK) - lse_R[rows_R, None]).cpu().numpy()
    for (row, top), log_probs in zip(known, candidate_RK, strict=True):
        floors[row] = kl_floor(top.log_probs, log_probs)
    return floors
