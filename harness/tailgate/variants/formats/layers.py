"""Layers in the place of `nn.Linear`: one keeps stored codes, the other float weights; both may round their input."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch.nn.functional import linear

from tailgate_kernels import packed4, weight8
from tailgate_kernels.dispatch import Kernels, PackedProduct, Phase
from tailgate_kernels.launch import LaunchError
from tailgate_kernels.packed4 import PackedWeight4
from tailgate_kernels.reference import (
    Float8Weight,
    InputGrid,
    IntegerWeight,
    Weight,
    dequant_gemm,
    fp8_gemm,
    int8_gemm,
    quantize_input,
)
from tailgate_kernels.weight8 import Weight8

# Shape legend: I input features, O output features, G groups of inputs, P and Q blocks, W words of packed codes.


class _HasInputGrid(torch.nn.Module):
    """Holds the grid of a layer's input; its fixed scale, where it has one, is part of the layer's state."""

    def _hold_grid(self, grid: InputGrid | None) -> None:
        self._grid = None if grid is None else replace(grid, scale=None, zero=None)
        self.register_buffer("input_scale", None if grid is None else grid.scale)
        self.register_buffer("input_zero", None if grid is None else grid.zero)

    @property
    def input_grid(self) -> InputGrid | None:
        """How the input is rounded; None: it is not."""
        if self._grid is None:
            return None
        scale, zero = (cast("torch.Tensor | None", each) for each in (self.input_scale, self.input_zero))
        return replace(self._grid, scale=scale, zero=zero)


class PackedLinear(_HasInputGrid):
    """A linear layer that keeps the stored codes and unpacks them for each product.

    Codes, scales and zero points are buffers: a fingerprint covers them, and they move with the model.
    """

    def __init__(self, weight: Weight, bias_O: torch.Tensor | None, grid: InputGrid | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        if isinstance(weight, IntegerWeight):
            self._bits, self._block = weight.bits, None
            self.register_buffer("packed_OW", weight.packed_OW)
            self.register_buffer("scale_OG", weight.scale_OG)
            self.register_buffer("zero_OG", weight.zero_OG)
            self.register_buffer("group_I", weight.group_I)
        else:
            self._bits, self._block = 8, weight.block
            self.register_buffer("codes_OI", weight.codes_OI)
            self.register_buffer("scale_PQ", weight.scale_PQ)
        self.register_buffer("bias", None if bias_O is None else bias_O.detach())
        self._hold_grid(grid)

    @property
    def stored(self) -> Weight:
        """The codes and scales, where they are now."""
        held = {name: buffer for name, buffer in self._buffers.items() if name.rpartition("_")[2].isupper()}
        if self._block is None:
            return IntegerWeight(**held, bits=self._bits)  # type: ignore[arg-type]  # registered as its tensors
        return Float8Weight(**held, block=self._block)  # type: ignore[arg-type]  # registered as its tensors

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [..., I] to [..., O]."""
        weight, grid = self.stored, self.input_grid
        bias_O = cast("torch.Tensor | None", self.bias)
        if grid is None:
            return dequant_gemm(x, weight, bias_O)
        if isinstance(weight, Float8Weight):
            return fp8_gemm(x, grid, weight, bias_O)
        return int8_gemm(x, grid, weight, bias_O)

    def product(self, kernels: Kernels) -> PackedProduct | None:
        """The same product by kernels; None where they read no such codes or round no such input.

        Codes are shared with the layer, except where its groups are mixed: those are sorted once, into a copy.
        """
        weight = _for_kernels(self.stored, self.input_grid, kernels)
        if weight is None:
            return None
        multiply = kernels.w4a16_matmul if isinstance(weight, PackedWeight4) else kernels.w8a8_matmul
        bias_O = cast("torch.Tensor | None", self.bias)

        def product(x: torch.Tensor, phase: Phase) -> torch.Tensor:
            x_NI = x.reshape(-1, x.shape[-1]).contiguous()
            y_NO: torch.Tensor = multiply(x_NI, weight, bias_O, phase=phase)  # type: ignore[arg-type]  # as chosen
            return y_NO.view(*x.shape[:-1], -1)

        return product

    def extra_repr(self) -> str:
        """Sizes and width, as `print(model)` shows them."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bits={self._bits}"


class RoundedLinear(_HasInputGrid):
    """A linear layer over float weights that rounds its input first; takes over the parameters of `layer`."""

    def __init__(self, layer: torch.nn.Linear, grid: InputGrid) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        self._hold_grid(grid)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [..., I] to [..., O]."""
        grid = self.input_grid
        assert grid is not None, "held since the layer was made"
        return linear(quantize_input(x, grid).to(x.dtype), self.weight, self.bias)


def _for_kernels(weight: Weight, grid: InputGrid | None, kernels: Kernels) -> PackedWeight4 | Weight8 | None:
    """A weight in the layout of the kernel that computes what the layer computes."""
    try:
        if grid is None:
            return packed4.from_integers(weight) if isinstance(weight, IntegerWeight) else None
        if not _by_token(grid, weight) or (isinstance(weight, Float8Weight) and not kernels.choice.has_fp8):
            return None
        return weight8.from_integers(weight) if isinstance(weight, IntegerWeight) else weight8.from_float8(weight)
    except LaunchError:
        return None


def _by_token(grid: InputGrid, weight: Weight) -> bool:
    """Whether an input is rounded a row at a time, symmetrically, to codes of the kind that the weight has."""
    return grid == InputGrid(kind="fp8" if isinstance(weight, Float8Weight) else "int8", scope="token")
