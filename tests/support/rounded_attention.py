"""The oracle of rounded key-values: plain transformers, whose attention rounds every key and value it is handed.

Keys come to it behind the rotary embedding and from the cache unrounded, so that it rounds the whole past at every
step: slow, and nothing is stored, cut or packed. The rounding is written here a second time, in numpy.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from tailgate.engine.protocol import ServedModel

LIMITS = {"int8": 127, "fp8": 448}


def to_e4m3(x: np.ndarray) -> np.ndarray:
    """The nearest numbers of 4 exponent and 3 mantissa bits, ties to even: steps of an eighth of the power of two."""
    exponent = np.frexp(np.where(x == 0, np.float32(1), np.abs(x)))[1] - 1
    step = np.exp2(np.maximum(exponent, -6) - 3).astype(np.float32)
    return np.rint(x / step) * step


def round_vectors(x: np.ndarray, kv: str) -> np.ndarray:
    """Vectors along the last axis as they are read back."""
    most, least = x.max(axis=-1, keepdims=True), x.min(axis=-1, keepdims=True)
    if kv == "int4":
        step = (most - least) / np.float32(15)
        return np.rint((x - least) / np.where(step == 0, np.float32(1), step)) * step + least
    scale = np.maximum(most, -least) / np.float32(LIMITS[kv])
    scaled = np.clip(x / np.where(scale == 0, np.float32(1), scale), -LIMITS[kv], LIMITS[kv])
    return (np.rint(scaled) if kv == "int8" else to_e4m3(scaled)) * scale


def round_by(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """8-bit floats by a scale that was given."""
    return to_e4m3(np.clip(x / scale, -LIMITS["fp8"], LIMITS["fp8"])) * scale


def rounding(served: ServedModel, kv: str) -> ServedModel:
    """The same model for the reference engine, attending to rounded keys and values."""

    def rounded(x: torch.Tensor, scale: torch.Tensor | None) -> torch.Tensor:
        return torch.from_numpy(round_vectors(x.numpy(), kv) if scale is None else round_by(x.numpy(), scale.numpy()))

    def attention(module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, **more: Any):
        plain = sys.modules[type(module).__module__].eager_attention_forward
        scales = (module.kv_scales.of_keys, module.kv_scales.of_values) if kv == "stored" else (None, None)
        return plain(module, query, rounded(key, scales[0]), rounded(value, scales[1]), mask, **more)

    name = f"rounded_{kv}"
    AttentionInterface.register(name, attention)
    AttentionMaskInterface.register(name, eager_mask)
    for part in served.module.modules():
        if (config := getattr(part, "config", None)) is not None:
            config._attn_implementation_internal = name
    return served
