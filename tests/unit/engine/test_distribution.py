"""Distributions that are kept: small, exact to fp32, and a bound that is one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr

from tailgate.engine.distribution import BYTES_PER_TOKEN, TOP_K, TopTokens, kl_floor, pack_tops, unpack_tops
from tailgate.engine.request import TokenStats


def top(logits, k=TOP_K):
    log_probs = log_softmax(logits)
    ids = np.argsort(-log_probs)[:k]
    return TopTokens(ids=ids.astype(np.uint32), log_probs=log_probs[ids].astype(np.float32), lse=1.5)


def test_a_token_takes_at_most_half_a_kilobyte():
    rows = [top(np.random.default_rng(n).normal(size=49_152)) for n in range(10)]
    assert BYTES_PER_TOKEN <= 512
    assert len(pack_tops(rows)) == 10 * BYTES_PER_TOKEN + 4


@pytest.mark.parametrize("vocabulary", [5, 64, 200_000])
def test_distributions_survive_storage(vocabulary):
    rows = [top(np.random.default_rng(n).normal(size=vocabulary)) for n in range(3)]
    for before, after in zip(rows, unpack_tops(pack_tops(rows)), strict=True):
        assert np.array_equal(before.ids, after.ids)
        assert np.array_equal(before.log_probs, after.log_probs)
        assert after.lse == before.lse
    assert unpack_tops(pack_tops([])) == []


def test_tail_mass_is_what_the_top_tokens_leave():
    assert top(np.zeros(128)).tail_mass == pytest.approx(0.5, abs=1e-6)


@given(st.integers(0, 10_000), st.floats(0.0, 3.0))
def test_the_floor_never_exceeds_the_divergence(seed, shift):
    rng = np.random.default_rng(seed)
    baseline = rng.normal(size=300) * 3
    candidate = baseline + rng.normal(size=300) * shift
    p, q = np.exp(log_softmax(baseline)), np.exp(log_softmax(candidate))
    kept = top(baseline, k=16)
    found = kl_floor(kept.log_probs, log_softmax(candidate)[kept.ids])
    assert found <= rel_entr(p, q).sum() + 1e-5
    if shift == 0.0:
        assert found == pytest.approx(0.0, abs=1e-6)


def test_the_floor_is_the_divergence_when_everything_is_kept():
    rng = np.random.default_rng(3)
    baseline, candidate = rng.normal(size=(2, 40))
    p, q = np.exp(log_softmax(baseline)), np.exp(log_softmax(candidate))
    kept = top(baseline)
    assert kl_floor(kept.log_probs, log_softmax(candidate)[kept.ids]) == pytest.approx(rel_entr(p, q).sum(), abs=1e-5)


def test_token_statistics_survive_storage():
    stats = TokenStats(agrees=(True, False), log_probs=(-0.5, -2.25), margins=(1.5, 0.25), kl_floors=(0.125, 0.75))
    assert TokenStats.from_bytes(stats.to_bytes()) == stats
