"""What a checkpoint is by its files alone."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tailgate.errors import CheckpointError
from tailgate.variants.files import file_facts
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.tiny import Tiny, save_tiny


@pytest.fixture
def model(tmp_path):
    return save_tiny(tmp_path / "model", Tiny(generation={"repetition_penalty": 1.2}))


def facts(folder, options=""):
    return file_facts(resolve(f"{folder}{options}", "cpu"))


def test_facts_of_files_are_those_of_loading_but_for_the_fingerprint(model):
    of_files, loaded = facts(model), load(resolve(str(model), "cpu")).facts
    assert of_files.bytes_by_dtype["float32"] == sum(
        tensor.numel() * 4 for tensor in load_file(model / "model.safetensors").values()
    )
    for name in ("compute_dtype", "eos_token_ids", "ignored_generation_config", "storage", "quantized_tensors"):
        assert getattr(of_files, name) == getattr(loaded, name)
    assert of_files.ignored_generation_config == {"repetition_penalty": 1.2}


def test_fingerprint_is_that_of_the_content_wherever_it_lies(model, tmp_path):
    again = save_tiny(tmp_path / "again", Tiny(generation={"repetition_penalty": 1.2}))
    assert facts(again).fingerprint == facts(model).fingerprint


def change_weight(folder):
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"][0, 0] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))


def change_ends(folder):
    ends = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**ends, "eos_token_id": [1, 2]}))


@pytest.mark.parametrize("change", [change_weight, change_config, change_ends])
def test_fingerprint_changes_with_whatever_changes_answers(model, change):
    before = facts(model).fingerprint
    change(model)
    assert facts(model).fingerprint != before


def test_fingerprint_changes_with_how_keys_and_values_are_stored(model):
    assert facts(model, "@stored:kv=fp8").fingerprint != facts(model).fingerprint


def test_matrices_of_codes_are_counted(model):
    weights = load_file(model / "model.safetensors")
    weights["model.layers.0.self_attn.q_proj.qweight"] = torch.zeros(4, 4, dtype=torch.int32)
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    found = facts(model)
    assert (found.quantized_tensors, found.bytes_by_dtype["int32"]) == (1, 64)


def test_damaged_generation_config_is_named(model):
    (model / "generation_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"cannot read .*generation_config\.json"):
        facts(model)
