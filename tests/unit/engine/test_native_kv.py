"""Keys and values stored as codes: the answers of a plain model whose attention rounds, whatever shares the pass."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.reference import ReferenceEngine
from tailgate.engine.request import ChoiceRequest, Draft, Request
from tailgate.engine.scheduler import StepLimits
from tests.support.architectures import VOCABULARY, served, tiny_architecture
from tests.support.rounded_attention import rounding

KINDS = ("int8", "fp8", "int4")
# Plain, windows that cut through spans, soft caps and a spelled-out softmax, sinks with experts.
ARCHITECTURES = ("llama", "mistral", "gemma2", "gpt_oss")
WIDE = NativeLimits(kv_bytes=1 << 20)
TIGHT = NativeLimits(step=StepLimits(tokens=24, rows=5, copy_below=24), kv_bytes=1 << 20)


def some_requests(count=9, seed=0):
    """Prompts of 1 to 70 tokens; every third begins like the others of its kind."""
    rng = np.random.default_rng(seed)
    header = tuple(rng.integers(2, VOCABULARY, 40).tolist())
    found = []
    for index in range(count):
        own = tuple(rng.integers(2, VOCABULARY, int(rng.integers(1, 31))).tolist())
        prompt = header + own if index % 3 == 0 else own
        found.append(Request(key=f"r{index}", prompt_ids=prompt, max_new_tokens=int(rng.integers(4, 20))))
    return found


def by_key(batches):
    return {answer.key: answer for batch in batches for answer in batch}


def texts(answers):
    """Tokens of answers: the distributions beside them carry the noise of other orders of summation."""
    return {key: answer.tokens for key, answer in answers.items()}


def storing(model, kind):
    return replace(served(model), kv=kind)


def verified(engine, requests, baseline):
    asked = [Draft(request=each, baseline=baseline[each.key]) for each in requests]
    return {each.transcript.key: each for batch in engine.verify(asked) for each in batch}


@pytest.fixture(scope="module")
def plain_answers():
    return by_key(NativeEngine(served(tiny_architecture("llama")), WIDE).generate(some_requests()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_generate_and_verify_equal_plain_transformers_with_rounded_keys_and_values(name, kind):
    requests, plain = some_requests(), tiny_architecture(name)
    expected = by_key(ReferenceEngine(rounding(served(deepcopy(plain)), kind)).generate(requests))
    baseline = by_key(NativeEngine(served(plain), WIDE).generate(requests))
    model = storing(plain, kind)
    assert texts(by_key(NativeEngine(model, TIGHT).generate(requests))) == texts(expected)
    found = verified(NativeEngine(model, TIGHT), requests, baseline)
    assert {key: each.transcript.tokens for key, each in found.items()} == texts(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_do_not_depend_on_chunks_batches_shared_beginnings_or_drafts(kind):
    model, requests = storing(tiny_architecture("llama"), kind), some_requests(16, seed=1)
    expected = by_key(NativeEngine(model, WIDE).generate(requests))
    for other in (
        replace(TIGHT, share_prefixes=False, draft=False),
        replace(TIGHT, reverse=True, step=StepLimits(tokens=16, rows=2, copy_below=0)),
        replace(WIDE, step=StepLimits(tokens=4096, rows=1)),
    ):
        assert texts(by_key(NativeEngine(model, other).generate(requests))) == texts(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_preemption_changes_no_answer(kind):
    model = storing(tiny_architecture("llama"), kind)
    requests = [Request(key=f"r{n}", prompt_ids=tuple(range(2, 22)), max_new_tokens=60) for n in range(6)]
    expected = by_key(NativeEngine(model, WIDE).generate(requests))
    engine = NativeEngine(model, WIDE)
    engine._slots = 128
    assert texts(by_key(engine.generate(requests))) == texts(expected)
    assert engine.counters.preemptions > 0


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_choices_equal_plain_transformers_with_rounded_keys_and_values(kind):
    asked = [
        ChoiceRequest(key=each.key, context_ids=each.prompt_ids, choices=((5,), (6, 7), (6, 7, 8, 9)))
        for each in some_requests()
    ]
    expected = by_key(ReferenceEngine(rounding(served(tiny_architecture("llama")), kind)).score(asked))
    found = by_key(NativeEngine(storing(tiny_architecture("llama"), kind), TIGHT).score(asked))
    for key, scores in found.items():
        assert scores.log_likelihoods == pytest.approx(expected[key].log_likelihoods, abs=2e-3)


def test_four_bits_do_change_answers(plain_answers):
    found = by_key(NativeEngine(storing(tiny_architecture("llama"), "int4"), WIDE).generate(some_requests()))
    assert texts(found) != texts(plain_answers)


def test_verifying_tells_where_rounded_keys_lead_elsewhere(plain_answers):
    engine = NativeEngine(storing(tiny_architecture("llama"), "int4"), TIGHT)
    found = verified(engine, some_requests(), plain_answers)
    left = [each for each in found.values() if each.divergence_token is not None]
    assert left
    assert all(each.stats.agrees.index(False) == each.divergence_token for each in left)


def test_the_same_memory_holds_more_tokens_as_codes():
    slots = {
        kind: NativeEngine(storing(tiny_architecture("llama"), kind), WIDE)._slots
        for kind in ("", "int8", "fp8", "int4")
    }
    # A head of 8 takes 32 bytes as computed; 8 bytes and a scale of 4; 4 bytes, a step and a minimum.
    assert slots["int8"] == slots["fp8"] == slots["int4"] == pytest.approx(slots[""] * 32 / 12, rel=0.01)
