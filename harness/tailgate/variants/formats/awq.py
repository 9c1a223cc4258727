"""AWQ checkpoints as AutoAWQ writes them: 4 bits, in its GEMM or GEMV order.

GEMM: ``qweight`` int32 [I, O / 8], ``qzeros`` int32 [G, O / 8], ``scales`` [G, O]; the eight codes of a word belong to
outputs 0, 2, 4, 6, 1, 3, 5, 7. GEMV: ``qweight`` int32 [O, I / 8] in order, ``qzeros`` and ``scales`` [O, G] filled up
to whole words. Zero points are stored as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import Layer, Plan, StoredFormat, parse_settings, plain_matrices
from tailgate.variants.formats.grouped import Grouped, check_divides, consecutive_groups, group_count
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import FLOATS, Shards
from tailgate_kernels.reference import WORD, unpack_rows

# Shape legend: I input features, O output features, G groups of inputs, n anything.

INT32 = frozenset({"I32"})
BITS = 4
CODES = WORD // BITS  # in a word
ORDER = (0, 4, 1, 5, 2, 6, 3, 7)  # where in a word of the GEMM order the codes of eight neighbouring outputs lie
PARTS = ("qweight", "qzeros", "scales")


class AwqSettings(BaseModel):
    """The quantization_config."""

    model_config = ConfigDict(extra="ignore", strict=True)

    bits: Literal[4] = Field(validation_alias=AliasChoices("bits", "w_bit"))
    group_size: int = Field(validation_alias=AliasChoices("group_size", "q_group_size"))
    zero_point: bool = True
    version: Literal["gemm", "gemv"] = "gemm"

    @field_validator("version", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What the headers of a layer say."""

    name: str
    n_in: int
    n_out: int
    groups: int


def plan(shards: Shards, found: Mapping[str, Any]) -> Plan:
    """Hold the headers of a checkpoint against its configuration; see `StoredFormat`."""
    settings = parse_settings(AwqSettings, found, shards.name)
    if settings.group_size != -1 and settings.group_size < 1:
        raise CheckpointError(f"group_size={settings.group_size} in the configuration of '{shards.name}' is no size")
    names = [name.removesuffix(".qweight") for name in shards.headers if name.endswith(".qweight")]
    parts = frozenset(f"{name}.{part}" for name in names for part in PARTS)
    check, read = (_gemm_shape, _read_gemm) if settings.version == "gemm" else (_gemv_shape, _read_gemv)
    shapes = [check(shards, name, settings) for name in names]
    group = "rows" if settings.group_size == -1 else f"groups of {settings.group_size}"
    return Plan(
        description=Description(
            method=f"awq {settings.version}",
            bits=BITS,
            group=settings.group_size,
            symmetric=not settings.zero_point,
            act_order=False,
            unquantized=plain_matrices(shards, parts),
        ),
        storage=f"awq int{BITS} {'asymmetric' if settings.zero_point else 'symmetric'}, {group}",
        layers={shape.name: functools.partial(read, shards, shape, settings) for shape in shapes},
        parts=parts,
    )


def _matrix(shards: Shards, name: str) -> tuple[int, int]:
    header = shards.header(f"{name}.qweight")
    if header.dtype != "I32" or len(header.shape) != 2:
        raise CheckpointError(f"{name}.qweight of '{shards.name}' is {header.dtype} {list(header.shape)}, not I32")
    return header.shape[0], header.shape[1]


def _groups(shards: Shards, name: str, n_in: int, settings: AwqSettings) -> int:
    """Groups of a row; AutoAWQ quantizes no layer whose rows do not divide into them."""
    check_divides(settings.group_size, n_in, f"rows of layer {name} of '{shards.name}' are")
    return group_count(n_in, settings.group_size)


def _gemm_shape(shards: Shards, name: str, settings: AwqSettings) -> _Shape:
    n_in, words = _matrix(shards, name)
    groups = _groups(shards, name, n_in, settings)
    shards.expect(f"{name}.qzeros", INT32, (groups, words))
    shards.expect(f"{name}.scales", FLOATS, (groups, words * CODES))
    return _Shape(name=name, n_in=n_in, n_out=words * CODES, groups=groups)


def _gemv_shape(shards: Shards, name: str, settings: AwqSettings) -> _Shape:
    n_out, words = _matrix(shards, name)
    n_in = words * CODES
    groups = _groups(shards, name, n_in, settings)
    # Zero points fill whole words, and as many words as a kernel reads at once for 128 inputs.
    size = n_in if settings.group_size == -1 else settings.group_size
    at_once = max(1, 128 // size) if size >= WORD else 1
    width = -(-groups // (CODES * at_once)) * at_once
    shards.expect(f"{name}.qzeros", INT32, (n_out, width))
    shards.expect(f"{name}.scales", FLOATS, (n_out, width * CODES))
    return _Shape(name=name, n_in=n_in, n_out=n_out, groups=groups)


def _read_gemm(shards: Shards, shape: _Shape, settings: AwqSettings) -> Layer:
    name = shape.name
    return _layer(
        shape,
        settings,
        codes_OI=_in_order(shards.tensor(f"{name}.qweight"), shape.n_out).t(),
        zero_OG=_in_order(shards.tensor(f"{name}.qzeros"), shape.n_out).t(),
        scale_OG=shards.tensor(f"{name}.scales").t(),
    )


def _read_gemv(shards: Shards, shape: _Shape, settings: AwqSettings) -> Layer:
    name = shape.name
    return _layer(
        shape,
        settings,
        codes_OI=unpack_rows(shards.tensor(f"{name}.qweight"), BITS, shape.n_in),
        zero_OG=unpack_rows(shards.tensor(f"{name}.qzeros"), BITS, shape.groups),
        scale_OG=shards.tensor(f"{name}.scales")[:, : shape.groups],
    )


def _in_order(packed: torch.Tensor, n_out: int) -> torch.Tensor:
    """Codes [n, O] of words [n, O / 8] in the GEMM order."""
    codes_nWC = unpack_rows(packed, BITS, n_out).reshape(packed.shape[0], -1, CODES)
    return codes_nWC[:, :, list(ORDER)].flatten(1)


def _layer(
    shape: _Shape, settings: AwqSettings, *, codes_OI: torch.Tensor, zero_OG: torch.Tensor, scale_OG: torch.Tensor
) -> Layer:
    return Layer(
        weight=Grouped(
            layer=shape.name,
            bits=BITS,
            codes_OI=codes_OI,
            scale_OG=scale_OG,
            zero_OG=zero_OG,
            group_I=consecutive_groups(shape.n_in, settings.group_size),
        ).weight()
    )


FORMAT = StoredFormat(name="awq", plan=plan)
