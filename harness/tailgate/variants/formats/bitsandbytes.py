"""Checkpoints that transformers wrote with bitsandbytes layers: 4-bit NF4 and FP4, and LLM.int8().

A 4-bit weight is stored with its absmax, code book and a JSON of the rest as bytes; an 8-bit one with a scale per row
(`SCB`). Which layers are quantized is read off the tensors, and held against the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import parse_settings, plain_matrices
from tailgate.variants.formats.four_bit import STATE, check_values, read_state, stats_of
from tailgate.variants.formats.library import LibraryFormat, LibraryLayer, LibraryPlan
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import FLOATS, Shards
from tailgate.variants.formats.sound import refuse_dead_codes, refuse_negative
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

    from tailgate.variants.formats.skeleton import Replace

SCALES, FORMAT_OF_ROWS = "SCB", "weight_format"
INT8_PARTS = ("weight", SCALES, FORMAT_OF_ROWS)
BY_ROW = 0  # the other formats were layouts of GPU kernels that the library has dropped


class BitsAndBytesSettings(BaseModel):
    """The quantization_config."""

    model_config = ConfigDict(extra="ignore", strict=True)

    load_in_4bit: bool = False
    load_in_8bit: bool = False
    bnb_4bit_quant_type: str | None = None
    bnb_4bit_compute_dtype: str | None = None
    llm_int8_threshold: float = Field(default=6.0, ge=0, allow_inf_nan=False)


def plan(source: Source, shards: Shards, found: Mapping[str, Any], dtype: torch.dtype | None) -> LibraryPlan:
    """Find the quantized layers of a checkpoint.

    Raises
    ------
    CheckpointError
        Configuration and tensors disagree.
    """
    settings = parse_settings(BitsAndBytesSettings, found, source.name)
    four = _four_bit_kinds(shards)
    eight = {f"{name.removesuffix(SCALES)}weight" for name in shards.headers if name.endswith(f".{SCALES}")}
    if settings.load_in_4bit != bool(four) or settings.load_in_8bit != bool(eight):
        asked = "4-bit" if settings.load_in_4bit else "8-bit" if settings.load_in_8bit else "no"
        raise CheckpointError(
            f"the configuration of '{source.name}' speaks of {asked} layers, its files hold {len(four)} 4-bit and "
            f"{len(eight)} 8-bit ones; fetch both again"
        )
    return _plan_four(shards, four, settings, dtype) if four else _plan_eight(shards, eight, settings)


def _four_bit_kinds(shards: Shards) -> dict[str, str]:
    """Weight -> kind of its codes."""
    found: dict[str, str] = {}
    for name in shards.headers:
        weight, is_state, kind = name.partition(STATE)
        if is_state and weight in found:
            raise CheckpointError(
                f"{weight} of '{shards.name}' has two quantization states, {found[weight]} and {kind}; fetch it again"
            )
        if is_state:
            found[weight] = kind
    return found


def _plan_four(
    shards: Shards, kinds: Mapping[str, str], settings: BitsAndBytesSettings, dtype: torch.dtype | None
) -> LibraryPlan:
    kind = sorted(set(kinds.values()))
    if len(kind) != 1 or kind[0] != settings.bnb_4bit_quant_type:
        raise CheckpointError(
            f"the configuration of '{shards.name}' says {settings.bnb_4bit_quant_type!r}, its files hold "
            f"{' and '.join(kind)}; fetch both again"
        )
    states = {weight: read_state(shards, weight, kind[0]) for weight in kinds}
    parts = {weight: stats_of(shards, weight) for weight in kinds}
    held = frozenset(name for weight, stats in parts.items() for name in (weight, *stats))
    sizes = {state.blocksize for state in states.values()}
    size = sizes.pop() if len(sizes) == 1 else None
    double = any(state.is_nested for state in states.values())
    return LibraryPlan(
        description=Description(
            method=f"bitsandbytes {kind[0]}",
            bits=4,
            group=size,
            symmetric=True,
            unquantized=plain_matrices(shards, held),
        ),
        storage=f"{kind[0]}, blocks of {size or 'several sizes'}{', scales quantized too' if double else ''}",
        layers={
            weight: LibraryLayer(
                weight=_restored_four(shards, weight, stats), replace=_kept_four(shards, weight, stats, dtype)
            )
            for weight, stats in parts.items()
        },
        parts=held,
        notes=_compute_note(settings.bnb_4bit_compute_dtype, dtype),
    )


def _compute_note(asked: str | None, dtype: torch.dtype | None) -> tuple[str, ...]:
    if dtype is None or asked in (None, str(dtype).removeprefix("torch.")):
        return ()
    return (f"the checkpoint asks for products in {asked}; computed in {str(dtype).removeprefix('torch.')}",)


def _quantized(shards: Shards, weight: str, stats: tuple[str, ...]) -> Any:
    import bitsandbytes as bnb

    return bnb.nn.Params4bit.from_prequantized(
        data=shards.tensor(weight),
        quantized_stats={name.removeprefix(f"{weight}."): shards.tensor(name) for name in stats},
        requires_grad=False,
        device="cpu",
    )


def _restored_four(shards: Shards, weight: str, stats: tuple[str, ...]) -> Callable[[], torch.Tensor]:
    def restore() -> torch.Tensor:
        import bitsandbytes as bnb

        held = _quantized(shards, weight, stats)
        check_values(held, weight, shards.name)
        return cast("torch.Tensor", bnb.functional.dequantize_4bit(held.data, held.quant_state))

    return restore


def _kept_four(shards: Shards, weight: str, stats: tuple[str, ...], dtype: torch.dtype | None) -> Callable[[], Replace]:
    def keep() -> Replace:
        from tailgate.variants.bnb import four_bit_layer

        held = _quantized(shards, weight, stats)
        return lambda linear: four_bit_layer(linear, held, dtype or linear.weight.dtype)

    return keep


def _plan_eight(shards: Shards, weights: set[str], settings: BitsAndBytesSettings) -> LibraryPlan:
    held = frozenset(
        name
        for weight in weights
        for part in INT8_PARTS
        if (name := f"{weight.removesuffix('weight')}{part}") in shards.headers
    )
    threshold = settings.llm_int8_threshold
    return LibraryPlan(
        description=Description(
            method="bitsandbytes int8",
            bits=8,
            group=-1,
            symmetric=True,
            activations=f"int8 per token, but for columns beyond {threshold:g} (LLM.int8)",
            unquantized=plain_matrices(shards, held),
        ),
        storage="int8 rows (LLM.int8)",
        layers={weight: _eight(shards, weight, threshold) for weight in sorted(weights)},
        parts=held,
        rounds_inputs=True,
    )


def _eight(shards: Shards, weight: str, threshold: float) -> LibraryLayer:
    scales = f"{weight.removesuffix('weight')}{SCALES}"
    header = shards.header(weight)
    if header.dtype != "I8" or len(header.shape) != 2:
        raise CheckpointError(
            f"{weight} of '{shards.name}' is {header.dtype} {list(header.shape)}, not I8 [outputs, inputs]; fetch it "
            "again"
        )
    shards.expect(scales, FLOATS, header.shape[:1])
    _check_layout(shards, f"{weight.removesuffix('weight')}{FORMAT_OF_ROWS}")

    def restore() -> torch.Tensor:
        codes_OI, scale_O = shards.tensor(weight), shards.tensor(scales).float()
        refuse_negative(scale_O, weight, shards.name)
        refuse_dead_codes(scale_O, codes_OI, weight, shards.name)
        return codes_OI.float() * (scale_O[:, None] / 127.0)

    def keep() -> Replace:
        from tailgate.variants.bnb import int8_layer

        codes_OI, scale_O = shards.tensor(weight), shards.tensor(scales).float()
        return lambda linear: int8_layer(linear, codes_OI, scale_O, threshold)

    return LibraryLayer(weight=restore, replace=keep)


def _check_layout(shards: Shards, name: str) -> None:
    if name not in shards.headers:  # older files do not say
        return
    shards.expect(name, frozenset({"U8"}), (), (1,))
    if (layout := int(shards.tensor(name).item())) != BY_ROW:
        raise CheckpointError(f"{name} of '{shards.name}' is {layout}, a layout of old GPU kernels; save it by row (0)")


FORMAT = LibraryFormat(
    name="bitsandbytes",
    package="bitsandbytes",
    extra="bnb",
    plan=plan,
    executions=("packed", "dequantized"),
    version=2,  # products in the dtype that was asked for, on every CPU
)
