"""hqq, torchao and quanto: layers that contradict their configuration or themselves are refused by headers alone."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tailgate.errors import CheckpointError
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.variant import resolve
from tests.support.library_goldens import edit_file, edit_metadata, library_golden
from tests.support.stored import edit_config

DOWN, Q_PROJ = "0.mlp.down_proj", "0.self_attn.q_proj"


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


def letters(text):
    return torch.tensor([ord(letter) for letter in text], dtype=torch.uint8)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("nbits", torch.tensor([4, 4]), r"nbits of .* is I64 \[2\]"),
        ("nbits", torch.tensor(3), r"contradicts itself \(nbits=3, packing=4bit_u8"),
        ("nbits", torch.tensor(8), r"contradicts itself \(nbits=8, packing=4bit_u8"),
        ("group_size", torch.tensor(0), "contradicts itself .*group_size=0"),
        ("group_size", torch.tensor(33), "contradicts itself .*group_size=33"),
        ("group_size", torch.tensor(64), r"W_q of .* is U8 \[32, 32\], its configuration asks for U8 \[16, 64\]"),
        ("axis", torch.tensor(2), "contradicts itself .*axis=2"),
        ("axis", torch.tensor(0), r"W_q of .* is U8 \[32, 32\], its configuration asks for U8 \[16, 64\]"),
        ("shape", torch.tensor([2048]), r"shape of .* is I64 \[1\]"),
        ("shape", torch.tensor([-32, -64]), r"contradicts itself .*shape=\[-32, -64\]"),
        ("shape", torch.tensor([32, 32]), r"W_q of .* is U8 \[32, 32\], its configuration asks for U8 \[16, 32\]"),
        ("packing", letters("2bit_u8"), r"contradicts itself \(nbits=4, packing=2bit_u8"),
        ("packing", torch.tensor(7), "packing of .* is '', not one of"),
        ("unpack_view_dtype", letters("torch.int32"), "W_q of .* is U8 .*, its configuration asks for I32"),
        ("scale", torch.ones(1, 1), r"scale of .* is F32 \[1, 1\], its configuration asks for .*\[64, 1\]"),
        ("zero", torch.ones(64), r"zero of .* is F32 \[64\], its configuration asks for .*\[64, 1\]"),
        ("W_q", torch.zeros(32, 32), r"W_q of .* is F32 \[32, 32\]"),
    ],
)
def test_hqq_layers_that_contradict_themselves_are_refused(part, value, message, tmp_path):
    told = library_golden("hqq", "int4", tmp_path)
    edit_file(told.file, **{f"{DOWN}.{part}": value})
    with pytest.raises(CheckpointError, match=message):
        described(told.folder)


@pytest.mark.parametrize("key", ["nbits", "group_size", "axis"])
def test_hqq_configuration_is_held_against_every_layer(key, tmp_path):
    told = library_golden("hqq", "int4", tmp_path)
    said = json.loads((told.folder / "config.json").read_text())["quantization_config"]["quant_config"]
    stored = said["weight_quant_params"][key]
    edit_config(told.folder, quant_config={"weight_quant_params": {key: 7}})
    with pytest.raises(CheckpointError, match=f"is stored with {key}={stored}, its configuration says 7"):
        described(told.folder)


def other_width(tensors):
    """The codes of a layer as 8-bit ones: as many, a byte each."""
    return {
        f"{Q_PROJ}.nbits": torch.tensor(8),
        f"{Q_PROJ}.packing": letters("8bit_u8"),
        f"{Q_PROJ}.W_q": torch.zeros(2 * tensors[f"model.layers.{Q_PROJ}.W_q"].shape[0], 32, dtype=torch.uint8),
    }


def test_hqq_layers_that_differ_must_be_announced(tmp_path):
    told = library_golden("hqq", "int4", tmp_path)
    edit_file(told.file, **other_width(load_file(told.file)))
    with pytest.raises(CheckpointError, match=r"q_proj of .* is stored with nbits=8, its configuration says 4"):
        described(told.folder)
    own = {"self_attn.q_proj": {"weight_quant_params": {"nbits": 8}}, "mlp.down_proj": {"weight_quant_params": {}}}
    edit_config(told.folder, quant_config=own)
    found = described(told.folder)
    assert (found.bits, found.group) == (None, 32)


def test_hqq_codes_of_three_values_are_told_by_their_packing(tmp_path):
    told = library_golden("hqq", "int2", tmp_path)
    edit_file(told.file, **{f"{DOWN}.nbits": torch.tensor(1.58)})
    edit_config(told.folder, quant_config=None)
    assert described(told.folder).bits == 2


def edit_kind(file, **changes):
    """Change what the metadata says of one tensor; None removes a key."""
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    table = json.loads(metadata[f"model.layers.{DOWN}.weight"])
    for key, value in changes.items():
        place = table["_data"] if key in table["_data"] else table
        place[key] = value
        if value is None:
            del place[key]
    edit_metadata(file, {**metadata, f"model.layers.{DOWN}.weight": json.dumps(table)})


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("int8-weights", {"_tensor_data_names": None}, r"metadata of .*down_proj\.weight .* names no qdata"),
        ("int8-weights", {"_tensor_data_names": ["qdata"]}, r"names no scale \(it names qdata\)"),
        ("int8-weights", {"_tensor_data_names": "qdata"}, r"has no metadata of torchao \(_tensor_data_names"),
        ("int8-weights", {"_type": 7}, r"has no metadata of torchao \(_type"),
        ("int8-weights", {"_type": None}, r"has no metadata of torchao \(_type"),
        ("int8-weights", {"_data": [1]}, r"has no metadata of torchao \(_data"),
        ("int8-weights", {"_type": "Float8Tensor"}, r"_weight_qdata of .* is I8 \[32, 64\], not 8-bit codes"),
        ("int8-weights", {"dtype": None}, "says dtype=None, which is not read"),
        ("int8-weights", {"dtype": {"_type": "torch.dtype", "_data": "int8"}}, "says dtype={.*int8"),
        ("int8-dynamic", {"act_quant_kwargs": "x"}, "says act_quant_kwargs='x', which is not read"),
        ("int8-dynamic", {"act_quant_kwargs": {"_type": "QuantizeTensorToInt8Kwargs"}}, "says act_quant_kwargs="),
        ("int4-weights", {"activation_quantization": 3}, "says activation_quantization=3"),
        ("int4-weights", {"block_size": [1, 33]}, r"does not divide into blocks of block_size=\[1, 33\]"),
        ("int4-weights", {"block_size": [0, 32]}, r"block_size=\[0, 32\]"),
        ("int4-weights", {"block_size": "32"}, "block_size='32'"),
        ("int4-weights", {"block_size": [32]}, r"block_size=\[32\]"),
        ("int4-weights", {"block_size": [1, 64]}, r"_weight_scale of .* is F32 \[32, 2\], .*\[32, 1\]"),
        ("int4-weights", {"block_size": []}, r"_weight_scale of .* is F32 \[32, 2\], .*\[1, 1\]"),
    ],
)
def test_torchao_metadata_that_does_not_fit_is_refused(name, changes, message, tmp_path):
    told = library_golden("torchao", name, tmp_path)
    edit_kind(told.file, **changes)
    with pytest.raises(CheckpointError, match=message):
        described(told.folder)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("qdata", torch.tensor(1, dtype=torch.int8), r"qdata of .* is I8 \[\], not 8-bit codes"),
        ("qdata", torch.zeros(32, 64), r"qdata of .* is F32 \[32, 64\], not 8-bit codes"),
        ("scale", torch.ones(1, 1), r"scale of .* is F32 \[1, 1\], its configuration asks for .*\[32, 2\]"),
        ("zero_point", torch.ones(32), r"zero_point of .* is F32 \[32\], its configuration asks for .*\[32, 2\]"),
    ],
)
def test_torchao_parts_of_another_size_are_refused(part, value, message, tmp_path):
    told = library_golden("torchao", "int4-weights", tmp_path)
    edit_file(told.file, **{f"{DOWN}._weight_{part}": value})
    with pytest.raises(CheckpointError, match=message):
        described(told.folder)


@pytest.mark.parametrize(
    ("name", "part", "value", "message"),
    [
        ("qint8", "_scale", torch.ones(1, 1), r"_data of .* is \[32, 64\], which does not fit 1 scales of qint8"),
        ("qint8", "_scale", torch.ones(32), r"_scale of .* is F32 \[32\], its configuration asks for .*\[32, 1\]"),
        ("qint8", "_data", torch.ones(32, 64), r"_data of .* is F32 \[32, 64\], its configuration asks for I8"),
        ("qint4", "_scale", torch.ones(16, 1), r"_data of .* is \[16, 64\], which does not fit 16 scales of qint4"),
        ("qint4", "_shift", torch.ones(1, 1), r"_shift of .* is F32 \[1, 1\], its configuration asks for .*\[32, 1\]"),
        ("qint2", "_shift", None, r"holds no tensor .*_shift"),
    ],
)
def test_quanto_parts_of_another_size_are_refused(name, part, value, message, tmp_path):
    told = library_golden("quanto", name, tmp_path)
    edit_file(told.file, **{f"{DOWN}.weight.{part}": value})
    with pytest.raises(CheckpointError, match=message):
        described(told.folder)
