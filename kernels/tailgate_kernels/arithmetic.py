"""Device functions that kernels share: products with fp32 sums, and rounding to a narrower float.

`EMULATE` is set where kernels are interpreted: the interpreter multiplies the bit patterns of bf16 numbers and cuts
fp32 to bf16 where a device rounds. Both are spelled out there, to the numbers that a device computes.
"""

from __future__ import annotations

import triton
import triton.language as tl

ROUND_MAGIC = tl.constexpr(
    12582912.0
)  # 1.5 * 2**23: adding it leaves a float of at most 2**22 no bits behind the point


@triton.jit
def dot(a, b, acc, EMULATE: tl.constexpr):
    """a @ b + acc, summed in fp32; products of fp32 are not shortened to tf32."""
    if EMULATE:  # products of halves are exact in fp32
        return tl.dot(a.to(tl.float32), b.to(tl.float32), acc, input_precision="ieee")
    return tl.dot(a, b, acc, input_precision="ieee")


@triton.jit
def narrow(x, DTYPE: tl.constexpr, EMULATE: tl.constexpr):
    """fp32 to DTYPE, to nearest, ties to even."""
    if EMULATE and tl.bfloat16 == DTYPE:
        bits = x.to(tl.uint32, bitcast=True)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        x = bits.to(tl.float32, bitcast=True)
    return x.to(DTYPE)


@triton.jit
def nearest(x):
    """The nearest integer to fp32 of at most 2**22, ties to even."""
    return (x + ROUND_MAGIC) - ROUND_MAGIC


@triton.jit
def narrow_to_fp8(x, EMULATE: tl.constexpr):
    """fp32 of at most 448 to float8_e4m3fn, to nearest, ties to even."""
    if EMULATE:
        exponent = tl.maximum(((x.to(tl.int32, bitcast=True) >> 23) & 255) - 127, -6)
        step = ((exponent - 3 + 127) << 23).to(tl.float32, bitcast=True)
        x = nearest(x / step) * step
    return x.to(tl.float8e4nv)
