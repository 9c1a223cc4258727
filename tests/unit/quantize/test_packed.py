"""Integers rounded to nearest and 8-bit floats, against independent arithmetic and llm-compressor's own files."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tailgate.quantize.packed import float_codes, integer_codes, pack
from tailgate.variants.rtn import round_groups
from tailgate_kernels.reference import unpack_rows


def weight(n_out=24, n_in=128, dtype=torch.float16, seed=0):
    return (torch.randn(n_out, n_in, generator=torch.Generator().manual_seed(seed)) * 0.05).to(dtype)


def decoded(codes, scale, group):
    return codes.float() * scale.float().repeat_interleave(group, dim=1)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_integers_are_within_half_a_step_of_the_weights(bits, dtype):
    source = weight(dtype=dtype)
    codes, scale = integer_codes(source, bits=bits, group=32)
    step = scale.float().repeat_interleave(32, dim=1)
    # The largest weight of a group may lie beyond the last code by what the rounding of the scale moved it.
    slack = 2 ** (bits - 1) * torch.finfo(dtype).eps * step
    assert bool(((decoded(codes, scale, 32) - source.float()).abs() <= step / 2 + slack).all())


def test_integers_with_an_exact_scale_are_those_of_the_control():
    source = weight(dtype=torch.float32)
    codes, scale = integer_codes(source, bits=4, group=64)
    torch.testing.assert_close(
        decoded(codes, scale, 64), round_groups(source, bits=4, group=64, sym=True), rtol=0, atol=1e-7
    )


def test_group_of_zeros_has_a_scale_that_readers_take():
    source = weight()
    source[3, 32:64] = 0
    codes, scale = integer_codes(source, bits=4, group=32)
    assert bool((scale > 0).all())
    assert not decoded(codes, scale, 32)[3, 32:64].any()


@pytest.mark.parametrize("bits", [4, 8])
def test_words_hold_the_codes_from_the_lowest_bits_up(bits):
    codes, _ = integer_codes(weight(), bits=bits, group=32)
    packed = pack(codes, bits)
    words = packed.numpy().view(np.uint32)
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    unpacked = (words[:, :, None] >> shifts) & (2**bits - 1)
    assert np.array_equal(unpacked.reshape(codes.shape).astype(int) - 2 ** (bits - 1), codes.numpy())
    assert torch.equal(unpack_rows(packed, bits, codes.shape[1]) - 2 ** (bits - 1), codes.to(torch.int16))


def test_8_bit_floats_are_the_bytes_that_llm_compressor_writes(repo_root):
    golden = repo_root / "tests/golden/formats/compressed_tensors"
    parent, written = load_file(golden / "source.safetensors"), load_file(golden / "fp8-dynamic.safetensors")
    scales = [name for name in written if name.endswith("weight_scale")]
    assert len(scales) == 7
    for name in scales:
        layer = name.removesuffix("_scale")
        codes, scale = float_codes(parent[layer])
        assert torch.equal(scale, written[name])
        assert torch.equal(codes.view(torch.uint8), written[layer].view(torch.uint8))


def test_row_of_zeros_stays_zero_as_8_bit_floats():
    source = weight()
    source[5] = 0
    codes, scale = float_codes(source)
    assert bool((scale > 0).all())
    assert not codes.float()[5].any()
