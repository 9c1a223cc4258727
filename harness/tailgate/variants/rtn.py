"""Round to nearest: the control method, and the plainest quantizer there is.

``scale = absmax / (2**(bits-1) - 1)`` per group along the input dimension, integers clamped to
``[-2**(bits-1), 2**(bits-1) - 1]``; asymmetric: ``scale = (max - min) / (2**bits - 1)`` with the group's minimum
as offset. The weights are stored back dequantized: this measures the damage, not the speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch

from tailgate.variants.linear import linear_layers
from tailgate.variants.method import Applied, OptionValue

# Relative to the largest weight of the tensor: below this a difference is the rounding of the round trip itself.
ROUND_TRIP_TOLERANCE = 1e-6


def apply(model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
    """Quantize every linear layer but the LM head in place."""
    bits, group, sym = cast(int, options["bits"]), cast(int, options["group"]), cast(bool, options["sym"])
    quantized = changed = 0
    for _, layer in linear_layers(model):
        rounded = round_groups(layer.weight.data, bits=bits, group=group, sym=sym)
        quantized += 1
        changed += not same_weights(rounded, layer.weight.data)
        layer.weight.data.copy_(rounded)
    grid = "symmetric" if sym else "asymmetric"
    return Applied(
        quantized_tensors=quantized,
        changed_tensors=changed,
        storage=f"int{bits} {grid}, groups of {group}, held dequantized",
    )


def round_groups(weight_OI: torch.Tensor, *, bits: int, group: int, sym: bool) -> torch.Tensor:
    """Round a weight matrix to a `bits`-bit grid per group of `group` inputs; the last group may be shorter.

    Parameters
    ----------
    weight_OI : Tensor [out_features, in_features], any float dtype
        Rounded in fp32.

    Returns
    -------
    Tensor [out_features, in_features] of the same dtype.
    """
    n_in = weight_OI.shape[1]
    whole = n_in - n_in % group
    parts = [_round(weight_OI[:, :whole].reshape(-1, group), bits, sym).reshape(-1, whole)] if whole else []
    if whole < n_in:
        parts.append(_round(weight_OI[:, whole:], bits, sym))
    return torch.cat(parts, dim=1).to(weight_OI.dtype)


def _round(weight_GI: torch.Tensor, bits: int, sym: bool) -> torch.Tensor:
    weight_GI = weight_GI.float()
    if sym:
        lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        scale_G1: torch.Tensor = weight_GI.abs().amax(dim=1, keepdim=True) / highest
        return torch.round(weight_GI / _nonzero(scale_G1)).clamp(lowest, highest) * scale_G1
    low_G1 = weight_GI.amin(dim=1, keepdim=True)
    scale_G1 = (weight_GI.amax(dim=1, keepdim=True) - low_G1) / (2**bits - 1)
    return torch.round((weight_GI - low_G1) / _nonzero(scale_G1)).clamp(0, 2**bits - 1) * scale_G1 + low_G1


def _nonzero(scale_G1: torch.Tensor) -> torch.Tensor:
    return torch.where(scale_G1 == 0, torch.ones_like(scale_G1), scale_G1)


def same_weights(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors differ by no more than the float rounding of a quantize-dequantize round trip."""
    bound = ROUND_TRIP_TOLERANCE * float(second.abs().max())
    return float((first.float() - second.float()).abs().max()) <= bound
