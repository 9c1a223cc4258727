"""The reference engine on a tiny real model: greedy, exact, batched, and safe when memory runs out."""

import dataclasses

import pytest
import torch

from tailgate.engine.batches import BatchLimits
from tailgate.engine.reference import ReferenceEngine
from tailgate.engine.request import ChoiceRequest, Draft, Request
from tailgate.errors import SetupError
from tailgate.pipeline.sides import served_model
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.tiny import Tiny, save_tiny


def serve(folder, method=""):
    variant = resolve(f"{folder}{method}", "cpu")
    return served_model(variant, load(variant))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return serve(save_tiny(tmp_path_factory.mktemp("tiny")))


def requests(n=7, new=12, stop=()):
    return [
        Request(
            key=f"r{i}",
            prompt_ids=tuple(4 + (i * 37 + j * 11) % 250 for j in range(3 + 5 * i)),
            max_new_tokens=new,
            stop=stop,
        )
        for i in range(n)
    ]


def answers(engine, asked):
    return {transcript.key: transcript for batch in engine.generate(asked) for transcript in batch}


def by_hand(model, request):
    """Greedy decoding written out: one row, no cache, argmax of the last position."""
    ids, new = list(request.prompt_ids), []
    while len(new) < request.max_new_tokens:
        with torch.inference_mode():
            token = int(model.module(torch.tensor([ids + new])).logits[0, -1].argmax())
        if token in model.eos_token_ids:
            break
        new.append(token)
    return tuple(new)


def test_generate_equals_greedy_decoding_by_hand(model):
    asked = requests()
    found = answers(ReferenceEngine(model), asked)
    assert {key: transcript.tokens for key, transcript in found.items()} == {r.key: by_hand(model, r) for r in asked}


def test_generate_gives_the_same_answers_in_any_batch(model):
    asked = requests()
    alone = answers(ReferenceEngine(model, BatchLimits(rows=1)), asked)
    assert answers(ReferenceEngine(model, BatchLimits(rows=3)), list(reversed(asked))) == alone


def test_generate_ignores_penalty_and_sampling_of_the_checkpoint(model, tmp_path):
    spec = Tiny(generation={"repetition_penalty": 1.3, "do_sample": True, "temperature": 2.0, "top_k": 5})
    tempted = serve(save_tiny(tmp_path, spec))
    assert answers(ReferenceEngine(tempted), requests()) == answers(ReferenceEngine(model), requests())


def test_generate_keeps_each_row_to_its_own_budget(model):
    asked = [dataclasses.replace(request, max_new_tokens=2 + i) for i, request in enumerate(requests(4))]
    found = answers(ReferenceEngine(model), asked)
    assert all(len(found[request.key].tokens) <= request.max_new_tokens for request in asked)


def test_generate_ends_at_a_stop_string_and_cuts_before_it(model):
    whole = answers(ReferenceEngine(model), requests(1))["r0"]
    word = whole.text[2:4]
    stopped = answers(ReferenceEngine(model), requests(1, stop=(word,)))["r0"]
    assert stopped.text == whole.text[: whole.text.index(word)]
    assert stopped.finish_reason == "stop"
    assert stopped.tokens == whole.tokens[: len(stopped.tokens)]


def test_generate_says_length_when_the_budget_ends_an_answer(model):
    assert answers(ReferenceEngine(model), requests(1, new=3))["r0"].finish_reason == "length"


def test_nonfinite_logits_end_one_row_and_spare_the_others(model):
    asked = requests(3)
    poison = asked[1].prompt_ids[-1]
    unpoisoned = [request for request in asked if poison not in request.prompt_ids]
    table = model.module.model.embed_tokens.weight
    kept = table.data[poison].clone()
    clean = answers(ReferenceEngine(model), unpoisoned)
    table.data[poison] = torch.nan
    try:
        found = answers(ReferenceEngine(model), asked)
    finally:
        table.data[poison] = kept
    assert found["r1"].finish_reason == "nonfinite"
    assert found["r1"].tokens == ()
    assert {key: found[key] for key in clean} == clean


def test_out_of_memory_halves_the_batch_and_loses_no_row(model, monkeypatch):
    generate = model.module.generate

    def cramped(**kwargs):
        if kwargs["input_ids"].shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**kwargs)

    expected = answers(ReferenceEngine(model), requests())
    monkeypatch.setattr(model.module, "generate", cramped)
    engine = ReferenceEngine(model)
    assert answers(engine, requests()) == expected
    assert engine.counters.oom_retries > 0


def test_out_of_memory_on_one_row_is_reported(model, monkeypatch):
    def full(**kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model.module, "generate", full)
    with pytest.raises(SetupError, match="out of memory on a single request"):
        answers(ReferenceEngine(model), requests(2))


def test_other_errors_of_a_batch_are_not_taken_for_memory(model, monkeypatch):
    def broken(**kwargs):
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(model.module, "generate", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        answers(ReferenceEngine(model), requests(2))


def test_verify_of_the_same_model_diverges_nowhere(model):
    asked = requests()
    baseline = answers(ReferenceEngine(model), asked)
    drafts = [Draft(request=request, baseline=baseline[request.key]) for request in asked]
    found = [v for batch in ReferenceEngine(model).verify(drafts) for v in batch]
    assert [v.divergence_token for v in found] == [None] * len(asked)


def test_verify_returns_the_candidates_own_answer_and_where_it_leaves(model, tmp_path):
    candidate = serve(save_tiny(tmp_path), "@rtn:bits=2")
    asked = requests()
    baseline = answers(ReferenceEngine(model), asked)
    own = answers(ReferenceEngine(candidate), asked)
    drafts = [Draft(request=request, baseline=baseline[request.key]) for request in asked]
    found = {v.transcript.key: v for batch in ReferenceEngine(candidate).verify(drafts) for v in batch}
    assert {key: v.transcript for key, v in found.items()} == own
    split = found["r3"].divergence_token
    assert split is not None
    assert own["r3"].tokens[:split] == baseline["r3"].tokens[:split]
    assert own["r3"].tokens[split : split + 1] != baseline["r3"].tokens[split : split + 1]


def test_score_is_the_sum_of_token_log_probabilities(model):
    context, choices = tuple(range(5, 15)), ((20,), (30, 31, 32))
    (scores,) = next(iter(ReferenceEngine(model).score([ChoiceRequest(key="q", context_ids=context, choices=choices)])))
    for choice, score in zip(choices, scores.log_likelihoods, strict=True):
        with torch.inference_mode():
            logits = model.module(torch.tensor([context + choice])).logits[0]
        log_probs = torch.log_softmax(logits, dim=-1)
        expected = sum(float(log_probs[len(context) - 1 + i, token]) for i, token in enumerate(choice))
        assert score == pytest.approx(expected, abs=1e-4)
