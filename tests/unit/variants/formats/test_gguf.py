"""GGUF: every type that the gguf package decodes is read with its values, and files say what they are."""

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tailgate.errors import CheckpointError
from tailgate.variants.formats.gguf import FLOATS, MINIMUM, SCALE_ONLY, describe
from tailgate.variants.source import Source
from tests.support.tiny_gguf import QUANTIZED, SIZE, save_tiny_gguf

Kind = gguf.GGMLQuantizationType
DECODED = sorted(kind.name for kind in gguf.quants._type_traits if kind.name not in FLOATS)
COMMON = {
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS"),
}


def source(path):
    return Source(name=str(path), folder=path.parent, gguf_file=path.name)


def test_the_common_k_and_i_quants_are_among_the_types_that_the_package_decodes():
    assert set(DECODED) >= COMMON


@pytest.mark.parametrize("name", DECODED)
def test_every_type_is_read_with_the_values_of_the_gguf_package(name, tmp_path):
    values = save_tiny_gguf(tmp_path / "model.gguf", Kind[name])
    model = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="model.gguf", dtype=torch.float32)
    state = model.state_dict()
    for stored, ours in QUANTIZED.items():
        assert values[stored].shape == (SIZE, SIZE)
        assert np.unique(values[stored]).size > 2
        assert np.array_equal(state[ours].numpy(), values[stored]), stored


@pytest.mark.parametrize("name", DECODED)
def test_description_names_the_type_its_width_and_block(name, tmp_path):
    save_tiny_gguf(tmp_path / "model.gguf", Kind[name])
    found = describe(source(tmp_path / "model.gguf"))
    block, width = gguf.GGML_QUANT_SIZES[Kind[name]]
    assert (found.method, found.group) == (f"gguf {name}", block)
    # The nominal width and a block's scales: never less, and at most a bit and a half more.
    assert found.bits <= width * 8 / block <= found.bits + 1.5
    assert found.tensor_types[name] == {"tensors": 3, "bytes": 3 * SIZE * SIZE // block * width}
    assert found.tensor_types["F32"]["tensors"] == 9


@pytest.mark.parametrize(
    ("name", "symmetric"), [("Q4_0", True), ("Q4_1", False), ("Q6_K", True), ("Q4_K", False), ("IQ4_NL", None)]
)
def test_description_says_whether_a_minimum_is_stored(name, symmetric, tmp_path):
    save_tiny_gguf(tmp_path / "model.gguf", Kind[name])
    assert describe(source(tmp_path / "model.gguf")).symmetric is symmetric
    assert not MINIMUM & SCALE_ONLY


def test_description_lists_matrices_left_as_floats(tmp_path):
    save_tiny_gguf(tmp_path / "model.gguf", Kind.Q4_K)
    found = describe(source(tmp_path / "model.gguf"))
    left = ("blk.0.attn_k", "blk.0.attn_q", "blk.0.ffn_gate", "blk.0.ffn_up", "output", "token_embd")
    assert found.unquantized == tuple(f"{name}.weight" for name in left)


def test_description_holds_what_the_file_says_of_its_importance_matrix(tmp_path):
    facts = {
        "general.file_type": int(gguf.LlamaFileType.MOSTLY_Q4_K_M),
        "quantize.imatrix.file": "imatrix.dat",
        "quantize.imatrix.dataset": "wiki.train.raw",
        "quantize.imatrix.entries_count": 224,
        "quantize.imatrix.chunks_count": 125,
    }
    save_tiny_gguf(tmp_path / "model.gguf", Kind.Q4_K, facts)
    assert describe(source(tmp_path / "model.gguf")).calibration == {
        "imatrix_file": "imatrix.dat",
        "imatrix_dataset": "wiki.train.raw",
        "imatrix_entries_count": 224,
        "imatrix_chunks_count": 125,
        "file_type": "MOSTLY_Q4_K_M",
    }


def test_a_file_without_quantized_tensors_is_described_as_floats(tmp_path):
    save_tiny_gguf(tmp_path / "model.gguf", Kind.F16)
    found = describe(source(tmp_path / "model.gguf"))
    assert (found.method, found.bits, found.group, found.symmetric) == ("gguf", None, None, None)


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "model.gguf"
    save_tiny_gguf(path, Kind.Q4_0)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CheckpointError, match="is no readable GGUF file"):
        describe(source(path))
