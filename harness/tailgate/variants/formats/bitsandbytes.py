"""Checkpoints that transformers wrote with bitsandbytes layers: 4-bit NF4 and FP4, and LLM.int8().

A 4-bit weight is stored with its absmax, code book and a JSON of the rest as bytes; an 8-bit one with a scale per row
(`SCB`). Which layers are quantized is read off the tensors, and held against the configuration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import plain_matrices
from tailgate.variants.formats.library import LibraryFormat, LibraryLayer, LibraryPlan
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import Shards
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

    from tailgate.variants.formats.skeleton import Replace

STATE = ".quant_state.bitsandbytes__"
SCALES = "SCB"
INT8_PARTS = ("weight", SCALES, "weight_format")


def plan(source: Source, shards: Shards, settings: Mapping[str, Any], dtype: torch.dtype | None) -> LibraryPlan:
    """Find the quantized layers of a checkpoint.

    Raises
    ------
    CheckpointError
        Configuration and tensors disagree.
    """
    four = {name.partition(STATE)[0]: name.partition(STATE)[2] for name in shards.headers if STATE in name}
    eight = {f"{name.removesuffix(SCALES)}weight" for name in shards.headers if name.endswith(f".{SCALES}")}
    if bool(settings.get("load_in_4bit")) != bool(four) or bool(settings.get("load_in_8bit")) != bool(eight):
        asked = "4-bit" if settings.get("load_in_4bit") else "8-bit" if settings.get("load_in_8bit") else "no"
        raise CheckpointError(
            f"the configuration of '{source.name}' speaks of {asked} layers, its files hold {len(four)} 4-bit and "
            f"{len(eight)} 8-bit ones; fetch both again"
        )
    return _plan_four(shards, four, settings, dtype) if four else _plan_eight(shards, eight, settings)


def _plan_four(
    shards: Shards, kinds: Mapping[str, str], settings: Mapping[str, Any], dtype: torch.dtype | None
) -> LibraryPlan:
    parts = {weight: _stats_of(shards, weight) for weight in kinds}
    kind = sorted(set(kinds.values()))
    if len(kind) != 1 or kind[0] != settings.get("bnb_4bit_quant_type"):
        raise CheckpointError(
            f"the configuration of '{shards.name}' says {settings.get('bnb_4bit_quant_type')!r}, its files hold "
            f"{' and '.join(kind)}; fetch both again"
        )
    held = frozenset(name for weight, stats in parts.items() for name in (weight, *stats))
    sizes = {_block_of(shards, f"{weight}{STATE}{kind[0]}") for weight in kinds}
    size = sizes.pop() if len(sizes) == 1 else None
    double = any(name.endswith("nested_absmax") for name in held)
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
        notes=_compute_note(settings, dtype),
    )


def _stats_of(shards: Shards, weight: str) -> tuple[str, ...]:
    return tuple(sorted(name for name in shards.headers if name.startswith(f"{weight}.")))


def _block_of(shards: Shards, state: str) -> int:
    """Weights that share a scale, from the JSON that is stored as bytes beside them."""
    try:
        return int(json.loads(bytes(shards.tensor(state).tolist()))["blocksize"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"tensor {state} of '{shards.name}' is damaged: {error}; fetch the file again") from error


def _compute_note(settings: Mapping[str, Any], dtype: torch.dtype | None) -> tuple[str, ...]:
    asked = settings.get("bnb_4bit_compute_dtype")
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
        return cast("torch.Tensor", bnb.functional.dequantize_4bit(held.data, held.quant_state))

    return restore


def _kept_four(shards: Shards, weight: str, stats: tuple[str, ...], dtype: torch.dtype | None) -> Callable[[], Replace]:
    def keep() -> Replace:
        from tailgate.variants.bnb import four_bit_layer

        held = _quantized(shards, weight, stats)
        return lambda linear: four_bit_layer(linear, held, dtype or linear.weight.dtype)

    return keep


def _plan_eight(shards: Shards, weights: set[str], settings: Mapping[str, Any]) -> LibraryPlan:
    held = frozenset(
        name
        for weight in weights
        for part in INT8_PARTS
        if (name := f"{weight.removesuffix('weight')}{part}") in shards.headers
    )
    threshold = float(settings.get("llm_int8_threshold", 6.0))
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
    shards.expect(weight, frozenset({"I8"}), header.shape)
    shards.expect(scales, frozenset({"F32", "F16", "BF16"}), header.shape[:1])

    def restore() -> torch.Tensor:
        return shards.tensor(weight).float() * (shards.tensor(scales).float()[:, None] / 127.0)

    def keep() -> Replace:
        from tailgate.variants.bnb import int8_layer

        codes_OI, scale_O = shards.tensor(weight), shards.tensor(scales).float()
        return lambda linear: int8_layer(linear, codes_OI, scale_O, threshold)

    return LibraryLayer(weight=restore, replace=keep)


FORMAT = LibraryFormat(
    name="bitsandbytes",
    package="bitsandbytes",
    extra="bnb",
    plan=plan,
    executions=("packed", "dequantized"),
    version=2,  # products in the dtype that was asked for, on every CPU
)
