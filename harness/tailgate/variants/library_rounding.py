"""Weights rounded by the library that users quantize with: torchao, hqq, optimum-quanto.

Each quantizes a layer by itself and dequantizes it again; the model keeps the float weights. This measures the damage,
not the speed, and every product is that of a plain layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import torch

from tailgate.errors import VariantError
from tailgate.variants.linear import linear_layers
from tailgate.variants.method import Applied, ApplyMethod, OptionValue
from tailgate.variants.rtn import same_weights

Rounding: TypeAlias = Callable[[torch.nn.Linear, Mapping[str, OptionValue]], torch.Tensor]


def torchao_int8() -> ApplyMethod:
    """Int8WeightOnlyConfig: symmetric, a scale per output row."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    def rounded(layer: torch.nn.Linear, options: Mapping[str, OptionValue]) -> torch.Tensor:
        copied = _copied(layer)
        quantize_(copied, Int8WeightOnlyConfig())
        return cast(torch.Tensor, cast(Any, copied.weight).dequantize())

    return _applying(rounded, lambda told: "int8 rows, torchao, held dequantized")


def torchao_int4() -> ApplyMethod:
    """IntxWeightOnlyConfig of int4: a scale, or a scale and a zero point, per group of inputs.

    Int4WeightOnlyConfig packs for a GPU's kernels and needs one.
    """
    from torchao.quantization import IntxWeightOnlyConfig, PerGroup, quantize_
    from torchao.quantization.quant_primitives import MappingType

    def rounded(layer: torch.nn.Linear, options: Mapping[str, OptionValue]) -> torch.Tensor:
        copied = _copied(layer)
        config = IntxWeightOnlyConfig(
            weight_dtype=cast(Any, torch).int4,
            granularity=PerGroup(cast(int, options["group"])),
            mapping_type=MappingType.SYMMETRIC if options["sym"] else MappingType.ASYMMETRIC,
        )
        quantize_(copied, config)
        return cast(torch.Tensor, cast(Any, copied.weight).dequantize())

    return _applying(rounded, lambda told: f"int4, groups of {told['group']}, torchao, held dequantized")


def hqq() -> ApplyMethod:
    """Half-quadratic quantization: zero points fitted to the weights without data."""
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    def rounded(layer: torch.nn.Linear, options: Mapping[str, OptionValue]) -> torch.Tensor:
        settings = BaseQuantizeConfig(nbits=options["bits"], group_size=options["group"], axis=1)
        weight = layer.weight
        made = HQQLinear(
            _copied(layer), settings, compute_dtype=weight.dtype, device=str(weight.device), del_orig=False
        )
        return cast(torch.Tensor, made.dequantize())

    return _applying(rounded, lambda told: f"hqq int{told['bits']}, groups of {told['group']}, held dequantized")


def quanto(kind: str) -> ApplyMethod:
    """`qint8`: symmetric, a scale per row; `qint4`: asymmetric, groups of 128 inputs, or of 64 or 32."""
    from optimum import quanto as library

    def rounded(layer: torch.nn.Linear, options: Mapping[str, OptionValue]) -> torch.Tensor:
        holder = torch.nn.Sequential(_copied(layer))
        library.quantize(holder, weights=library.qtypes[kind])
        library.freeze(holder)
        return cast(torch.Tensor, cast(Any, holder[0].weight).dequantize())

    return _applying(rounded, lambda told: f"quanto {kind}, held dequantized")


def _copied(layer: torch.nn.Linear) -> torch.nn.Linear:
    """A layer of the same weights without bias: the libraries quantize in place, and none touches a bias."""
    copied = torch.nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
    copied.weight = torch.nn.Parameter(layer.weight.detach().clone(), requires_grad=False)
    return copied


def _applying(rounded: Rounding, storage: Callable[[Mapping[str, OptionValue]], str]) -> ApplyMethod:
    def apply(model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
        quantized = changed = 0
        for name, layer in linear_layers(model):
            _check_group(name, layer, options)
            new_OI = rounded(layer, options).reshape(layer.weight.shape).to(layer.weight.dtype)
            quantized += 1
            changed += not same_weights(new_OI, layer.weight.data)
            layer.weight.data.copy_(new_OI)
        return Applied(quantized_tensors=quantized, changed_tensors=changed, storage=storage(options))

    return apply


def _check_group(name: str, layer: torch.nn.Linear, options: Mapping[str, OptionValue]) -> None:
    group = options.get("group")
    if isinstance(group, int) and layer.in_features % group:
        raise VariantError(
            f"group={group} does not divide the {layer.in_features} inputs of {name}; choose a group that does"
        )
