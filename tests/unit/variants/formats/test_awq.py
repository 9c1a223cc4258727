"""AWQ: our reader against AutoAWQ 0.2.9, whose files and weights are the goldens."""

import pytest
import torch

from tailgate.errors import CheckpointError
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tailgate_kernels.reference import dequantize
from tests.support.stored import edit_config, edit_tensors, golden, golden_names, sha256_of

DOWN = "model.layers.0.mlp.down_proj"
IDS = torch.arange(4, 100)[None]


def read(spec):
    return load(resolve(str(spec), "cpu"))


@pytest.mark.parametrize("name", golden_names("awq"))
def test_weights_are_those_that_autoawq_computes_with(name, tmp_path):
    told = golden("awq", name, tmp_path)
    module = read(told.folder).module
    for layer, sha256 in told.weights_sha256.items():
        weight_OI = module.get_submodule(layer).weight
        assert torch.equal(weight_OI, weight_OI.half().float()), layer
        assert sha256_of(weight_OI.half()) == sha256, layer
    for layer, weight_OI in told.weights.items():
        assert torch.equal(module.get_submodule(layer).weight, weight_OI.float())


@pytest.mark.parametrize("name", golden_names("awq"))
def test_packed_and_dequantized_execution_give_the_same_weights_and_logits(name, tmp_path):
    folder = golden("awq", name, tmp_path).folder
    floats, packed = read(folder).module, read(f"{folder}@stored:execution=packed").module
    stored = packed.get_submodule(DOWN).stored
    assert torch.equal(dequantize(stored).float(), floats.get_submodule(DOWN).weight)
    with torch.inference_mode():
        assert torch.equal(packed(IDS).logits, floats(IDS).logits)


def test_both_orders_of_the_same_weights_give_the_same_model(tmp_path):
    gemm, gemv = (read(golden("awq", name, tmp_path / name).folder).module for name in ("gemm", "gemv"))
    state = gemv.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in gemm.state_dict().items())


@pytest.mark.parametrize("execution", ["dequantized", "packed"])
def test_fingerprint_is_stable_and_covers_the_codes(execution, tmp_path):
    one, other = (golden("awq", "gemm", tmp_path / each) for each in ("one", "other"))
    first, second = (read(f"{told.folder}@stored:execution={execution}").facts.fingerprint for told in (one, other))
    assert first == second
    edit_tensors(other.layers, lambda tensors: tensors[f"{DOWN}.qweight"].view(-1)[:1].bitwise_xor_(1))
    assert read(f"{other.folder}@stored:execution={execution}").facts.fingerprint != first


def test_description_names_the_order_and_the_grid(tmp_path):
    variant = resolve(str(golden("awq", "gemm", tmp_path).folder), "cpu")
    found = describe_checkpoint(variant.source, variant.config)
    assert (found.method, found.bits, found.group, found.symmetric) == ("awq gemm", 4, 32, False)
    assert found.unquantized == ("model.embed_tokens",)


def zero_scale(tensors):
    tensors[f"{DOWN}.scales"][0, 0] = 0


def cut_codes(tensors):
    tensors[f"{DOWN}.qweight"] = tensors[f"{DOWN}.qweight"][:-32].clone()


@pytest.mark.parametrize(
    ("changes", "edit", "message"),
    [
        ({"bits": 8}, None, "bits=8"),
        ({"version": "marlin"}, None, "version='marlin'"),
        ({"group_size": 0}, None, "group_size=0"),
        ({"group_size": 33}, None, r"down_proj of .* are 128 long, which does not divide into groups of 33"),
        ({"group_size": 64}, None, r"qzeros of .* is I32 \[4, 8\], its configuration asks for I32 \[2, 8\]"),
        ({"version": "gemv"}, None, r"qzeros of .* its configuration asks for"),
        ({}, zero_scale, r"down_proj has 1 scales that are zero or not finite"),
        ({}, cut_codes, r"qzeros of .* is I32 \[4, 8\], its configuration asks for I32 \[3, 8\]"),
    ],
)
def test_checkpoint_that_contradicts_itself_is_refused(changes, edit, message, tmp_path):
    told = golden("awq", "gemm", tmp_path)
    edit_config(told.folder, **changes)
    if edit:
        edit_tensors(told.layers, edit)
    with pytest.raises(CheckpointError, match=message):
        read(told.folder)
