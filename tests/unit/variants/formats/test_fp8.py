"""FP8 in blocks: encoded by transformers' own operation, read by transformers and by us; the rest encoded here."""

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.integrations.finegrained_fp8 import Fp8Quantize

from tailgate.errors import CheckpointError
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.formats.layers import RoundedLinear
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tailgate_kernels.reference import Float8Weight, dequantize
from tests.support.stored import edit_config, edit_tensors
from tests.support.tiny import save_tiny

DOWN = "model.layers.1.mlp.down_proj"
IDS = torch.arange(4, 100)[None]
BOUND = 1e-3  # largest difference of logits between executions, relative to the largest; sums in fp64 against fp32


def read(spec):
    return load(resolve(str(spec), "cpu"))


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


def is_quantized(name):
    return name.endswith("_proj.weight")


def save(folder, tensors, **settings):
    """Put quantized tensors in the place of a tiny checkpoint's."""
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "activation_scheme": "dynamic", **settings}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def in_blocks(folder, block=(32, 32), scale_fmt="float", **settings):
    """A checkpoint whose blocks transformers encoded."""
    save_tiny(folder)
    asked = SimpleNamespace(weight_block_size=block, scale_fmt=scale_fmt)
    encode = Fp8Quantize(SimpleNamespace(quantization_config=asked))
    tensors = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        tensors |= encode._quantize_one(name, tensor) if is_quantized(name) else {name: tensor}
    return save(folder, tensors, weight_block_size=list(block), scale_fmt=scale_fmt, **settings)


def per_tensor(folder, *, input_scale=None, **settings):
    """A checkpoint with one scale per layer, as AutoFP8 writes it; encoded here."""
    save_tiny(folder)
    tensors = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if is_quantized(name):
            scale = tensor.abs().max() / 448
            layer = name.removesuffix(".weight")
            tensors |= {name: (tensor / scale).to(torch.float8_e4m3fn), f"{layer}.weight_scale": scale.reshape(1)}
            if input_scale:
                tensors[f"{layer}.input_scale"] = torch.tensor([input_scale])
        else:
            tensors[name] = tensor
    return save(folder, tensors, **settings)


@pytest.mark.parametrize(("block", "scale_fmt"), [((32, 32), "float"), ((16, 64), "float"), ((32, 32), "ue8m0")])
def test_weights_are_those_that_transformers_computes_with(block, scale_fmt, tmp_path):
    folder = in_blocks(tmp_path, block, scale_fmt)
    # On a CPU transformers dequantizes such a checkpoint while it reads it.
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    ours = read(folder).module.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_blocks_at_the_edges_may_be_cut():
    codes_OI = torch.ones(5, 7).to(torch.float8_e4m3fn)
    scale_PQ = torch.arange(1.0, 7.0).reshape(2, 3)
    weight_OI = dequantize(Float8Weight(codes_OI=codes_OI, scale_PQ=scale_PQ, block=(3, 3)))
    assert weight_OI.shape == (5, 7)
    assert weight_OI[2, 2] == 1
    assert weight_OI[2, 3] == 2
    assert weight_OI[4, 6] == 6


@pytest.mark.parametrize("make", [in_blocks, per_tensor])
def test_packed_and_dequantized_execution_give_the_same_weights_and_near_logits(make, tmp_path):
    folder = make(tmp_path)
    floats, packed = read(folder).module, read(f"{folder}@stored:execution=packed").module
    assert torch.equal(dequantize(packed.get_submodule(DOWN).stored), floats.get_submodule(DOWN).weight)
    with torch.inference_mode():
        one, other = floats(IDS).logits, packed(IDS).logits
    assert float((one - other).abs().max() / one.abs().max()) <= BOUND


def test_inputs_are_rounded_by_groups_of_the_block(tmp_path):
    part = read(in_blocks(tmp_path)).module.get_submodule(DOWN)
    assert isinstance(part, RoundedLinear)
    grid = part.input_grid
    assert (grid.kind, grid.scope, grid.group, grid.power_of_two) == ("fp8", "group", 32, False)


def test_stored_input_scales_are_used_and_are_part_of_the_fingerprint(tmp_path):
    one = per_tensor(tmp_path / "one", input_scale=0.01, activation_scheme="static")
    other = per_tensor(tmp_path / "other", input_scale=0.02, activation_scheme="static")
    assert float(read(one).module.get_submodule(DOWN).input_grid.scale) == pytest.approx(0.01)
    assert read(one).facts.fingerprint != read(other).facts.fingerprint


@pytest.mark.parametrize("execution", ["dequantized", "packed"])
def test_fingerprint_is_stable_and_covers_the_codes(execution, tmp_path):
    one, other = (in_blocks(tmp_path / each) for each in ("one", "other"))
    first, second = (read(f"{folder}@stored:execution={execution}").facts.fingerprint for folder in (one, other))
    assert first == second
    edit_tensors(other / "model.safetensors", lambda tensors: code(tensors).bitwise_xor_(1))
    assert read(f"{other}@stored:execution={execution}").facts.fingerprint != first


def test_last_blocks_may_be_cut_where_blocks_are_a_power_of_two(tmp_path):
    """As DeepSeek ships them: 576 outputs in blocks of 128. Here outputs are 32, 64 and 128, so one block of each."""
    folder = in_blocks(tmp_path, (32, 64))
    edit_config(folder, weight_block_size=[128, 64])

    def keep_first(tensors):
        for name in [name for name in tensors if name.endswith("weight_scale_inv")]:
            tensors[name] = tensors[name][:1].clone()

    edit_tensors(folder / "model.safetensors", keep_first)
    assert read(folder).facts.quantized_tensors == 14


def test_description_names_blocks_activations_and_scales_of_keys_and_values(tmp_path):
    found = described(in_blocks(tmp_path / "blocks", scale_fmt="ue8m0"))
    assert (found.method, found.bits, found.group) == ("fp8", 8, 32)
    assert (
        found.activations == "fp8, a scale per token and 32 inputs, found from them, scales rounded up to powers of two"
    )
    static = per_tensor(tmp_path / "static", input_scale=0.01, activation_scheme="static")
    scale = {"model.layers.0.self_attn.k_scale": torch.ones(1)}
    edit_tensors(static / "model.safetensors", lambda tensors: tensors.update(scale))
    assert described(static).activations == "fp8, a stored scale per layer"
    assert described(static).kv_cache == "fp8, a stored scale per layer"
    assert any("unless the variant says kv=stored" in note for note in read(static).facts.notes)


def drop(name):
    return lambda tensors: tensors.pop(f"{DOWN}.{name}")


def code(tensors):
    """The bytes of the first code."""
    return tensors[f"{DOWN}.weight"].view(torch.uint8).view(-1)[:1]


def spoil_code(tensors):
    code(tensors).fill_(0x7F)  # NaN


def flatten(tensors):
    tensors[f"{DOWN}.weight"] = tensors[f"{DOWN}.weight"].flatten()


def spoil_plain(tensors):
    tensors["model.norm.weight"][3] = float("inf")


def spoil(tensors):
    tensors[f"{DOWN}.weight_scale_inv"][0, 0] = 0


def store_plainly(tensors):
    del tensors[f"{DOWN}.weight_scale_inv"]
    tensors[f"{DOWN}.weight"] = tensors[f"{DOWN}.weight"].float()


@pytest.mark.parametrize(
    ("changes", "edit", "message"),
    [
        ({"weight_block_size": [64, 64]}, None, r"weight_scale_inv of .* is F32 .*its configuration asks for"),
        (
            {"weight_block_size": [33, 32]},
            None,
            r"columns of layer .* are \d+ long, which does not divide into groups of 33",
        ),
        (
            {"weight_block_size": [32, 33]},
            None,
            r"rows of layer .* are \d+ long, which does not divide into groups of 33",
        ),
        ({"weight_block_size": [0, 32]}, None, r"weight_block_size=\(0, 32\)"),
        ({"activation_scheme": "none"}, None, "activation_scheme='none'"),
        ({"activation_scheme": "static"}, None, "has no input_scale or activation_scale"),
        ({"fmt": "e5m2"}, None, "fmt='e5m2'"),
        ({}, drop("weight_scale_inv"), r"layer model\.layers\.1\.mlp\.down_proj of .* has no weight_scale_inv"),
        ({}, flatten, r"down_proj\.weight of .* is \[8192\], not \[outputs, inputs\]"),
        ({}, spoil_code, r"tensor model\.layers\.1\.mlp\.down_proj\.weight of .* holds 1 values .*first: nan"),
        ({}, spoil_plain, r"tensor model\.norm\.weight of .* holds 1 values that are not finite \(first: inf\)"),
        ({}, spoil, "down_proj has 1 scales that are zero or not finite"),
        (
            {},
            store_plainly,
            "down_proj as quantized, but its weights are stored plainly",
        ),
        ({}, drop("weight"), r"lacks 1 tensors|holds 1 tensors"),
    ],
)
def test_checkpoint_that_contradicts_itself_is_refused(changes, edit, message, tmp_path):
    folder = in_blocks(tmp_path)
    edit_config(folder, **changes)
    if edit:
        edit_tensors(folder / "model.safetensors", edit)
    for execution in ("dequantized", "packed"):
        with pytest.raises(CheckpointError, match=message):
            read(f"{folder}@stored:execution={execution}")
