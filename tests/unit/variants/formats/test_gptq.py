"""GPTQ: our reader against auto-gptq 0.7.1 and GPTQModel 7.3.6, whose files and weights are the goldens."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import MixtralConfig, MixtralForCausalLM

from tailgate.errors import CheckpointError, VariantError
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tailgate_kernels.reference import dequantize, pack_rows, unpack_rows
from tests.support.stored import edit_config, edit_tensors, golden, golden_names, sha256_of
from tests.support.tiny import save_tiny

ACT_ORDER, PLAIN = "4bit-g32-asym-act", "4bit-g32-sym"
DOWN = "model.layers.0.mlp.down_proj"
IDS = torch.arange(4, 100)[None]


def read(spec):
    return load(resolve(str(spec), "cpu"))


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


@pytest.mark.parametrize("name", golden_names("gptq"))
def test_weights_are_those_that_the_library_computes_with(name, tmp_path):
    told = golden("gptq", name, tmp_path)
    module = read(told.folder).module
    for layer, sha256 in told.weights_sha256.items():
        weight_OI = module.get_submodule(layer).weight
        assert torch.equal(weight_OI, weight_OI.half().float()), layer  # nothing lies between values of fp16
        assert sha256_of(weight_OI.half()) == sha256, layer
    for layer, weight_OI in told.weights.items():
        assert torch.equal(module.get_submodule(layer).weight, weight_OI.float())


@pytest.mark.parametrize("name", golden_names("gptq"))
def test_packed_and_dequantized_execution_give_the_same_weights_and_logits(name, tmp_path):
    folder = golden("gptq", name, tmp_path).folder
    floats, packed = read(folder).module, read(f"{folder}@stored:execution=packed").module
    for layer in (DOWN, "model.layers.0.self_attn.q_proj"):
        stored = packed.get_submodule(layer).stored
        assert torch.equal(dequantize(stored).float(), floats.get_submodule(layer).weight)
    with torch.inference_mode():
        assert torch.equal(packed(IDS).logits, floats(IDS).logits)


def test_packed_execution_keeps_the_codes_in_the_bytes_of_the_file(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    facts = read(f"{told.folder}@stored:execution=packed").facts
    assert facts.execution == "packed"
    codes = 64 * (64 + 32 + 32 + 64 + 96 + 96) + 96 * 64
    group_of_each_input = 6 * 64 + 96
    assert facts.bytes_by_dtype["int32"] == codes // 2 + 4 * group_of_each_input


def test_fingerprint_is_stable_and_tells_executions_apart(tmp_path):
    one, other = (golden("gptq", PLAIN, tmp_path / each).folder for each in ("one", "other"))
    assert read(one).facts.fingerprint == read(other).facts.fingerprint
    assert read(one).facts.fingerprint != read(f"{one}@stored:execution=packed").facts.fingerprint


def test_biases_of_zeros_that_auto_gptq_adds_are_left_out_and_noted(tmp_path):
    facts = read(golden("gptq", PLAIN, tmp_path).folder).facts
    assert facts.notes == ("left out 7 biases that are zero throughout and not part of the model",)
    assert facts.quantized_tensors == 7


def test_description_says_how_the_checkpoint_was_made(tmp_path):
    found = described(golden("gptq", ACT_ORDER, tmp_path).folder)
    assert (found.method, found.bits, found.group) == ("gptq", 4, 32)
    assert (found.symmetric, found.act_order) == (False, True)
    assert found.calibration == {"damp_percent": 0.01, "static_groups": False, "true_sequential": True}
    assert found.unquantized == ("lm_head", "model.embed_tokens")


def test_version_2_stores_zero_points_as_they_are(tmp_path):
    told, again = golden("gptq", ACT_ORDER, tmp_path / "v1"), golden("gptq", ACT_ORDER, tmp_path / "v2")

    def add_one(tensors):
        for name in [name for name in tensors if name.endswith("qzeros")]:
            n_out = tensors[name.replace("qzeros", "scales")].shape[1]
            tensors[name] = pack_rows(unpack_rows(tensors[name], 4, n_out) + 1, 4)

    edit_tensors(again.layers, add_one)
    edit_config(again.folder, checkpoint_format="gptq_v2")
    assert described(again.folder).method == "gptq v2"
    first, second = read(told.folder).module.state_dict(), read(again.folder).module.state_dict()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_layers_that_gptqmodel_sets_apart_keep_their_widths(tmp_path):
    loaded = read(f"{golden('gptq', 'v2-mixed', tmp_path).folder}@stored:execution=packed")
    assert loaded.module.get_submodule(DOWN).stored.bits == 8
    assert loaded.module.get_submodule(DOWN).stored.scale_OG.shape == (64, 6)
    assert isinstance(loaded.module.get_submodule("model.layers.0.self_attn.k_proj"), torch.nn.Linear)
    assert "layers by bits: {4: 5, 8: 1}" in loaded.facts.notes


def test_a_zero_point_that_version_1_stores_as_the_largest_code_is_one_beyond_it(tmp_path):
    told = golden("gptq", ACT_ORDER, tmp_path)

    def fill(tensors):
        tensors[f"{DOWN}.qzeros"].fill_(-1)  # every nibble 15

    edit_tensors(told.layers, fill)
    loaded = read(f"{told.folder}@stored:execution=packed")
    assert bool((loaded.module.get_submodule(DOWN).zero_OG == 16).all())
    assert any(note.startswith("1 layers: zero points stored as the largest code") for note in loaded.facts.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 5}, "bits=5"),
        ({"bits": "4"}, "bits='4'"),
        ({"bits": 8}, r"qweight .*is I32 \[12, 64\].*asks for I32 \[24, 64\]"),
        ({"group_size": 16}, r"scales of .* is F16 \[3, 64\], its configuration asks for .*\[6, 64\]"),
        ({"group_size": 0}, "group_size=0"),
        ({"group_size": None}, "group_size"),
        ({"checkpoint_format": "marlin"}, "checkpoint_format='marlin'"),
        ({"is_marlin_format": True}, "is_marlin_format=True"),
        ({"pack_dtype": "int64"}, "pack_dtype='int64'"),
    ],
)
def test_configuration_that_the_files_contradict_is_refused(changes, message, tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    edit_config(told.folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        described(told.folder)
    with pytest.raises(CheckpointError, match=message):
        read(told.folder)


def spoil(name, value):
    def edit(tensors):
        tensors[f"{DOWN}.{name}"].view(-1)[0] = value

    return edit


def cut(tensors):
    tensors[f"{DOWN}.qweight"] = tensors[f"{DOWN}.qweight"][:-1].clone()


def drop(name):
    return lambda tensors: tensors.pop(f"{DOWN}.{name}")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (spoil("scales", 0.0), r"mlp\.down_proj has 1 scales that are zero or not finite \(first: 0\.0\)"),
        (spoil("scales", float("nan")), r"1 scales .*first: nan"),
        (spoil("scales", float("inf")), r"1 scales .*first: inf"),
        (spoil("g_idx", 3), "puts inputs into groups 0 to 3, but has 3"),
        (spoil("g_idx", -1), "puts inputs into groups -1 to 2, but has 3"),
        (cut, r"qweight of .* is I32 \[11, 64\], its configuration asks for I32 \[12, 64\]"),
        (drop("scales"), "holds no tensor model.layers.0.mlp.down_proj.scales"),
        (drop("qzeros"), "holds no tensor model.layers.0.mlp.down_proj.qzeros"),
        (drop("qweight"), r"lacks 1 tensors .*first: model\.layers\.0\.mlp\.down_proj\.weight"),
        (spoil("bias", 0.5), r"holds 1 tensors .*no use for \(first: model\.layers\.0\.mlp\.down_proj\.bias\)"),
    ],
)
def test_damaged_layers_are_refused(edit, message, tmp_path):
    told = golden("gptq", ACT_ORDER, tmp_path)
    edit_tensors(told.layers, edit)
    with pytest.raises(CheckpointError, match=message):
        read(told.folder)


def test_act_order_that_the_configuration_denies_is_refused(tmp_path):
    told = golden("gptq", ACT_ORDER, tmp_path)
    edit_config(told.folder, desc_act=False)
    with pytest.raises(CheckpointError, match="orders its inputs by g_idx, but its configuration says desc_act=false"):
        read(told.folder)


def test_missing_file_of_layers_is_refused(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    told.layers.unlink()
    with pytest.raises(CheckpointError, match="says that it is stored as gptq, but none of its layers is"):
        read(told.folder)


def test_missing_shard_of_the_index_is_refused(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    index = {"weight_map": {f"{DOWN}.qweight": told.layers.name, "lm_head.weight": "model-2.safetensors"}}
    (told.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"shard model-2\.safetensors .* is missing"):
        read(told.folder)


def test_tensor_that_the_index_names_and_its_file_lacks_is_refused(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    index = {"weight_map": {"lm_head.weight": told.layers.name, "model.norm.weight": "common.safetensors"}}
    (told.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"tensor lm_head\.weight .* is not in 4bit-g32-sym\.safetensors"):
        read(told.folder)


def test_index_that_names_files_elsewhere_is_refused(tmp_path):
    told = golden("gptq", PLAIN, tmp_path / "inside")
    save_file({"stray": torch.zeros(1)}, tmp_path / "stray.safetensors")
    index = {"weight_map": {"stray": "../stray.safetensors"}}
    (told.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="names files outside its folder"):
        read(told.folder)


def test_tensor_in_two_files_is_refused(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    save_file({"model.norm.weight": torch.ones(64)}, told.folder / "again.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.norm\.weight of .* lies in two files"):
        read(told.folder)


def test_truncated_file_is_refused(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    told.layers.write_bytes(told.layers.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged weights"):
        read(told.folder)


def test_code_that_comes_with_the_checkpoint_is_never_run(tmp_path):
    told = golden("gptq", PLAIN, tmp_path)
    (told.folder / "modeling_evil.py").write_text("raise SystemExit('run')")
    path = told.folder / "config.json"
    config = json.loads(path.read_text())
    config["auto_map"] = {"AutoConfig": "modeling_evil.Config", "AutoModelForCausalLM": "modeling_evil.Model"}
    path.write_text(json.dumps(config))
    assert type(read(told.folder).module).__name__ == "LlamaForCausalLM"  # transformers' own class
    path.write_text(json.dumps({**config, "model_type": "evil"}))
    with pytest.raises(CheckpointError, match=r"needs code of its own .* compare http://HOST:PORT/v1#MODEL"):
        read(told.folder)


def mixtral(folder):
    """A model whose experts transformers fuses into one tensor, quantized under the names of its file; encoded here."""
    config = MixtralConfig(
        vocab_size=260,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=2,
        eos_token_id=1,
        max_position_embeddings=512,
    )
    model = MixtralForCausalLM(config)
    generator = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    save_tiny(folder, model=model)
    floats = load_file(folder / "model.safetensors")
    stored, rounded = {}, {}
    for name, tensor in floats.items():
        if "experts" not in name:
            stored[name] = rounded[name] = tensor
            continue
        layer, scale_O1 = name.removesuffix(".weight"), tensor.abs().amax(dim=1, keepdim=True) / 7
        codes_OI = (tensor / scale_O1).round().clamp(-8, 7)
        stored |= {
            f"{layer}.qweight": pack_rows(codes_OI.long() + 8, 4).t(),
            f"{layer}.qzeros": pack_rows(torch.full((1, tensor.shape[0]), 7), 4),
            f"{layer}.scales": scale_O1.t(),
        }
        rounded[name] = codes_OI * scale_O1
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, folder / "model.safetensors")
    told = json.loads((folder / "config.json").read_text())
    told["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": -1}
    (folder / "config.json").write_text(json.dumps(told))
    return rounded


def test_experts_that_the_architecture_fuses_are_read_dequantized(tmp_path):
    rounded = mixtral(tmp_path / "gptq")
    plain = save_tiny(tmp_path / "plain", model=read(tmp_path / "gptq").module)
    assert all(torch.equal(tensor, rounded[name]) for name, tensor in load_file(plain / "model.safetensors").items())
    with pytest.raises(CheckpointError, match="is no linear layer of its own in this architecture"):
        read(f"{tmp_path / 'gptq'}@stored:execution=packed")


@pytest.mark.parametrize("option", ["device_map=auto", "dtype=bf16"])
def test_keys_that_say_how_plain_weights_are_read_are_refused(option, tmp_path):
    folder = golden("gptq", PLAIN, tmp_path).folder
    with pytest.raises(VariantError, match=f"{option} is not served for a checkpoint stored as gptq"):
        read(f"{folder}@stored:{option}")
