"""GPTQ checkpoints, as auto-gptq (v1) and GPTQModel (v1 and v2) write them, of 2, 3, 4 and 8 bits.

A layer is ``qweight`` int32 [I * bits / 32, O], ``qzeros`` int32 [G, O * bits / 32], ``scales`` [G, O] and ``g_idx``
[I], which names the group of every input; with act-order (``desc_act``) neighbours belong to different groups. Codes
lie in consecutive bits along I, zero points along O. v1 stores zero points minus one, v2 as they are.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import Layer, Plan, StoredFormat, parse_settings, plain_matrices
from tailgate.variants.formats.grouped import Grouped, check_may_be_cut, consecutive_groups, group_count
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import FLOATS, Shards
from tailgate_kernels.reference import WORD, unpack_rows

# Shape legend: I input features, O output features, G groups of inputs, W words of packed codes.

INT32 = frozenset({"I32"})
PARTS = ("qweight", "qzeros", "scales", "g_idx")
WIDTHS = (2, 3, 4, 8)
WRAP_NOTE = "zero points stored as the largest code are read as one beyond it; some readers of GPTQ v1 take 0"
# What a configuration says of how the checkpoint was made; GPTQModel says it under `meta`.
CALIBRATION_KEYS = ("quantizer", "damp_percent", "true_sequential", "static_groups", "act_group_aware", "mse")


class GptqSettings(BaseModel):
    """The quantization_config; keys that do not change a value of a weight are not read."""

    model_config = ConfigDict(extra="ignore", strict=True, populate_by_name=True)

    bits: Literal[2, 3, 4, 8] = Field(validation_alias=AliasChoices("bits", "w_bit"))
    group_size: int = Field(validation_alias=AliasChoices("group_size", "q_group_size"))
    desc_act: bool = False
    sym: bool = True
    checkpoint_format: Literal["gptq", "gptq_v2"] = Field(
        default="gptq", validation_alias=AliasChoices("checkpoint_format", "format")
    )
    pack_dtype: Literal["int32"] = "int32"
    is_marlin_format: Literal[False] = False
    dynamic: dict[str, dict[str, Any]] | None = None  # layers that differ, by pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What the headers of a layer say."""

    name: str
    n_in: int
    n_out: int
    bits: int
    groups: int
    has_order: bool  # whether g_idx is stored


def plan(shards: Shards, found: Mapping[str, Any]) -> Plan:
    """Hold the headers of a checkpoint against its configuration; see `StoredFormat`."""
    settings = parse_settings(GptqSettings, found, shards.name)
    if settings.group_size != -1 and settings.group_size < 1:
        raise CheckpointError(f"group_size={settings.group_size} in the configuration of '{shards.name}' is no size")
    names = [name.removesuffix(".qweight") for name in shards.headers if name.endswith(".qweight")]
    shapes = [_shape(shards, name, settings) for name in names]
    parts = frozenset(f"{name}.{part}" for name in names for part in PARTS)
    widths = Counter(shape.bits for shape in shapes)
    return Plan(
        description=Description(
            method="gptq" if settings.checkpoint_format == "gptq" else "gptq v2",
            bits=settings.bits,
            group=settings.group_size,
            symmetric=settings.sym,
            act_order=settings.desc_act,
            unquantized=plain_matrices(shards, parts),
            calibration=_calibration(found),
        ),
        storage=_storage(settings),
        layers={shape.name: _reader(shards, shape, settings) for shape in shapes},
        parts=parts,
        notes=() if len(widths) < 2 else (f"layers by bits: {dict(sorted(widths.items()))}",),
    )


def _calibration(found: Mapping[str, Any]) -> dict[str, Any]:
    meta = found.get("meta")
    told = {**found, **(meta if isinstance(meta, dict) else {})}
    return {key: told[key] for key in CALIBRATION_KEYS if told.get(key) is not None}


def _storage(settings: GptqSettings) -> str:
    grid = "symmetric" if settings.sym else "asymmetric"
    group = "rows" if settings.group_size == -1 else f"groups of {settings.group_size}"
    return f"gptq int{settings.bits} {grid}, {group}{', act-order' if settings.desc_act else ''}"


def _shape(shards: Shards, name: str, settings: GptqSettings) -> _Shape:
    """Check the headers of a layer; where layers may differ, its own shapes tell its width."""
    qweight = shards.header(f"{name}.qweight")
    if qweight.dtype != "I32" or len(qweight.shape) != 2:
        raise CheckpointError(f"{name}.qweight of '{shards.name}' is {qweight.dtype} {list(qweight.shape)}, not I32")
    words, n_out = qweight.shape
    has_order = f"{name}.g_idx" in shards.headers
    bits: int = settings.bits
    n_in = words * WORD // bits
    if has_order:
        n_in = _ordered_inputs(shards, name)
        own = words * WORD // n_in
        bits = own if settings.dynamic and own in WIDTHS else bits
    shards.expect(f"{name}.qweight", INT32, (-(-n_in * bits // WORD), n_out))
    groups = _own_groups(shards, name) if settings.dynamic else group_count(n_in, settings.group_size)
    if not has_order and groups > 1:
        _check_order_is_known(f"layer {name} of '{shards.name}'", n_in, groups, settings)
    shards.expect(f"{name}.scales", FLOATS, (groups, n_out))
    shards.expect(f"{name}.qzeros", INT32, (groups, -(-n_out * bits // WORD)))
    return _Shape(name=name, n_in=n_in, n_out=n_out, bits=bits, groups=groups, has_order=has_order)


def _check_order_is_known(layer: str, n_in: int, groups: int, settings: GptqSettings) -> None:
    """Without g_idx, neighbours share a group; the count of groups must then leave no doubt which."""
    if settings.desc_act:
        raise CheckpointError(f"{layer} has no g_idx, but its configuration says desc_act=true; fetch both again")
    size = -(-n_in // groups) if settings.dynamic else settings.group_size
    check_may_be_cut(size, n_in, f"rows of {layer} are")


def _ordered_inputs(shards: Shards, name: str) -> int:
    """Inputs of a layer by its g_idx, which names the group of each."""
    order = shards.header(f"{name}.g_idx")
    if order.dtype not in INT32 or len(order.shape) != 1 or not order.shape[0]:
        raise CheckpointError(
            f"{name}.g_idx of '{shards.name}' is {order.dtype} {list(order.shape)}, not I32 [inputs]; fetch it again"
        )
    return order.shape[0]


def _own_groups(shards: Shards, name: str) -> int:
    """Groups of a layer that the configuration may set apart from the others."""
    scales = shards.header(f"{name}.scales")
    if len(scales.shape) != 2 or not scales.shape[0]:
        raise CheckpointError(
            f"{name}.scales of '{shards.name}' is {scales.dtype} {list(scales.shape)}, not [groups, outputs]; fetch it "
            "again"
        )
    return scales.shape[0]


def _reader(shards: Shards, shape: _Shape, settings: GptqSettings) -> Callable[[], Layer]:
    return functools.partial(_read, shards, shape, settings)


def _read(shards: Shards, shape: _Shape, settings: GptqSettings) -> Layer:
    name = shape.name
    stored_GO = unpack_rows(shards.tensor(f"{name}.qzeros"), shape.bits, shape.n_out)
    is_v1 = settings.checkpoint_format == "gptq"
    zero_GO = stored_GO + 1 if is_v1 else stored_GO
    is_open = is_v1 and bool((stored_GO == 2**shape.bits - 1).any())  # docs/adr/0009
    size = settings.group_size if not settings.dynamic else -(-shape.n_in // shape.groups)
    consecutive_I = consecutive_groups(shape.n_in, size)
    group_I = shards.tensor(f"{name}.g_idx") if shape.has_order else consecutive_I
    if not settings.desc_act and not settings.dynamic and not torch.equal(group_I.long(), consecutive_I):
        raise CheckpointError(
            f"layer {name} of '{shards.name}' orders its inputs by g_idx, but its configuration says desc_act=false; "
            "its files and its configuration disagree"
        )
    return Layer(
        weight=Grouped(
            layer=name,
            bits=shape.bits,
            packed_OW=shards.tensor(f"{name}.qweight").t(),
            scale_OG=shards.tensor(f"{name}.scales").t(),
            zero_OG=zero_GO.t(),
            group_I=group_I,
            size=None if settings.dynamic or settings.group_size == -1 else settings.group_size,
        ).weight(),
        note=WRAP_NOTE if is_open else "",
    )


FORMAT = StoredFormat(name="gptq", plan=plan)
