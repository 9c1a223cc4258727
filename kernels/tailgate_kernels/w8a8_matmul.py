"""Activations rounded to 8 bits a row at a time, times weights in 8 bits: int8, or fp8 (e4m3) where there is fp8.

::

    s_n = 2 max_i |x_ni| / 255,  c_ni = round(clamp(x_ni / s_n, -128, 127))      (fp8: s_n = max_i |x_ni| / 448)
    y_no = s_n * t_o * sum_i c_ni w_io + bias_o

Layout: x [N, I], codes of the weight [O, I], y [N, O], any stride but the last; scales t fp32 [O].
Dtypes: x fp16, bf16, fp32. int8 sums are int32 and exact; fp8 sums are fp32, carried over to full fp32 after 64 inputs
where the tensor core keeps fewer bits. Scales are fp32 and are multiplied behind the sum. Triton multiplies fp8 as
halves where the architecture has no fp8 product for the tile (sm_90, decode): the same numbers, other roundings of the
sum.
Tiles: `decode` for a few rows, `prefill` for many; the caller names one, the number of rows never does.
Batch-invariant: yes; in int8 every tile gives the same bits.
NaN and infinities: a row with one has a scale that is not finite, and so is all of its output.
Architectures: int8 all; fp8 from sm_89 on, refused elsewhere.
Floor: bytes = I * O + 4 O + 2 N (I + O) + 2 N I (codes); operations = 2 N I O. For I 4096, O 4096, N 16: 17.2 MB, bytes
bind, by the sheets (scripts/kernel_floors.py): 8.4 us on A100, 5.1 on H100, 3.6 on H200, 17.1 on RTX 4090. N 4096: 137
GOP bind in int8: 220 us on A100, 69.4 on H100, 69.4 on H200, 208 on RTX 4090.
Reference: `reference_matmul.w8a8_matmul`.
"""

from __future__ import annotations

from typing import Literal

import torch
import triton
import triton.language as tl

from tailgate_kernels.arithmetic import narrow, narrow_to_fp8, nearest
from tailgate_kernels.launch import (
    FIRST_WITH_FP8,
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
from tailgate_kernels.weight8 import Weight8

Phase = Literal["decode", "prefill"]
PHASES: tuple[Phase, ...] = ("decode", "prefill")
PROMOTED = tl.constexpr(64)  # inputs that a tensor core sums by itself: at 0 triton multiplies halves instead
ROUNDED_AT_ONCE = 1024  # inputs a step while a row is rounded


def tile(phase: Phase, arch: int) -> Tile:
    """The tile of a phase, the same for both kinds of codes.

    Raises
    ------
    LaunchError
        There is no such phase.
    """
    if phase not in PHASES:
        raise LaunchError(f"phase is '{phase}'; it must be one of: {', '.join(PHASES)}")
    if phase == "decode":
        return Tile(rows=SMALLEST_DOT, columns=64, depth=128, warps=4, stages=4)
    return Tile(rows=128 if arch >= 90 else 64, columns=128, depth=128, warps=8, stages=3)


@triton.jit
def round_rows_kernel(x, codes, scale, n_in, x_sn, codes_sn, FP8: tl.constexpr, BLOCK: tl.constexpr,
                      EMULATE: tl.constexpr):  # fmt: skip
    """One row to codes and their scale."""
    row = tl.program_id(0).to(tl.int64)
    most, strange = 0.0, 0
    for at in range(0, n_in, BLOCK):
        i = at + tl.arange(0, BLOCK)
        value = tl.load(x + row * x_sn + i, mask=i < n_in, other=0.0).to(tl.float32)
        most = tl.maximum(most, tl.max(tl.abs(value), 0))
        strange = tl.maximum(strange, tl.max((value != value).to(tl.int32), 0))
    step = tl.div_rn(most, 448.0) if FP8 else tl.div_rn(2.0 * most, 255.0)
    step = tl.where(step == 0.0, 1.1920928955078125e-07, step)
    tl.store(scale + row, tl.where(strange > 0, float("nan"), step))  # a maximum passes over NaN
    for at in range(0, n_in, BLOCK):
        i = at + tl.arange(0, BLOCK)
        value = tl.load(x + row * x_sn + i, mask=i < n_in, other=0.0).to(tl.float32)
        value = tl.div_rn(value, tl.zeros([BLOCK], tl.float32) + step)
        value = tl.where(value == value, value, 0.0)
        if FP8:
            code = narrow_to_fp8(tl.clamp(value, -448.0, 448.0), EMULATE)
        else:
            code = nearest(tl.clamp(value, -128.0, 127.0)).to(tl.int8)
        tl.store(codes + row * codes_sn + i, code, mask=i < n_in)


@triton.jit
def w8a8_matmul_kernel(
    left, right, left_scale, right_scale, bias, out, n_rows, n_in, n_out, left_sn, right_so, out_sn,
    FP8: tl.constexpr, HAS_BIAS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
    EMULATE: tl.constexpr,
):  # fmt: skip
    """One tile of y."""
    row = (tl.program_id(1) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    column = (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)).to(tl.int64)
    in_rows, in_columns = row < n_rows, column < n_out
    acc = tl.zeros([ROWS, COLUMNS], tl.float32 if FP8 else tl.int32)
    for at in range(0, n_in, DEPTH):
        i = at + tl.arange(0, DEPTH)
        inside = i < n_in
        x = tl.load(left + row[:, None] * left_sn + i[None, :], mask=in_rows[:, None] & inside[None, :], other=0.0)
        w = tl.load(
            right + column[None, :] * right_so + i[:, None], mask=in_columns[None, :] & inside[:, None], other=0.0
        )
        if FP8:  # noqa: SIM108  triton gives both arms of an expression one type
            acc = tl.dot(x, w, acc, max_num_imprecise_acc=PROMOTED)
        else:
            acc = tl.dot(x, w, acc, out_dtype=tl.int32)
    row_scale = tl.load(left_scale + row, mask=in_rows, other=0.0)
    column_scale = tl.load(right_scale + column, mask=in_columns, other=0.0)
    y = acc.to(tl.float32) * row_scale[:, None] * column_scale[None, :]
    if HAS_BIAS:
        y += tl.load(bias + column, mask=in_columns, other=0.0).to(tl.float32)[None, :]
    y = narrow(y, out.dtype.element_ty, EMULATE)
    tl.store(out + row[:, None] * out_sn + column[None, :], y, mask=in_rows[:, None] & in_columns[None, :])


def w8a8_matmul(
    x_NI: torch.Tensor, weight: Weight8, bias_O: torch.Tensor | None = None, *, phase: Phase
) -> torch.Tensor:
    """``round(x) @ W.T + bias``, [N, O] in the dtype of x.

    Parameters
    ----------
    phase : which tile computes it; name one for a whole run where equal rows must give equal bits.

    Raises
    ------
    LaunchError
        An argument does not fit, or the architecture has no fp8.
    """
    check_tensor("x", x_NI, device=weight.codes_OI.device, dtypes=FLOATS)
    weight.check(x_NI.device)
    n_out, n_in = weight.codes_OI.shape
    check_factors(x_NI, bias_O, (n_out, n_in), dtypes=FLOATS)
    arch, fp8 = architecture(x_NI.device), weight.kind == "fp8"
    shape = tile(phase, arch)
    if fp8 and arch < FIRST_WITH_FP8 and not is_interpreted():
        raise LaunchError(
            f"codes are fp8, which sm_{arch} cannot multiply (sm_{FIRST_WITH_FP8} and later can); keep this layer "
            "dequantized"
        )
    rows = x_NI.shape[0]
    codes_NI = x_NI.new_empty((rows, n_in), dtype=weight.codes_OI.dtype)
    scale_N = x_NI.new_empty((rows,), dtype=torch.float32)
    round_rows_kernel[(rows,)](
        x_NI, codes_NI, scale_N, n_in, x_NI.stride(0), codes_NI.stride(0), FP8=fp8, BLOCK=ROUNDED_AT_ONCE,
        EMULATE=is_interpreted(), num_warps=4, **OPTIONS,
    )  # fmt: skip
    out_NO = x_NI.new_empty((rows, n_out))
    w8a8_matmul_kernel[(triton.cdiv(n_out, shape.columns), triton.cdiv(rows, shape.rows))](
        codes_NI, weight.codes_OI, scale_N, weight.scale_O, scale_N if bias_O is None else bias_O, out_NO,
        rows, n_in, n_out, codes_NI.stride(0), weight.codes_OI.stride(0), out_NO.stride(0), FP8=fp8,
        HAS_BIAS=bias_O is not None, ROWS=shape.rows, COLUMNS=shape.columns, DEPTH=shape.depth,
        EMULATE=is_interpreted(), num_warps=shape.warps, num_stages=shape.stages, **OPTIONS,
    )  # fmt: skip
    return out_NO


def specializations(arch: int) -> list[Specialization]:
    """Rounding and both tiles, for the codes that the architecture can multiply."""
    kinds = [("int8", "i8", False)] + [("fp8", "fp8e4nv", True)] * (arch >= FIRST_WITH_FP8)
    found = []
    for kind, code, fp8 in kinds:
        rounding = {"FP8": fp8, "BLOCK": ROUNDED_AT_ONCE, "EMULATE": False}
        pointers = {"x": "fp16", "codes": code, "scale": "fp32"}
        found.append(Specialization(name=f"round rows {kind}", kernel=round_rows_kernel, pointers=pointers,
                                    constants=rounding, floats=(), counts=(), warps=4, stages=3))  # fmt: skip
        for phase in PHASES:
            shape = tile(phase, arch)
            found.append(
                Specialization(
                    name=f"{phase} {kind}, {TRITON_NAMES[torch.float16]} out",
                    kernel=w8a8_matmul_kernel,
                    pointers={"left": code, "right": code, "left_scale": "fp32", "right_scale": "fp32", "bias": "fp16",
                              "out": "fp16"},
                    constants={"FP8": fp8, "HAS_BIAS": True, "ROWS": shape.rows, "COLUMNS": shape.columns,
                               "DEPTH": shape.depth, "EMULATE": False},
                    floats=(),
                    counts=("n_rows",),
                    warps=shape.warps,
                    stages=shape.stages,
                )
            )  # fmt: skip
    return found
