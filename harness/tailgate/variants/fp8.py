"""Weights rounded to float8_e4m3fn with a scale per output row: ``scale = absmax / 448``, read as code times scale.

What deployments store that quantize weights to fp8 alone; the weights are held dequantized.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from tailgate.variants.linear import linear_layers
from tailgate.variants.method import Applied, OptionValue
from tailgate.variants.rtn import same_weights

MOST = torch.finfo(torch.float8_e4m3fn).max


def apply(model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
    """Quantize every linear layer but the LM head in place."""
    quantized = changed = 0
    for _, layer in linear_layers(model):
        rounded_OI = round_rows(layer.weight.data)
        quantized += 1
        changed += not same_weights(rounded_OI, layer.weight.data)
        layer.weight.data.copy_(rounded_OI)
    return Applied(quantized_tensors=quantized, changed_tensors=changed, storage="float8_e4m3fn rows, held dequantized")


def round_rows(weight_OI: torch.Tensor) -> torch.Tensor:
    """Round a weight matrix [out_features, in_features] row by row, in fp32; returns its own dtype."""
    wide_OI = weight_OI.float()
    scale_O1 = wide_OI.abs().amax(dim=1, keepdim=True) / MOST
    nonzero_O1 = torch.where(scale_O1 == 0, torch.ones_like(scale_O1), scale_O1)
    codes_OI = (wide_OI / nonzero_O1).clamp(-MOST, MOST).to(torch.float8_e4m3fn)
    return (codes_OI.float() * scale_O1).to(weight_OI.dtype)
