"""Formats that need nothing but torch: integers rounded to nearest, and 8-bit floats; both as compressed-tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch

from tailgate.quantize.checkpoint import plain_state
from tailgate.variants.linear import linear_layers
from tailgate.variants.method import OptionValue

# Shape legend: O output features, I input features, G groups of inputs, W words of packed codes.

WORD = 32
FP8 = torch.float8_e4m3fn
FORMAT_VERSION = "0.19.0"  # of compressed-tensors, whose layout is written


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """Tensors of a checkpoint and its quantization_config."""

    state: Mapping[str, torch.Tensor]
    quantization: Mapping[str, Any]


def rounded_to_nearest(module: torch.nn.Module, options: Mapping[str, OptionValue], dtype: torch.dtype) -> Coded:
    """Round every linear layer but the head to integers, symmetric around zero, a scale for each group of inputs."""
    bits, group = int(options["bits"]), int(options["group"])
    state = plain_state(module, dtype)
    for name, _ in linear_layers(module):
        weight_OI = state.pop(f"{name}.weight")
        codes_OI, scale_OG = integer_codes(weight_OI, bits=bits, group=group)
        state[f"{name}.weight_packed"] = pack(codes_OI, bits)
        state[f"{name}.weight_scale"] = scale_OG
        state[f"{name}.weight_shape"] = torch.tensor(weight_OI.shape, dtype=torch.int64)
    weights = _numbers(num_bits=bits, type="int", strategy="group", group_size=group)
    return Coded(state=state, quantization=_quantization("pack-quantized", module, weights, None))


def integer_codes(weight_OI: torch.Tensor, *, bits: int, group: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes int8 [O, I] and their scales [O, G] in the dtype of the weights.

    ``scale = absmax / (2**(bits-1) - 1)``; codes are found with the scale as it is stored.
    """
    weight_OGI = weight_OI.float().reshape(weight_OI.shape[0], -1, group)
    highest = 2 ** (bits - 1) - 1
    scale_OG = (weight_OGI.abs().amax(dim=2) / highest).to(weight_OI.dtype)
    # A group whose scale rounds to zero holds nothing but zeros; readers refuse a scale of zero.
    scale_OG = torch.where(scale_OG == 0, torch.ones_like(scale_OG), scale_OG)
    codes_OGI = torch.round(weight_OGI / scale_OG.float()[:, :, None]).clamp(-highest - 1, highest)
    return codes_OGI.flatten(1).to(torch.int8), scale_OG


def pack(codes_OI: torch.Tensor, bits: int) -> torch.Tensor:
    """Words int32 [O, W] of signed codes plus ``2**(bits-1)``, the first code in the lowest bits."""
    per_word = WORD // bits
    unsigned_OWC = (codes_OI.to(torch.int64) + 2 ** (bits - 1)).unflatten(1, (-1, per_word))
    word_OW = (unsigned_OWC << (torch.arange(per_word) * bits)).sum(dim=2)
    return torch.where(word_OW >= 2**31, word_OW - 2**32, word_OW).to(torch.int32)


def eight_bit_floats(module: torch.nn.Module, options: Mapping[str, OptionValue], dtype: torch.dtype) -> Coded:
    """Round every linear layer but the head to float8_e4m3fn, a scale for each row; inputs are rounded per token."""
    state = plain_state(module, dtype)
    for name, _ in linear_layers(module):
        codes_OI, scale_O1 = float_codes(state[f"{name}.weight"])
        state[f"{name}.weight"] = codes_OI
        state[f"{name}.weight_scale"] = scale_O1
    weights = _numbers(num_bits=8, type="float", strategy="channel")
    inputs = _numbers(num_bits=8, type="float", strategy="token", dynamic=True)
    return Coded(state=state, quantization=_quantization("float-quantized", module, weights, inputs))


def float_codes(weight_OI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes float8_e4m3fn [O, I] and their scales [O, 1], in the arithmetic of llm-compressor: that of the weights."""
    highest = torch.finfo(FP8).max
    scale_O1 = weight_OI.abs().amax(dim=1, keepdim=True) / highest
    scale_O1 = torch.where(scale_O1 == 0, torch.finfo(scale_O1.dtype).eps, scale_O1).to(weight_OI.dtype)
    return (weight_OI / scale_O1).clamp(-highest, highest).to(FP8), scale_O1


def _numbers(**given: Any) -> dict[str, Any]:
    return {"symmetric": True, "dynamic": False, "group_size": None, "actorder": None, **given}


def _quantization(
    layout: str, module: torch.nn.Module, weights: Mapping[str, Any], inputs: Mapping[str, Any] | None
) -> dict[str, Any]:
    scheme = {"targets": ["Linear"], "weights": weights, "input_activations": inputs, "output_activations": None}
    return {
        "quant_method": "compressed-tensors",
        "format": layout,
        "quantization_status": "compressed",
        "version": FORMAT_VERSION,
        "config_groups": {"group_0": {**scheme, "format": layout}},
        "ignore": list(heads(module)),
        "kv_cache_scheme": None,
    }


def heads(module: torch.nn.Module) -> tuple[str, ...]:
    """Names of the output head, which no method quantizes."""
    head = cast(Any, module).get_output_embeddings() if hasattr(module, "get_output_embeddings") else None
    return tuple(name for name, part in module.named_modules() if part is head and head is not None)
