"""Weights rounded to a float format."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from tailgate.variants.method import Applied, ApplyMethod, OptionValue

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


def as_stored(model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
    """Leave every weight as it is."""
    return Applied(quantized_tensors=0, changed_tensors=0, storage="as stored")


def rounding_to(name: str) -> ApplyMethod:
    """Return the method that rounds every floating-point parameter to the format called `name`.

    On a CPU the rounded values are held and computed in fp32, which has native arithmetic there; on CUDA the
    loader computes in the format itself.
    """
    dtype = DTYPES[name]

    def apply(model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
        touched = changed = 0
        for parameter in model.parameters():
            if parameter.is_floating_point():
                rounded = parameter.data.to(dtype).to(parameter.dtype)
                touched += 1
                changed += not torch.equal(rounded, parameter.data)
                parameter.data.copy_(rounded)
        return Applied(quantized_tensors=touched, changed_tensors=changed, storage=name)

    return apply
