"""compressed-tensors checkpoints whose codes, zero points or blocks are not those of their configuration."""

import json

import pytest
import torch

from tailgate.errors import CheckpointError
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.stored import edit_tensors, golden

DOWN = "model.layers.0.mlp.down_proj"  # 64 outputs, 96 inputs
INT4, ASYM, INT8, FP8_BLOCK, FP8 = "w4a16-g32-sym", "awq-w4a16-g32-asym", "w8a8-int8", "fp8-block", "fp8-dynamic"


def read(spec):
    return load(resolve(str(spec), "cpu"))


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


def stored(name, folder, edit=None, **changes):
    """A golden checkpoint with other tensors, or with another say on how the weights of its first group are rounded."""
    told = golden("compressed_tensors", name, folder)
    path = told.folder / "config.json"
    config = json.loads(path.read_text())
    config["quantization_config"]["config_groups"]["group_0"]["weights"].update(changes)
    path.write_text(json.dumps(config))
    if edit:
        edit_tensors(told.layers, edit)
    return told.folder


def put(part, tensor):
    return lambda tensors: tensors.update({f"{DOWN}.{part}": tensor})


@pytest.mark.parametrize("bits", [2, 4])
def test_codes_beyond_the_width_that_the_configuration_names_are_refused(bits, tmp_path):
    with pytest.raises(CheckpointError, match=rf"weight of .* holds -\d+ to 127, its configuration says {bits} bits"):
        read(stored(INT8, tmp_path, num_bits=bits))


def test_narrow_codes_may_lie_in_bytes(tmp_path):
    def narrow(tensors):
        for name in [name for name in tensors if tensors[name].dtype == torch.int8]:
            tensors[name] = tensors[name] >> 4

    assert read(stored(INT8, tmp_path, narrow, num_bits=4)).facts.quantized_tensors == 7


@pytest.mark.parametrize(
    ("zero", "message"),
    [
        (
            torch.full((64, 3), 5, dtype=torch.int8),
            r"zero points other than 0 \(first: 5\), its configuration says symm",
        ),
        (
            torch.full((64, 3), 300),
            r"weight_zero_point of .* holds 300 to 300, its configuration says 4 bits \(-8 to 7\)",
        ),
        (torch.ones((8, 3), dtype=torch.int32), r"weight_zero_point of .* is I32 \[8, 3\], .* asks for .*\[64, 3\]"),
        (torch.ones((64, 3)), "weight_zero_point of .* is F32"),
    ],
)
def test_zero_points_of_a_symmetric_grid_are_refused_but_for_zeros(zero, message, tmp_path):
    plain = read(stored(INT4, tmp_path / "plain"))
    zeros = read(stored(INT4, tmp_path / "zeros", put("weight_zero_point", torch.zeros((64, 3), dtype=torch.int8))))
    assert zeros.facts.fingerprint == plain.facts.fingerprint
    with pytest.raises(CheckpointError, match=message):
        read(stored(INT4, tmp_path / "damaged", put("weight_zero_point", zero)))


def test_packed_zero_points_that_the_configuration_denies_are_refused(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"weight_zero_point of .* is I32 \[\d+, \d\], its configuration asks for"
    ):
        described(stored(ASYM, tmp_path, symmetric=True))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ([0, 32], r"block_structure=\(0, 32\) is no size"),
        ([32, -1], r"block_structure=\(32, -1\) is no size"),
        (None, "block_structure=None is no size"),
        ([33, 32], r"columns of layer .* are \d+ long, which does not divide into groups of 33"),
        ([32, 33], r"rows of layer .* are \d+ long, which does not divide into groups of 33"),
        ([64, 32], r"weight_scale of .* is F16 \[2, 3\], its configuration asks for .*\[1, 3\]"),
    ],
)
def test_blocks_that_the_files_contradict_are_refused(block, message, tmp_path):
    folder = stored(FP8_BLOCK, tmp_path, block_structure=block)
    for look in (described, read):
        with pytest.raises(CheckpointError, match=message):
            look(folder)


def test_a_block_that_is_not_asked_for_is_not_used(tmp_path):
    one, other = stored(FP8, tmp_path / "one"), stored(FP8, tmp_path / "other", block_structure=[32, 32])
    first, second = (read(folder).module.state_dict() for folder in (one, other))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def spoil_code(tensors):
    tensors[f"{DOWN}.weight"].view(torch.uint8)[1, 1] = 0xFF  # NaN


def overflow(tensors):
    tensors[f"{DOWN}.weight_scale"].fill_(60000)  # times a code beyond what fp16 holds


@pytest.mark.parametrize("execution", ["dequantized", "packed"])
@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        (FP8, spoil_code, r"down_proj\.weight of .* holds 1 values that are not finite \(first: nan\)"),
        (INT4, overflow, r"down_proj\.weight of .* holds \d+ values that are not finite \(first: -?inf\)"),
        (INT4, lambda tensors: tensors.update({f"{DOWN}.weight_g_idx": torch.arange(96) // 48}), "puts 48 inputs into"),
    ],
)
def test_values_that_no_quantizer_writes_are_refused(name, edit, message, execution, tmp_path):
    folder = stored(name, tmp_path, edit)
    with pytest.raises(CheckpointError, match=message):
        read(f"{folder}@stored:execution={execution}")
