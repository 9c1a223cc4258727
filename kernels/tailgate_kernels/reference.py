"""Plain torch: the values that a kernel over stored codes must reproduce, and the layouts it is handed.

A weight stands for ``(code - zero) * scale`` (integers) or ``code * scale`` (8-bit floats). Where the input of a layer
is rounded too, products are summed in fp64: what an integer or fp32 accumulator gives, without its order of summation.
Unpacking a whole layer for each product is slow by design; nothing here is tuned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import linear, pad

# Shape legend: N rows of the input, I input features, O output features, W words of 32 bits in a row of codes,
# G groups of inputs that share a scale, P blocks of outputs, Q blocks of inputs, n anything.

WORD = 32
FLOAT8 = torch.float8_e4m3fn
FLOAT8_MAX = torch.finfo(FLOAT8).max
INT8_MIN, INT8_MAX = -128, 127


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerWeight:
    """A weight in integer codes of 2 to 8 bits, a scale and a zero point per output and group of inputs.

    ``packed_OW`` is int32 [O, ceil(I * bits / 32)]: code i of a row lies in bits ``[i * bits, (i + 1) * bits)`` of the
    row, lowest bit first, across words where the width does not divide 32. ``scale_OG`` is float [O, G]; products are
    rounded to its dtype. ``zero_OG`` is int16 [O, G], None: ``2 ** (bits - 1)`` everywhere. ``group_I`` is int32 [I],
    the group of each input.
    """

    packed_OW: torch.Tensor
    scale_OG: torch.Tensor
    zero_OG: torch.Tensor | None
    group_I: torch.Tensor
    bits: int

    @property
    def shape(self) -> tuple[int, int]:
        """Output and input features."""
        return self.packed_OW.shape[0], self.group_I.shape[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Float8Weight:
    """A weight in 8-bit floats: ``codes_OI`` float8_e4m3fn [O, I], ``scale_PQ`` float [P, Q], one per block of codes.

    A `block` is (outputs, inputs): (1, I) for a scale per output, (O, I) for one scale. Blocks at the edges may be cut.
    Products are rounded to the dtype of the scale.
    """

    codes_OI: torch.Tensor
    scale_PQ: torch.Tensor
    block: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Output and input features."""
        return self.codes_OI.shape[0], self.codes_OI.shape[1]


Weight = IntegerWeight | Float8Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class InputGrid:
    """How the input of a layer is rounded before the product.

    ``scope`` says which values share a scale that is found from them: those of a `token` (a row), a `group` of
    `group` neighbouring features of a row, or all of a `tensor`. A `scale` (fp32 [1]) fixes it beforehand, with its
    `zero` (fp32 [1]) where the grid is not symmetric. ``power_of_two``: a scale found from values is rounded up to one.
    """

    kind: Literal["int8", "fp8"]
    scope: Literal["token", "group", "tensor"]
    group: int = 0
    symmetric: bool = True
    power_of_two: bool = False
    scale: torch.Tensor | None = None
    zero: torch.Tensor | None = None


def pack_rows(codes_nI: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack codes of [0, 2**bits) into int32 words [n, ceil(I * bits / 32)], lowest bit first."""
    n, n_in = codes_nI.shape
    words = -(-n_in * bits // WORD)
    packed_nW = codes_nI.new_zeros((n, words + 1), dtype=torch.int64)
    start_I = torch.arange(n_in, device=codes_nI.device) * bits
    word_I, shift_I = start_I // WORD, start_I % WORD
    wide_nI = codes_nI.to(torch.int64) << shift_I
    packed_nW.index_add_(1, word_I, wide_nI & 0xFFFFFFFF)  # codes share no bit: adding is or-ing
    packed_nW.index_add_(1, word_I + 1, wide_nI >> WORD)
    return _as_int32(packed_nW[:, :words])


def _as_int32(words: torch.Tensor) -> torch.Tensor:
    """The low 32 bits of each int64 as a signed int32."""
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def unpack_rows(packed_nW: torch.Tensor, bits: int, n_in: int) -> torch.Tensor:
    """Codes int16 [n, n_in] of words that `pack_rows` lays out."""
    if WORD % bits == 0:
        shift_C = torch.arange(0, WORD, bits, device=packed_nW.device, dtype=torch.int32)
        codes_nWC = (packed_nW[:, :, None] >> shift_C) & (2**bits - 1)
        codes: torch.Tensor = codes_nWC.to(torch.int16).flatten(1)[:, :n_in]
        return codes
    start_I = torch.arange(n_in, device=packed_nW.device) * bits
    word_I, shift_I = start_I // WORD, start_I % WORD
    words_nW = pad(packed_nW, (0, 1)).to(torch.int64) & 0xFFFFFFFF
    wide_nI = words_nW[:, word_I] | (words_nW[:, word_I + 1] << WORD)
    codes = ((wide_nI >> shift_I) & (2**bits - 1)).to(torch.int16)
    return codes


def dequantize(weight: Weight) -> torch.Tensor:
    """The float weights [O, I] that codes stand for, in the dtype of their scale: one product, rounded once."""
    if isinstance(weight, Float8Weight):
        return weight.codes_OI.to(weight.scale_PQ.dtype) * _expanded(weight)
    codes_OI = unpack_rows(weight.packed_OW, weight.bits, weight.shape[1])
    group_I = weight.group_I.long()
    zero_OI = 2 ** (weight.bits - 1) if weight.zero_OG is None else weight.zero_OG[:, group_I]
    return (codes_OI - zero_OI).to(weight.scale_OG.dtype) * weight.scale_OG[:, group_I]


def _expanded(weight: Float8Weight) -> torch.Tensor:
    """The scale of every code; [O, I], or a shape that broadcasts to it."""
    rows, columns = weight.block
    (n_out, n_in), scale_OI = weight.shape, weight.scale_PQ
    if scale_OI.shape[0] > 1:
        scale_OI = scale_OI.repeat_interleave(rows, dim=0)[:n_out]
    return scale_OI.repeat_interleave(columns, dim=1)[:, :n_in] if scale_OI.shape[1] > 1 else scale_OI


def quantize_input(x: torch.Tensor, grid: InputGrid) -> torch.Tensor:
    """Round an input [..., I] to its grid and back; fp32 [..., I].

    Scales are found in fp32: ``absmax / 127.5`` (int8), ``absmax / 448`` (fp8), ``(max - min) / 255`` where the grid is
    not symmetric; zero is always on the grid. Rounding is to nearest, ties to even.
    """
    if grid.scope == "group":
        return _rounded(_in_groups(x.float(), grid.group), grid).flatten(-2)[..., : x.shape[-1]]
    return _rounded(x.float(), grid)


def _in_groups(x: torch.Tensor, group: int) -> torch.Tensor:
    """[..., I] as [..., groups, group]; the last is filled up with zeros, which are on every grid."""
    full: torch.Tensor = pad(x, (0, -x.shape[-1] % group))
    return full.reshape(*full.shape[:-1], -1, group)


def _rounded(x: torch.Tensor, grid: InputGrid) -> torch.Tensor:
    scale, zero = _fixed(grid) if grid.scale is not None else _found(x, grid)
    codes = x / scale + zero
    if grid.kind == "fp8":
        codes = codes.clamp(-FLOAT8_MAX, FLOAT8_MAX).to(FLOAT8).float()
    else:
        codes = codes.clamp(INT8_MIN, INT8_MAX).round()
    return (codes - zero) * scale


def _fixed(grid: InputGrid) -> tuple[torch.Tensor, torch.Tensor]:
    assert grid.scale is not None, "a fixed grid has a scale"
    return grid.scale, grid.scale.new_zeros(()) if grid.zero is None else grid.zero


def _found(x: torch.Tensor, grid: InputGrid) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and zero point of values that share them, found from the values."""
    alike = tuple(range(x.ndim)) if grid.scope == "tensor" else (-1,)
    low = x.amin(dim=alike, keepdim=True).clamp(max=0.0)
    high = x.amax(dim=alike, keepdim=True).clamp(min=0.0)
    steps = 2 * FLOAT8_MAX if grid.kind == "fp8" else INT8_MAX - INT8_MIN
    span = 2 * torch.maximum(-low, high) if grid.symmetric else high - low
    scale = span / steps
    scale = torch.where(scale == 0, torch.finfo(torch.float32).eps, scale)
    if grid.power_of_two:
        scale = torch.exp2(torch.ceil(torch.log2(scale)))
    if grid.symmetric:
        return scale, torch.zeros_like(scale)
    return scale, (INT8_MIN - low / scale).clamp(INT8_MIN, INT8_MAX).round()


def dequant_gemm(x: torch.Tensor, weight: Weight, bias_O: torch.Tensor | None = None) -> torch.Tensor:
    """``x @ W.T + bias`` with the weights unpacked for this product; x [..., I], result [..., O] in the dtype of x."""
    return linear(x, dequantize(weight).to(x.dtype), bias_O)


def int8_gemm(
    x: torch.Tensor, grid: InputGrid, weight: IntegerWeight, bias_O: torch.Tensor | None = None
) -> torch.Tensor:
    """``round(x) @ W.T + bias``, int8 codes on both sides, summed in fp64; x [..., I], result [..., O] in its dtype."""
    return _rounded_product(x, grid, weight, bias_O)


def fp8_gemm(
    x: torch.Tensor, grid: InputGrid, weight: Float8Weight, bias_O: torch.Tensor | None = None
) -> torch.Tensor:
    """``round(x) @ W.T + bias``, fp8 codes on both sides, summed in fp64; x [..., I], result [..., O] in its dtype."""
    return _rounded_product(x, grid, weight, bias_O)


def _rounded_product(x: torch.Tensor, grid: InputGrid, weight: Weight, bias_O: torch.Tensor | None) -> torch.Tensor:
    y = linear(quantize_input(x, grid).double(), dequantize(weight).double())
    return (y if bias_O is None else y + bias_O.double()).to(x.dtype)
