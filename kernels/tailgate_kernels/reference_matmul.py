"""The oracles of the quantized products in plain PyTorch."""

from __future__ import annotations

import torch

from tailgate_kernels.packed4 import PackedWeight4, dequantized
from tailgate_kernels.reference import InputGrid, quantize_input
from tailgate_kernels.weight8 import Weight8

# Shape legend: N rows, I inputs, O outputs.


def w4a16_matmul(
    x_NI: torch.Tensor,
    weight: PackedWeight4,
    bias_O: torch.Tensor | None = None,
    *,
    arithmetic: torch.dtype | None = None,
) -> torch.Tensor:
    """``x @ W.T + bias`` with the weights unpacked, rounded to the dtype of their scale and of x as the kernel does.

    Parameters
    ----------
    arithmetic : dtype of the product, its sums and the result; None: that of x; fp64 for a judge.
    """
    dtype = arithmetic or x_NI.dtype
    weight_OI = dequantized(weight).to(x_NI.dtype).to(dtype)
    return torch.nn.functional.linear(x_NI.to(dtype), weight_OI, None if bias_O is None else bias_O.to(dtype))


def w8a8_matmul(x_NI: torch.Tensor, weight: Weight8, bias_O: torch.Tensor | None = None) -> torch.Tensor:
    """``round(x) @ W.T + bias`` with both sides in 8-bit codes, summed in fp64; fp64 [N, O].

    Inputs are rounded a row at a time, to the symmetric grid of `reference.quantize_input`.
    """
    rounded_NI = quantize_input(x_NI, InputGrid(kind=weight.kind, scope="token"))
    weight_OI = weight.codes_OI.double() * weight.scale_O.double()[:, None]
    return torch.nn.functional.linear(rounded_NI.double(), weight_OI, None if bias_O is None else bias_O.double())
