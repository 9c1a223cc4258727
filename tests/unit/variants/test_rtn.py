"""Round to nearest: the formula, its edges, and what counts as unchanged."""

import pytest
import torch

from tailgate.variants import rtn
from tests.support.tiny import Tiny, tiny_model

OPTIONS = {"bits": 4, "group": 64, "sym": True}


def weights(rows=3, columns=64, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def test_symmetric_rounding_follows_the_formula():
    group = torch.tensor([[7.0, -3.4, 0.6, -7.0]])  # absmax 7 over 2**3 - 1 steps: a scale of exactly 1
    assert rtn.round_groups(group, bits=4, group=4, sym=True).tolist() == [[7.0, -3.0, 1.0, -7.0]]


def test_asymmetric_rounding_reaches_both_ends_of_the_group():
    group = torch.tensor([[0.0, 1.4, 3.0, 1.6]])  # range 3 over 2**2 - 1 steps: a scale of exactly 1
    assert rtn.round_groups(group, bits=2, group=4, sym=False).tolist() == [[0.0, 1.0, 3.0, 2.0]]


@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_rounding_uses_at_most_the_levels_of_its_width(bits, sym):
    rounded = rtn.round_groups(weights(1, 512), bits=bits, group=512, sym=sym)
    assert len(rounded.unique()) <= 2**bits


@pytest.mark.parametrize("sym", [True, False])
def test_rounding_twice_changes_nothing_more(sym):
    once = rtn.round_groups(weights(), bits=4, group=32, sym=sym)
    assert rtn.same_weights(rtn.round_groups(once, bits=4, group=32, sym=sym), once)


def test_last_group_may_be_shorter():
    whole = weights(2, 80)
    rounded = rtn.round_groups(whole, bits=4, group=64, sym=True)
    assert torch.equal(rounded[:, 64:], rtn.round_groups(whole[:, 64:].contiguous(), bits=4, group=16, sym=True))


def test_group_of_zeros_stays_zero():
    assert rtn.round_groups(torch.zeros(2, 64), bits=4, group=64, sym=True).abs().max() == 0


def test_error_is_at_most_half_a_step():
    original = weights(4, 64)
    step = original.abs().amax(dim=1, keepdim=True) / 127
    assert bool(((rtn.round_groups(original, bits=8, group=64, sym=True) - original).abs() <= step / 2 + 1e-7).all())


def test_apply_leaves_head_and_embedding_alone():
    model = tiny_model(Tiny())
    head, table = model.lm_head.weight.clone(), model.model.embed_tokens.weight.clone()
    applied = rtn.apply(model, OPTIONS)
    assert torch.equal(model.lm_head.weight, head)
    assert torch.equal(model.model.embed_tokens.weight, table)
    assert applied.changed_tensors == applied.quantized_tensors == 2 * 7


def test_apply_to_weights_on_the_grid_is_lossless():
    model = tiny_model(Tiny())
    rtn.apply(model, OPTIONS)
    assert rtn.apply(model, OPTIONS).lossless
