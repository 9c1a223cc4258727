"""Checkpoints of half-quadratic quantization, as hqq and transformers write them into safetensors.

A layer is stored as its codes (`W_q`), scales, zero points and a dozen settings, each a tensor of its own; names of
types lie there as letters. hqq's own loader evaluates those letters as Python. They are compared with known names here
instead, and only hqq's arithmetic is used.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import plain_matrices
from tailgate.variants.formats.hqq_layer import CODES, PARTS, HqqLayer, read_layer
from tailgate.variants.formats.library import LibraryFormat, LibraryLayer, LibraryPlan
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import Shards
from tailgate.variants.formats.sound import refuse_zero_scales
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

COMPARED = ("nbits", "group_size", "axis", "view_as_float")
WHOLE = "weight_quant_params"


def plan(source: Source, shards: Shards, settings: Mapping[str, Any], dtype: torch.dtype | None) -> LibraryPlan:
    """Find the quantized layers of a checkpoint.

    Raises
    ------
    CheckpointError
        A layer's settings are missing, contradict the configuration or its tensors, or are of a kind that is not read.
    """
    names = sorted(name.removesuffix(CODES) for name in shards.headers if name.endswith(CODES))
    layers = {name: read_layer(shards, name) for name in names}
    for layer in layers.values():
        _compare(layer, settings, source.name)
    held = frozenset(f"{name}.{part}" for name in names for part in PARTS) & shards.headers.keys()
    bits, groups = {layer.bits for layer in layers.values()}, {layer.group for layer in layers.values()}
    return LibraryPlan(
        description=Description(
            method="hqq",
            bits=next(iter(bits)) if len(bits) == 1 else None,
            group=next(iter(groups)) if len(groups) == 1 else None,
            symmetric=False,
            unquantized=plain_matrices(shards, held),
        ),
        storage=f"hqq {_in_words('int', bits)}, groups of {_in_words('', groups)}",
        layers={
            f"{name}.weight": LibraryLayer(weight=functools.partial(_restored, shards, layer))
            for name, layer in layers.items()
        },
        parts=held,
    )


def _in_words(prefix: str, values: set[int]) -> str:
    return " and ".join(f"{prefix}{value}" for value in sorted(values))


def _compare(layer: HqqLayer, settings: Mapping[str, Any], source: str) -> None:
    """Hold a layer's own settings against what the configuration says of it, where it says something."""
    said = _said_of(layer.name, settings)
    for key in COMPARED:
        if said.get(key) is not None and said[key] != layer.settings[key]:
            raise CheckpointError(
                f"layer {layer.name} of '{source}' is stored with {key}={layer.settings[key]}, its configuration says "
                f"{said[key]!r}; fetch both again"
            )


def _said_of(layer: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """One table for all layers, or one for each kind of layer, named by the end of its name."""
    table = settings.get("quant_config")
    if isinstance(table, Mapping) and WHOLE not in table:
        table = table.get(".".join(layer.split(".")[-2:]))
    said = table.get(WHOLE) if isinstance(table, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def _restored(shards: Shards, layer: HqqLayer) -> torch.Tensor:
    from hqq.core.quantize import Quantizer

    meta = {**layer.settings, **{key: shards.tensor(f"{layer.name}.{key}") for key in ("scale", "zero")}}
    refuse_zero_scales(meta["scale"], f"{layer.name}.scale", shards.name)
    weight_OI: torch.Tensor = Quantizer.dequantize(shards.tensor(f"{layer.name}{CODES}"), meta)
    return weight_OI.reshape(meta["shape"])


FORMAT = LibraryFormat(name="hqq", package="hqq", extra="hqq", plan=plan, executions=("dequantized",))
