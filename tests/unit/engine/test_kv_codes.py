"""Codes of keys and values: what is read back, what it costs, and that a vector never depends on its neighbours."""

import numpy as np
import pytest
import torch

from tailgate.engine.blocks import Copy, Run
from tailgate.engine.native.kv_codes import CODECS, Fp8
from tailgate.engine.native.kv_store import KVStore
from tailgate.errors import SetupError
from tests.support.rounded_attention import round_vectors, to_e4m3

KINDS = ("int8", "fp8", "int4")


def vectors(heads=3, tokens=200, size=64, seed=0):
    """Vectors of many magnitudes, off centre, one of them zero and one constant."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-6, 4, tokens)[None, :, None]
    x_HND = (torch.randn((heads, tokens, size), generator=generator) + 0.3) * scale
    x_HND[0, 0], x_HND[1, 1] = 0.0, -3.5
    return x_HND


def read_back(kind, x, dtype=torch.float32):
    return CODECS[kind].decode(CODECS[kind].encode(x), dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_back_is_the_rounding_written_down_in_numpy(kind):
    x_HND = vectors()
    assert np.array_equal(read_back(kind, x_HND).numpy(), round_vectors(x_HND.numpy(), kind))


@pytest.mark.parametrize(("kind", "bound"), [("int8", 0.5 / 127), ("fp8", 1 / 16), ("int4", 0.5 / 15)])
def test_rounding_moves_an_entry_by_half_a_step_at_most(kind, bound):
    x_HND = vectors()
    reach_HN1 = x_HND.amax(-1, keepdim=True) - x_HND.amin(-1, keepdim=True)
    widest_HN1 = reach_HN1 if kind == "int4" else x_HND.abs().amax(-1, keepdim=True)
    assert bool(((read_back(kind, x_HND) - x_HND).abs() <= (bound + 1e-6) * widest_HN1).all())


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_that_are_all_alike_come_back_as_they_were(kind):
    x_HND = torch.stack([torch.zeros(1, 8), torch.full((1, 8), -3.5)])
    torch.testing.assert_close(read_back(kind, x_HND), x_HND, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_vector_that_is_not_finite_stays_so_and_spoils_no_other(kind, bad):
    x_HND = vectors(tokens=3)
    x_HND[1, 1, 5] = bad
    found = read_back(kind, x_HND)
    assert not bool(found[1, 1].isfinite().any())
    found[1, 1] = 0.0
    assert bool(found.isfinite().all())


GIVEN = torch.tensor([0.5, 2.0, 1e-3]).reshape(3, 1, 1)


def test_a_given_scale_is_used_for_every_vector_and_what_lies_beyond_it_is_cut():
    x_HND, codec = vectors(), Fp8(GIVEN)
    found = codec.decode(codec.encode(x_HND), torch.float32)
    expected = to_e4m3(np.clip(x_HND.numpy() / GIVEN.numpy(), -448, 448)) * GIVEN.numpy()
    assert np.array_equal(found.numpy(), expected)
    assert float(found[2].abs().max()) == pytest.approx(0.448)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_given_scale_makes_no_number_of_what_is_none(bad):
    x_HND, codec = vectors(tokens=3), Fp8(GIVEN)
    x_HND[1, 1, 5] = bad
    found = codec.decode(codec.encode(x_HND), torch.float32)
    assert bool(found[1, 1].isnan().all())
    assert int(found.isnan().sum()) == x_HND.shape[2]


def test_a_layer_without_the_scales_that_were_asked_for_is_refused():
    with pytest.raises(SetupError, match="kv=stored: a layer has no scales"):
        KVStore(slots=16, kv="stored").write(0, vectors(tokens=2), vectors(tokens=2), torch.arange(2))


def test_every_code_of_fp8_is_read_as_torch_reads_it():
    codes = torch.arange(-128, 128, dtype=torch.int16).to(torch.int8)[None, None]
    expected = codes.view(torch.float8_e4m3fn).float()
    found = CODECS["fp8"].decode((codes, torch.ones(1, 1, 1)), torch.float32)
    finite = ~expected.isnan()  # NaN is stored as a scale
    assert int(finite.sum()) == 254
    assert torch.equal(found[finite], expected[finite])


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_rounded_in_fp32_and_read_back_in_its_own(kind):
    x_HND = vectors(tokens=20, seed=1).half()
    found = read_back(kind, x_HND, torch.float16)
    assert found.dtype == torch.float16
    assert torch.equal(found, read_back(kind, x_HND.float()).half())


def test_two_numbers_a_byte_need_an_even_head():
    with pytest.raises(SetupError, match=r"packs two numbers a byte and the model's heads have 7; use kv=int8"):
        CODECS["int4"].encode(torch.zeros(1, 1, 7))


@pytest.mark.parametrize(("kind", "per_vector"), [("", 64 * 4), ("int8", 64 + 4), ("fp8", 64 + 4), ("int4", 32 + 8)])
def test_a_token_takes_codes_and_scales_and_nothing_else(kind, per_vector):
    store = KVStore(slots=48, kv=kind)
    for layer in range(2):
        store.write(layer, vectors(tokens=5), vectors(tokens=5, seed=1), torch.arange(5))
    assert store.bytes_per_token == 2 * 2 * 3 * per_vector
    held = sum(slab.untyped_storage().nbytes() for pair in store._layers.values() for parts in pair for slab in parts)
    assert held == 48 * store.bytes_per_token


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_a_token_is_read_as_it_was_seen_when_it_was_written(kind):
    store, slots = KVStore(slots=64, kv=kind), torch.tensor([40, 41, 42, 7, 8])
    k_HND, v_HND = store.write(0, vectors(tokens=5), vectors(tokens=5, seed=1), slots)
    first_k, first_v = store.read(0, Run(slot=40, tokens=3))
    assert torch.equal(first_k, k_HND[:, :3])
    assert torch.equal(first_v, v_HND[:, :3])
    all_k, all_v = store.gather(0, slots)
    assert torch.equal(all_k, k_HND)
    assert torch.equal(all_v, v_HND)


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_written_alone_is_the_token_written_in_company(kind):
    x_HND = vectors(tokens=9)
    together = read_back(kind, x_HND)
    alone = torch.cat([read_back(kind, x_HND[:, token : token + 1]) for token in range(9)], dim=1)
    assert torch.equal(together, alone)


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_a_copy_takes_codes_and_scales_along_even_onto_itself(kind):
    store = KVStore(slots=32, kv=kind)
    k_HND, _ = store.write(0, vectors(tokens=6), vectors(tokens=6), torch.arange(6))
    store.copy([Copy(source=0, target=3, tokens=6)])
    found, _ = store.read(0, Run(slot=3, tokens=6))
    assert torch.equal(found, k_HND)
