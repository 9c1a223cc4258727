"""The native engine on a tiny Llama: bounded memory, bad input by name, and answers that do not depend on company."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tailgate.engine.native import head
from tailgate.engine.native.engine import YIELD_AT, Job, NativeEngine, NativeLimits
from tailgate.engine.native.fit import refusal
from tailgate.engine.request import ChoiceRequest, Draft, Request, Transcript
from tailgate.engine.scheduler import StepLimits
from tailgate.errors import IntegrityError, SetupError
from tests.support.architectures import CONTEXT, VOCABULARY, served, tiny_architecture

KV = 1 << 20


@pytest.fixture(scope="module")
def model():
    return tiny_architecture("llama")


def limits(**step):
    return NativeLimits(step=StepLimits(**step), kv_bytes=KV)


def ask(key, prompt, budget=12, **more):
    return Request(key=key, prompt_ids=tuple(prompt), max_new_tokens=budget, **more)


def random_requests(count=16, seed=1, longest=60):
    rng = np.random.default_rng(seed)
    return [
        ask(f"r{n}", rng.integers(2, VOCABULARY, int(rng.integers(1, longest))).tolist(), int(rng.integers(1, 30)))
        for n in range(count)
    ]


def answers(engine, requests):
    return {each.key: each for batch in engine.generate(requests) for each in batch}


def test_answers_do_not_depend_on_order_or_batch(model):
    requests = random_requests()
    expected = answers(NativeEngine(served(model), limits()), requests)
    shuffled = [requests[i] for i in np.random.default_rng(2).permutation(len(requests))]
    for other in (limits(tokens=7, rows=2), replace(limits(tokens=33), reverse=True, share_prefixes=False)):
        engine = NativeEngine(served(model), other)
        found = answers(engine, shuffled)
        different = [key for key in expected if found[key] != expected[key]]
        assert len(different) <= engine.counters.near_ties
        assert different == []


def test_drafts_save_passes_and_change_no_answer(model):
    request = ask("a", range(2, 22), 200)
    plain, drafting = (NativeEngine(served(model), replace(limits(), draft=draft)) for draft in (False, True))
    expected = answers(plain, [request])
    assert answers(drafting, [request]) == expected
    assert drafting.counters.accepted_drafts > 0
    assert drafting.counters.forwards < plain.counters.forwards


def test_a_near_tie_is_counted():
    model = tiny_architecture("llama")
    weight = model.get_output_embeddings().weight
    weight[10:20] = weight[30:40]  # two tokens with the same logit everywhere
    weight[:10] = weight[40:] = 0.0
    engine = NativeEngine(served(model), limits())
    answers(engine, random_requests(4))
    assert engine.counters.near_ties > 0


def test_a_common_document_is_computed_once(model):
    document = np.random.default_rng(3).integers(2, VOCABULARY, 300).tolist()
    requests = [ask(f"q{n}", [*document, 5 + n], 3) for n in range(16)]
    engine = NativeEngine(served(model), limits())
    shared = answers(engine, requests)
    assert engine.counters.computed_tokens < 300 + 16 * (1 + 3)
    assert engine.counters.reused_tokens == 16 * 300
    apart = NativeEngine(served(model), replace(limits(), share_prefixes=False))
    assert answers(apart, requests) == shared


def test_a_tight_budget_preempts_and_changes_nothing(model):
    requests = [ask(f"long{n}", range(2, 22), 60) for n in range(6)] + random_requests(6)
    expected = answers(NativeEngine(served(model), limits()), requests)
    engine = NativeEngine(served(model), limits())
    engine._slots = 128
    assert answers(engine, requests) == expected
    assert engine.counters.preemptions > 0


def test_logits_exist_a_bounded_piece_at_a_time(model, monkeypatch):
    class Largest(TorchDispatchMode):
        numbers = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.dim() == 2 and result.shape[-1] == VOCABULARY:
                self.numbers = max(self.numbers, result.numel())
            return result

    monkeypatch.setattr(head, "LOGITS_BYTES", 4 * VOCABULARY * 10)
    requests = random_requests()
    engine = NativeEngine(served(model), limits())
    baseline = answers(engine, requests)
    drafts = [Draft(request=each, baseline=baseline[each.key]) for each in requests]
    with Largest() as largest:
        list(engine.verify(drafts))
    assert 0 < largest.numbers <= 10 * VOCABULARY


def test_running_out_of_memory_halves_the_step_and_loses_nothing(model, monkeypatch):
    requests = random_requests()
    expected = answers(NativeEngine(served(model), limits()), requests)
    engine = NativeEngine(served(model), limits(tokens=64))
    forward = NativeEngine._forward

    def scarce(self, work, spans):
        if sum(len(span.tokens) for span in spans) > 20:
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, work, spans)

    monkeypatch.setattr(NativeEngine, "_forward", scarce)
    assert answers(engine, requests) == expected
    assert engine.counters.oom_retries == 2


def test_running_out_of_memory_on_the_smallest_step_is_named(model, monkeypatch):
    engine = NativeEngine(served(model), limits())

    def never(self, work, spans):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(NativeEngine, "_forward", never)
    with pytest.raises(SetupError, match="out of memory on cpu with 16 tokens a pass"):
        answers(engine, random_requests(2))


def test_non_finite_logits_void_their_own_row_only():
    model = tiny_architecture("llama")
    model.get_input_embeddings().weight[VOCABULARY - 1] = float("nan")
    broken, sound = ask("broken", [3, 4, VOCABULARY - 1]), ask("sound", [3, 4, 5])
    found = answers(NativeEngine(served(model), limits()), [broken, sound])
    assert found["broken"] == Transcript(key="broken", tokens=(), text="", finish_reason="nonfinite")
    assert found["sound"].finish_reason != "nonfinite"


def test_verifying_tells_where_and_how_much_the_candidate_differs(model):
    requests = random_requests()
    engine = NativeEngine(served(model), limits())
    baseline = answers(engine, requests)
    drafts = [Draft(request=each, baseline=baseline[each.key]) for each in requests]
    for batch in engine.verify(drafts):
        for each in batch:
            assert each.transcript == baseline[each.transcript.key]
            assert each.divergence_token is None
            assert all(each.stats.agrees)
            assert len(each.stats.agrees) == len(each.transcript.tokens)
            assert each.stats.kl_floors == pytest.approx([0.0] * len(each.stats.agrees), abs=1e-6)


def test_token_statistics_are_those_of_a_plain_forward_pass(model):
    other = tiny_architecture("llama", seed=1)
    prompt, told = (5, 6, 7, 8), (9, 10, 11)
    draft = Draft(request=ask("a", prompt), baseline=Transcript(key="a", tokens=told, text="", finish_reason="length"))
    ((found,),) = NativeEngine(served(other), limits()).verify([draft])
    with torch.inference_mode():
        log_probs = torch.log_softmax(other(input_ids=torch.tensor([[*prompt, *told]])).logits[0, 3:6].float(), -1)
    picked = [float(log_probs[i, token]) for i, token in enumerate(told)]
    assert found.stats.log_probs == pytest.approx(picked, abs=1e-4)
    assert found.stats.agrees == tuple(int(log_probs[i].argmax()) == token for i, token in enumerate(told))
    top2 = log_probs.topk(2).values
    assert found.stats.margins == pytest.approx((top2[:, 0] - top2[:, 1]).tolist(), abs=1e-4)


def test_an_empty_draft_is_decoded(model):
    request = ask("a", (5, 6, 7))
    expected = answers(NativeEngine(served(model), limits()), [request])["a"]
    empty = Transcript(key="a", tokens=(), text="", finish_reason="stop")
    ((found,),) = NativeEngine(served(model), limits()).verify([Draft(request=request, baseline=empty)])
    assert found.transcript == expected


def test_a_draft_longer_than_the_budget_is_cut_at_it(model):
    request = ask("a", (5, 6, 7), budget=4)
    expected = answers(NativeEngine(served(model), limits()), [request])["a"]
    told = Transcript(key="a", tokens=tuple(range(2, 30)), text="", finish_reason="length")
    ((found,),) = NativeEngine(served(model), limits()).verify([Draft(request=request, baseline=told)])
    assert found.transcript == expected


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ask("a", ()), "request a has an empty prompt"),
        (ask("a", (5,), budget=CONTEXT), f"request a needs {CONTEXT + 1} tokens, the model's context has {CONTEXT}"),
        (ask("a", (5, VOCABULARY)), f"request a holds token {VOCABULARY}, the model's vocabulary has {VOCABULARY}"),
    ],
)
def test_requests_that_cannot_be_served_are_named(model, request_, message):
    with pytest.raises(IntegrityError, match=message):
        list(NativeEngine(served(model), limits()).generate([request_]))


def test_a_draft_of_another_tokenizer_is_named(model):
    told = Transcript(key="a", tokens=(5000,), text="", finish_reason="length")
    with pytest.raises(IntegrityError, match="holds token 5000"):
        list(NativeEngine(served(model), limits()).verify([Draft(request=ask("a", (5,)), baseline=told)]))


def test_an_empty_choice_is_named(model):
    asked = ChoiceRequest(key="a", context_ids=(5, 6), choices=((7,), ()))
    with pytest.raises(IntegrityError, match="request a has an empty choice"):
        list(NativeEngine(served(model), limits()).score([asked]))


def test_length_normalised_scores_are_per_token(model):
    asked = ChoiceRequest(key="a", context_ids=(5, 6), choices=((7,), (7, 8)))
    ((found,),) = NativeEngine(served(model), limits()).score([asked])
    assert found.normalized == (found.log_likelihoods[0], found.log_likelihoods[1] / 2)


def test_a_budget_smaller_than_one_sequence_is_named(model):
    engine = NativeEngine(served(model), NativeLimits(kv_bytes=1))
    with pytest.raises(SetupError, match="the key-value budget holds 16 tokens and one request needs 24"):
        list(engine.generate([ask("a", range(2, 14))]))


def test_a_model_without_end_of_text_is_refused(model):
    with pytest.raises(SetupError, match="names no end-of-text token"):
        NativeEngine(replace(served(model), eos_token_ids=()))


def test_a_model_that_packs_to_other_logits_is_refused(model, monkeypatch):
    monkeypatch.setattr(head.Head, "logits", lambda self, hidden: self._project(hidden).float() * 2)
    with pytest.raises(SetupError, match="does not reproduce 'llama'"):
        NativeEngine(served(model), limits())


def test_stateful_and_batch_dependent_architectures_are_refused_by_name():
    from transformers import LlamaConfig, MambaConfig, T5Config

    assert "attention" in refusal(MambaConfig())
    assert "no decoder" in refusal(T5Config())
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    assert "dynamic" in refusal(LlamaConfig(rope_parameters=rope))


def test_answers_handed_over_are_forgotten(model):
    engine = NativeEngine(served(model), limits(rows=4))
    handed_over = engine.generate(random_requests(3 * YIELD_AT))
    next(handed_over), next(handed_over)
    gc.collect()
    held = sum(type(each) is Job and each.live.done for each in gc.get_objects())
    assert held < 2 * YIELD_AT, "finished sequences stay in memory until the last one is answered"


def test_two_engines_of_a_run_leave_room_for_each_other_on_a_gpu(monkeypatch):
    from tailgate.engine.native.engine import _free_bytes

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    assert (_free_bytes("cuda:0", 0.9), _free_bytes("cuda:0", 0.45)) == (900, 450)
