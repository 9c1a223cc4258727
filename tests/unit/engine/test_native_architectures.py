"""The native engine gives the reference engine's answers, on every architecture it says it serves."""

import numpy as np
import pytest

from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.fit import refusal
from tailgate.engine.reference import ReferenceEngine
from tailgate.engine.request import ChoiceRequest, Draft, Request
from tailgate.engine.scheduler import StepLimits
from tests.support.architectures import ARCHITECTURES, VOCABULARY, served, tiny_architecture

SMALL = NativeLimits(step=StepLimits(tokens=40, rows=5, copy_below=24), kv_bytes=1 << 20)


def some_requests(count=12, seed=0):
    """Prompts of 1 to 60 tokens; every third begins like the others of its kind."""
    rng = np.random.default_rng(seed)
    header = tuple(rng.integers(2, VOCABULARY, 30).tolist())
    found = []
    for index in range(count):
        own = tuple(rng.integers(2, VOCABULARY, int(rng.integers(1, 31))).tolist())
        prompt = header + own if index % 3 == 0 else own
        found.append(Request(key=f"r{index}", prompt_ids=prompt, max_new_tokens=int(rng.integers(1, 25))))
    return found


def by_key(batches):
    return {answer.key: answer for batch in batches for answer in batch}


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def architecture(request):
    return request.param, tiny_architecture(request.param)


def test_generate_equals_the_reference(architecture):
    name, model = architecture
    assert refusal(model.config) is None, name
    requests = some_requests()
    expected = by_key(ReferenceEngine(served(model)).generate(requests))
    assert by_key(NativeEngine(served(model), SMALL).generate(requests)) == expected
    assert len({answer.tokens for answer in expected.values()}) > 6  # the model does depend on its prompt


def test_verify_equals_the_reference(architecture):
    name, model = architecture
    other = tiny_architecture(name)
    for parameter in other.parameters():
        if parameter.dim() > 1:
            parameter.mul_(1.0).round_(decimals=1)
    requests = some_requests()
    drafts = by_key(NativeEngine(served(model), SMALL).generate(requests))
    expected = by_key(ReferenceEngine(served(other)).generate(requests))
    asked = [Draft(request=each, baseline=drafts[each.key]) for each in requests]
    found = {v.transcript.key: v for batch in NativeEngine(served(other), SMALL).verify(asked) for v in batch}
    assert {key: each.transcript for key, each in found.items()} == expected


def test_score_equals_the_reference(architecture):
    _, model = architecture
    asked = [
        ChoiceRequest(key=each.key, context_ids=each.prompt_ids, choices=((5,), (6, 7), (6, 7, 8, 9), (10,)))
        for each in some_requests()
    ]
    expected = by_key(ReferenceEngine(served(model)).score(asked))
    found = by_key(NativeEngine(served(model), SMALL).score(asked))
    assert found.keys() == expected.keys()
    for key, scores in found.items():
        assert scores.log_likelihoods == pytest.approx(expected[key].log_likelihoods, abs=2e-4)
        assert scores.lengths == (1, 2, 4, 1)
