"""The native engine with the project's kernels switched in, interpreted: the answers it gives without them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tailgate.engine.blocks import Run
from tailgate.engine.native.backend import kernels, record, resolve
from tailgate.engine.native.borrowed import BorrowedModel
from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.kernel_attention import as_batch
from tailgate.engine.native.packing import PackedSpan
from tailgate.engine.request import ChoiceRequest, Draft, Request
from tailgate.engine.scheduler import StepLimits
from tailgate.errors import SetupError, UsageError
from tailgate.variants.load import load
from tailgate.variants.variant import resolve as resolve_variant
from tailgate_kernels.attention_batch import Shared
from tests.support.architectures import ARCHITECTURES, VOCABULARY, served, tiny_architecture
from tests.support.stored import golden

TINY = NativeLimits(step=StepLimits(tokens=40, rows=4, copy_below=0), kv_bytes=1 << 18)
# Interpreted kernels are slow: one architecture for each thing that an attention or a head may ask of them.
INTERPRETED = [("llama", ""), ("llama", "int8"), ("llama", "int4"), ("gemma2", ""), ("gpt_oss", "")]


def asked(readers=2, budget=3):
    """A document that all prompts begin with, long enough to be shared, and a question of its own behind it."""
    rng = np.random.default_rng(4)
    document = rng.integers(2, VOCABULARY, 67).tolist()
    return [
        Request(key=f"r{n}", prompt_ids=(*document, 3 + n, *range(2, 2 + 5 * n)), max_new_tokens=budget)
        for n in range(readers)
    ]


def engine(model, backend, kv=""):
    return NativeEngine(replace(served(model), kv=kv), replace(TINY, kernels=backend))


def by_key(batches):
    return {answer.key: answer for batch in batches for answer in batch}


def verified(batches):
    return {each.transcript.key: each for batch in batches for each in batch}


def assert_same_answers(found, expected, atol=1e-4):
    assert {key: each.tokens for key, each in found.items()} == {key: each.tokens for key, each in expected.items()}
    for key, each in found.items():
        for top, other in zip(each.tops, expected[key].tops, strict=True):
            assert np.allclose(top.log_probs, other.log_probs, atol=atol)


@pytest.mark.parametrize(("name", "kv"), INTERPRETED)
def test_generate_with_kernels_equals_generate_without(name, kv, require):
    require("triton")
    model = tiny_architecture(name)
    expected = by_key(engine(model, "torch", kv).generate(asked()))
    found = by_key(engine(model, "triton", kv).generate(asked()))
    # A key that falls between two codes by a float's last bit goes to one or the other: a step of the code.
    assert_same_answers(found, expected, atol=2e-2 if kv else 1e-4)


@pytest.mark.parametrize("name", ["llama", "gemma2", "cohere"])
def test_verify_with_kernels_equals_verify_without(name, require):
    require("triton")
    told = by_key(engine(tiny_architecture(name), "torch").generate(asked()))
    other = tiny_architecture(name, seed=1)
    drafts = [Draft(request=request, baseline=told[request.key]) for request in asked()]
    expected = verified(engine(other, "torch").verify(drafts))
    found = verified(engine(other, "triton").verify(drafts))
    for key, each in found.items():
        assert each.transcript.tokens == expected[key].transcript.tokens
        assert each.stats.agrees == expected[key].stats.agrees
        for values in ("log_probs", "margins", "kl_floors"):
            assert getattr(each.stats, values) == pytest.approx(getattr(expected[key].stats, values), abs=1e-4), values


def test_score_with_kernels_equals_score_without(require):
    require("triton")
    model = tiny_architecture("llama")
    choices = [ChoiceRequest(key=each.key, context_ids=each.prompt_ids, choices=((5,), (6, 7, 8))) for each in asked()]
    expected = by_key(engine(model, "torch").score(choices))
    for key, scores in by_key(engine(model, "triton").score(choices)).items():
        assert scores.log_likelihoods == pytest.approx(expected[key].log_likelihoods, abs=1e-4)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_oracles_of_the_kernels_serve_every_architecture(name):
    model = tiny_architecture(name)
    expected = by_key(engine(model, "torch").generate(asked(readers=3, budget=4)))
    assert_same_answers(by_key(engine(model, "reference").generate(asked(readers=3, budget=4))), expected)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("gptq", "4bit-g32-asym-act"),
        ("awq", "gemm"),
        ("compressed_tensors", "w8a8-int8"),
        ("compressed_tensors", "fp8-dynamic"),
    ],
)
@pytest.mark.parametrize("backend", ["triton", "reference"])
def test_packed_checkpoints_answer_alike(kind, name, backend, tmp_path, require):
    require("triton")
    folder = golden(kind, name, tmp_path).folder
    variant = resolve_variant(f"{folder}@stored:execution=packed", "cpu")
    module = load(variant).module
    products = BorrowedModel(module, kernels(backend, "cpu"))._packed
    assert products
    model = replace(served(module), context_length=variant.context_length)
    expected = by_key(NativeEngine(model, TINY).generate(asked()))
    assert_same_answers(by_key(NativeEngine(model, replace(TINY, kernels=backend)).generate(asked())), expected)


def span(low, length, start, *runs):
    """A span whose sequence lies in runs of (first block, blocks)."""
    table = tuple(Run(slot=16 * first, tokens=16 * blocks) for first, blocks in runs)
    return PackedSpan(low=low, high=low + length, start=start, past=(), table=table)


def test_beginnings_in_the_same_blocks_are_shared():
    spans = (span(0, 1, 127, (0, 6), (10, 2)), span(1, 2, 140, (0, 6), (20, 4)), span(3, 1, 127, (0, 4), (30, 4)))
    assert as_batch(spans, 16).shared == (Shared(sequences=(0, 1, 2), begin=0, end=64),)
    longer = (*spans[:2], span(3, 1, 270, (0, 6), (20, 11)))
    batch = as_batch((span(0, 1, 270, (0, 6), (20, 11)), *longer[1:]), 16)
    batch.check(16 * 40)
    assert [(each.sequences, each.begin, each.end) for each in batch.shared] == [
        ((0, 1, 2), 0, 128),
        ((0, 2), 128, 256),
    ]


def test_short_beginnings_are_not_shared():
    spans = (span(0, 1, 60, (0, 3), (10, 1)), span(1, 1, 60, (0, 3), (11, 1)))
    assert as_batch(spans, 16).shared == ()


def test_the_backend_is_chosen_by_name_and_recorded(require):
    require("triton")
    assert resolve("triton") == "triton"
    assert record("torch", "cpu") == {"kernels": "torch", "version": torch.__version__, "target": "cpu"}
    assert record("triton", "cpu")["target"] == "interpreter"
    with pytest.raises(UsageError, match=r"kernels=cuda: give one of torch, triton, reference"):
        resolve("cuda")


def test_kernels_that_cannot_run_there_are_refused(monkeypatch, require):
    require("triton")
    import triton

    monkeypatch.setattr(triton.knobs.runtime, "interpret", False)
    with pytest.raises(SetupError, match=r"kernels=triton: kernels run on cuda, not on 'cpu'"):
        engine(tiny_architecture("llama"), "triton")


def test_a_look_at_predictions_that_names_other_tokens_is_found_before_an_answer(monkeypatch, require):
    require("triton")
    from tailgate.engine.native import head

    def wrong(kernels, form, hidden_NE, wanted):
        return [replace(row, best=(row.best + 1) % VOCABULARY) for row in looked(kernels, form, hidden_NE, wanted)]

    looked = head.look
    monkeypatch.setattr(head, "look", wrong)
    with pytest.raises(SetupError, match=r"does not reproduce 'llama'"):
        engine(tiny_architecture("llama"), "reference")


@pytest.mark.parametrize("what", [{"best": 1}, {"log_prob": -0.5}])
def test_a_look_at_given_tokens_that_is_wrong_is_found_before_an_answer(what, monkeypatch):
    from tailgate.engine.native import head

    def wrong(kernels, form, hidden_NE, wanted):
        rows = looked(kernels, form, hidden_NE, wanted)
        return [
            replace(row, **what) if each.target is not None else row for row, each in zip(rows, wanted, strict=True)
        ]

    looked = head.look
    monkeypatch.setattr(head, "look", wrong)
    with pytest.raises(SetupError, match=r"does not reproduce 'llama'"):
        engine(tiny_architecture("llama"), "reference")


def test_a_wrong_beginning_of_sequences_that_share_one_is_found_before_an_answer(monkeypatch):
    from tailgate.engine.native import kernel_attention

    def misread(**given):
        """A block of a shared beginning read twice, and another never: a wrong layout that no bound can see."""
        if not given["shared"]:
            return batch(**given)
        tables = tuple((table[0], table[0], *table[2:]) for table in given["tables"])
        return batch(**{**given, "tables": tables})

    batch = kernel_attention.Batch
    monkeypatch.setattr(kernel_attention, "Batch", misread)
    with pytest.raises(SetupError, match=r"does not reproduce 'llama'"):
        engine(tiny_architecture("llama"), "reference")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the interpreter computes with numpy, which warns of NaN
@pytest.mark.parametrize("backend", ["torch", "triton", "reference"])
def test_a_row_that_is_not_finite_is_voided_and_names_no_token(backend, require):
    require("triton")
    model = tiny_architecture("llama")
    model.get_input_embeddings().weight[90] = float("nan")
    spoiled = Request(key="spoiled", prompt_ids=(5, 90, 6), max_new_tokens=3)
    sound = Request(key="sound", prompt_ids=(5, 8, 6), max_new_tokens=3)
    found = by_key(engine(model, backend).generate([spoiled, sound]))
    assert found["spoiled"].finish_reason == "nonfinite"
    assert (found["sound"].finish_reason, len(found["sound"].tokens)) == ("length", 3)
