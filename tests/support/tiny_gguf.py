"""A tiny Llama in a GGUF file, written by the gguf package, with one type of tensor in the place of some layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np

SIZE = 256  # the block of K- and I-quants
# GGUF name of a quantized matrix -> transformers' name; not of queries and keys, whose rows transformers reorders.
QUANTIZED = {
    "blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight",
    "blk.0.attn_output.weight": "model.layers.0.self_attn.o_proj.weight",
    "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
}
FLOATS = ("blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight")
VOCABULARY = 64


def codes_of(kind: gguf.GGMLQuantizationType, rng: np.random.Generator) -> np.ndarray:
    """A quantized matrix [SIZE, SIZE] as bytes: by the package where it quantizes, else random finite blocks."""
    try:
        return gguf.quantize(rng.normal(size=(SIZE, SIZE)).astype(np.float32), kind)
    except NotImplementedError:
        size, width = gguf.GGML_QUANT_SIZES[kind]
        wanted = SIZE * SIZE // size
        found: list[np.ndarray] = []
        while len(found) < wanted:
            blocks = rng.integers(0, 256, (wanted, width), dtype=np.uint8)
            with np.errstate(all="ignore"):  # a scale of random bytes may be NaN
                values = gguf.dequantize(blocks, kind)
            found += [block for block, value in zip(blocks, values, strict=True) if np.abs(value).max() < 1e3]
        return np.stack(found[:wanted]).reshape(SIZE, -1)


def save_tiny_gguf(
    path: Path, kind: gguf.GGMLQuantizationType, facts: Mapping[str, str | int] | None = None
) -> dict[str, np.ndarray]:
    """Write the file; returns the values of its quantized matrices as the gguf package decodes them."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(SIZE)
    writer.add_block_count(1)
    writer.add_feed_forward_length(SIZE)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(SIZE // 4)
    writer.add_vocab_size(VOCABULARY)
    for key, value in (facts or {}).items():
        (writer.add_uint32 if isinstance(value, int) else writer.add_string)(key, value)
    for name in ("token_embd.weight", "output.weight"):
        writer.add_tensor(name, rng.normal(size=(VOCABULARY, SIZE)).astype(np.float32))
    for name in ("output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight"):
        writer.add_tensor(name, np.ones(SIZE, dtype=np.float32))
    for name in FLOATS:
        writer.add_tensor(name, rng.normal(size=(SIZE, SIZE)).astype(np.float32))
    values = {}
    for name in QUANTIZED:
        codes = codes_of(kind, rng)
        writer.add_tensor(name, codes, raw_dtype=kind)
        values[name] = gguf.dequantize(codes, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return values
