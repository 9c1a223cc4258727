"""What an hqq layer says of itself, tensor by tensor, held against its codes and scales."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch

from tailgate.errors import CheckpointError
from tailgate.variants.formats.shards import FLOATS, Shards

CODES = ".W_q"
FLAGS = ("view_as_float", "quant_scale", "quant_zero")
NUMBERS = ("nbits", "group_size", "axis")
ABOUT_IT = ("offload_meta", "encoded_state_dict", "stores_quant_config", "channel_wise", "optimize", "round_zero")
LETTERS = ("packing", "unpack_view_dtype", "compute_dtype")
PARTS = frozenset(("W_q", "scale", "zero", "shape", *NUMBERS, *FLAGS, *LETTERS, *ABOUT_IT))
INTEGERS = frozenset({"U8", "I8", "I16", "I32", "I64", "BOOL"})
# Types by their names as letters -> name of the safetensors format, and bytes of a value.
TYPES = {
    "torch.float16": ("F16", 2),
    "torch.bfloat16": ("BF16", 2),
    "torch.float32": ("F32", 4),
    "torch.uint8": ("U8", 1),
    "torch.int32": ("I32", 4),
}
# Packing -> widths that it holds, and codes that share a value of W_q: of a column, not of a row.
PACKINGS = {
    "8bit_u8": ((8, 6, 5), 1),
    "4bit_u8": ((4,), 2),
    "3bit_32": ((3,), 10),
    "2bit_u8": ((2, 1.58), 4),
    "1bit_u8": ((1,), 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HqqLayer:
    """A layer: `settings` as hqq's arithmetic takes them."""

    name: str
    bits: int
    group: int
    settings: dict[str, Any]


def read_layer(shards: Shards, layer: str) -> HqqLayer:
    """Read the settings of a layer.

    Raises
    ------
    CheckpointError
        One is missing or unknown, or does not fit the others or the tensors.
    """
    settings: dict[str, Any] = {key: _number(shards, f"{layer}.{key}") for key in ("group_size", "axis")}
    settings["nbits"] = _width(shards, f"{layer}.nbits")
    settings |= {key: bool(_number(shards, f"{layer}.{key}")) for key in FLAGS}
    if settings["quant_scale"] or settings["quant_zero"]:
        raise CheckpointError(f"layer {layer} of '{shards.name}' has quantized scales, which are not read")
    known = {
        "packing": _letters(shards, f"{layer}.packing", PACKINGS),
        "compute_dtype": _letters(shards, f"{layer}.compute_dtype", TYPES),
        "unpack_view_dtype": _letters(shards, f"{layer}.unpack_view_dtype", TYPES),
    }
    shards.expect(f"{layer}.shape", INTEGERS, (2,))
    settings["shape"] = torch.Size(shards.tensor(f"{layer}.shape").tolist())
    _check_settings(shards, layer, settings, known["packing"])
    _check_sizes(shards, layer, settings, known)
    types = {key: getattr(torch, known[key].removeprefix("torch.")) for key in ("compute_dtype", "unpack_view_dtype")}
    return HqqLayer(
        name=layer,
        bits=math.ceil(settings["nbits"]),
        group=settings["group_size"],
        settings={**settings, "packing": known["packing"], **types},
    )


def _number(shards: Shards, name: str) -> int:
    shards.expect(name, INTEGERS, (), (1,))
    return int(shards.tensor(name).item())


def _width(shards: Shards, name: str) -> float:
    """Bits of a code; three values instead of four are called 1.58 bits."""
    shards.expect(name, INTEGERS | FLOATS, (), (1,))
    width = float(shards.tensor(name).item())
    return int(width) if width.is_integer() else round(width, 2)


def _letters(shards: Shards, name: str, known: Collection[str]) -> str:
    header = shards.header(name)
    stored = shards.tensor(name).tolist() if header.dtype == "U8" and len(header.shape) == 1 else []
    found = "".join(map(chr, stored))
    if found not in known:
        raise CheckpointError(
            f"{name} of '{shards.name}' is {found[:40]!r}, not one of {', '.join(sorted(known))}; fetch the files again"
        )
    return found


def _check_settings(shards: Shards, layer: str, settings: dict[str, Any], packing: str) -> None:
    bits, group, shape = settings["nbits"], settings["group_size"], settings["shape"]
    told = {"nbits": bits, "packing": packing, "group_size": group, "axis": settings["axis"], "shape": list(shape)}
    fits = (
        bits in PACKINGS[packing][0]
        and settings["axis"] in (0, 1)
        and min(group, *shape) >= 1
        and math.prod(shape) % group == 0
    )
    if not fits:
        raise CheckpointError(
            f"layer {layer} of '{shards.name}' contradicts itself ("
            f"{', '.join(f'{key}={value}' for key, value in told.items())}); fetch the files again"
        )


def _check_sizes(shards: Shards, layer: str, settings: dict[str, Any], known: dict[str, str]) -> None:
    """Hold the tensors of a layer against its settings: torch would stretch scales of another size."""
    groups, group = math.prod(settings["shape"]) // settings["group_size"], settings["group_size"]
    rows, columns = (groups, group) if settings["axis"] == 1 else (group, groups)
    packed, codes = -(-rows // PACKINGS[known["packing"]][1]), known["unpack_view_dtype"]
    (stored, size), (_, own) = TYPES[known["compute_dtype"] if settings["view_as_float"] else codes], TYPES[codes]
    shards.expect(f"{layer}{CODES}", frozenset({stored}), (packed, columns * own // size))
    scales = (groups, 1) if settings["axis"] == 1 else (1, groups)
    for part in ("scale", "zero"):
        shards.expect(f"{layer}.{part}", FLOATS, scales)
