"""GGUF: types are read with the values of ggml's block layouts, damage is refused, and files say what they are."""

import gguf
import numpy as np
import pytest

from tailgate.errors import CheckpointError
from tailgate.variants.formats.gguf import FLOATS, MINIMUM, SCALE_ONLY, SCALES, describe
from tailgate.variants.load import load
from tailgate.variants.source import Source
from tailgate.variants.variant import resolve
from tests.support.tiny import save_tiny
from tests.support.tiny_gguf import QUANTIZED, SIZE, save_tiny_gguf

Kind = gguf.GGMLQuantizationType
DECODED = sorted(kind.name for kind in gguf.quants._type_traits if kind.name not in FLOATS)
COMMON = {
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS"),
}


def source(path):
    return Source(name=str(path), folder=path.parent, gguf_file=path.name)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Our own loading; the tiny file holds no tokenizer."""
    tokenizer = resolve(str(save_tiny(tmp_path / "other")), "cpu").tokenizer
    monkeypatch.setattr("tailgate.variants.variant.load_tokenizer", lambda source: tokenizer)
    return lambda path: load(resolve(str(path), "cpu"))


def test_the_common_k_and_i_quants_are_among_the_types_that_the_package_decodes():
    assert set(DECODED) >= COMMON


@pytest.mark.parametrize("name", DECODED)
def test_every_type_is_read_with_the_values_of_the_gguf_package(name, tmp_path, read):
    values = save_tiny_gguf(tmp_path / "model.gguf", Kind[name])
    state = read(tmp_path / "model.gguf").module.state_dict()
    for stored, ours in QUANTIZED.items():
        assert values[stored].shape == (SIZE, SIZE)
        assert np.unique(values[stored]).size > 2
        assert np.array_equal(state[ours].numpy(), values[stored]), stored


def fp16(blocks_nB, at):
    return np.ascontiguousarray(blocks_nB[:, at : at + 2]).view(np.float16).astype(np.float32)


def q4_0(blocks_nB):
    """18 bytes: fp16 scale, 16 bytes whose low halves are the first 16 codes and whose high halves the rest."""
    qs = blocks_nB[:, 2:].astype(np.int32)
    return fp16(blocks_nB, 0) * (np.concatenate([qs & 15, qs >> 4], axis=1) - 8)


def q8_0(blocks_nB):
    """34 bytes: fp16 scale, 32 signed codes."""
    return fp16(blocks_nB, 0) * blocks_nB[:, 2:].view(np.int8)


def q4_k(blocks_nB):
    """144 bytes: fp16 scale and minimum, 8 scales and 8 minima of 6 bits in 12 bytes, 128 bytes of codes."""
    d, dmin, qs = fp16(blocks_nB, 0), fp16(blocks_nB, 2), blocks_nB[:, 16:].astype(np.int32)
    packed = blocks_nB[:, 4:16].astype(np.int32)
    values = []
    for part in range(8):  # of 32 codes each
        if part < 4:
            scale, minimum = packed[:, part] & 63, packed[:, part + 4] & 63
        else:
            scale = packed[:, part + 4] & 15 | packed[:, part - 4] >> 6 << 4
            minimum = packed[:, part + 4] >> 4 | packed[:, part] >> 6 << 4
        half = qs[:, part // 2 * 32 : part // 2 * 32 + 32]
        codes = half >> 4 if part % 2 else half & 15
        values.append(d * scale[:, None] * codes - dmin * minimum[:, None])
    return np.concatenate(values, axis=1)


def q6_k(blocks_nB):
    """210 bytes: low 4 bits of codes in 128, high 2 bits in 64, 16 signed scales, fp16 scale."""
    low, high = blocks_nB[:, :128].astype(np.int32), blocks_nB[:, 128:192].astype(np.int32)
    scales, d = blocks_nB[:, 192:208].view(np.int8).astype(np.int32), fp16(blocks_nB, 208)
    values = []
    for part in range(8):  # of 32 codes each; four of them share 64 low bytes and 32 high ones
        at, quarter = part // 4, part % 4
        codes = low[:, 64 * at + 32 * (quarter % 2) :][:, :32] >> 4 * (quarter // 2) & 15
        codes = (codes | (high[:, 32 * at :][:, :32] >> 2 * quarter & 3) << 4) - 32
        values.append(d * np.repeat(scales[:, 2 * part : 2 * part + 2], 16, axis=1) * codes)
    return np.concatenate(values, axis=1)


@pytest.mark.parametrize(
    ("name", "decode", "width"), [("Q4_0", q4_0, 18), ("Q8_0", q8_0, 34), ("Q4_K", q4_k, 144), ("Q6_K", q6_k, 210)]
)
def test_weights_are_those_of_ggmls_block_layouts(name, decode, width, tmp_path, read):
    path = tmp_path / "model.gguf"
    save_tiny_gguf(path, Kind[name])
    stored = {tensor.name: np.array(tensor.data) for tensor in gguf.GGUFReader(path).tensors}
    state = read(path).module.state_dict()
    for theirs, ours in QUANTIZED.items():
        expected = decode(stored[theirs].reshape(-1, width)).reshape(SIZE, SIZE)
        assert np.array_equal(state[ours].numpy(), expected.astype(np.float32)), theirs


def edit(path, edit_blocks, name="blk.0.ffn_down.weight"):
    """Change the blocks [n, B] of a tensor in the file."""
    (tensor,) = [each for each in gguf.GGUFReader(path, "r+").tensors if each.name == name]
    edit_blocks(tensor.data.reshape(-1, gguf.GGML_QUANT_SIZES[tensor.tensor_type][1]))


@pytest.mark.parametrize("name", ["Q4_0", "Q8_0", "Q4_K", "Q6_K"])
def test_fingerprint_is_stable_and_covers_the_codes(name, tmp_path, read):
    one, other = tmp_path / "one.gguf", tmp_path / "other.gguf"
    for path in (one, other):
        save_tiny_gguf(path, Kind[name])
    first = read(one).facts.fingerprint
    assert read(other).facts.fingerprint == first

    def flip(blocks_nB):
        blocks_nB[0, 17] ^= 1  # a code in every layout

    edit(other, flip)
    assert read(other).facts.fingerprint != first


def set_scales(name, bits, blocks_nB):
    """Set all fp16 scales of blocks."""
    for at in SCALES[name]:
        blocks_nB[:, at : at + 2] = np.frombuffer(np.uint16(bits).tobytes(), np.uint8)


@pytest.mark.filterwarnings("ignore:invalid value")  # of infinity times zero, as the package decodes it
@pytest.mark.parametrize(("bits", "value"), [(0x7E00, "nan"), (0x7C00, "-?inf|nan")])
@pytest.mark.parametrize("name", ["Q4_0", "Q8_0", "Q4_K", "Q6_K"])
def test_a_scale_that_is_not_finite_is_refused(name, bits, value, tmp_path, read):
    path = tmp_path / "model.gguf"
    save_tiny_gguf(path, Kind[name])
    edit(path, lambda blocks_nB: set_scales(name, bits, blocks_nB[:1]))
    with pytest.raises(CheckpointError, match=rf"down_proj\.weight of .* not finite \(first: ({value})\)"):
        read(path)


@pytest.mark.parametrize("bits", [0x0000, 0x8000])
@pytest.mark.parametrize("name", sorted(set(SCALES) & set(DECODED)))
def test_scales_that_were_zeroed_are_refused(name, bits, tmp_path, read):
    path = tmp_path / "model.gguf"
    save_tiny_gguf(path, Kind[name])
    edit(path, lambda blocks_nB: set_scales(name, bits, blocks_nB[1:]))
    read(path)  # one block has its scale: the rest may be too small for fp16
    edit(path, lambda blocks_nB: set_scales(name, bits, blocks_nB))
    with pytest.raises(
        CheckpointError, match=rf"all scales of blk\.0\.ffn_down\.weight of .* its {name} codes are not"
    ):
        read(path)


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q5_0", "Q8_0", "TQ2_0"])
def test_a_matrix_of_zeros_is_legitimate(name, tmp_path, read):
    path = tmp_path / "model.gguf"
    save_tiny_gguf(path, Kind[name])
    zeros = gguf.quantize(np.zeros((SIZE, SIZE), np.float32), Kind[name])

    def put(blocks_nB):
        blocks_nB[:] = zeros.reshape(blocks_nB.shape)

    edit(path, put)
    read(path)


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
