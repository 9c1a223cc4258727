"""Checkpoints of half-quadratic quantization, as hqq and transformers write them into safetensors.

A layer is stored as its codes (`W_q`), scales, zero points and a dozen settings, each a tensor of its own; names of
types lie there as letters. hqq's own loader evaluates those letters as Python. They are compared with known names here
instead, and only hqq's arithmetic is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import plain_matrices
from tailgate.variants.formats.library import LibraryFormat, LibraryLayer, LibraryPlan
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import Shards
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

CODES = ".W_q"
WEIGHTS = ("W_q", "scale", "zero")
NUMBERS = ("nbits", "group_size", "axis")
FLAGS = ("view_as_float", "quant_scale", "quant_zero")
TYPES = ("float16", "bfloat16", "float32", "uint8", "int32")
PACKINGS = frozenset({"8bit_u8", "4bit_u8", "3bit_32", "2bit_u8", "1bit_u8"})
ABOUT_IT = ("offload_meta", "encoded_state_dict", "stores_quant_config", "channel_wise", "optimize", "round_zero")
PARTS = frozenset((*WEIGHTS, *NUMBERS, *FLAGS, *ABOUT_IT, "shape", "packing", "unpack_view_dtype", "compute_dtype"))


def plan(source: Source, shards: Shards, settings: Mapping[str, Any], dtype: torch.dtype | None) -> LibraryPlan:
    """Find the quantized layers of a checkpoint.

    Raises
    ------
    CheckpointError
        A layer's settings are missing or of a kind that is not read.
    """
    names = sorted(name.removesuffix(CODES) for name in shards.headers if name.endswith(CODES))
    held = frozenset(f"{name}.{part}" for name in names for part in PARTS) & shards.headers.keys()
    first = _meta(shards, names[0]) if names else {}
    return LibraryPlan(
        description=Description(
            method="hqq",
            bits=first.get("nbits"),
            group=first.get("group_size"),
            symmetric=False,
            unquantized=plain_matrices(shards, held),
        ),
        storage=f"hqq int{first.get('nbits')}, groups of {first.get('group_size')}",
        layers={f"{name}.weight": LibraryLayer(weight=_restored(shards, name)) for name in names},
        parts=held,
    )


def _meta(shards: Shards, layer: str) -> dict[str, Any]:
    """Settings of a layer as hqq's arithmetic takes them."""
    import torch

    def text(key: str, known: frozenset[str]) -> str:
        found = "".join(map(chr, shards.tensor(f"{layer}.{key}").tolist()))
        if found not in known:
            raise CheckpointError(
                f"{layer}.{key} of '{shards.name}' is {found[:40]!r}, not one of {', '.join(sorted(known))}; "
                "fetch the files again"
            )
        return found

    types = {f"torch.{name}": getattr(torch, name) for name in TYPES}
    meta: dict[str, Any] = {key: int(shards.tensor(f"{layer}.{key}").item()) for key in NUMBERS}
    meta |= {key: bool(shards.tensor(f"{layer}.{key}").item()) for key in FLAGS}
    if meta["quant_scale"] or meta["quant_zero"]:
        raise CheckpointError(f"layer {layer} of '{shards.name}' has quantized scales, which are not read")
    return meta | {
        "shape": torch.Size(shards.tensor(f"{layer}.shape").tolist()),
        "packing": text("packing", PACKINGS),
        "compute_dtype": types[text("compute_dtype", frozenset(types))],
        "unpack_view_dtype": types[text("unpack_view_dtype", frozenset(types))],
    }


def _restored(shards: Shards, layer: str) -> Callable[[], torch.Tensor]:
    def restore() -> torch.Tensor:
        from hqq.core.quantize import Quantizer

        meta = _meta(shards, layer)
        meta |= {key: shards.tensor(f"{layer}.{key}") for key in ("scale", "zero")}
        weight_OI: torch.Tensor = Quantizer.dequantize(shards.tensor(f"{layer}{CODES}"), meta)
        return weight_OI.reshape(meta["shape"])

    return restore


FORMAT = LibraryFormat(name="hqq", package="hqq", extra="hqq", plan=plan, executions=("dequantized",))
