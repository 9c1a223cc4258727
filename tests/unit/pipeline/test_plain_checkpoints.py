"""Variants written for engines that read plain checkpoints: the same weights, written once, whole or not at all."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tailgate.errors import OutputError, VariantError
from tailgate.pipeline import plain_checkpoints
from tailgate.pipeline.plain_checkpoints import needs_writing, plain_checkpoint
from tailgate.variants.load import load
from tailgate.variants.method import Method
from tailgate.variants.variant import resolve
from tests.support.tiny import Tiny, save_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"), Tiny(generation={"repetition_penalty": 1.2}))


@pytest.mark.parametrize(
    ("options", "written"),
    [("", False), ("@stored:kv=fp8", False), ("@rtn:bits=3", True), ("@stored:dtype=fp16", True)],
)
def test_variant_is_written_where_its_files_do_not_hold_its_weights(model, options, written):
    assert needs_writing(resolve(f"{model}{options}", "cpu")) is written


@pytest.mark.parametrize("method", ["@rtn:bits=3", "@fp16", "@stored:dtype=bf16"])
def test_what_is_written_is_what_is_computed_with(model, tmp_path, method):
    variant = resolve(f"{model}{method}", "cpu")
    written = plain_checkpoint(variant, tmp_path)
    loaded = load(variant)
    read = AutoModelForCausalLM.from_pretrained(written.folder)
    assert written.facts == loaded.facts
    for name, tensor in loaded.module.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name
    assert read.generation_config.eos_token_id == [1]
    assert read.generation_config.repetition_penalty in (None, 1.0)
    assert AutoTokenizer.from_pretrained(written.folder).encode("a") == variant.tokenizer.tokenizer.encode("a")


def test_variant_that_lies_there_is_not_written_again(model, tmp_path, monkeypatch):
    variant = resolve(f"{model}@rtn", "cpu")
    first = plain_checkpoint(variant, tmp_path)
    monkeypatch.setattr(plain_checkpoints, "_write", None)
    assert plain_checkpoint(variant, tmp_path) == first


def test_half_a_checkpoint_is_never_found(model, tmp_path, monkeypatch):
    variant = resolve(f"{model}@rtn", "cpu")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("tailgate.quantize.checkpoint.write_config", full)
        with pytest.raises(OutputError, match="No space left"):
            plain_checkpoint(variant, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert plain_checkpoint(variant, tmp_path).folder.is_dir()


def test_method_that_computes_with_codes_is_refused(model, tmp_path):
    coded = Method(name="coded", summary="", load=lambda: None, versions=dict)
    variant = replace(resolve(str(model), "cpu"), method=coded)
    with pytest.raises(VariantError, match="coded computes in its own way"):
        plain_checkpoint(variant, tmp_path)
