"""A checkpoint that does not fill its model, or does not fit into it, is refused: the rest would be random."""

import json

import gguf
import pytest
import torch
from safetensors.torch import load_file, save_file

from tailgate.errors import CheckpointError
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.stored import edit_tensors
from tests.support.tiny import save_tiny
from tests.support.tiny_gguf import save_tiny_gguf

UP = "model.layers.1.mlp.up_proj.weight"


def read(folder):
    return load(resolve(str(folder), "cpu"))


def configure(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_missing_tensor_is_named(tmp_path):
    folder = save_tiny(tmp_path)
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors.pop(UP))
    with pytest.raises(CheckpointError, match=rf"lacks 1 tensors that its configuration asks for \(first: {UP}\)"):
        read(folder)


def test_a_tensor_of_another_shape_is_refused(tmp_path):
    folder = save_tiny(tmp_path)
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors.update({UP: torch.zeros(3, 64)}))
    with pytest.raises(CheckpointError):
        read(folder)


@pytest.mark.parametrize(("layers", "message"), [(3, "lacks 9 tensors"), (1, "has no use for")])
def test_a_configuration_of_more_or_fewer_layers_is_refused(tmp_path, layers, message):
    folder = save_tiny(tmp_path)
    configure(folder, num_hidden_layers=layers)
    with pytest.raises(CheckpointError, match=message):
        read(folder)


def test_a_tied_head_that_is_not_stored_twice_is_not_missing(tmp_path):
    folder = save_tiny(tmp_path)
    configure(folder, tie_word_embeddings=True)
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors.pop("lm_head.weight"))
    assert read(folder).facts.fingerprint == read(folder).facts.fingerprint


def test_rotary_frequencies_that_older_tools_stored_are_not_left_over(tmp_path):
    folder = save_tiny(tmp_path)
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors.update({name: torch.ones(8)}))
    assert read(folder).module is not None


def test_a_gguf_file_that_lacks_a_tensor_is_refused(tmp_path, monkeypatch):
    tokenizer = resolve(str(save_tiny(tmp_path / "other")), "cpu").tokenizer
    monkeypatch.setattr("tailgate.variants.variant.load_tokenizer", lambda source: tokenizer)  # the file has none
    path = tmp_path / "tiny.gguf"
    save_tiny_gguf(path, gguf.GGMLQuantizationType.Q8_0)
    assert len({read(path).facts.fingerprint for _ in range(2)}) == 1
    path.write_bytes(path.read_bytes().replace(b"blk.0.ffn_down.weight", b"blk.0.ffn_dawn.weight"))
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors .*mlp\.down_proj"):
        read(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, bad):
    folder = save_tiny(tmp_path)
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors[UP].view(-1)[3:4].fill_(bad))
    with pytest.raises(CheckpointError, match=f"tensor {UP} of .* holds 1 values that are not finite"):
        read(folder)


def test_nothing_is_printed_about_it(tmp_path, capfd):
    folder = save_tiny(tmp_path)
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors.pop(UP))
    with pytest.raises(CheckpointError):
        read(folder)
    assert "LOAD REPORT" not in "".join(capfd.readouterr())


def test_a_second_copy_of_the_weights_in_another_naming_is_nobodys(tmp_path):
    folder = save_tiny(tmp_path)
    before = resolve(str(folder), "cpu").source.weight_files
    save_file(load_file(folder / "model.safetensors"), folder / "consolidated.safetensors")
    assert resolve(str(folder), "cpu").source.weight_files == before


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([], "damaged shard index"),
        ({"weight_map": {UP: 7}}, "7 is no file name"),
        ({"weight_map": {UP: "../model.safetensors"}}, "names files outside its folder"),
        ({"weight_map": {UP: "none.safetensors"}}, "shard none.safetensors named by .* is missing"),
    ],
)
def test_a_damaged_index_is_one_line(tmp_path, index, message):
    folder = save_tiny(tmp_path)
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=message):
        resolve(str(folder), "cpu")


@pytest.mark.parametrize("end", ["</s>", -1, 10**6, True])
def test_an_end_of_text_that_is_no_token_is_refused(tmp_path, end):
    folder = save_tiny(tmp_path)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": end}))
    with pytest.raises(CheckpointError, match=r"is no token of its 260|generation"):
        read(folder)
