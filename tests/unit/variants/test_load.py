"""Loading: fingerprints, dtypes, bitsandbytes, stripped generation configs, damaged files."""

import dataclasses
import json

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers import BloomConfig, MixtralConfig, MixtralForCausalLM

from tailgate.errors import CheckpointError, IntegrityError, MissingPackageError, VariantError
from tailgate.variants.load import can_donate, load
from tailgate.variants.variant import cached_facts, remember_facts, resolve
from tests.support.tiny import Tiny, save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def fingerprint(spec):
    return load(resolve(str(spec), "cpu")).facts.fingerprint


def test_fingerprint_of_the_same_weights_elsewhere_is_the_same(folder, tmp_path):
    assert fingerprint(save_tiny(tmp_path / "copy")) == fingerprint(folder)


def test_fingerprint_of_other_weights_differs(folder, tmp_path):
    assert fingerprint(save_tiny(tmp_path / "other", Tiny(seed=1))) != fingerprint(folder)


def test_fingerprint_changes_with_every_quantization_parameter(folder):
    specs = ["", "@rtn", "@rtn:bits=3", "@rtn:group=32", "@rtn:sym=false", "@fp16", "@bf16", "@bnb-int8", "@bnb-nf4"]
    assert len({fingerprint(f"{folder}{spec}") for spec in specs}) == len(specs)


def test_fingerprint_of_a_candidate_made_from_a_donor_is_that_of_one_read_from_disk(folder):
    base, candidate = resolve(str(folder), "cpu"), resolve(f"{folder}@rtn", "cpu")
    assert can_donate(base, candidate)
    donor = load(base)
    assert load(candidate, donor).facts == load(candidate).facts
    assert donor.pristine


def test_donor_keeps_its_own_weights(folder):
    donor = load(resolve(str(folder), "cpu"))
    before = {name: tensor.clone() for name, tensor in donor.module.state_dict().items()}
    load(resolve(f"{folder}@rtn:bits=2", "cpu"), donor)
    assert all(torch.equal(tensor, before[name]) for name, tensor in donor.module.state_dict().items())


@pytest.mark.parametrize("method", ["bnb-int8", "bnb-nf4", "bnb-fp4"])
def test_bitsandbytes_changes_every_linear_layer_but_the_head(folder, method):
    facts = load(resolve(f"{folder}@{method}", "cpu")).facts
    assert facts.changed_tensors == facts.quantized_tensors == 2 * 7


def test_nf4_logits_are_near_those_of_its_parent(folder):
    ids = torch.arange(4, 40)[None]
    base, nf4 = (load(resolve(f"{folder}{method}", "cpu")).module for method in ("", "@bnb-nf4"))
    with torch.inference_mode():
        first, second = base(ids).logits[0], nf4(ids).logits[0]
    assert 0 < float((first - second).norm() / first.norm()) < 0.5


def test_fp16_on_a_cpu_is_rounded_weights_in_fp32_arithmetic(folder):
    loaded = load(resolve(f"{folder}@fp16", "cpu"))
    weight = loaded.module.lm_head.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, weight.half().float())
    assert (loaded.facts.storage, loaded.facts.compute_dtype) == ("fp16", "float32")


def test_method_that_changes_no_tensor_is_lossless(folder):
    assert load(resolve(f"{folder}@fp32", "cpu")).facts.lossless
    assert not load(resolve(str(folder), "cpu")).facts.lossless


def test_generation_config_is_stripped_and_reported(tmp_path):
    spec = Tiny(generation={"repetition_penalty": 1.3, "do_sample": True, "temperature": 0.6})
    loaded = load(resolve(str(save_tiny(tmp_path, spec)), "cpu"))
    assert loaded.facts.ignored_generation_config == {"repetition_penalty": 1.3, "do_sample": True, "temperature": 0.6}
    assert loaded.module.generation_config.repetition_penalty in (None, 1.0)
    assert not loaded.module.generation_config.do_sample


@pytest.mark.parametrize("change", [{"rope_parameters": 5.0}, {"rms_norm_eps": 0.1}, {"eos_token_id": [1, 2]}])
def test_fingerprint_changes_with_configuration_that_leaves_the_tensors_alone(folder, tmp_path, change):
    other = save_tiny(tmp_path)
    for name in ("config.json", "generation_config.json"):
        data = json.loads((other / name).read_text())
        for key, value in change.items():
            data[key] = {"rope_type": "default", "rope_theta": value} if key == "rope_parameters" else value
        (other / name).write_text(json.dumps(data))
    assert fingerprint(other) != fingerprint(folder)


def test_method_that_would_leave_fused_experts_alone_is_refused(tmp_path):
    config = MixtralConfig(
        vocab_size=260, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, num_local_experts=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    save_tiny(tmp_path, model=MixtralForCausalLM(config))
    with pytest.raises(IntegrityError, match=r"keeps weights elsewhere \(first: model.layers.0"):
        load(resolve(f"{tmp_path}@rtn", "cpu"))
    assert load(resolve(f"{tmp_path}@fp16", "cpu")).facts.changed_tensors


def test_facts_are_cached_by_file_identity(folder):
    variant, cache = resolve(str(folder), "cpu"), {}
    assert cached_facts(variant, cache) is None
    facts = load(variant).facts
    remember_facts(variant, facts, cache)
    assert cached_facts(variant, json.loads(json.dumps(cache))) == facts


def test_facts_of_a_rewritten_file_are_not_those_of_the_old_one(tmp_path):
    variant = resolve(str(save_tiny(tmp_path)), "cpu")
    cache = {}
    remember_facts(variant, load(variant).facts, cache)
    save_tiny(tmp_path, Tiny(seed=3))
    assert cached_facts(resolve(str(tmp_path), "cpu"), cache) is None


def test_truncated_weights_are_refused_before_loading(tmp_path):
    file = save_tiny(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged weights"):
        resolve(str(tmp_path), "cpu")


def test_file_that_is_no_gguf_is_refused(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"not a model")
    with pytest.raises(CheckpointError, match="is not a GGUF file"):
        resolve(str(tmp_path / "model.gguf"), "cpu")


def test_truncated_gguf_is_one_error(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(CheckpointError):
        resolve(str(tmp_path / "model.gguf"), "cpu")


def test_missing_shard_is_named(tmp_path):
    save_tiny(tmp_path)
    index = {"metadata": {}, "weight_map": {"a": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002.safetensors"):
        resolve(str(tmp_path), "cpu")


def test_pickled_weights_are_not_loaded(tmp_path):
    save_tiny(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="never loaded, convert them to safetensors where you trust them"):
        resolve(str(tmp_path), "cpu")


@pytest.mark.parametrize("model", ["./nowhere", "nowhere.gguf", "no-such-model"])
def test_missing_model_is_a_usage_error(model):
    with pytest.raises(VariantError, match=r"no (model|file) "):
        resolve(model, "cpu")


def test_missing_package_names_the_extra(folder, monkeypatch):
    monkeypatch.setattr("tailgate.variants.registry.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"tailgate\[bnb\]"):
        resolve(f"{folder}@bnb-nf4", "cpu")


def test_checkpoint_without_end_of_text_is_refused(tmp_path):
    save_tiny(tmp_path)
    for name in ("config.json", "generation_config.json"):
        data = json.loads((tmp_path / name).read_text())
        data["eos_token_id"] = None
        (tmp_path / name).write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match="names no end-of-text token"):
        load(resolve(str(tmp_path), "cpu"))


def test_hub_id_is_fetched_once_and_read_like_a_folder(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda name, **options: asked.append((name, options["revision"])) or folder
    )
    variant = resolve("org/name@rtn:revision=abc", "cpu")
    assert asked == [("org/name", "abc")]
    assert variant.source.folder == folder


def test_hub_that_cannot_be_reached_is_one_error(monkeypatch):
    def unreachable(name, **options):
        raise LocalEntryNotFoundError("An error happened.\nA second line.")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(CheckpointError, match="cannot fetch 'org/name' from the hub: An error happened"):
        resolve("org/name", "cpu")


def test_checkpoint_without_a_context_length_is_refused(tmp_path):
    config = BloomConfig()
    variant = dataclasses.replace(resolve(str(save_tiny(tmp_path)), "cpu"), config=config)
    with pytest.raises(CheckpointError, match="names no context length"):
        _ = variant.context_length
