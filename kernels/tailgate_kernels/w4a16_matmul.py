"""Activations in 16 bits times weights in 4 bits, unpacked on the way to the product.

::

    y_no = sum_i x_ni * round((code_io - zero_go) * scale_go) + bias_o,    g = i // group

Layout: x [N, I] and y [N, O], any stride but the last; eight codes of neighbouring inputs in a word, words [I/8, O] of
any strides: words of GPTQ and compressed-tensors are read where they lie, AWQ's are laid out anew once
(`packed4`). Scales and zero points [G, O], any strides. Groups of any multiple of 8, or one for all inputs; act-order
by a permutation through which x is read.
Dtypes: x fp16, bf16, fp32, scales any of them; a weight is rounded to the dtype of its scale, then of x, as
dequantizing at load does, so that both ways compute with the same numbers. Sums are fp32, the bias is added to them.
Tiles: `decode` is narrow, for a few rows, where bytes of codes bind; `prefill` is broad. The caller names one: the
number of rows never chooses. Both take inputs in the same steps and order, none splits the sum over inputs.
Batch-invariant: yes.
NaN and infinities: of x spoil their row, of a scale the column.
Floor: bytes = I * O / 2 + G * O * (2 + 2) + 2 N (I + O); operations = 2 N I O. For I 4096, O 4096, group 128, N 16:
9.2 MB, 0.54 GFLOP, bytes bind, by the sheets (scripts/kernel_floors.py): 4.5 us on A100, 2.7 on H100, 1.9 on H200, 9.1
on RTX 4090. N 4096: 137 GFLOP bind: 441 us on A100, 139 on H100, 139 on H200, 832 on RTX 4090.
Reference: `reference_matmul.w4a16_matmul`.
"""

from __future__ import annotations

from typing import Literal

import torch
import triton
import triton.language as tl

from tailgate_kernels.arithmetic import dot, narrow
from tailgate_kernels.launch import (
    FLOATS,
    OPTIONS,
    SMALLEST_DOT,
    TRITON_NAMES,
    LaunchError,
    Specialization,
    Tile,
    architecture,
    check_factors,
    check_tensor,
    is_interpreted,
)
from tailgate_kernels.packed4 import PackedWeight4

Phase = Literal["decode", "prefill"]
PHASES: tuple[Phase, ...] = ("decode", "prefill")
DEPTH = 64  # inputs a step, the same in both tiles


def tile(phase: Phase, dtype: torch.dtype, arch: int) -> Tile:
    """The tile of a phase, by dtype and architecture.

    Raises
    ------
    LaunchError
        There is no such phase.
    """
    if phase not in PHASES:
        raise LaunchError(f"phase is '{phase}'; it must be one of: {', '.join(PHASES)}")
    depth = 32 if dtype == torch.float32 else DEPTH
    if phase == "decode":
        return Tile(rows=SMALLEST_DOT, columns=32, depth=depth, warps=4, stages=4)
    if dtype == torch.float32:
        return Tile(rows=32, columns=32, depth=depth, warps=8, stages=2)
    return Tile(rows=128 if arch >= 90 else 64, columns=128, depth=depth, warps=8, stages=3)


@triton.jit
def w4a16_matmul_kernel(
    x, words, scale, zero, order, bias, out, n_rows, n_in, n_out,
    x_sn, words_si, words_so, scale_sg, scale_so, zero_sg, zero_so, out_sn,
    GROUP: tl.constexpr, HAS_ZERO: tl.constexpr, HAS_ORDER: tl.constexpr, HAS_BIAS: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, EMULATE: tl.constexpr,
):  # fmt: skip
    """One tile of y. GROUP: inputs that share a scale, 0 where all do."""
    WORDS: tl.constexpr = DEPTH // 8
    row = (tl.program_id(1) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    column = (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)).to(tl.int64)
    in_rows, in_columns = row < n_rows, column < n_out
    shift = 4 * tl.arange(0, 8)
    acc = tl.zeros([ROWS, COLUMNS], tl.float32)
    for at in range(0, n_in, DEPTH):
        i = at + tl.arange(0, DEPTH)
        in_depth = i < n_in
        place = tl.load(order + i, mask=in_depth, other=0) if HAS_ORDER else i
        left = tl.load(x + row[:, None] * x_sn + place[None, :], mask=in_rows[:, None] & in_depth[None, :], other=0.0)

        word = at // 8 + tl.arange(0, WORDS)
        there = (8 * word < n_in)[:, None] & in_columns[None, :]
        packed = tl.load(words + word[:, None] * words_si + column[None, :] * words_so, mask=there, other=0)
        group = (8 * word // GROUP if GROUP else word * 0)[:, None]
        steps = tl.load(scale + group * scale_sg + column[None, :] * scale_so, mask=there, other=0.0)
        codes = (packed[:, None, :] >> shift[None, :, None]) & 15
        if HAS_ZERO:
            zeros = tl.load(zero + group * zero_sg + column[None, :] * zero_so, mask=there, other=0).to(tl.int32)
            codes = codes - zeros[:, None, :]
        else:
            codes = codes - 8
        exact = codes.to(tl.float32) * steps.to(tl.float32)[:, None, :]
        if scale.dtype.element_ty != x.dtype.element_ty:
            exact = narrow(exact, scale.dtype.element_ty, EMULATE).to(tl.float32)
        right = narrow(exact, x.dtype.element_ty, EMULATE).reshape(DEPTH, COLUMNS)
        acc = dot(left, right, acc, EMULATE)
    if HAS_BIAS:
        acc += tl.load(bias + column, mask=in_columns, other=0.0).to(tl.float32)[None, :]
    acc = narrow(acc, out.dtype.element_ty, EMULATE)
    tl.store(out + row[:, None] * out_sn + column[None, :], acc, mask=in_rows[:, None] & in_columns[None, :])


def w4a16_matmul(
    x_NI: torch.Tensor, weight: PackedWeight4, bias_O: torch.Tensor | None = None, *, phase: Phase
) -> torch.Tensor:
    """``x @ W.T + bias``, [N, O] in the dtype of x.

    Parameters
    ----------
    phase : which tile computes it; name one for a whole run where equal rows must give equal bits.

    Raises
    ------
    LaunchError
        An argument does not fit.
    """
    check_tensor("x", x_NI, device=weight.words_WO.device, dtypes=FLOATS)
    weight.check(x_NI.device)
    n_in, n_out = weight.shape
    check_factors(x_NI, bias_O, (n_out, n_in), dtypes=FLOATS)
    shape = tile(phase, x_NI.dtype, architecture(x_NI.device))
    out_NO = x_NI.new_empty((x_NI.shape[0], n_out))
    words, scale = weight.words_WO, weight.scale_GO
    zero = scale if weight.zero_GO is None else weight.zero_GO
    grid = (triton.cdiv(n_out, shape.columns), triton.cdiv(x_NI.shape[0], shape.rows))
    w4a16_matmul_kernel[grid](
        x_NI, words, scale, zero, words if weight.order_I is None else weight.order_I,
        scale if bias_O is None else bias_O, out_NO, x_NI.shape[0], n_in, n_out,
        x_NI.stride(0), *words.stride(), *scale.stride(), *zero.stride(), out_NO.stride(0),
        GROUP=0 if scale.shape[0] == 1 else weight.group, HAS_ZERO=weight.zero_GO is not None,
        HAS_ORDER=weight.order_I is not None, HAS_BIAS=bias_O is not None, ROWS=shape.rows, COLUMNS=shape.columns,
        DEPTH=shape.depth, EMULATE=is_interpreted(), num_warps=shape.warps, num_stages=shape.stages, **OPTIONS,
    )  # fmt: skip
    return out_NO


def specializations(arch: int) -> list[Specialization]:
    """Both tiles of every group size and form of zero points and order."""
    forms = (
        (torch.float16, 128, True, False),
        (torch.float16, 32, True, False),
        (torch.float16, 64, False, True),
        (torch.bfloat16, 0, True, True),
        (torch.float32, 128, True, False),
    )
    return [_specialize(phase, arch, *form) for form in forms for phase in PHASES]


def _specialize(phase: Phase, arch: int, dtype: torch.dtype, group: int, zero: bool, order: bool) -> Specialization:
    shape, x = tile(phase, dtype, arch), TRITON_NAMES[dtype]
    pointers = {"x": x, "words": "i32", "scale": x, "zero": "i16", "order": "i32", "bias": x, "out": x}
    words = [f"group {group or 'all'}", *["zero points"] * zero, *["act-order"] * order]
    return Specialization(
        name=f"{phase} {x}, {', '.join(words)}",
        kernel=w4a16_matmul_kernel,
        pointers=pointers,
        constants={
            "GROUP": group,
            "HAS_ZERO": zero,
            "HAS_ORDER": order,
            "HAS_BIAS": True,
            "ROWS": shape.rows,
            "COLUMNS": shape.columns,
            "DEPTH": shape.depth,
            "EMULATE": False,
        },
        floats=(),
        counts=("n_rows", "words_si", "words_so"),
        warps=shape.warps,
        stages=shape.stages,
    )
