"""Checkpoints made in this process: what they hold, what is recorded of them, and that half of one is never left."""

import json
import resource

import bitsandbytes as bnb
import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)

from tailgate.errors import CheckpointError, IntegrityError, MissingPackageError, OutputError, UsageError, VariantError
from tailgate.quantize.produce import Request, produce
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.tiny import Tiny, save_tiny, tiny_model

LAYER = "model.layers.1.mlp.down_proj"
LINEAR_LAYERS = 2 * 7


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"), Tiny(generation={"repetition_penalty": 1.3}))


def quantize(parent, out, method, **more):
    return produce(Request(model=str(parent), method=method, out=out, **more))


def parent_weight(parent, dtype=torch.float16):
    return load_file(parent / "model.safetensors")[f"{LAYER}.weight"].to(dtype)


@pytest.mark.parametrize(
    ("method", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_plain_checkpoint_holds_the_rounded_weights(parent, tmp_path, method, dtype):
    quantize(parent, tmp_path / "out", method)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto")
    source = load_file(parent / "model.safetensors")
    assert model.dtype == dtype
    assert all(torch.equal(tensor, source[name].to(dtype)) for name, tensor in model.state_dict().items())


def test_rtn_is_read_back_as_code_times_scale(parent, tmp_path):
    quantize(parent, tmp_path / "out", "rtn:bits=4,group=32")
    stored = load_file(tmp_path / "out" / "model.safetensors")
    scale = stored[f"{LAYER}.weight_scale"]
    # Independent decoding: digits of base 16, lowest first.
    words = stored[f"{LAYER}.weight_packed"].to(torch.int64) % 2**32
    codes = torch.stack([words // 16**place % 16 for place in range(8)], dim=2).flatten(1) - 8
    expected = codes.float() * scale.float().repeat_interleave(32, dim=1)
    loaded = load(resolve(str(tmp_path / "out"), "cpu"))
    torch.testing.assert_close(loaded.module.get_submodule(LAYER).weight, expected, rtol=2**-10, atol=0)
    assert float((expected - parent_weight(parent).float()).abs().max()) <= 0.51 * float(scale.max())
    assert loaded.facts.quantized_tensors == LINEAR_LAYERS


def test_fp8_is_read_back_as_code_times_scale(parent, tmp_path):
    quantize(parent, tmp_path / "out", "fp8")
    source = parent_weight(parent)
    scale = source.float().abs().amax(dim=1, keepdim=True) / 448
    module = load(resolve(str(tmp_path / "out"), "cpu")).module
    found = module.get_submodule(LAYER).weight
    # Three bits behind the point: a float of 8 bits is off by at most a sixteenth of itself.
    assert bool(((found - source.float()).abs() <= source.float().abs() / 15 + scale / 256).all())
    assert not torch.equal(found, source.float())


def test_nf4_is_read_back_as_bitsandbytes_decodes_it(parent, tmp_path):
    quantize(parent, tmp_path / "out", "nf4")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", device_map={"": "cpu"})
    layer = model.get_submodule(LAYER)
    found = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    codes, state = bnb.functional.quantize_4bit(parent_weight(parent), quant_type="nf4", blocksize=64)
    assert torch.equal(found.float(), bnb.functional.dequantize_4bit(codes, state).float())
    assert model.lm_head.weight.dtype == torch.float16


def test_int8_is_read_back_as_code_times_row_maximum(parent, tmp_path):
    quantize(parent, tmp_path / "out", "int8")
    stored = load_file(tmp_path / "out" / "model.safetensors")
    source = parent_weight(parent).float()
    most = source.abs().amax(dim=1, keepdim=True)
    found = stored[f"{LAYER}.weight"].float() * stored[f"{LAYER}.SCB"].float()[:, None] / 127
    assert bool(((found - source).abs() <= most / 127 * 0.501).all())


@pytest.mark.parametrize("method", ["fp16", "rtn:group=64", "fp8", "nf4", "int8"])
def test_checkpoint_is_a_folder_that_others_read(parent, tmp_path, method):
    record = quantize(parent, tmp_path / "out", method)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert ("quantization_config" in config) == (method != "fp16")
    assert AutoTokenizer.from_pretrained(tmp_path / "out").encode("hello") == [
        *AutoTokenizer.from_pretrained(parent).encode("hello")
    ]
    ours, theirs = (GenerationConfig.from_pretrained(folder) for folder in (parent, tmp_path / "out"))
    assert theirs.repetition_penalty == ours.repetition_penalty == 1.3
    assert json.loads((tmp_path / "out" / "tailgate_quantize.json").read_text()) == record


def test_record_says_from_what_and_how(parent, tmp_path):
    record = quantize(parent, tmp_path / "out", "nf4:double=true")
    assert set(record) == {
        "schema_version", "method", "source", "calibration", "libraries", "options", "created_utc",
    }  # fmt: skip
    assert record["source"] == {
        "spec": str(parent),
        "fingerprint": load(resolve(str(parent), "cpu")).facts.fingerprint,
    }
    assert (record["method"], record["calibration"]) == ("nf4", None)
    assert record["options"] == {"double": True, "dtype": "auto"}
    assert record["libraries"]["bitsandbytes"] == bnb.__version__


def test_parent_in_bf16_stays_in_bf16(tmp_path):
    save_tiny(tmp_path / "parent", model=tiny_model(Tiny()).to(torch.bfloat16))
    quantize(tmp_path / "parent", tmp_path / "out", "rtn:group=64")
    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert {stored[name].dtype for name in ("model.norm.weight", f"{LAYER}.weight_scale")} == {torch.bfloat16}


def test_tied_weights_are_stored_once(tmp_path):
    spec = Tiny()
    config = tiny_model(spec).config
    config.tie_word_embeddings = True
    save_tiny(tmp_path / "parent", spec, LlamaForCausalLM(config))
    quantize(tmp_path / "parent", tmp_path / "out", "fp8")
    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert "lm_head.weight" not in stored
    module = load(resolve(str(tmp_path / "out"), "cpu")).module
    assert torch.equal(module.lm_head.weight, stored["model.embed_tokens.weight"].float())


def test_large_checkpoint_is_written_in_shards(parent, tmp_path, monkeypatch):
    monkeypatch.setattr("tailgate.quantize.checkpoint.SHARD_SIZE", "100KB")
    quantize(parent, tmp_path / "out", "fp16")
    assert (tmp_path / "out" / "model.safetensors.index.json").is_file()
    assert len(list((tmp_path / "out").glob("*.safetensors"))) > 1
    assert load(resolve(str(tmp_path / "out"), "cpu")).facts.fingerprint


def test_weight_beyond_fp16_is_refused(tmp_path):
    model = tiny_model(Tiny())
    model.model.norm.weight.data[0] = 1e6
    save_tiny(tmp_path / "parent", model=model)
    with pytest.raises(CheckpointError, match=r"model.norm.weight holds values that torch.float16 cannot hold"):
        quantize(tmp_path / "parent", tmp_path / "out", "fp16")
    assert not (tmp_path / "out").exists()


def test_files_are_readable_to_whoever_reads_other_new_files(parent, tmp_path):
    quantize(parent, tmp_path / "out", "fp16")
    (tmp_path / "new").write_text("")
    expected = (tmp_path / "new").stat().st_mode
    assert {path.name: path.stat().st_mode for path in (tmp_path / "out").iterdir()} == {
        path.name: expected for path in (tmp_path / "out").iterdir()
    }


def test_existing_folder_is_left_as_it_is(parent, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists; a checkpoint is never written over"):
        quantize(parent, tmp_path / "out", "fp16")
    assert not list((tmp_path / "out").iterdir())


def test_full_disk_is_one_error_and_leaves_nothing(parent, tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))  # no file may grow beyond: as where a disk is full
    try:
        with pytest.raises(OutputError, match=r"cannot write .*out: .*; free space or choose another --out"):
            quantize(parent, tmp_path / "out", "fp16")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not list(tmp_path.iterdir())


def test_failure_at_the_last_step_leaves_nothing(parent, tmp_path, monkeypatch):
    def fails(folder, record):
        raise RuntimeError("anything")

    monkeypatch.setattr("tailgate.quantize.produce.write_record", fails)
    with pytest.raises(RuntimeError, match="anything"):
        quantize(parent, tmp_path / "out", "nf4")
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_made_is_one_error(parent, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        quantize(parent, tmp_path / "file" / "out", "fp16")


def test_quantized_parent_is_refused(parent, tmp_path):
    quantize(parent, tmp_path / "once", "fp8")
    with pytest.raises(VariantError, match="is stored as compressed-tensors already; quantize its parent"):
        quantize(tmp_path / "once", tmp_path / "twice", "nf4")


@pytest.mark.parametrize("method", ["@rtn:bits=4", "@bnb-nf4"])
def test_model_with_a_method_is_refused(parent, tmp_path, method):
    with pytest.raises(VariantError, match="names a method already; give the model alone"):
        quantize(f"{parent}{method}", tmp_path / "out", "fp16")


@pytest.mark.parametrize("method", ["rtn:group=32", "fp8", "nf4", "int8"])
def test_fused_experts_are_refused(tmp_path, method):
    config = MixtralConfig(
        vocab_size=260, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, num_local_experts=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    save_tiny(tmp_path / "parent", model=MixtralForCausalLM(config))
    with pytest.raises(IntegrityError, match=r"keeps weights elsewhere \(first: model.layers.0"):
        quantize(tmp_path / "parent", tmp_path / "out", method)
    assert not (tmp_path / "out").exists()


def test_group_that_does_not_divide_a_row_is_refused_with_one_that_does(parent, tmp_path):
    with pytest.raises(UsageError, match=r"group=128 does not divide the 64 inputs of .*; use group=64"):
        quantize(parent, tmp_path / "out", "rtn")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"mix": "en"}, "--method nf4 uses no calibration text; leave --calibration out"),
        ({"samples": 4, "seed": 0}, "leave --samples, --seed out"),
        ({"python": "/usr/bin/python3"}, "--python: nf4 runs in this environment"),
    ],
)
def test_option_that_the_method_does_not_use_is_refused(parent, tmp_path, more, reason):
    with pytest.raises(UsageError, match=reason):
        quantize(parent, tmp_path / "out", "nf4", **more)


def test_missing_package_is_found_before_the_model_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tailgate.quantize.methods.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"tailgate\[bnb\]"):
        quantize(tmp_path / "no-model", tmp_path / "out", "int8")


def test_missing_model_is_one_error(tmp_path):
    with pytest.raises(VariantError, match="no model"):
        quantize(tmp_path / "nowhere", tmp_path / "out", "fp16")
