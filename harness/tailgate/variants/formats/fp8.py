"""FP8 checkpoints of quant_method `fp8`: blocks with a scale each, as DeepSeek and Qwen ship them, or one per tensor.

A layer is ``weight`` float8_e4m3fn [O, I] and ``weight_scale_inv`` [O / rows, I / columns] (which multiplies, whatever
its name says), or ``weight_scale`` with one value. Inputs are rounded to fp8 as well: per row and group of `columns`
inputs by a scale found from them, or by one that is stored (``input_scale`` or ``activation_scale``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import Layer, Plan, StoredFormat, parse_settings, plain_matrices
from tailgate.variants.formats.cache import CacheScheme, cache_parts
from tailgate.variants.formats.grouped import check_may_be_cut, check_scales
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import FLOATS, Shards
from tailgate.variants.formats.sound import check_finite
from tailgate_kernels.reference import Float8Weight, InputGrid

# Shape legend: I input features, O output features, P and Q blocks of them.

SCALES = ("weight_scale_inv", "weight_scale")
INPUT_SCALES = ("input_scale", "activation_scale")
SCALE_TYPES = FLOATS | {"F8_E8M0"}
FLOAT8 = "F8_E4M3"


class Fp8Settings(BaseModel):
    """The quantization_config."""

    model_config = ConfigDict(extra="ignore")

    activation_scheme: Literal["dynamic", "static"] = "dynamic"
    weight_block_size: tuple[int, int] | None = None
    modules_to_not_convert: tuple[str, ...] | None = Field(
        default=None, validation_alias=AliasChoices("modules_to_not_convert", "ignored_layers")
    )
    scale_fmt: Literal["float", "ue8m0"] | None = None
    fmt: Literal["e4m3"] = "e4m3"
    kv_cache_scheme: Literal["static"] | None = None

    def quantizes(self, layer: str) -> bool:
        """Whether a linear layer of this name is none of those left alone."""
        left = self.modules_to_not_convert or ("lm_head",)
        return not any(layer == name or layer.startswith(f"{name}.") or layer.endswith(f".{name}") for name in left)


def plan(shards: Shards, found: Mapping[str, Any]) -> Plan:
    """Hold the headers of a checkpoint against its configuration; see `StoredFormat`."""
    settings = parse_settings(Fp8Settings, found, shards.name)
    if settings.weight_block_size is not None and min(settings.weight_block_size) < 1:
        raise CheckpointError(f"weight_block_size={settings.weight_block_size} of '{shards.name}' is no size")
    names = [
        name.removesuffix(".weight")
        for name, header in shards.headers.items()
        if name.endswith(".weight") and header.dtype == FLOAT8
    ]
    for name in names:
        _check(shards, name, settings)
    parts = frozenset(_parts(shards, names))
    block = settings.weight_block_size
    kv_cache = "fp8, a stored scale per layer" if cache_parts(parts) else ""
    return Plan(
        description=Description(
            method="fp8",
            bits=8,
            group=block[1] if block else -1,
            symmetric=True,
            activations=_activations(settings),
            kv_cache=kv_cache,
            unquantized=plain_matrices(shards, parts),
        ),
        storage=f"fp8 e4m3, {f'blocks of {block[0]} x {block[1]}' if block else 'a scale per layer'}",
        layers={name: functools.partial(_read, shards, name, settings) for name in names},
        parts=parts,
        quantizes=settings.quantizes,
        cache=CacheScheme(in_words=kv_cache) if kv_cache else None,
    )


def _activations(settings: Fp8Settings) -> str:
    if settings.activation_scheme == "static":
        return "fp8, a stored scale per layer"
    shared = f"per token and {settings.weight_block_size[1]} inputs" if settings.weight_block_size else "per token"
    rounded = ", scales rounded up to powers of two" if settings.scale_fmt == "ue8m0" else ""
    return f"fp8, a scale {shared}, found from them{rounded}"


def _parts(shards: Shards, names: list[str]) -> Iterator[str]:
    """Tensors of quantized layers, and scales of keys and values, which belong to a cache."""
    for name in names:
        yield from (
            f"{name}.{part}" for part in ("weight", *SCALES, *INPUT_SCALES) if f"{name}.{part}" in shards.headers
        )
    yield from cache_parts(shards.headers)


def _first(shards: Shards, name: str, choices: tuple[str, ...]) -> str:
    """The tensor of a layer that goes by one of several names.

    Raises
    ------
    CheckpointError
        There is none.
    """
    for choice in choices:
        if f"{name}.{choice}" in shards.headers:
            return f"{name}.{choice}"
    raise CheckpointError(
        f"layer {name} of '{shards.name}' has no {' or '.join(choices)}; its files and its configuration disagree"
    )


def _check(shards: Shards, name: str, settings: Fp8Settings) -> None:
    shape = shards.header(f"{name}.weight").shape
    if len(shape) != 2:
        raise CheckpointError(
            f"{name}.weight of '{shards.name}' is {list(shape)}, not [outputs, inputs]; fetch it again"
        )
    n_out, n_in = shape
    scale = _first(shards, name, SCALES)
    if settings.weight_block_size is not None:
        rows, columns = settings.weight_block_size
        check_may_be_cut(rows, n_out, f"columns of layer {name} of '{shards.name}' are")
        check_may_be_cut(columns, n_in, f"rows of layer {name} of '{shards.name}' are")
        shards.expect(scale, SCALE_TYPES, (-(-n_out // rows), -(-n_in // columns)))
    else:
        shards.expect(scale, SCALE_TYPES, (), (1,), (n_out, 1))
    if settings.activation_scheme == "static":
        shards.expect(_first(shards, name, INPUT_SCALES), FLOATS, (), (1,))


def _read(shards: Shards, name: str, settings: Fp8Settings) -> Layer:
    codes_OI = check_finite(shards.tensor(f"{name}.weight"), f"{name}.weight", shards.name)
    n_out, n_in = codes_OI.shape
    scale_PQ = shards.tensor(_first(shards, name, SCALES)).float()
    scale_PQ = scale_PQ.reshape(-1, 1) if settings.weight_block_size is None else scale_PQ
    check_scales(scale_PQ, name)
    block = settings.weight_block_size or (n_out // scale_PQ.shape[0], n_in)
    weight = Float8Weight(codes_OI=codes_OI, scale_PQ=scale_PQ, block=block)
    return Layer(weight=weight, grid=_grid(shards, name, settings))


def _grid(shards: Shards, name: str, settings: Fp8Settings) -> InputGrid:
    if settings.activation_scheme == "static":
        scale = shards.tensor(_first(shards, name, INPUT_SCALES)).float().reshape(1)
        check_scales(scale, name)
        return InputGrid(kind="fp8", scope="tensor", scale=scale)
    power_of_two = settings.scale_fmt == "ue8m0"
    if settings.weight_block_size is None:
        return InputGrid(kind="fp8", scope="token", power_of_two=power_of_two)
    return InputGrid(kind="fp8", scope="group", group=settings.weight_block_size[1], power_of_two=power_of_two)


FORMAT = StoredFormat(name="fp8", plan=plan)
