"""bitsandbytes: LLM.int8() and 4-bit NF4 / FP4, by its own modules and kernels, on CPU and CUDA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import bitsandbytes as bnb
import torch

from tailgate.variants.linear import linear_layers, replace_module
from tailgate.variants.method import Applied, ApplyMethod, OptionValue
from tailgate.variants.rtn import same_weights

CAST_NOTE = "bitsandbytes int8 casts fp32 activations to fp16 while it quantizes them"


def int8(model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
    """Replace every linear layer but the LM head by `Linear8bitLt`, outlier threshold as in LLM.int8()."""
    quantized = changed = 0
    for name, layer in list(linear_layers(model)):
        new = bnb.nn.Linear8bitLt(
            layer.in_features, layer.out_features, layer.bias is not None, has_fp16_weights=False, threshold=6.0
        )
        new.weight = bnb.nn.Int8Params(layer.weight.data, requires_grad=False, has_fp16_weights=False)
        new.bias = layer.bias
        quantized += 1
        changed += _install(model, name, layer, new)
    return Applied(
        quantized_tensors=quantized, changed_tensors=changed, storage="int8 rows (LLM.int8)", notes=(CAST_NOTE,)
    )


def four_bit(quant_type: str) -> ApplyMethod:
    """Return the method that replaces every linear layer but the LM head by `Linear4bit`."""

    def apply(model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
        quantized = changed = 0
        for name, layer in list(linear_layers(model)):
            new = as_asked(
                bnb.nn.Linear4bit(
                    layer.in_features,
                    layer.out_features,
                    layer.bias is not None,
                    compute_dtype=layer.weight.dtype,
                    compress_statistics=bool(options["double"]),
                    quant_type=quant_type,
                )
            )
            new.weight = bnb.nn.Params4bit(
                layer.weight.data,
                requires_grad=False,
                compress_statistics=bool(options["double"]),
                quant_type=quant_type,
                module=new,
            )
            new.bias = layer.bias
            quantized += 1
            changed += _install(model, name, layer, new)
        return Applied(
            quantized_tensors=quantized,
            changed_tensors=changed,
            storage=f"{quant_type}, blocks of 64",
            notes=_cpu_notes(model),
        )

    return apply


def as_asked(layer: Any) -> Any:
    """The layer, computing in its `compute_dtype` on every CPU.

    On those with AVX512-BF16 bitsandbytes rounds activations and scales to bf16 whatever dtype was asked for: answers
    would depend on the CPU, and choices by a margin of up to a logit on what else is in a batch.
    """
    layer.support_avx512bf16_for_cpu = False
    return layer


def four_bit_layer(layer: torch.nn.Linear, weight: Any, dtype: torch.dtype) -> torch.nn.Module:
    """A `Linear4bit` in the place of a layer, over weights that are quantized already; products in `dtype`."""
    new = as_asked(
        bnb.nn.Linear4bit(
            layer.in_features,
            layer.out_features,
            layer.bias is not None,
            compute_dtype=dtype,
            compress_statistics=weight.compress_statistics,
            quant_type=weight.quant_type,
            device="meta",
        )
    )
    new.weight, new.bias = weight, layer.bias
    weight.module, new.quant_state = new, weight.quant_state
    return cast(torch.nn.Module, new)


def int8_layer(
    layer: torch.nn.Linear, codes_OI: torch.Tensor, scale_O: torch.Tensor, threshold: float
) -> torch.nn.Module:
    """A `Linear8bitLt` in the place of a layer, over codes and the largest magnitude of each row."""
    new = bnb.nn.Linear8bitLt(
        layer.in_features,
        layer.out_features,
        layer.bias is not None,
        has_fp16_weights=False,
        threshold=threshold,
        device="meta",
    )
    new.weight = bnb.nn.Int8Params(codes_OI, requires_grad=False, has_fp16_weights=False, CB=codes_OI, SCB=scale_O)
    new.bias = layer.bias
    return cast(torch.nn.Module, new)


def _cpu_notes(model: torch.nn.Module) -> tuple[str, ...]:
    on_cpu = next(model.parameters()).device.type == "cpu"
    return ("bitsandbytes dequantizes 4-bit layers before each product on a CPU",) if on_cpu else ()


def _install(model: torch.nn.Module, name: str, layer: torch.nn.Linear, new: Any) -> bool:
    """Quantize `new` (bitsandbytes does so on the move to a device), put it in place, and say whether it differs."""
    original = layer.weight.data.clone()
    new.to(layer.weight.device)
    new.eval()
    replace_module(model, name, new)
    return not same_weights(dequantized(new), original)


def dequantized(module: torch.nn.Module) -> torch.Tensor:
    """Return the float weights that a bitsandbytes layer stands for."""
    weight = cast(Any, module.weight)
    if isinstance(weight, bnb.nn.Params4bit):
        return cast(torch.Tensor, bnb.functional.dequantize_4bit(weight.data, weight.quant_state))
    scale_O: torch.Tensor = cast(Any, module).state.SCB if weight.SCB is None else weight.SCB
    restored_OI: torch.Tensor = weight.data.float() * (scale_O.view(-1, 1) / 127.0)
    return restored_OI
