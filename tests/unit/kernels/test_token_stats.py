"""Token statistics, interpreted, against whole logits in fp64.

Bound: logits are summed in fp32 over E products: ``sum |h w| * E * 2**-23``, at most 1e-4 here; log-sum-exps and
log-probabilities add their own roundings: 2e-4 for all that are in nats.
"""

import numpy as np
import pytest
import torch

from tailgate.engine.distribution import kl_floor
from tailgate_kernels import reference_stats as oracle
from tailgate_kernels.launch import LaunchError
from tailgate_kernels.stats_request import Head, Stored, Wanted
from tests.unit.kernels.support import DTYPES, generator, largest_error

pytest.importorskip("triton")
from tailgate_kernels.token_stats import CHUNK, token_stats

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy, where infinities are asked for

SIZE, TOLERANCE = 24, 2e-4
FLOATS = (
    "best_logit_R",
    "margin_R",
    "lse_R",
    "target_log_prob_R",
    "top_log_probs_RK",
    "stored_log_probs_RK",
    "kl_R",
    "js_R",
)
IDS = ("best_R", "finite_R", "top_ids_RK")
BEST = Wanted()


def hidden(rows, dtype=torch.float32, seed=0):
    return torch.randn(rows, SIZE, generator=generator(seed)).to(dtype)


def head(vocabulary=257, dtype=torch.float32, seed=1, **form):
    return Head(weight_VE=(torch.randn(vocabulary, SIZE, generator=generator(seed)) * 0.5).to(dtype), **form)


def stored(rows, vocabulary=257, k=20, seed=2):
    top = torch.randn(rows, vocabulary, generator=generator(seed)).mul(2).log_softmax(-1).topk(k)
    return Stored(ids_RK=top.indices.int(), log_probs_RK=top.values)


def everything(rows, vocabulary=257):
    targets = torch.randint(0, vocabulary, (rows,), generator=generator(3)).int()
    return Wanted(targets_R=targets, stored=stored(rows, vocabulary, min(20, vocabulary)), top_k=min(6, vocabulary))


def check(states, to, wanted, phase="decode"):
    found = token_stats(states, to, wanted, phase=phase)
    judge = oracle.token_stats(states, to, wanted, arithmetic=torch.float64)
    for name in IDS:
        got, expected = getattr(found, name), getattr(judge, name)
        assert (got is None) == (expected is None), name
        assert got is None or torch.equal(got, expected), name
    for name in FLOATS:
        got, expected = getattr(found, name), getattr(judge, name)
        assert (got is None) == (expected is None), name
        assert got is None or largest_error(got, expected) <= TOLERANCE, name
    return found


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_statistics_at_once(dtype):
    check(hidden(7, dtype), head(dtype=dtype), everything(7))


@pytest.mark.parametrize("vocabulary", [1, 2, 123, CHUNK, CHUNK + 1])
def test_odd_vocabularies(vocabulary):
    if vocabulary == 1:
        assert token_stats(hidden(3), head(1), BEST, phase="decode").margin_R.eq(float("inf")).all()
    else:
        check(hidden(3), head(vocabulary), everything(3, vocabulary) if vocabulary < CHUNK else BEST)


@pytest.mark.parametrize("phase", ["decode", "verify"])
@pytest.mark.parametrize("rows", [1, 17, 123])
def test_odd_numbers_of_rows(rows, phase):
    check(hidden(rows), head(123), BEST, phase)


def test_chunks_of_a_large_vocabulary_are_put_together():
    vocabulary = 2 * CHUNK + 77
    check(hidden(2), head(vocabulary), everything(2, vocabulary))


def test_the_likeliest_64():
    check(hidden(2), head(1100), Wanted(top_k=64))


@pytest.mark.parametrize(
    "form",
    [
        {"bias_V": torch.linspace(-2, 2, 257)},
        {"multiply": 1.7, "divide": 0.3},
        {"softcap": 3.0},
        {"bias_V": torch.linspace(-2, 2, 257), "multiply": 2.0, "divide": 3.0, "softcap": 5.0},
    ],
)
def test_what_architectures_do_to_logits(form):
    check(hidden(5), head(**form), everything(5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_rounded_as_the_modules_of_a_model_round(dtype):
    states, to = hidden(9, dtype), head(dtype=dtype, rounded=True, softcap=20.0)
    found, judge = token_stats(states, to, BEST, phase="decode"), oracle.token_stats(states, to, BEST)
    assert torch.equal(found.best_R, judge.best_R)
    assert torch.equal(found.best_logit_R, judge.best_logit_R)
    assert torch.equal(found.best_logit_R, found.best_logit_R.to(dtype).float())


def test_ties_go_to_the_lower_token():
    states = torch.ones(1, SIZE)  # small integers: every sum is exact in any order
    to = Head(weight_VE=torch.zeros(CHUNK + 300, SIZE))
    to.weight_VE[[7, 200, 1100]] = 2.0
    found = token_stats(states, to, Wanted(top_k=3), phase="decode")
    assert (found.best_R.item(), found.margin_R.item()) == (7, 0.0)
    assert found.top_ids_RK.tolist() == [[7, 200, 1100]]


def test_divergence_is_the_floor_that_the_engine_computes():
    wanted = everything(5)
    found = token_stats(hidden(5), head(), wanted, phase="decode")
    floors = [
        kl_floor(base, cand)
        for base, cand in zip(wanted.stored.log_probs_RK.numpy(), found.stored_log_probs_RK.numpy(), strict=True)
    ]
    assert np.allclose(found.kl_R.numpy(), floors, rtol=1e-6, atol=1e-9)


def test_a_distribution_does_not_diverge_from_itself():
    states, to = hidden(3), head()
    first = token_stats(states, to, Wanted(top_k=50), phase="decode")
    kept = Stored(ids_RK=first.top_ids_RK.int(), log_probs_RK=first.top_log_probs_RK)
    again = token_stats(states, to, Wanted(stored=kept), phase="decode")
    assert torch.equal(again.stored_log_probs_RK, first.top_log_probs_RK)
    assert again.kl_R.abs().max() <= 1e-9
    assert again.js_R.abs().max() <= 1e-9


def test_divergence_of_two_outcomes_is_the_textbook_one():
    weight = torch.zeros(2, SIZE)
    weight[0, 0] = 1.0
    states = torch.zeros(1, SIZE)
    states[0, 0] = float(np.log(3.0))  # logits log 3 and 0: probabilities 3/4 and 1/4
    half = Stored(ids_RK=torch.tensor([[0, 1]]).int(), log_probs_RK=torch.tensor([[0.5, 0.5]]).log())
    found = token_stats(states, Head(weight_VE=weight), Wanted(stored=half), phase="decode")
    p, q = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    middle = (p + q) / 2
    assert found.kl_R.item() == pytest.approx((p * np.log(p / q)).sum(), abs=1e-6)
    assert found.js_R.item() == pytest.approx(
        ((p * np.log(p / middle)).sum() + (q * np.log(q / middle)).sum()) / 2, abs=1e-6
    )


def test_rows_that_ask_for_nothing_hold_no_number():
    wanted = everything(3)
    wanted.targets_R[1] = -1
    wanted.stored.ids_RK[1] = -1
    found = check(hidden(3), head(), wanted)
    for each in (found.target_log_prob_R, found.kl_R, found.js_R, found.stored_log_probs_RK[:, 0]):
        assert each.isnan().tolist() == [False, True, False]


def test_states_and_weights_of_any_row_stride():
    states, to = hidden(5), head()
    wide_states, wide = torch.full((5, 40), float("nan")), torch.full((257, 31), float("nan"))
    wide_states[:, :SIZE], wide[:, :SIZE] = states, to.weight_VE
    found = token_stats(wide_states[:, :SIZE], Head(weight_VE=wide[:, :SIZE]), BEST, phase="decode")
    assert torch.equal(found.lse_R, token_stats(states, to, BEST, phase="decode").lse_R)


@pytest.mark.parametrize("phase", ["decode", "verify"])
def test_a_row_does_not_depend_on_the_number_of_rows(phase):
    states, to, wanted = hidden(40), head(70), everything(40, 70)
    together = token_stats(states, to, wanted, phase=phase)
    for n in (1, 7):
        part = Stored(ids_RK=wanted.stored.ids_RK[:n], log_probs_RK=wanted.stored.log_probs_RK[:n])
        asked = Wanted(targets_R=wanted.targets_R[:n], stored=part, top_k=wanted.top_k)
        alone = token_stats(states[:n], to, asked, phase=phase)
        for name in (*FLOATS, *IDS):
            assert torch.equal(getattr(alone, name), getattr(together, name)[:n]), name


def test_every_answer_is_written(monkeypatch):
    states, to, wanted = hidden(5), head(), everything(5)
    plain, empty = token_stats(states, to, wanted, phase="decode"), torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda self, *a, **k: _spoilt(empty(self, *a, **k)))
    poisoned = token_stats(states, to, wanted, phase="decode")
    for name in (*FLOATS, *IDS):
        assert torch.equal(getattr(poisoned, name), getattr(plain, name)), name


def _spoilt(new):
    return new.fill_(float("nan") if new.is_floating_point() else -9)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_row_that_is_not_finite_is_told_and_spoils_no_other(bad):
    states, to = hidden(5), head()
    clean = token_stats(states, to, everything(5), phase="decode")
    states[3, 2] = bad
    found = token_stats(states, to, everything(5), phase="decode")
    assert found.finite_R.tolist() == [True, True, True, False, True]
    others = [0, 1, 2, 4]
    for name in (*FLOATS, *IDS):
        assert torch.equal(getattr(found, name)[others], getattr(clean, name)[others]), name


def test_masked_tokens_are_no_failure_unless_all_are():
    mask = torch.full((257,), float("-inf"))
    assert not token_stats(hidden(2), head(bias_V=mask), BEST, phase="decode").finite_R.any()
    mask = mask.clone()
    mask[[5, 250]] = 0.0
    found = check(hidden(2), head(bias_V=mask), BEST)
    assert set(found.best_R.tolist()) <= {5, 250}


ROWS = 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_RE": hidden(ROWS)[:, :20]}, r"hidden has shape \[3, 20\]"),
        ({"hidden_RE": hidden(0)}, r"hidden has shape \[0, 24\]"),
        ({"hidden_RE": hidden(ROWS).half()}, "weight has dtype float32; it must be one of: float16"),
        ({"hidden_RE": hidden(ROWS).to("meta")}, "hidden lies on 'meta'"),
        ({"hidden_RE": hidden(ROWS).t().contiguous().t()}, "hidden has strides"),
        ({"head": head(bias_V=torch.zeros(256))}, r"bias has shape \[256\]"),
        ({"head": head(softcap=-1.0)}, "softcap is -1"),
        ({"head": head(divide=0.0)}, "divide is 0"),
        ({"wanted": Wanted(top_k=65)}, "top_k is 65; it must be 0 to 64"),
        ({"wanted": Wanted(targets_R=torch.tensor([0, 1, 257]).int())}, "targets holds token 257"),
        ({"wanted": Wanted(targets_R=torch.tensor([0, -2, 1]).int())}, "targets holds token -2"),
        ({"wanted": Wanted(targets_R=torch.tensor([0, 1, 2]))}, "targets has dtype int64"),
        ({"wanted": Wanted(targets_R=torch.tensor([0, 1]).int())}, r"targets has shape \[2\]"),
        ({"wanted": Wanted(stored=stored(2))}, r"stored.ids has shape \[2, 20\]"),
        ({"wanted": Wanted(stored=stored(ROWS, k=65))}, "stored.ids has 65 tokens"),
        ({"phase": "prefill"}, "phase is 'prefill'"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"hidden_RE": hidden(ROWS), "head": head(), "wanted": BEST, "phase": "decode", **change}
    with pytest.raises(LaunchError, match=message):
        token_stats(given["hidden_RE"], given["head"], given["wanted"], phase=given["phase"])
