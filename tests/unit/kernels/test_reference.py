"""The reference of packed kernels: layouts, products and grids against arithmetic written out."""

import dataclasses

import pytest
import torch

from tailgate_kernels.reference import (
    Float8Weight,
    InputGrid,
    IntegerWeight,
    dequant_gemm,
    dequantize,
    fp8_gemm,
    int8_gemm,
    pack_rows,
    quantize_input,
    unpack_rows,
)

BITS = (2, 3, 4, 5, 6, 8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def integer_weight(*, bits=4, n_out=6, n_in=40, groups=3, symmetric=False, dtype=torch.float16):
    """Random codes whose inputs belong to groups in no order."""
    codes_OI = torch.randint(0, 2**bits, (n_out, n_in), generator=generator(1))
    zero_OG = torch.randint(0, 2**bits + 1, (n_out, groups), generator=generator(2)).to(torch.int16)
    return codes_OI, IntegerWeight(
        packed_OW=pack_rows(codes_OI, bits),
        scale_OG=(torch.rand(n_out, groups, generator=generator(3)) + 0.1).to(dtype),
        zero_OG=None if symmetric else zero_OG,
        group_I=torch.randint(0, groups, (n_in,), generator=generator(4)).to(torch.int32),
        bits=bits,
    )


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("n_in", [1, 7, 32, 123])
def test_codes_survive_packing(bits, n_in):
    codes_nI = torch.randint(0, 2**bits, (3, n_in), generator=generator())
    packed_nW = pack_rows(codes_nI, bits)
    assert packed_nW.dtype == torch.int32
    assert packed_nW.shape == (3, -(-n_in * bits // 32))
    assert torch.equal(unpack_rows(packed_nW, bits, n_in).long(), codes_nI)


def test_codes_lie_in_consecutive_bits_from_the_lowest():
    packed = pack_rows(torch.tensor([[1, 2, 15] + [0] * 5 + [7]]), 4)
    assert packed.tolist() == [[0xF21, 7]]
    eleven_of_three_bits = pack_rows(torch.tensor([[0] * 10 + [0b101]]), 3)
    assert eleven_of_three_bits.tolist() == [[0b01 << 30, 0b1]]


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weight_is_code_minus_zero_times_scale_rounded_once(bits, symmetric, dtype):
    codes_OI, weight = integer_weight(bits=bits, symmetric=symmetric, dtype=dtype)
    found_OI = dequantize(weight)
    assert found_OI.dtype == dtype
    for row in range(codes_OI.shape[0]):
        for column in range(codes_OI.shape[1]):
            group = int(weight.group_I[column])
            zero = 2 ** (bits - 1) if symmetric else int(weight.zero_OG[row, group])
            exact = (int(codes_OI[row, column]) - zero) * float(weight.scale_OG[row, group])
            assert float(found_OI[row, column]) == float(torch.tensor(exact, dtype=torch.float64).to(dtype))


@pytest.mark.parametrize("shape", [(40,), (1, 40), (2, 3, 40)])
def test_product_is_that_of_the_unpacked_weights(shape):
    _, weight = integer_weight()
    x, bias_O = torch.randn(shape, generator=generator(5)), torch.randn(6, generator=generator(6))
    expected = torch.nn.functional.linear(x, dequantize(weight).float(), bias_O)
    assert torch.equal(dequant_gemm(x, weight, bias_O), expected)


def test_int8_product_is_exact_on_integers():
    codes_OI, weight = integer_weight(bits=8, n_in=4097, groups=1, symmetric=True, dtype=torch.float32)
    weight = dataclasses.replace(weight, scale_OG=torch.full((6, 1), 0.5))
    x = torch.randint(-128, 128, (5, 4097), generator=generator(7)).float()
    grid = InputGrid(kind="int8", scope="tensor", scale=torch.ones(1))
    sums = x.long() @ (codes_OI - 128).t()  # beyond what fp32 could hold
    assert torch.equal(int8_gemm(x, grid, weight), (sums.double() / 2).float())


def test_fp8_product_is_that_of_rounded_inputs_and_weights():
    codes_OI = torch.randn(6, 40, generator=generator(8)).to(torch.float8_e4m3fn)
    weight = Float8Weight(codes_OI=codes_OI, scale_PQ=torch.rand(2, 3, generator=generator(9)) + 0.1, block=(4, 16))
    x, grid = torch.randn(5, 40, generator=generator(10)), InputGrid(kind="fp8", scope="group", group=16)
    expected = quantize_input(x, grid).double() @ dequantize(weight).double().t()
    assert torch.equal(fp8_gemm(x, grid, weight), expected.float())


@pytest.mark.parametrize("kind", ["int8", "fp8"])
@pytest.mark.parametrize("scope", ["token", "group", "tensor"])
def test_rounded_input_stays_within_half_a_step(kind, scope):
    x = torch.randn(4, 50, generator=generator(11)) * torch.tensor([[0.01], [1.0], [10.0], [1000.0]])
    rounded = quantize_input(x, InputGrid(kind=kind, scope=scope, group=16))
    alike = x.abs().max() if scope == "tensor" else x.abs().amax(dim=1, keepdim=True)
    step = alike / 127.5 if kind == "int8" else alike / 14  # e4m3 has steps of 32 up to 448
    assert bool(((rounded - x).abs() <= 0.5001 * step).all())
    assert not torch.equal(rounded, x)


def test_rows_are_rounded_one_by_one():
    x, grid = torch.randn(4, 50, generator=generator(12)), InputGrid(kind="int8", scope="token")
    assert torch.equal(quantize_input(x, grid)[:1], quantize_input(x[:1], grid))


def test_asymmetric_grid_reaches_both_ends_and_keeps_zero():
    x = torch.tensor([[0.0, 1.0, 2.0, 10.2]])
    rounded = quantize_input(x, InputGrid(kind="int8", scope="token", symmetric=False))
    assert rounded[0, 0] == 0
    assert torch.allclose(rounded, x, atol=10.2 / 255 / 2)


def test_row_of_zeros_stays_zero():
    for kind in ("int8", "fp8"):
        for symmetric in (True, False):
            grid = InputGrid(kind=kind, scope="token", symmetric=symmetric)
            assert not bool(quantize_input(torch.zeros(2, 8), grid).any())


def test_power_of_two_scales_are_rounded_up():
    x = torch.tensor([[448.0 * 0.75, 1.0]])  # a scale of 0.75 becomes 1
    rounded = quantize_input(x, InputGrid(kind="fp8", scope="token", power_of_two=True))
    assert torch.equal(rounded, x.to(torch.float8_e4m3fn).float())


def test_stored_scale_clips_what_lies_beyond():
    grid = InputGrid(
        kind="int8", scope="tensor", symmetric=False, scale=torch.tensor([0.5]), zero=torch.tensor([-28.0])
    )
    assert quantize_input(torch.tensor([-100.0, 0.0, 100.0]), grid).tolist() == [-50.0, 0.0, 77.5]
