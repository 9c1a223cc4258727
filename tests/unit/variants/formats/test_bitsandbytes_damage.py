"""bitsandbytes checkpoints whose parts do not fit each other: its kernels would read past the end of the short ones."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tailgate.errors import CheckpointError
from tailgate.variants.bnb import dequantized
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.stored import edit_config, edit_tensors
from tests.support.tiny import Tiny, save_tiny, tiny_model, tiny_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore:MatMul8bitLt")
WEIGHT = "model.layers.0.mlp.down_proj.weight"
KINDS = {
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "nf4-double": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "fp4": {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"},
    "int8": {"load_in_8bit": True},
}


def write(kind, folder, model=None):
    """A checkpoint that transformers quantized and saved."""
    parent = save_tiny(folder / "parent", model=model)
    settings = BitsAndBytesConfig(**KINDS[kind])
    stored = AutoModelForCausalLM.from_pretrained(parent, quantization_config=settings, dtype=torch.float32)
    stored.save_pretrained(folder / kind)
    tiny_tokenizer(Tiny()).save_pretrained(folder / kind)
    return folder / kind


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """Folder of an undamaged checkpoint of each kind."""
    return {kind: write(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


def damaged(intact, kind, folder, edit):
    shutil.copytree(intact[kind], folder / "damaged")
    edit_tensors(folder / "damaged" / "model.safetensors", edit)
    return folder / "damaged"


def read(spec):
    return load(resolve(str(spec), "cpu"))


def described(folder):
    variant = resolve(str(folder), "cpu")
    return describe_checkpoint(variant.source, variant.config)


def part(name, change):
    """Change one tensor that belongs to the weight; a name of its own for `weight` itself."""

    def edit(tensors):
        full = WEIGHT if name == "weight" else f"{WEIGHT}.{name}"
        tensors[full] = change(tensors[full]).clone()

    return edit


def state(kind="nf4", **changes):
    """Change keys of the JSON that is stored as bytes; None removes one."""

    def edit(tensors):
        name = f"{WEIGHT}.quant_state.bitsandbytes__{kind}"
        table = {**json.loads(bytes(tensors[name].tolist())), **changes}
        text = json.dumps({key: value for key, value in table.items() if value is not None})
        tensors[name] = torch.tensor(list(text.encode()), dtype=torch.uint8)

    return edit


def asks(name, found, expected):
    return rf"{name} of .* is {found}, its configuration asks for .*{expected}"


@pytest.mark.parametrize(
    ("kind", "edit", "message"),
    [
        ("nf4", part("absmax", lambda x: x[:1]), asks("absmax", r"F32 \[1\]", r"\[128\]")),
        ("nf4", part("absmax", lambda x: x[:-1]), asks("absmax", r"F32 \[127\]", r"\[128\]")),
        ("nf4", part("absmax", lambda x: x.half()), asks("absmax", r"F16 \[128\]", r"F32 \[128\]")),
        ("nf4", part("quant_map", lambda x: x[:8]), asks("quant_map", r"F32 \[8\]", r"\[16\]")),
        ("nf4", part("weight", lambda x: x[:-1]), asks("weight", r"U8 \[4095, 1\]", r"\[4096, 1\]")),
        ("nf4", part("weight", lambda x: x.t()), asks("weight", r"U8 \[1, 4096\]", r"\[4096, 1\]")),
        ("nf4-double", part("absmax", lambda x: x[:1]), asks("absmax", r"U8 \[1\]", r"\[128\]")),
        ("nf4-double", part("nested_absmax", lambda x: x[:0]), asks("nested_absmax", r"F32 \[0\]", r"\[1\]")),
        ("nf4-double", part("nested_quant_map", lambda x: x[:16]), asks("nested_quant_map", r"F32 \[16\]", r"\[256\]")),
        ("nf4", state(blocksize=128), asks("absmax", r"F32 \[128\]", r"\[64\]")),
        ("nf4", state(shape=[64, 64]), asks("weight", r"U8 \[4096, 1\]", r"\[2048, 1\]")),
        ("nf4-double", state(nested_blocksize=64), asks("nested_absmax", r"F32 \[1\]", r"\[2\]")),
        ("int8", lambda tensors: tensors.update({WEIGHT.replace("weight", "SCB"): torch.ones(63)}), r"SCB .*\[64\]"),
        ("int8", part("weight", lambda x: x.flatten()), r"weight of .* is I8 \[8192\], not I8 \[outputs, inputs\]"),
    ],
)
def test_a_part_of_another_size_than_shape_and_block_ask_for_is_refused(kind, edit, message, intact, tmp_path):
    folder = damaged(intact, kind, tmp_path, edit)
    for look in (described, read):
        with pytest.raises(CheckpointError, match=message):
            look(folder)


@pytest.mark.parametrize(
    ("kind", "edit", "message"),
    [
        ("nf4", state(quant_type="fp4"), "is stored as nf4, its quantization state says fp4"),
        ("nf4", state(blocksize=33), "blocksize=33"),
        ("nf4", state(dtype="int8"), "dtype=int8"),
        ("nf4", state(shape=[8192]), "shape"),
        ("nf4", state(shape=[0, 128]), r"shape\.0=0"),
        ("nf4", state(blocksize=None), "blocksize=.*Field required"),
        ("nf4", state(absmax=[1.0]), "absmax=.*not permitted"),
        ("nf4-double", state(nested_offset=float("nan")), "nested_offset=nan"),
        ("nf4-double", state(nested_offset=None), r"half of how its scales are quantized \(256, float32, None\)"),
        (
            "nf4-double",
            state(nested_blocksize=None, nested_dtype=None, nested_offset=None),
            "absmax of .* asks for F32",
        ),
        ("nf4", part("quant_state.bitsandbytes__nf4", lambda x: x[:9]), "bitsandbytes__nf4 of .* is damaged"),
        ("nf4", part("quant_state.bitsandbytes__nf4", lambda x: x.float()), "is F32 .*, not bytes"),
        ("nf4", lambda tensors: tensors.update({f"{WEIGHT}.nested_absmax": torch.ones(1)}), "nested_absmax, for which"),
    ],
)
def test_a_state_that_contradicts_itself_or_its_tensors_is_refused(kind, edit, message, intact, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        described(damaged(intact, kind, tmp_path, edit))


def test_two_states_of_one_weight_are_refused(intact, tmp_path):
    def edit(tensors):
        stored = f"{WEIGHT}.quant_state.bitsandbytes__"
        tensors[f"{stored}fp4"] = tensors[f"{stored}nf4"].clone()

    with pytest.raises(CheckpointError, match="has two quantization states"):
        described(damaged(intact, "nf4", tmp_path, edit))


def zeros(x):
    return torch.zeros_like(x)


@pytest.mark.parametrize(
    ("kind", "edit", "message"),
    [
        ("nf4", part("quant_map", zeros), r"quant_map of .* is not the code book .* its value 0 is 0, not -1"),
        ("fp4", part("quant_map", lambda x: x.flip(0)), "quant_map of .* is not the code book of bitsandbytes"),
        ("nf4-double", part("nested_quant_map", zeros), "nested_quant_map of .* is not the code book of bitsandbytes"),
        ("nf4", part("absmax", zeros), "has 128 scales of zero whose codes are not"),
        ("fp4", part("absmax", zeros), "has 128 scales of zero whose codes are not"),
        ("nf4", part("absmax", lambda x: x.neg()), "has 128 negative scales"),
        ("nf4-double", part("nested_absmax", zeros), "nested_absmax of .* has 1 scales of zero whose codes are not"),
        ("nf4-double", part("nested_absmax", lambda x: x * float("nan")), "has a scale that is not finite"),
        ("int8", lambda tensors: tensors[WEIGHT.replace("weight", "SCB")].zero_(), "has 64 scales of zero whose codes"),
        ("int8", lambda tensors: tensors[WEIGHT.replace("weight", "SCB")].neg_(), "has 64 negative scales"),
        ("int8", lambda tensors: tensors[WEIGHT.replace("weight", "SCB")].fill_(float("inf")), "is not finite"),
    ],
)
def test_values_that_the_library_never_writes_are_refused(kind, edit, message, intact, tmp_path):
    folder = damaged(intact, kind, tmp_path, edit)
    for _ in range(2):
        with pytest.raises(CheckpointError, match=message):
            read(folder)


@pytest.mark.parametrize("kind", ["nf4", "fp4", "int8"])
def test_blocks_of_zeros_are_legitimate(kind, tmp_path):
    model = tiny_model(Tiny())
    model.get_parameter(WEIGHT).data[:3] = 0
    weight_OI = dequantized(read(write(kind, tmp_path, model)).module.get_submodule(WEIGHT.removesuffix(".weight")))
    assert not weight_OI[:3].any()
    assert weight_OI[3:].any(dim=1).all()


def test_codes_that_are_stored_as_floats_are_the_same_codes(intact, tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "nf4", {**KINDS["nf4"], "bnb_4bit_quant_storage": torch.bfloat16})
    layer = WEIGHT.removesuffix(".weight")
    one, other = (read(folder).module.get_submodule(layer) for folder in (intact["nf4"], write("nf4", tmp_path)))
    assert other.weight.dtype == torch.bfloat16
    assert torch.equal(dequantized(other), dequantized(one))


def test_a_layout_of_old_kernels_is_refused(intact, tmp_path):
    layout = {WEIGHT.replace("weight", "weight_format"): torch.tensor(2, dtype=torch.uint8)}
    with pytest.raises(CheckpointError, match=r"weight_format of .* is 2, a layout of old GPU kernels"):
        described(damaged(intact, "int8", tmp_path, lambda tensors: tensors.update(layout)))


@pytest.mark.parametrize(
    ("value", "message"),
    [("x", "llm_int8_threshold='x'"), (-1, "llm_int8_threshold=-1"), (None, None)],
)
def test_a_threshold_that_is_no_number_is_refused(value, message, intact, tmp_path):
    folder = shutil.copytree(intact["int8"], tmp_path / "copy")
    edit_config(folder, llm_int8_threshold=value)
    if message is None:
        assert "beyond 6 (LLM.int8)" in described(folder).activations
        return
    with pytest.raises(CheckpointError, match=message):
        described(folder)


def test_plain_tensors_beside_codes_are_looked_at_too(intact, tmp_path):
    folder = shutil.copytree(intact["nf4"], tmp_path / "copy")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][7] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"tensor model\.norm\.weight of .* holds 1 values .*first: nan"):
        read(folder)
