"""GPTQ: which input belongs to which group, where files and configuration leave it open or get it wrong."""

import json

import pytest
import torch

from tailgate.errors import CheckpointError
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.stored import edit_config, edit_tensors, golden

ACT_ORDER, PLAIN, MIXED = "4bit-g32-asym-act", "4bit-g32-sym", "v2-mixed"
DOWN, Q_PROJ = "model.layers.0.mlp.down_proj", "model.layers.0.self_attn.q_proj"  # of 96 and of 64 inputs


def read(spec):
    return load(resolve(str(spec), "cpu"))


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


def without_order(tensors):
    """As older tools wrote it: without g_idx, so that only counts tell of groups."""
    for name in [name for name in tensors if name.endswith("g_idx")]:
        del tensors[name]


def change(part, edit):
    def change_part(tensors):
        tensors[f"{DOWN}.{part}"] = edit(tensors[f"{DOWN}.{part}"]).clone()

    return change_part


def test_a_file_without_g_idx_has_neighbours_in_groups(tmp_path):
    told, bare = (golden("gptq", PLAIN, tmp_path / each) for each in ("told", "bare"))
    edit_tensors(bare.layers, without_order)
    first, second = (read(each.folder).module.state_dict() for each in (told, bare))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_act_order_without_g_idx_is_refused(tmp_path):
    told = golden("gptq", ACT_ORDER, tmp_path)
    edit_tensors(told.layers, without_order)
    with pytest.raises(CheckpointError, match=r"has no g_idx, but its configuration says desc_act=true"):
        described(told.folder)


def test_a_group_that_only_its_count_would_admit_is_refused(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    edit_tensors(told.layers, without_order)
    edit_config(told.folder, group_size=33)
    with pytest.raises(CheckpointError, match=r"are \d+ long, which does not divide into groups of 33"):
        described(told.folder)


def test_layers_that_differ_need_groups_that_their_count_tells(tmp_path):
    """64 inputs in 5 groups: of 13 each but for the last, or of 14 or 15. The configuration names sizes by pattern."""
    told = golden("gptq", MIXED, tmp_path)

    def five(tensors):
        del tensors[f"{Q_PROJ}.g_idx"]
        for part in ("scales", "qzeros"):
            tensors[f"{Q_PROJ}.{part}"] = tensors[f"{Q_PROJ}.{part}"][[0, 1, 0, 1, 0]]

    edit_tensors(told.layers, five)
    with pytest.raises(CheckpointError, match=r"q_proj .* 64 long, which does not divide into groups of 13"):
        described(told.folder)


def test_the_last_group_may_be_cut_as_auto_gptq_cuts_it(tmp_path):
    """96 inputs in groups of 64: the second has 32. Of powers of two no other gives two groups."""
    told = golden("gptq", PLAIN, tmp_path)

    def regroup(tensors):
        without_order(tensors)
        for layer in {name.rpartition(".")[0] for name in tensors if name.endswith("scales")}:
            for part in ("scales", "qzeros"):
                tensors[f"{layer}.{part}"] = tensors[f"{layer}.{part}"][::2].clone()

    edit_tensors(told.layers, regroup)
    edit_config(told.folder, group_size=64)
    group_I = read(f"{told.folder}@stored:execution=packed").module.get_submodule(DOWN).group_I
    assert torch.equal(group_I.long(), torch.arange(96) // 64)


def test_a_group_size_that_g_idx_contradicts_is_refused(tmp_path):
    told = golden("gptq", ACT_ORDER, tmp_path)
    edit_config(told.folder, group_size=33)
    with pytest.raises(CheckpointError, match=r"puts 32 inputs into group 0 of .*, its groups have 33"):
        read(told.folder)


@pytest.mark.parametrize("name", [ACT_ORDER, MIXED])
def test_an_input_that_strayed_into_another_group_is_refused(name, tmp_path):
    told = golden("gptq", name, tmp_path)
    edit_tensors(told.layers, change("g_idx", lambda x: torch.where(torch.arange(96) == 95, 1 - x[95].clamp(max=1), x)))
    with pytest.raises(CheckpointError, match=r"down_proj puts \d+ inputs into group \d of \d, its groups have \d+"):
        read(told.folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change("g_idx", lambda x: x[None]), r"g_idx of .* is I32 \[1, 96\], not I32 \[inputs\]"),
        (change("g_idx", lambda x: x[:0]), r"g_idx of .* is I32 \[0\], not I32 \[inputs\]"),
        (change("g_idx", lambda x: x.long()), r"g_idx of .* is I64 \[96\], not I32 \[inputs\]"),
        (change("scales", lambda x: x[0, 0]), r"scales of .* is F16 \[\], not \[groups, outputs\]"),
        (change("scales", lambda x: x[:0]), r"scales of .* is F16 \[0, 64\], not \[groups, outputs\]"),
    ],
)
def test_parts_of_another_rank_are_refused(edit, message, tmp_path):
    told = golden("gptq", MIXED, tmp_path)
    assert json.loads((told.folder / "config.json").read_text())["quantization_config"]["dynamic"]
    edit_tensors(told.layers, edit)
    with pytest.raises(CheckpointError, match=message):
        described(told.folder)
