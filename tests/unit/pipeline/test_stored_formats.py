"""Quantized checkpoints through engine, inspection and manifest: packed layers serve, and say what they are."""

import json

import numpy as np
import pytest
import torch

from tailgate.engine.native.borrowed import BorrowedModel
from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.fit import probe
from tailgate.engine.native.head import Head
from tailgate.engine.reference import ReferenceEngine
from tailgate.engine.request import Request
from tailgate.engine.scheduler import StepLimits
from tailgate.pipeline.calibration import inspect_variant
from tailgate.pipeline.sides import served_model
from tailgate.variants.formats.layers import PackedLinear
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.stored import edit_tensors, golden

CHECKPOINTS = (("gptq", "4bit-g32-asym-act"), ("awq", "gemm"), ("compressed_tensors", "w8a8-int8"))


def served(spec):
    variant = resolve(str(spec), "cpu")
    return served_model(variant, load(variant))


def answers(engine):
    rng = np.random.default_rng(3)
    asked = [
        Request(key=f"r{n}", prompt_ids=tuple(rng.integers(4, 260, 5 + 9 * n)), max_new_tokens=12) for n in range(5)
    ]
    return {each.key: each.tokens for batch in engine.generate(asked) for each in batch}


@pytest.mark.parametrize("execution", ["packed", "dequantized"])
@pytest.mark.parametrize(("kind", "name"), CHECKPOINTS)
def test_native_engine_answers_like_plain_generate(kind, name, execution, tmp_path):
    folder = golden(kind, name, tmp_path).folder
    model = served(f"{folder}@stored:execution={execution}")
    native = NativeEngine(model, NativeLimits(step=StepLimits(), kv_bytes=1 << 20))
    assert answers(native) == answers(ReferenceEngine(model))


def test_a_packed_head_serves(tmp_path):
    """Some tools quantize the output head too."""
    told = golden("gptq", "4bit-g32-sym", tmp_path)

    def with_head(tensors):
        del tensors["model.layers.0.mlp.gate_proj.bias"]
        for part in ("qweight", "qzeros", "scales"):
            tensors[f"lm_head.{part}"] = torch.cat([tensors[f"model.layers.0.mlp.gate_proj.{part}"]] * 3, dim=1)
        tensors["lm_head.g_idx"] = tensors["model.layers.0.mlp.gate_proj.g_idx"].clone()

    edit_tensors(told.layers, with_head)
    edit_tensors(told.folder / "common.safetensors", lambda tensors: tensors.pop("lm_head.weight"))
    edit_tensors(
        told.folder / "common.safetensors",
        lambda tensors: tensors.update({"model.embed_tokens.weight": torch.ones(288, 64, dtype=torch.float16)}),
    )
    config = json.loads((told.folder / "config.json").read_text())
    config |= {"vocab_size": 288, "tie_word_embeddings": False}
    (told.folder / "config.json").write_text(json.dumps(config))
    module = served(f"{told.folder}@stored:execution=packed").module
    assert isinstance(module.get_output_embeddings(), PackedLinear)
    probe(BorrowedModel(module), Head(module), "cpu")  # raises where packed and plain passes differ
    assert Head(module)._rows_at_once() > 1


def test_inspection_shows_the_checkpoint_and_how_it_was_made(tmp_path):
    folder = golden("gptq", "4bit-g32-asym-act", tmp_path / "model").folder
    made = {
        "schema_version": 1,
        "method": "gptq-int4",
        "source": "smollm2",
        "calibration": {"mix": "en:1", "samples": 8, "length": 512, "seed": 0, "sha256": "0" * 64},
        "libraries": {"gptqmodel": "7.3.6"},
        "options": {"group": 32},
    }
    (folder / "tailgate_quantize.json").write_text(json.dumps(made))
    found = inspect_variant(f"{folder}@stored:execution=packed,kv=int8", tmp_path / "store")
    assert (found["execution"], found["kv"]) == ("packed", "int8")
    stored = found["checkpoint"]
    assert (stored["method"], stored["bits"], stored["group"]) == ("gptq", 4, 32)
    assert (stored["symmetric"], stored["act_order"]) == (False, True)
    assert stored["calibration"]["damp_percent"] == 0.01
    assert stored["calibration"]["mix"] == "en:1"
    assert stored["made_by_tailgate"]["libraries"] == {"gptqmodel": "7.3.6"}
    assert stored["unquantized"] == ["lm_head", "model.embed_tokens"]
    assert "int32" in found["bytes_by_dtype"]


def test_inspection_of_plain_weights_shows_no_checkpoint_format(tmp_path):
    from tests.support.tiny import save_tiny

    assert inspect_variant(str(save_tiny(tmp_path / "tiny")), tmp_path / "store")["checkpoint"] is None


def test_settings_in_a_file_of_their_own_are_found(tmp_path):
    """auto-gptq wrote them to quantize_config.json alone, before transformers knew the format."""
    folder = golden("gptq", "4bit-g32-sym", tmp_path / "model").folder
    expected = inspect_variant(str(folder), tmp_path / "store")
    config = json.loads((folder / "config.json").read_text())
    settings = config.pop("quantization_config")
    settings.pop("quant_method")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "quantize_config.json").write_text(json.dumps(settings))
    found = inspect_variant(str(folder), tmp_path / "other")
    assert found["checkpoint"] == expected["checkpoint"]
