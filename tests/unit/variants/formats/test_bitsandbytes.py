"""bitsandbytes checkpoints as transformers writes them: the logits of its own loading, and what is refused."""

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from safetensors import safe_open
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tailgate.errors import CheckpointError, MissingPackageError, VariantError
from tailgate.variants.bnb import as_asked, dequantized
from tailgate.variants.formats import describe_checkpoint, library
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.library_goldens import edit_file
from tests.support.stored import edit_config
from tests.support.tiny import Tiny, save_tiny, tiny_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore:MatMul8bitLt")
IDS = torch.arange(4, 100)[None]
DOWN = "model.layers.0.mlp.down_proj"
FOUR = {"load_in_4bit": True, "bnb_4bit_compute_dtype": torch.float32}
KINDS = {
    "nf4": {**FOUR, "bnb_4bit_quant_type": "nf4"},
    "nf4-double": {**FOUR, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "fp4": {**FOUR, "bnb_4bit_quant_type": "fp4"},
    "int8": {"load_in_8bit": True},
}


def write(kind, folder):
    """A checkpoint that transformers quantized and saved."""
    parent = save_tiny(folder / "parent")
    model = AutoModelForCausalLM.from_pretrained(
        parent, quantization_config=BitsAndBytesConfig(**KINDS[kind]), dtype=torch.float32
    )
    model.save_pretrained(folder / kind)
    tiny_tokenizer(Tiny()).save_pretrained(folder / kind)
    return folder / kind


@pytest.fixture(scope="module", params=sorted(KINDS))
def stored(request, tmp_path_factory):
    return request.param, write(request.param, tmp_path_factory.mktemp(request.param))


def read(spec):
    return load(resolve(str(spec), "cpu"))


def in_fp32(model):
    """A model of transformers that computes as it was asked to on CPUs with AVX512-BF16 too."""
    for part in model.modules():
        if isinstance(part, Linear4bit):
            as_asked(part)
    return model


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


def test_logits_are_those_of_transformers_own_loading(stored):
    _, folder = stored
    ours, theirs = read(folder), in_fp32(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32))
    with torch.inference_mode():
        assert torch.equal(ours.module(IDS).logits, theirs(IDS).logits)
    assert (ours.facts.execution, ours.facts.quantized_tensors) == ("packed", 14)


def test_weights_are_those_of_the_same_method_applied_on_the_fly(stored):
    kind, folder = stored
    method = {"nf4": "bnb-nf4", "nf4-double": "bnb-nf4:double=true", "fp4": "bnb-fp4", "int8": "bnb-int8"}[kind]
    fresh = read(f"{folder.parent / 'parent'}@{method}").module
    assert torch.equal(dequantized(read(folder).module.get_submodule(DOWN)), dequantized(fresh.get_submodule(DOWN)))


def test_dequantized_execution_holds_the_same_weights_as_floats(stored):
    kind, folder = stored
    if kind == "int8":
        with pytest.raises(CheckpointError, match=r"rounds the inputs of its layers \(int8 per token"):
            read(f"{folder}@stored:execution=dequantized")
        return
    packed, floats = (read(f"{folder}@stored:execution={how}").module for how in ("packed", "dequantized"))
    assert torch.equal(dequantized(packed.get_submodule(DOWN)), floats.get_submodule(DOWN).weight)
    with torch.inference_mode():
        torch.testing.assert_close(packed(IDS).logits, floats(IDS).logits, atol=1e-4, rtol=0)


def test_description_is_read_off_the_files(stored):
    kind, folder = stored
    found = described(folder)
    method, bits, group = ("bitsandbytes int8", 8, -1) if kind == "int8" else (f"bitsandbytes {kind[:3]}", 4, 64)
    assert (found.method, found.bits, found.group, found.symmetric) == (method, bits, group, True)
    assert found.unquantized == ("lm_head", "model.embed_tokens")


def test_fingerprint_is_stable_and_covers_the_codes(stored, tmp_path):
    kind, folder = stored
    first = read(folder).facts.fingerprint
    other = write(kind, tmp_path)
    assert read(other).facts.fingerprint == first
    with safe_open(other / "model.safetensors", framework="pt") as file:
        codes = file.get_tensor(f"{DOWN}.weight")
    codes.view(torch.uint8)[0, 0] ^= 1
    edit_file(other / "model.safetensors", **{f"{DOWN}.weight": codes})
    assert read(other).facts.fingerprint != first


def test_another_compute_type_than_the_checkpoint_asks_for_is_noted(tmp_path):
    folder = write("nf4", tmp_path)
    edit_config(folder, bnb_4bit_compute_dtype="bfloat16")
    assert "the checkpoint asks for products in bfloat16; computed in float32" in read(folder).facts.notes


def test_quantizing_twice_is_refused(tmp_path):
    folder = write("nf4", tmp_path)
    with pytest.raises(VariantError, match="is stored as bitsandbytes already"):
        resolve(f"{folder}@bnb-int8", "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"load_in_4bit": None, "load_in_8bit": True}, "speaks of 8-bit layers, its files hold 14 4-bit and 0 8-bit"),
        ({"bnb_4bit_quant_type": "fp4"}, "says 'fp4', its files hold nf4"),
    ],
)
def test_a_configuration_that_contradicts_the_files_is_named(changes, message, tmp_path):
    folder = write("nf4", tmp_path)
    edit_config(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        described(folder)


def test_a_missing_scale_is_named(tmp_path):
    folder = write("nf4", tmp_path)
    edit_file(folder / "model.safetensors", **{f"{DOWN}.weight.absmax": None})
    with pytest.raises(CheckpointError, match=rf"holds no tensor {DOWN}.weight.absmax"):
        read(folder)


def test_a_scale_that_is_not_finite_is_named(tmp_path):
    folder = write("nf4", tmp_path)
    edit_file(folder / "model.safetensors", **{f"{DOWN}.weight.absmax": torch.full((128,), float("inf"))})
    with pytest.raises(CheckpointError, match=r"down_proj.weight of .* has a scale that is not finite"):
        read(folder)


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    folder = write("nf4", tmp_path)
    monkeypatch.setattr(library, "is_installed", lambda package: False)
    with pytest.raises(MissingPackageError, match=r"run: pip install 'tailgate\[bnb\]'"):
        read(folder)
