"""Weights in 8 bits with a scale per output, as the kernel reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from tailgate_kernels.launch import LaunchError, check_last_stride, check_shape, check_tensor
from tailgate_kernels.reference import FLOAT8, Float8Weight, IntegerWeight

# Shape legend: I inputs, O outputs.

KINDS: dict[torch.dtype, Literal["int8", "fp8"]] = {torch.int8: "int8", FLOAT8: "fp8"}
LONGEST_SUM = 2**31 // (128 * 128)  # products of int8 that an int32 surely holds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weight8:
    """A weight ``codes_OI * scale_O``: int8 or float8_e4m3fn codes, any row stride; scales fp32."""

    codes_OI: torch.Tensor
    scale_O: torch.Tensor

    @property
    def kind(self) -> Literal["int8", "fp8"]:
        """``int8`` or ``fp8``."""
        return KINDS[self.codes_OI.dtype]

    def check(self, device: torch.device) -> None:
        """Shapes, dtypes, devices, and that an integer sum cannot overflow.

        Raises
        ------
        LaunchError
            One does not fit.
        """
        check_tensor("codes", self.codes_OI, device=device, dtypes=tuple(KINDS))
        check_shape("codes", self.codes_OI, (None, None))
        check_last_stride("codes", self.codes_OI)
        check_tensor("scale", self.scale_O, device=device, dtypes=(torch.float32,))
        check_shape("scale", self.scale_O, (self.codes_OI.shape[0],))
        check_last_stride("scale", self.scale_O)
        if self.kind == "int8" and self.codes_OI.shape[1] > LONGEST_SUM:
            raise LaunchError(f"codes have {self.codes_OI.shape[1]} inputs; an int32 sum holds {LONGEST_SUM} products")


def from_integers(weight: IntegerWeight) -> Weight8:
    """A weight of the oracle: 8 bits, symmetric, one scale an output.

    Raises
    ------
    LaunchError
        It has another form.
    """
    if weight.bits != 8 or weight.zero_OG is not None or weight.scale_OG.shape[1] != 1:
        raise LaunchError(
            f"weight has {weight.bits} bits, {weight.scale_OG.shape[1]} groups and "
            f"{'no ' if weight.zero_OG is None else ''}zero points; it must have 8, 1 and none"
        )
    bytes_OI = weight.packed_OW.contiguous().view(torch.uint8)[:, : weight.shape[1]]
    return Weight8(codes_OI=(bytes_OI ^ 0x80).view(torch.int8).contiguous(), scale_O=weight.scale_OG[:, 0].float())


def from_float8(weight: Float8Weight) -> Weight8:
    """A weight of the oracle in 8-bit floats: one scale an output, or one for all.

    Raises
    ------
    LaunchError
        Its scales are of blocks.
    """
    if weight.scale_PQ.shape[1] != 1 or weight.scale_PQ.shape[0] not in (1, weight.shape[0]):
        raise LaunchError(f"weight has scales {list(weight.scale_PQ.shape)}; this kernel reads one an output, or one")
    scale_O = weight.scale_PQ[:, 0].float().expand(weight.shape[0]).contiguous()
    return Weight8(codes_OI=weight.codes_OI, scale_O=scale_O)
