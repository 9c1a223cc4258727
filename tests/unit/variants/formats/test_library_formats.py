"""torchao, hqq and quanto: our reading against weights that each library reads from its own goldens.

What needs the library itself is skipped where it is not installed; descriptions and refusals need none.
"""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tailgate.engine.native.few_rows import is_plain_linear
from tailgate.errors import CheckpointError, MissingPackageError, VariantError
from tailgate.variants.formats import describe_checkpoint, library
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.library_goldens import CASES, edit_file, edit_metadata, library_golden, needs
from tests.support.stored import edit_config, sha256_of

IDS = torch.arange(4, 100)[None]
ALL_BUT_LAYERS = ("model.embed_tokens",)
ROUNDS_INPUTS = ("torchao", "int8-dynamic")


def read(spec):
    return load(resolve(str(spec), "cpu"))


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


@pytest.mark.parametrize(("kind", "name"), [case for case in CASES if case != ROUNDS_INPUTS])
def test_weights_are_those_that_the_library_reads(kind, name, tmp_path):
    needs(kind)
    told = library_golden(kind, name, tmp_path)
    module = read(f"{told.folder}@stored:execution=dequantized").module
    (dtype,) = {weight.dtype for weight in told.weights.values()}
    for layer, sha256 in told.weights_sha256.items():
        weight_OI = module.get_submodule(layer).weight.detach()
        assert torch.equal(weight_OI, weight_OI.to(dtype).float()), layer
        assert sha256_of(weight_OI.to(dtype)) == sha256, layer
    for layer, weight_OI in told.weights.items():
        assert torch.equal(module.get_submodule(layer).weight, weight_OI.float())


def test_packed_weights_are_those_that_the_library_reads(tmp_path):
    needs("torchao")
    told = library_golden(*ROUNDS_INPUTS, tmp_path)
    module = read(told.folder).module
    for layer, sha256 in told.weights_sha256.items():
        assert sha256_of(module.get_submodule(layer).weight.dequantize()) == sha256, layer


@pytest.mark.parametrize("name", ["int4-weights", "int8-dynamic"])
def test_packed_torchao_gives_the_logits_of_transformers_own_loading(name, tmp_path):
    needs("torchao")
    from transformers import AutoModelForCausalLM

    folder = library_golden("torchao", name, tmp_path).folder
    ours = read(f"{folder}@stored:execution=packed")
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        assert torch.equal(ours.module(IDS).logits, theirs(IDS).logits)
    assert ours.facts.execution == "packed"
    assert ours.facts.bytes_by_dtype["int8"] > 0


def test_packed_and_dequantized_torchao_weights_give_near_logits(tmp_path):
    needs("torchao")
    folder = library_golden("torchao", "int4-weights", tmp_path).folder
    packed, floats = (read(f"{folder}@stored:execution={kind}").module for kind in ("packed", "dequantized"))
    with torch.inference_mode():
        torch.testing.assert_close(packed(IDS).logits, floats(IDS).logits, atol=1e-4, rtol=0)


def test_a_layer_that_keeps_torchao_codes_is_not_taken_for_a_plain_one(tmp_path):
    needs("torchao")
    folder = library_golden("torchao", "int4-weights", tmp_path).folder
    packed, floats = (read(f"{folder}@stored:execution={kind}").module for kind in ("packed", "dequantized"))
    name = "model.layers.0.mlp.down_proj"
    assert is_plain_linear(floats.get_submodule(name))
    assert not is_plain_linear(packed.get_submodule(name))


@pytest.mark.parametrize("name", ["int8-weights", "int8-dynamic", "float8-weights"])
def test_fingerprints_of_packed_torchao_cover_the_codes(name, tmp_path):
    needs("torchao")
    folder = library_golden("torchao", name, tmp_path / "one").folder
    other = library_golden("torchao", name, tmp_path / "two")
    assert fingerprint(folder) == fingerprint(other.folder)
    with safe_open(other.file, framework="pt") as file:
        codes = file.get_tensor("model.layers.0.mlp.down_proj._weight_qdata").clone()
    codes.view(torch.uint8)[0, 0] ^= 1
    edit_file(other.file, **{"0.mlp.down_proj._weight_qdata": codes})
    assert fingerprint(folder) != fingerprint(other.folder)


def fingerprint(folder):
    return read(f"{folder}@stored:execution=packed").facts.fingerprint


@pytest.mark.parametrize(
    ("kind", "name", "codes"),
    [
        ("hqq", "int4", "0.mlp.down_proj.W_q"),
        ("hqq", "int3", "0.mlp.down_proj.W_q"),
        ("quanto", "qint8", "0.mlp.down_proj.weight._data"),
        ("quanto", "qint4", "0.mlp.down_proj.weight._data._data"),
    ],
)
def test_fingerprints_of_dequantized_weights_are_stable_and_cover_the_codes(kind, name, codes, tmp_path):
    needs(kind)
    one, other = (library_golden(kind, name, tmp_path / each) for each in ("one", "other"))
    first = read(one.folder).facts.fingerprint
    assert read(other.folder).facts.fingerprint == first
    stored = load_file(other.file)[f"model.layers.{codes}"]
    stored.view(torch.uint8)[0, 0] ^= 1
    edit_file(other.file, **{codes: stored})
    assert read(other.folder).facts.fingerprint != first


def test_a_checkpoint_that_rounds_inputs_is_not_read_as_weights_alone(tmp_path):
    needs("torchao")
    folder = library_golden("torchao", "int8-dynamic", tmp_path).folder
    with pytest.raises(CheckpointError, match=r"rounds the inputs of its layers \(int8, dynamic\)"):
        read(f"{folder}@stored:execution=dequantized")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("torchao", "int8-weights", ("torchao Int8WeightOnlyConfig", 8, -1, "")),
        ("torchao", "int4-weights", ("torchao IntxWeightOnlyConfig", 4, 32, "")),
        ("torchao", "int8-dynamic", ("torchao Int8DynamicActivationInt8WeightConfig", 8, -1, "int8, dynamic")),
        ("torchao", "float8-weights", ("torchao Float8WeightOnlyConfig", 8, -1, "")),
        ("hqq", "int3", ("hqq", 3, 32, "")),
        ("hqq", "int4", ("hqq", 4, 32, "")),
        ("quanto", "qint4", ("quanto qint4", 4, None, "")),
        ("quanto", "qfloat8", ("quanto qfloat8_e4m3fn", 8, None, "")),
    ],
)
def test_description_needs_no_library(kind, name, expected, tmp_path):
    found = described(library_golden(kind, name, tmp_path).folder)
    assert (found.method, found.bits, found.group, found.activations) == expected
    assert found.unquantized == ALL_BUT_LAYERS


@pytest.mark.parametrize(("kind", "name"), [("torchao", "int8-weights"), ("hqq", "int4"), ("quanto", "qint8")])
def test_a_missing_library_is_named_with_its_extra(kind, name, tmp_path, monkeypatch):
    folder = library_golden(kind, name, tmp_path).folder
    monkeypatch.setattr(library, "is_installed", lambda package: False)
    with pytest.raises(MissingPackageError, match=rf"is stored by {kind}, .* pip install 'tailgate\[{kind}\]'"):
        read(folder)


def test_a_method_on_a_quanto_checkpoint_is_refused_though_its_config_says_nothing(tmp_path):
    folder = library_golden("quanto", "qint8", tmp_path).folder
    with pytest.raises(VariantError, match="is stored as quanto already"):
        resolve(f"{folder}@rtn", "cpu")


def letters(text):
    return torch.tensor([ord(letter) for letter in text], dtype=torch.uint8)


@pytest.mark.parametrize("field", ["packing", "compute_dtype", "unpack_view_dtype"])
def test_hqq_settings_are_compared_with_known_names_and_never_evaluated(field, tmp_path):
    told = library_golden("hqq", "int4", tmp_path)
    edit_file(told.file, **{f".{field}": letters("exit(7)")})
    with pytest.raises(CheckpointError, match=rf"{field} of .* is 'exit\(7\)', not one of"):
        described(told.folder)


def test_hqq_with_quantized_scales_is_refused(tmp_path):
    told = library_golden("hqq", "int4", tmp_path)
    edit_file(told.file, **{".quant_zero": torch.tensor(1, dtype=torch.uint8)})
    with pytest.raises(CheckpointError, match="has quantized scales, which are not read"):
        described(told.folder)


def test_hqq_without_a_scale_is_refused(tmp_path):
    needs("hqq")
    told = library_golden("hqq", "int4", tmp_path)
    edit_file(told.file, **{"0.mlp.down_proj.scale": None})
    with pytest.raises(CheckpointError, match=r"holds no tensor model.layers.0.mlp.down_proj.scale"):
        read(told.folder)


@pytest.mark.parametrize(
    ("kind", "name", "part"),
    [
        ("hqq", "int4", "0.mlp.down_proj.scale"),
        ("torchao", "int8-weights", "0.mlp.down_proj._weight_scale"),
        ("quanto", "qint8", "0.mlp.down_proj.weight._scale"),
        ("quanto", "qint4", "0.mlp.down_proj.weight._scale"),
    ],
)
def test_a_scale_that_is_not_finite_or_zero_is_named(kind, name, part, tmp_path):
    needs(kind)
    told = library_golden(kind, name, tmp_path)
    with safe_open(told.file, framework="pt") as file:
        scale = file.get_tensor(f"model.layers.{part}").clone()
    scale.view(-1)[0] = float("nan")
    edit_file(told.file, **{part: scale})
    with pytest.raises(CheckpointError, match=r"down_proj.weight of .* has a scale that is not finite"):
        read(told.folder)
    edit_file(told.file, **{part: torch.zeros_like(scale)})
    with pytest.raises(CheckpointError, match=r"down_proj.* has \d+ scales of zero"):
        read(told.folder)


def test_torchao_without_metadata_is_named(tmp_path):
    told = library_golden("torchao", "int8-weights", tmp_path)
    edit_metadata(told.file, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"model.safetensors of .* has no metadata of torchao"):
        described(told.folder)


def test_torchao_of_an_unknown_kind_is_named(tmp_path):
    told = library_golden("torchao", "int8-weights", tmp_path)
    with safe_open(told.file, framework="pt") as file:
        metadata = {
            key: value.replace("Int8Tensor", "Int4TilePackedTo4dTensor") for key, value in file.metadata().items()
        }
    edit_metadata(told.file, metadata)
    with pytest.raises(CheckpointError, match=r"a kind that is not read \(Int4TilePackedTo4dTensor\)"):
        described(told.folder)


def test_torchao_with_a_missing_part_is_named(tmp_path):
    told = library_golden("torchao", "int8-weights", tmp_path)
    edit_file(told.file, **{"0.mlp.down_proj._weight_scale": None})
    with pytest.raises(CheckpointError, match=r"holds no tensor model.layers.0.mlp.down_proj._weight_scale"):
        described(told.folder)


def edit_map(folder, edit):
    path = folder / "quanto_qmap.json"
    table = json.loads(path.read_text())
    edit(table)
    path.write_text(json.dumps(table))


def other_layer(table):
    table["model.layers.7.mlp.down_proj"] = {"weights": "qint8", "activations": "none"}


def activations(table):
    table["model.layers.0.mlp.down_proj"]["activations"] = "qint8"


def unknown(table):
    table["model.layers.0.mlp.down_proj"]["weights"] = "qint5"


def truncated(table):
    del table["model.layers.0.mlp.down_proj"]["weights"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (other_layer, "holds no codes of layer model.layers.7.mlp.down_proj"),
        (activations, r"quantizes activations \(qint8\), which is not read"),
        (unknown, r"weights of an unknown kind \(qint5\)"),
        (truncated, "damaged quanto_qmap.json"),
    ],
)
def test_a_quanto_map_that_does_not_fit_is_named(edit, message, tmp_path):
    folder = library_golden("quanto", "qint8", tmp_path).folder
    edit_map(folder, edit)
    with pytest.raises(CheckpointError, match=message):
        described(folder)


def test_a_configuration_that_says_quanto_without_a_map_is_named(tmp_path):
    folder = library_golden("torchao", "int8-weights", tmp_path).folder
    edit_config(folder, quant_method="quanto", quant_type=None, weights="int8")
    with pytest.raises(CheckpointError, match=r"holds no quanto_qmap.json"):
        described(folder)
