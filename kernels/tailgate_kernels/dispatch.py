"""The choice between kernels and their oracles: asked for by name, returned, and told as a record for the manifest.

Nothing falls back: where kernels cannot run, `select` raises, and what computed an answer is what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, Protocol, runtime_checkable

import torch

from tailgate_kernels import reference_attention, reference_matmul, reference_stats
from tailgate_kernels.attention_batch import Batch, Heads, Plan, StoredKV, make_plan
from tailgate_kernels.launch import (
    FIRST_WITH_FP8,
    LaunchError,
    MissingTritonError,
    architecture,
    is_interpreted,
    require_triton,
)
from tailgate_kernels.packed4 import PackedWeight4
from tailgate_kernels.reference_attention import Attended, Look
from tailgate_kernels.stats_request import Head, RowStats, Wanted
from tailgate_kernels.weight8 import Weight8

Name = Literal["triton", "reference"]
Phase = Literal["decode", "prefill"]
NAMES: tuple[Name, ...] = ("triton", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What computes. `version` of triton or torch; `target`: sm_90, interpreter, or the type of the device."""

    name: Name
    version: str
    target: str
    has_fp8: bool = True  # whether 8-bit floats can be multiplied

    def record(self) -> dict[str, str]:
        """The choice for a manifest."""
        return {"kernels": self.name, "version": self.version, "target": self.target}


class Kernels(Protocol):
    """The operations, computed by one of the two."""

    choice: Choice

    def plan(self, batch: Batch, model: Heads, *, slots: int) -> Plan:
        """Cut a batch of queries, once for all layers of a forward pass."""

    def paged_attention(self, q_QND: torch.Tensor, stored: StoredKV, plan: Plan, look: Look) -> Attended:
        """Attention of packed query tokens over stored key-values."""

    def token_stats(
        self, hidden_RE: torch.Tensor, head: Head, wanted: Wanted, *, phase: Literal["decode", "verify"]
    ) -> RowStats:
        """Statistics of predicted distributions."""

    def w4a16_matmul(
        self, x_NI: torch.Tensor, weight: PackedWeight4, bias_O: torch.Tensor | None = None, *, phase: Phase
    ) -> torch.Tensor:
        """``x @ W.T + bias`` with 4-bit weights."""

    def w8a8_matmul(
        self, x_NI: torch.Tensor, weight: Weight8, bias_O: torch.Tensor | None = None, *, phase: Phase
    ) -> torch.Tensor:
        """``round(x) @ W.T + bias`` with 8-bit codes on both sides."""


PackedProduct = Callable[[torch.Tensor, Phase], torch.Tensor]


@runtime_checkable
class PackedLayer(Protocol):
    """A module that computes a product of weights it stores as codes, and knows how kernels read them."""

    def product(self, kernels: Kernels) -> PackedProduct | None:
        """Its product, x [..., I] to [..., O], by kernels; None: none of them reads its codes."""


def select(name: str, device: torch.device | str) -> Kernels:
    """The operations by what computes them, for one device.

    Raises
    ------
    LaunchError
        There is no such name.
    MissingTritonError
        Kernels are asked for where they cannot run.
    """
    at = torch.device(device)
    if name == "reference":
        return _Reference(Choice(name="reference", version=torch.__version__, target=at.type), at)
    if name != "triton":
        raise LaunchError(f"kernels is '{name}'; it must be one of: {', '.join(NAMES)}")
    require_triton()
    import triton

    if is_interpreted() and at.type != "cpu":
        raise MissingTritonError(
            f"TRITON_INTERPRET is set and kernels are asked for on '{at}'; unset it, or take the cpu"
        )
    arch = architecture(at)
    if is_interpreted():
        return _Triton(Choice(name="triton", version=triton.__version__, target="interpreter"), at)
    choice = Choice(name="triton", version=triton.__version__, target=f"sm_{arch}", has_fp8=arch >= FIRST_WITH_FP8)
    return _Triton(choice, at)


class _Triton:
    """The kernels."""

    def __init__(self, choice: Choice, device: torch.device) -> None:
        from tailgate_kernels import paged_attention, token_stats, w4a16_matmul, w8a8_matmul

        self.choice, self._device = choice, device
        self._attention: ModuleType = paged_attention
        self.paged_attention = paged_attention.paged_attention
        self.token_stats = token_stats.token_stats
        self.w4a16_matmul = w4a16_matmul.w4a16_matmul
        self.w8a8_matmul = w8a8_matmul.w8a8_matmul

    def plan(self, batch: Batch, model: Heads, *, slots: int) -> Plan:
        planned: Plan = self._attention.plan(batch, model, slots=slots, device=self._device)
        return planned


class _Reference:
    """The oracles. A phase means nothing to them."""

    def __init__(self, choice: Choice, device: torch.device) -> None:
        self.choice, self._device = choice, device

    def plan(self, batch: Batch, model: Heads, *, slots: int) -> Plan:
        return make_plan(batch, slots=slots, group=model.group, tokens=(1, 1), device=self._device)

    def paged_attention(self, q_QND: torch.Tensor, stored: StoredKV, plan: Plan, look: Look) -> Attended:
        return reference_attention.paged_attention(q_QND, stored, plan, look)

    def token_stats(
        self, hidden_RE: torch.Tensor, head: Head, wanted: Wanted, *, phase: Literal["decode", "verify"]
    ) -> RowStats:
        return reference_stats.token_stats(hidden_RE, head, wanted)

    def w4a16_matmul(
        self, x_NI: torch.Tensor, weight: PackedWeight4, bias_O: torch.Tensor | None = None, *, phase: Phase
    ) -> torch.Tensor:
        return reference_matmul.w4a16_matmul(x_NI, weight, bias_O)

    def w8a8_matmul(
        self, x_NI: torch.Tensor, weight: Weight8, bias_O: torch.Tensor | None = None, *, phase: Phase
    ) -> torch.Tensor:
        return reference_matmul.w8a8_matmul(x_NI, weight, bias_O).to(x_NI.dtype)
