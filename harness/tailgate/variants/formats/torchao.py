"""Checkpoints that transformers wrote with torchao: the parts of a tensor as plain tensors, its kind as metadata.

Read without unpickling: torchao rebuilds a tensor from its parts and a JSON that names one of its own classes. Older
checkpoints hold the tensors as pickles in .bin files, which are not loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import plain_matrices
from tailgate.variants.formats.library import LibraryFormat, LibraryLayer, LibraryPlan
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import Shards
from tailgate.variants.formats.sound import check_finite, check_width, refuse_zero_scales
from tailgate.variants.formats.torchao_tensor import BITS, CODES, FLOAT8, SCALES, Kind, Stored, read_stored
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

    from tailgate.variants.formats.skeleton import Replace

PLAIN = "Tensor"
NAMES = "tensor_names"


def plan(source: Source, shards: Shards, settings: Mapping[str, Any], dtype: torch.dtype | None) -> LibraryPlan:
    """Find the quantized tensors of a checkpoint.

    Raises
    ------
    CheckpointError
        Its metadata is missing or damaged, or names a kind of tensor that is not read.
    """
    kinds = {name: kind for name, kind in _metadata(source).items() if kind.type != PLAIN}
    _check_kinds(source, kinds)
    held = [read_stored(shards, name, kind) for name, kind in kinds.items()]
    parts = frozenset(part for each in held for part in each.parts.values())
    rounded = sorted({each.activations for each in held} - {""})
    return LibraryPlan(
        description=Description(
            method=f"torchao {_config_name(settings)}",
            bits=_one({each.bits for each in held}),
            group=_group(held),
            symmetric=None,
            activations=" and ".join(rounded),
            unquantized=plain_matrices(shards, parts),
        ),
        storage=" and ".join(sorted({kind.type for kind in kinds.values()})) + ", torchao",
        layers={
            each.name: LibraryLayer(weight=_restored(shards, each), replace=_kept(shards, each, dtype)) for each in held
        },
        parts=parts,
        rounds_inputs=bool(rounded),
    )


def _metadata(source: Source) -> dict[str, Kind]:
    """Kind and attributes of every tensor, from the headers of all files."""
    from safetensors import safe_open

    found: dict[str, Kind] = {}
    for path in (path for path in source.weight_files if path.suffix == ".safetensors"):
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
        found.update(_parsed(source, path, told))
    return found


def _parsed(source: Source, path: Path, told: Mapping[str, str]) -> dict[str, Kind]:
    try:
        names = json.loads(told[NAMES])
        return {str(name): Kind.model_validate_json(told[name]) for name in names}
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path.name} of '{source.name}' has no metadata of torchao ({_reason(error)}); save it again by "
            "transformers 5.16 or newer, as safetensors"
        ) from error


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return repr(error)
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _check_kinds(source: Source, kinds: Mapping[str, Kind]) -> None:
    strange = sorted({kind.type for kind in kinds.values()} - set(BITS))
    if strange:
        raise CheckpointError(
            f"'{source.name}' holds torchao tensors of a kind that is not read ({', '.join(strange)}): their layout is "
            f"that of a GPU kernel; kinds read: {', '.join(BITS)}"
        )


def _config_name(settings: Mapping[str, Any]) -> str:
    table = settings.get("quant_type")
    inner = table.get("default") if isinstance(table, Mapping) else table
    return str(inner.get("_type", "")) if isinstance(inner, Mapping) else str(inner or "")


def _group(held: list[Stored]) -> int | None:
    """Inputs that share a scale, where all layers agree; -1: whole rows."""
    if all(each.block[1] == each.shape[1] for each in held):
        return -1
    return cast("int | None", _one({each.block[1] for each in held}))


def _one(values: set[Any]) -> Any:
    return next(iter(values)) if len(values) == 1 else None


def _rebuilt(shards: Shards, held: Stored) -> torch.Tensor:
    from torchao.prototype.safetensors.safetensors_support import unflatten_tensor_state_dict

    tensors = {stored: shards.tensor(stored) for stored in held.parts.values()}
    told = held.kind.model_dump_json(by_alias=True)
    rebuilt, _ = unflatten_tensor_state_dict(tensors, {NAMES: json.dumps([held.name]), held.name: told})
    return cast("torch.Tensor", rebuilt[held.name])


def _restored(shards: Shards, held: Stored) -> Callable[[], torch.Tensor]:
    def restore() -> torch.Tensor:
        for part, stored in held.parts.items():
            if part not in (CODES, SCALES):  # those decide the weights, which are looked at themselves
                check_finite(shards.tensor(stored), stored, shards.name)
        refuse_zero_scales(shards.tensor(held.parts[SCALES]), held.parts[SCALES], shards.name)
        if held.kind.type != FLOAT8:
            check_width(shards.tensor(held.parts[CODES]), held.bits or 8, held.parts[CODES], shards.name)
        return cast("torch.Tensor", cast(Any, _rebuilt(shards, held)).dequantize())

    return restore


def _kept(shards: Shards, held: Stored, dtype: torch.dtype | None) -> Callable[[], Replace]:
    def keep() -> Replace:
        import torch

        weight = _computing_in(_rebuilt(shards, held), dtype or torch.float32)

        def replace(linear: torch.nn.Linear) -> torch.nn.Module:
            linear.weight = torch.nn.Parameter(weight, requires_grad=False)
            return linear

        return replace

    return keep


def _computing_in(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The same codes and scales, for products in `dtype`: some kinds keep the type they were made from."""
    if weight.dtype == dtype:
        return weight
    names, attributes = cast(Any, weight).__tensor_flatten__()
    if "dtype" not in attributes:
        return weight.to(dtype)
    inner = {name: getattr(weight, name) for name in names}
    rebuilt = cast(Any, type(weight)).__tensor_unflatten__(
        inner, {**attributes, "dtype": dtype}, weight.size(), weight.stride()
    )
    return cast("torch.Tensor", rebuilt)


FORMAT = LibraryFormat(
    name="torchao", package="torchao", extra="torchao", plan=plan, executions=("dequantized", "packed")
)
