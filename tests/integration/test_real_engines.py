"""Engines and loaders on the real embedded model: the same answers, logits, weights and memory whoever computes."""

import json
import subprocess
import sys

import pytest

from tailgate.store.run_folder import read_manifest
from tests.support.real import TAILGATE, answers, compare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("bnb-int8", {"load_in_8bit": True}),
        ("bnb-nf4", {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "float32"}),
        ("bnb-fp4", {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4", "bnb_4bit_compute_dtype": "float32"}),
    ],
)
def test_bitsandbytes_logits_are_those_of_transformers_own_loading(workspace, method, settings, tmp_path):
    import torch
    from bitsandbytes.nn import Linear4bit
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaForCausalLM

    from tailgate.variants.bnb import as_asked
    from tailgate.variants.load import load
    from tailgate.variants.variant import resolve

    variant = resolve("smollm2", "cpu")
    pristine = load(variant)
    config = pristine.module.config
    plain = LlamaForCausalLM(type(config)(**{k: v for k, v in config.to_dict().items() if k != "quantization_config"}))
    plain.load_state_dict(pristine.module.state_dict())
    plain.save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path, quantization_config=BitsAndBytesConfig(**settings), dtype=torch.float32
    )
    for part in theirs.modules():
        if isinstance(part, Linear4bit):
            as_asked(part)
    ours = load(resolve(f"smollm2@{method}", "cpu"), pristine).module
    ids = torch.tensor([variant.tokenizer.encode_prompt("What is the capital of Georgia?")])
    with torch.inference_mode():
        assert torch.equal(ours(ids).logits, theirs(ids).logits)


def test_gguf_file_is_the_same_checkpoint_as_the_embedded_model(workspace):
    from tailgate.variants.source import find_source

    source = find_source("smollm2", {})
    facts = [
        json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
        for spec in ("smollm2", str(source.folder / source.gguf_file))
        for asked in [[*TAILGATE, "variants", "inspect", spec, "--json", "--store", str(workspace / "store")]]
    ]
    assert facts[0]["fingerprint"] == facts[1]["fingerprint"]


def test_reference_answers_do_not_depend_on_the_batch(workspace):
    from tailgate.engine.batches import BatchLimits
    from tailgate.engine.reference import ReferenceEngine
    from tailgate.engine.request import Request
    from tailgate.pipeline.sides import served_model
    from tailgate.variants.load import load
    from tailgate.variants.variant import resolve
    from tailgate_slices.registry import get_slice

    variant = resolve("smollm2", "cpu")
    loaded = load(variant)
    served = served_model(variant, loaded)
    general = get_slice("general")
    items = [general.item(stratum=general.strata[0], seed=1, index=i, tokens=None) for i in range(12)]
    requests = [
        Request(
            key=i.id, prompt_ids=variant.tokenizer.encode_prompt(i.prompt), max_new_tokens=i.max_new_tokens, stop=i.stop
        )
        for i in items
    ]
    together, alone = (
        {t.key: t for batch in ReferenceEngine(served, BatchLimits(rows=rows)).generate(requests) for t in batch}
        for rows in (12, 1)
    )
    assert together == alone


def test_native_and_reference_engine_give_the_same_outcomes(workspace):
    asked = ["smollm2", "smollm2@rtn:bits=4,group=64", "--max-items", 4, "--fixed-n", "--controls", "none"]
    compare(workspace, "native", *asked, "--engine", "native", store="native-store", suite="hasty.toml")
    compare(workspace, "reference", *asked, "--engine", "reference", store="reference-store", suite="hasty.toml")
    assert answers(workspace / "native") == answers(workspace / "reference")
    counters = read_manifest(workspace / "native")["counters"]
    assert sum(side["near_ties"] for side in counters.values()) <= 2
    native, reference = (
        sum(side["forwards"] for side in read_manifest(workspace / name)["counters"].values())
        for name in ("native", "reference")
    )
    assert native < reference


def test_peak_memory_is_weights_and_key_value_budget(workspace):
    code = """
import resource, sys
from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.pipeline.sides import served_model
from tailgate.engine.request import Request
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
variant = resolve("smollm2", "cpu")
loaded = load(variant)
engine = NativeEngine(
    served_model(variant, loaded),
    NativeLimits(kv_bytes=256 << 20),
)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before = resident()
asked = [Request(key=str(n), prompt_ids=tuple(range(5 + n, 605 + n)), max_new_tokens=8) for n in range(24)]
largest = before
for _ in engine.generate(asked):
    largest = max(largest, resident())
print((largest - before) >> 20)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) <= 256 + 500


def test_engine_bench_runs_with_one_command(workspace, tmp_path, repo_root):
    out = tmp_path / "engine.json"
    asked = [sys.executable, "scripts/bench_engine.py", "--smoke", "--only", "document,memory", "--out", str(out)]
    done = subprocess.run(asked, cwd=repo_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(out.read_text())
    assert found.keys() >= {"conditions", "peers", "limit", "document", "memory"}
    sides = found["document"]["sides"]
    assert sides["generate"]["answers_equal_to_ours"] == found["document"]["questions"]
    assert sides["generate"]["times_slower_than_ours"] > 0
    assert found["memory"]["above_imports_mib"] <= found["memory"]["bound_mib"]
