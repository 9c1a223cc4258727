"""Checkpoints that transformers wrote with torchao: the parts of a tensor as plain tensors, its kind as metadata.

Read without unpickling: torchao rebuilds a tensor from its parts and a JSON that names one of its own classes. Older
checkpoints hold the tensors as pickles in .bin files, which are not loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
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

PLAIN = "Tensor"
NAMES = "tensor_names"
BITS = {"Int8Tensor": 8, "Float8Tensor": 8, "IntxUnpackedToInt8Tensor": None}
FLOAT8 = "Float8Tensor"


def plan(source: Source, shards: Shards, settings: Mapping[str, Any], dtype: torch.dtype | None) -> LibraryPlan:
    """Find the quantized tensors of a checkpoint.

    Raises
    ------
    CheckpointError
        Its metadata is missing or damaged, or names a kind of tensor that is not read.
    """
    kinds = {name: kind for name, kind in _metadata(source).items() if kind["_type"] != PLAIN}
    _check_kinds(source, kinds)
    held = {name: _parts_of(shards, name, kind) for name, kind in kinds.items()}
    parts = frozenset(part for each in held.values() for part in each.values())
    rounded = sorted({_activations(kind) for kind in kinds.values()} - {""})
    return LibraryPlan(
        description=Description(
            method=f"torchao {_config_name(settings)}",
            bits=_one({_bits(kind) for kind in kinds.values()}),
            group=_group({_block(shards, held[name], kind) for name, kind in kinds.items()}),
            symmetric=None,
            activations=" and ".join(rounded),
            unquantized=plain_matrices(shards, parts),
        ),
        storage=" and ".join(sorted({kind["_type"] for kind in kinds.values()})) + ", torchao",
        layers={
            name: LibraryLayer(
                weight=_restored(shards, name, kind, held[name]), replace=_kept(shards, name, kind, held[name], dtype)
            )
            for name, kind in kinds.items()
        },
        parts=parts,
        rounds_inputs=bool(rounded),
    )


def _metadata(source: Source) -> dict[str, dict[str, Any]]:
    """Kind and attributes of every tensor, from the headers of all files."""
    from safetensors import safe_open

    found: dict[str, dict[str, Any]] = {}
    for path in (path for path in source.weight_files if path.suffix == ".safetensors"):
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
        found.update(_parsed(source, path, told))
    return found


def _parsed(source: Source, path: Path, told: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    try:
        names = json.loads(told[NAMES])
        kinds = {str(name): json.loads(told[name]) for name in names}
        if any(kind["_type"] != PLAIN and not isinstance(kind["_data"], dict) for kind in kinds.values()):
            raise ValueError("a tensor has no attributes")
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path.name} of '{source.name}' has no metadata of torchao ({error!r}); save it again by transformers "
            "5.16 or newer, as safetensors"
        ) from error
    return kinds


def _check_kinds(source: Source, kinds: Mapping[str, Mapping[str, Any]]) -> None:
    strange = sorted({kind["_type"] for kind in kinds.values()} - set(BITS))
    if strange:
        raise CheckpointError(
            f"'{source.name}' holds torchao tensors of a kind that is not read ({', '.join(strange)}): their layout is "
            f"that of a GPU kernel; kinds read: {', '.join(BITS)}"
        )


def _parts_of(shards: Shards, name: str, kind: Mapping[str, Any]) -> dict[str, str]:
    """Attribute of the tensor -> stored tensor that holds it."""
    module, _, parameter = name.rpartition(".")
    found = {part: f"{module}._{parameter}_{part}" for part in kind["_tensor_data_names"]}
    for stored in found.values():
        shards.header(stored)
    return found


def _config_name(settings: Mapping[str, Any]) -> str:
    table = settings.get("quant_type")
    inner = table.get("default") if isinstance(table, Mapping) else table
    return str(inner.get("_type", "")) if isinstance(inner, Mapping) else str(inner or "")


def _bits(kind: Mapping[str, Any]) -> int | None:
    target = kind["_data"].get("target_dtype")
    if isinstance(target, Mapping):
        return int("".join(letter for letter in str(target.get("_data")) if letter.isdigit()) or 0) or None
    return BITS[kind["_type"]]


def _block(shards: Shards, parts: Mapping[str, str], kind: Mapping[str, Any]) -> tuple[int, int]:
    """Inputs that share a scale, and inputs of the layer."""
    columns = int(shards.header(parts["qdata"]).shape[-1])
    block = kind["_data"].get("block_size") or [columns]
    return int(block[-1]), columns


def _group(blocks: set[tuple[int, int]]) -> int | None:
    """Inputs that share a scale, where all layers agree; -1: whole rows."""
    if all(size == columns for size, columns in blocks):
        return -1
    return cast("int | None", _one({size for size, _ in blocks}))


def _activations(kind: Mapping[str, Any]) -> str:
    """How the input of a layer is rounded before its product."""
    data = kind["_data"]
    if data.get("activation_quantization"):
        return str(data["activation_quantization"])
    if data.get("act_quant_kwargs"):
        return "float8, dynamic" if kind["_type"] == FLOAT8 else "int8, dynamic"
    return ""


def _one(values: set[Any]) -> Any:
    return next(iter(values)) if len(values) == 1 else None


def _rebuilt(shards: Shards, name: str, kind: Mapping[str, Any], parts: Mapping[str, str]) -> torch.Tensor:
    from torchao.prototype.safetensors.safetensors_support import unflatten_tensor_state_dict

    tensors = {stored: shards.tensor(stored) for stored in parts.values()}
    rebuilt, _ = unflatten_tensor_state_dict(tensors, {NAMES: json.dumps([name]), name: json.dumps(kind)})
    return cast("torch.Tensor", rebuilt[name])


def _restored(
    shards: Shards, name: str, kind: Mapping[str, Any], parts: Mapping[str, str]
) -> Callable[[], torch.Tensor]:
    def restore() -> torch.Tensor:
        return cast("torch.Tensor", cast(Any, _rebuilt(shards, name, kind, parts)).dequantize())

    return restore


def _kept(
    shards: Shards, name: str, kind: Mapping[str, Any], parts: Mapping[str, str], dtype: torch.dtype | None
) -> Callable[[], Replace]:
    def keep() -> Replace:
        import torch

        weight = _computing_in(_rebuilt(shards, name, kind, parts), dtype or torch.float32)

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
