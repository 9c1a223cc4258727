"""The vLLM engine over a stand-in for `vllm.LLM`: the same answers however they are come by."""

from types import SimpleNamespace

import pytest

from tailgate.engine.protocol import ServedCheckpoint
from tailgate.engine.request import ChoiceRequest, Draft, Transcript
from tailgate.engine.vllm.engine import VllmEngine, VllmLimits
from tailgate.engine.vllm.log import ProcessLog
from tailgate.engine.vllm.opening import VllmOptions, is_batch_invariant
from tailgate.engine.vllm.serving import Serving
from tailgate.errors import SetupError, UsageError
from tests.support.talker import END, SPEAKS, FakeLLM, Talker, decode, encode, request

WORDS = ["ABC", "HELLO", "QUICKLY", "BROWN", "FOX", "JUMPED", "OVER", "LAZY", "DOGS", "AGAIN", "A"]


def engine_of(llm, tmp_path, *, context=64, **limits):
    checkpoint = ServedCheckpoint(
        spec="talker", model="talker", folder=tmp_path, gguf_file=None, options={}, decode=decode,
        eos_token_ids=(END,), pad_token_id=0, context_length=context, vocabulary_size=64, device="cpu",
    )  # fmt: skip
    serving = Serving(llm, SimpleNamespace, (END,), ProcessLog(tmp_path))
    return VllmEngine(serving, checkpoint, "float32", VllmLimits(**limits))


def answers(engine, requests):
    return {each.key: each for batch in engine.generate(requests) for each in batch}


def verified(engine, drafts):
    return {each.transcript.key: each for batch in engine.verify(drafts) for each in batch}


@pytest.mark.parametrize("stop", [(), ("GH",), ("M", "S")])
@pytest.mark.parametrize("budget", [1, 2, 12])
@pytest.mark.parametrize("scripts", [1, 3, 256])
def test_answers_are_those_of_a_token_at_a_time(tmp_path, stop, budget, scripts):
    requests = [request(word, word, budget, stop) for word in WORDS]
    found = answers(engine_of(FakeLLM(Talker()), tmp_path, scripts=scripts), requests)
    assert found == {each.key: Talker().answer(each) for each in requests}


@pytest.mark.parametrize("baseline", [Talker(shift=2), Talker(late=1), Talker(late=3), Talker()])
@pytest.mark.parametrize("stop", [(), ("GH",), ("M", "S")])
@pytest.mark.parametrize("budget", [1, 2, 12])
@pytest.mark.parametrize("block", [1, 4, 16])
def test_verified_answers_are_those_of_decoding(tmp_path, baseline, stop, budget, block):
    requests = [request(word, word, budget, stop) for word in WORDS]
    engine = engine_of(FakeLLM(Talker(), block=block), tmp_path)
    found = verified(engine, [Draft(request=each, baseline=baseline.answer(each)) for each in requests])
    for each in requests:
        truth, drafted = Talker().answer(each), baseline.answer(each).tokens
        assert found[each.key].transcript == truth
        split = found[each.key].divergence_token
        shared = len(drafted) if split is None else split
        assert drafted[:shared] == truth.tokens[:shared]
        assert split is None or drafted[split : split + 1] != truth.tokens[split : split + 1]


def test_answers_that_are_remembered_are_looked_at_all_the_same(tmp_path):
    """A memory that holds the answer itself has no logits for it: they are computed again, not read as rubbish."""
    llm = FakeLLM(Talker(), block=2)
    engine = engine_of(llm, tmp_path)
    requests = [request(word, word) for word in WORDS]
    transcripts = answers(engine, requests)
    found = verified(engine, [Draft(request=each, baseline=transcripts[each.key]) for each in requests])
    assert all(each.stats.log_probs == (0.0,) * len(each.transcript.tokens) for each in found.values())
    assert any(getattr(asked, "skip_reading_prefix_cache", False) for asked in llm.asked)


def test_verification_tells_how_the_candidate_sees_every_token_of_the_baseline(tmp_path):
    asked = request("a", "HELLO")
    engine = engine_of(FakeLLM(Talker()), tmp_path)
    (found,) = verified(engine, [Draft(request=asked, baseline=Talker(late=2).answer(asked))]).values()
    assert found.divergence_token == 2
    assert found.stats.agrees == (True, True, False, False, False)
    assert found.stats.log_probs == (0.0, 0.0, -0.25, -0.25, -0.25)
    assert found.stats.margins == (0.25,) * 5


def test_baseline_is_decoded_no_further_than_where_the_candidate_leaves_it(tmp_path):
    llm = FakeLLM(Talker())
    asked = request("a", "HELLO")
    engine = engine_of(llm, tmp_path)
    verified(engine, [Draft(request=asked, baseline=Talker(late=3).answer(asked))])
    assert llm.prompts[-1] == (*asked.prompt_ids, *encode("IFMM"))
    assert (engine.counters.drafted_tokens, engine.counters.accepted_drafts) == (5, 3)


def test_nonfinite_logits_leave_no_answer(tmp_path):
    asked = request("a", "HELLO")
    engine = engine_of(FakeLLM(Talker(nonfinite_at=2)), tmp_path)
    nothing = Transcript(key="a", tokens=(), text="", finish_reason="nonfinite")
    assert answers(engine, [asked])["a"] == nothing
    assert verified(engine, [Draft(request=asked, baseline=Talker().answer(asked))])["a"].transcript == nothing


def test_choices_are_scored_by_the_sum_of_their_tokens(tmp_path):
    context = (*encode("HI"), SPEAKS)
    asked = ChoiceRequest(key="a", context_ids=context, choices=(encode("IJ"), encode("IK"), encode("K")))
    ((scores,),) = engine_of(FakeLLM(Talker()), tmp_path).score([asked])
    assert scores.log_likelihoods == (0.0, -0.25, -0.5)
    assert scores.lengths == (2, 2, 1)


def test_generation_config_is_never_asked_and_our_end_of_text_ids_are(tmp_path):
    llm = FakeLLM(Talker())
    answers(engine_of(llm, tmp_path), [request("a", "HELLO", stop=("Z",)), request("b", "ABC")])
    for asked in llm.asked:
        assert (asked.temperature, asked.ignore_eos, asked.stop_token_ids) == (0.0, True, [END])
        assert asked.detokenize == bool(asked.stop)


def test_request_longer_than_vllm_was_opened_for_is_named(tmp_path):
    engine = engine_of(FakeLLM(Talker()), tmp_path, context=8)
    with pytest.raises(
        SetupError, match="may take 18 tokens, vLLM was opened for 8; raise --engine-option max_model_len"
    ):
        list(engine.generate([request("a", "HELLO")]))


def test_engine_that_dies_keeps_what_was_finished(tmp_path):
    engine = engine_of(FakeLLM(Talker(), fails_at=40), tmp_path, scripts=1)
    kept = []
    with pytest.raises(SetupError, match="vLLM failed: RuntimeError: the core is gone; finished answers are kept"):
        for batch in engine.generate([request(str(i), WORDS[i % len(WORDS)]) for i in range(60)]):
            kept += batch
    assert len(kept) == 32


def test_run_that_is_left_early_withdraws_its_questions(tmp_path):
    llm = FakeLLM(Talker())
    engine = engine_of(llm, tmp_path)
    running = engine.generate([request(str(i), WORDS[i % len(WORDS)]) for i in range(40)])
    next(running)
    running.close()
    assert llm.aborted
    engine.close()
    assert llm.closed


def test_error_of_vllm_is_told_by_the_process_that_met_it(tmp_path):
    log = ProcessLog(tmp_path)
    log.path.write_text(
        "(EngineCore pid=7) ERROR 11-24 10:00:00 [core.py:100] Traceback (most recent call last):\n"
        "(EngineCore pid=7) ERROR 11-24 10:00:00 [core.py:100] torch.OutOfMemoryError: CUDA out of memory\n"
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"
    )
    assert log.reason(RuntimeError("x")) == "torch.OutOfMemoryError: CUDA out of memory"
    log.remove()
    assert log.reason(RuntimeError("x")) == "RuntimeError: x"


def test_batch_invariance_is_for_gpus_unless_it_is_switched_off(monkeypatch):
    monkeypatch.delenv("VLLM_BATCH_INVARIANT", raising=False)
    assert is_batch_invariant(VllmOptions(), "cuda")
    assert not is_batch_invariant(VllmOptions(given={"batch_invariant": "false"}), "cuda")
    assert not is_batch_invariant(VllmOptions(), "cpu")
    with pytest.raises(UsageError, match="vLLM offers it on GPUs, not on cpu"):
        is_batch_invariant(VllmOptions(given={"batch_invariant": "true"}), "cpu")


@pytest.mark.parametrize("value", ["0", "long", "1.5", "true"])
def test_context_that_is_no_number_of_tokens_is_refused(value):
    with pytest.raises(UsageError, match="give a whole number of tokens"):
        _ = VllmOptions(given={"max_model_len": value}).context_length
