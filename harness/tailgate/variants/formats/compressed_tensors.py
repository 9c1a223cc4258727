"""compressed-tensors checkpoints, as llm-compressor writes them: INT2 to INT8 and FP8 weights, INT8 and FP8 inputs.

A layer of packed integers is ``weight_packed`` int32 [O, I * bits / 32], ``weight_shape`` [2], ``weight_scale`` [O, G],
and where the grid is asymmetric ``weight_zero_point`` int32 [O * bits / 32, G]; ``weight_g_idx`` [I] with act-order.
Codes and packed zero points are stored plus ``2 ** (bits - 1)``. Other layers are ``weight`` (int8 or float8_e4m3fn),
``weight_scale`` and ``weight_zero_point`` per row, group, block or tensor. ``input_scale`` and ``input_zero_point`` fix
how inputs are rounded; without them the scale is found from the inputs.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import torch

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import Layer, Plan, StoredFormat, parse_settings, plain_matrices
from tailgate.variants.formats.cache import CacheScheme, cache_parts
from tailgate.variants.formats.compressed_config import CompressedSettings, Numbers, Scheme, check_served
from tailgate.variants.formats.grouped import (
    Grouped,
    check_divides,
    check_may_be_cut,
    check_scales,
    consecutive_groups,
    group_count,
)
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import FLOATS, Shards
from tailgate.variants.formats.sound import check_finite, check_width
from tailgate_kernels.reference import WORD, Float8Weight, InputGrid, IntegerWeight, unpack_rows

# Shape legend: I input features, O output features, G groups of inputs, P and Q blocks of outputs and inputs.

WEIGHT_PARTS = ("weight_packed", "weight_shape", "weight_scale", "weight_zero_point", "weight_g_idx")
INPUT_PARTS = ("input_scale", "input_zero_point")
Value = TypeVar("Value", int, bool)
INT32, INT8, FLOAT8 = frozenset({"I32"}), frozenset({"I8"}), frozenset({"F8_E4M3"})
INTEGERS = frozenset({"I8", "I16", "I32", "I64"})


def plan(shards: Shards, found: Mapping[str, Any]) -> Plan:
    """Hold the headers of a checkpoint against its configuration; see `StoredFormat`."""
    settings = parse_settings(CompressedSettings, found, shards.name)
    check_served(settings, shards.name)
    schemes = {name: _scheme(settings, name, shards.name) for name in _quantized(shards)}
    for name, scheme in schemes.items():
        _check(shards, name, scheme)
    parts = {f"{name}.{part}" for name in schemes for part in (*WEIGHT_PARTS, *INPUT_PARTS, "weight")}
    if settings.kv_cache_scheme is not None:
        parts |= cache_parts(shards.headers)
    owned = frozenset(parts & shards.headers.keys())
    return Plan(
        description=_description(settings, shards, list(schemes.values()), owned),
        storage=f"compressed-tensors {settings.format}: " + "; ".join(sorted({_words(s) for s in schemes.values()})),
        layers={name: functools.partial(_read, shards, name, scheme) for name, scheme in schemes.items()},
        parts=owned,
        quantizes=lambda name: settings.scheme_of(name) is not None,
        cache=cache_scheme(settings.kv_cache_scheme) if settings.kv_cache_scheme else None,
    )


def cache_scheme(numbers: Numbers) -> CacheScheme:
    """What a kv_cache_scheme asks for; served are 8-bit floats by stored scales of a layer or a head."""
    served = numbers.type == "float" and numbers.num_bits == 8 and numbers.symmetric and not numbers.dynamic
    if served and numbers.shared_by in ("tensor", "attn_head"):
        return CacheScheme(in_words=numbers.in_words)
    return CacheScheme(in_words=numbers.in_words, strange=f"it asks for {numbers.in_words}")


def _quantized(shards: Shards) -> list[str]:
    return [name.removesuffix(".weight_scale") for name in shards.headers if name.endswith(".weight_scale")]


def _scheme(settings: CompressedSettings, layer: str, name: str) -> Scheme:
    found = settings.scheme_of(layer)
    if found is None:
        raise CheckpointError(
            f"layer {layer} of '{name}' is stored quantized, but its configuration leaves it alone; fetch both again"
        )
    return found


def _words(scheme: Scheme) -> str:
    numbers = scheme.weights
    kind = "fp8" if numbers.type == "float" else f"int{numbers.num_bits}"
    shared = f"groups of {numbers.group_size}" if numbers.shared_by == "group" else f"per {numbers.shared_by}"
    inputs = f", inputs {scheme.input_activations.in_words}" if scheme.input_activations else ""
    return f"{kind} {'symmetric' if numbers.symmetric else 'asymmetric'}, {shared}{inputs}"


def _description(
    settings: CompressedSettings, shards: Shards, schemes: list[Scheme], parts: frozenset[str]
) -> Description:
    weights = [scheme.weights for scheme in schemes]
    inputs = sorted({each.input_activations.in_words for each in schemes if each.input_activations})
    observers = sorted({each.observer for each in weights if each.observer})
    return Description(
        method=f"compressed-tensors {settings.format}",
        bits=_common([each.num_bits for each in weights]),
        group=_common([each.group for each in weights]),
        symmetric=_common([each.symmetric for each in weights]),
        act_order=any(each.actorder for each in weights),
        activations="; ".join(inputs),
        kv_cache=settings.kv_cache_scheme.in_words if settings.kv_cache_scheme else "",
        unquantized=plain_matrices(shards, parts),
        calibration={"observer": observers} if observers else {},
    )


def _common(values: Sequence[Value]) -> Value | None:
    return values[0] if values and all(value == values[0] for value in values) else None


def _is_packed(shards: Shards, name: str) -> bool:
    return f"{name}.weight_packed" in shards.headers


def _matrix(shards: Shards, name: str) -> tuple[int, int]:
    """Output and input features of a layer: packed rows may hold more codes than the layer has inputs."""
    if not _is_packed(shards, name):
        shape = shards.header(f"{name}.weight").shape
    else:
        shards.expect(f"{name}.weight_shape", INTEGERS, (2,))
        shape = tuple(shards.tensor(f"{name}.weight_shape").tolist())
    if len(shape) != 2 or min(shape) < 1:
        raise CheckpointError(f"layer {name} of '{shards.name}' has shape {list(shape)}, not [outputs, inputs]")
    return shape[0], shape[1]


def _check(shards: Shards, name: str, scheme: Scheme) -> None:
    weights = scheme.weights
    n_out, n_in = _matrix(shards, name)
    if _is_packed(shards, name):
        shards.expect(f"{name}.weight_packed", INT32, (n_out, -(-n_in * weights.num_bits // WORD)))
    else:
        shards.expect(f"{name}.weight", FLOAT8 if weights.type == "float" else INT8, (n_out, n_in))
    _check_size(weights, n_out, n_in, f"of layer {name} of '{shards.name}' are")
    scales = _scale_shapes(weights, n_out, n_in)
    shards.expect(f"{name}.weight_scale", FLOATS, *scales)
    if weights.type == "int":
        _check_zero_points(shards, name, weights, scales, n_out)
    if f"{name}.weight_g_idx" in shards.headers:
        shards.expect(f"{name}.weight_g_idx", INTEGERS, (n_in,))
    inputs = scheme.input_activations
    if inputs is not None and not inputs.dynamic:
        shards.expect(f"{name}.input_scale", FLOATS, (1,), ())
        if not inputs.symmetric:
            shards.expect(f"{name}.input_zero_point", INTEGERS, (1,), ())


def _check_size(weights: Numbers, n_out: int, n_in: int, where: str) -> None:
    """Rows divide into groups: the library quantizes no others. Blocks at the edges may be cut: it fills them up."""
    if weights.shared_by == "group":
        check_divides(weights.group, n_in, f"rows {where}")
    elif weights.block is not None:
        check_may_be_cut(weights.block[0], n_out, f"columns {where}")
        check_may_be_cut(weights.block[1], n_in, f"rows {where}")


def _check_zero_points(
    shards: Shards, name: str, weights: Numbers, scales: tuple[tuple[int, ...], ...], n_out: int
) -> None:
    zero = f"{name}.weight_zero_point"
    if weights.symmetric:
        if zero in shards.headers:  # older files keep the zeros that the library starts from
            shards.expect(zero, INTEGERS, *scales)
    elif _packs_zero_points(shards, name, weights):
        shards.expect(zero, INT32, (-(-n_out * weights.num_bits // WORD), scales[0][1]))
    else:
        shards.expect(zero, INTEGERS, *scales)


def _packs_zero_points(shards: Shards, name: str, weights: Numbers) -> bool:
    return _is_packed(shards, name) and not weights.symmetric and weights.shared_by != "tensor"


def _scale_shapes(weights: Numbers, n_out: int, n_in: int) -> tuple[tuple[int, ...], ...]:
    if weights.shared_by == "group":
        return ((n_out, group_count(n_in, weights.group)),)
    if weights.shared_by == "channel":
        return (n_out, 1), (n_out,)
    if weights.block is not None:
        rows, columns = weights.block
        return ((-(-n_out // rows), -(-n_in // columns)),)
    return (1, 1), (1,), ()


def _read(shards: Shards, name: str, scheme: Scheme) -> Layer:
    scale = shards.tensor(f"{name}.weight_scale")
    scale_PQ = scale.reshape(1, 1) if scale.numel() == 1 else scale.reshape(scale.shape[0], -1)
    if scheme.input_activations is not None:
        scale_PQ = scale_PQ.float()  # applied to sums, not to the weights: kernels never round the product of the two
    read = _read_floats if scheme.weights.type == "float" else _read_integers
    return Layer(weight=read(shards, name, scheme.weights, scale_PQ), grid=_grid(shards, name, scheme))


def _read_floats(shards: Shards, name: str, weights: Numbers, scale_PQ: torch.Tensor) -> Float8Weight:
    check_scales(scale_PQ, name)
    n_out, n_in = _matrix(shards, name)
    zero = f"{name}.weight_zero_point"
    if zero in shards.headers and bool(shards.tensor(zero).float().any()):
        raise CheckpointError(f"layer {name} of '{shards.name}' shifts 8-bit floats by a zero point, which is not read")
    block = weights.block or (n_out // scale_PQ.shape[0], weights.group if weights.group > 0 else n_in)
    codes_OI = check_finite(shards.tensor(f"{name}.weight"), f"{name}.weight", shards.name)
    return Float8Weight(codes_OI=codes_OI, scale_PQ=scale_PQ, block=block)


def _read_integers(shards: Shards, name: str, weights: Numbers, scale_PQ: torch.Tensor) -> IntegerWeight:
    n_out, n_in = _matrix(shards, name)
    packed = _is_packed(shards, name)
    bits = weights.num_bits if packed else 8  # int8 holds narrower codes too
    scale_OG = scale_PQ.expand(n_out, -1)
    return Grouped(
        layer=name,
        bits=bits,
        packed_OW=shards.tensor(f"{name}.weight_packed") if packed else None,
        codes_OI=None if packed else _signed(shards, f"{name}.weight", weights.num_bits) + 2 ** (bits - 1),
        scale_OG=scale_OG,
        zero_OG=_zero(shards, name, weights, bits, scale_OG),
        group_I=_groups(shards, name, weights, n_in),
        size=weights.group if weights.group > 0 else None,
    ).weight()


def _signed(shards: Shards, name: str, bits: int) -> torch.Tensor:
    """A stored tensor of signed integers as int16, each of a width that may be narrower than its type."""
    stored = shards.tensor(name)
    check_width(stored, bits, name, shards.name)
    return stored.to(torch.int16)


def _zero(shards: Shards, name: str, weights: Numbers, bits: int, scale_OG: torch.Tensor) -> torch.Tensor:
    """Zero points on the scale of the unsigned codes; [O, G]."""
    zero, offset = f"{name}.weight_zero_point", 2 ** (bits - 1)
    if zero not in shards.headers:
        return torch.full(scale_OG.shape, offset, dtype=torch.int16)
    if _packs_zero_points(shards, name, weights):
        return unpack_rows(shards.tensor(zero).t(), bits, scale_OG.shape[0]).t()
    signed = _signed(shards, zero, weights.num_bits)
    if weights.symmetric and bool(signed.any()):
        raise CheckpointError(
            f"layer {name} of '{shards.name}' has zero points other than 0 (first: {int(signed[signed != 0][0])}), its "
            "configuration says symmetric; fetch both again"
        )
    zero_OG: torch.Tensor = (signed + offset).reshape(-1, scale_OG.shape[1]).expand(scale_OG.shape)
    return zero_OG


def _groups(shards: Shards, name: str, weights: Numbers, n_in: int) -> torch.Tensor:
    order = f"{name}.weight_g_idx"
    if order in shards.headers:
        group_I = shards.tensor(order)
        if not bool((group_I == -1).all()):  # never filled in
            return group_I
    return consecutive_groups(n_in, weights.group)


def _grid(shards: Shards, name: str, scheme: Scheme) -> InputGrid | None:
    inputs = scheme.input_activations
    if inputs is None:
        return None
    kind: Literal["fp8", "int8"] = "fp8" if inputs.type == "float" else "int8"
    if inputs.dynamic:
        scope = cast(Literal["token", "group", "tensor"], inputs.shared_by)  # checked with the configuration
        return InputGrid(kind=kind, scope=scope, group=inputs.group_size or 0, symmetric=inputs.symmetric)
    scale = shards.tensor(f"{name}.input_scale").float().reshape(1)
    check_scales(scale, name)
    zero = f"{name}.input_zero_point"
    shift = shards.tensor(zero).float().reshape(1) if zero in shards.headers else None
    return InputGrid(kind=kind, scope="tensor", symmetric=inputs.symmetric, scale=scale, zero=shift)


FORMAT = StoredFormat(name="compressed-tensors", plan=plan)
