"""Checkpoints of optimum-quanto: safetensors beside a map of the quantized layers, quanto_qmap.json.

transformers quantizes by quanto on the fly but saves none of it: what people ship was written by quanto itself, whose
config.json says nothing of it. The map does.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tailgate.errors import CheckpointError
from tailgate.variants.formats.assemble import plain_matrices
from tailgate.variants.formats.library import LibraryFormat, LibraryLayer, LibraryPlan
from tailgate.variants.formats.protocol import Description
from tailgate.variants.formats.shards import FLOATS, Shards
from tailgate.variants.formats.sound import refuse_dead_codes
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

MAP = "quanto_qmap.json"
NONE = "none"
BITS = {"qint2": 2, "qint4": 4, "qint8": 8, "qfloat8": 8, "qfloat8_e4m3fn": 8, "qfloat8_e5m2": 8}
INT8, BYTES, FLOAT8 = frozenset({"I8"}), frozenset({"U8"}), frozenset({"F8_E4M3", "F8_E5M2"})
CODES = {kind: FLOAT8 if kind.startswith("qfloat8") else INT8 if BITS[kind] == 8 else BYTES for kind in BITS}


def plan(source: Source, shards: Shards, settings: Mapping[str, Any], dtype: torch.dtype | None) -> LibraryPlan:
    """Find the quantized layers of a checkpoint.

    Raises
    ------
    CheckpointError
        The map is missing or damaged, names a layer that the files lack, or quantizes activations.
    """
    kinds = _map(source)
    loaded = functools.cache(functools.partial(_loaded, source))
    kind = sorted(set(kinds.values()))
    held = frozenset(name for name in shards.headers if _is_part(name, kinds))
    for layer, each in kinds.items():
        if not any(name.startswith(f"{layer}.weight._") for name in held):
            raise CheckpointError(f"'{source.name}' holds no codes of layer {layer}, which its {MAP} names")
        _check_sizes(shards, f"{layer}.weight", each)
    return LibraryPlan(
        description=Description(
            method=f"quanto {' and '.join(kind)}",
            bits=BITS[kind[0]] if len(kind) == 1 else None,
            symmetric=all(f"{layer}.weight._shift" not in held for layer in kinds),
            unquantized=plain_matrices(shards, held),
        ),
        storage=f"quanto {' and '.join(kind)}",
        layers={
            f"{layer}.weight": LibraryLayer(weight=functools.partial(_restored, loaded, layer, source.name))
            for layer in kinds
        },
        parts=held,
    )


def _map(source: Source) -> dict[str, str]:
    """Layer -> kind of its weights."""
    path = source.folder / MAP
    if not path.is_file():
        raise CheckpointError(
            f"'{source.name}' says that it is stored by quanto but holds no {MAP}; save it by quanto's "
            "QuantizedModelForCausalLM"
        )
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        kinds = {str(layer): str(each["weights"]) for layer, each in table.items()}
        rounded = sorted({str(each["activations"]) for each in table.values()} - {NONE})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"damaged {MAP} of '{source.name}': {error!r}; fetch it again") from error
    if rounded:
        raise CheckpointError(
            f"'{source.name}' quantizes activations ({', '.join(rounded)}), which is not read; quantize weights alone"
        )
    if strange := sorted(set(kinds.values()) - set(BITS)):
        raise CheckpointError(f"'{source.name}' holds weights of an unknown kind ({', '.join(strange)}) in its {MAP}")
    return kinds


def _is_part(name: str, kinds: Mapping[str, str]) -> bool:
    """Whether a stored tensor is a code, a scale, or a scale of activations that nothing rounds."""
    layer, found, _ = name.partition(".weight._")
    if found:
        return layer in kinds
    layer, _, last = name.rpartition(".")
    return layer in kinds and last in ("input_scale", "output_scale")


def _check_sizes(shards: Shards, weight: str, kind: str) -> None:
    """Hold scales against codes: torch would stretch scales of another size over them."""
    per_byte = 8 // BITS[kind]
    codes = f"{weight}._data" if per_byte == 1 else f"{weight}._data._data"  # narrow codes are packed by column
    header = shards.expect(codes, CODES[kind], shards.header(codes).shape)
    count = math.prod(shards.header(f"{weight}._scale").shape)
    shapes = ((count, 1), *([()] if count == 1 else []))
    shards.expect(f"{weight}._scale", FLOATS, *shapes)
    if len(header.shape) != 2 or header.shape[0] != -(-count // per_byte):
        raise CheckpointError(
            f"tensor {codes} of '{shards.name}' is {list(header.shape)}, which does not fit {count} scales of {kind}; "
            "fetch the file again"
        )
    if per_byte > 1:
        shards.expect(f"{weight}._shift", FLOATS | BYTES, *shapes)


def _restored(loaded: Callable[[], Any], layer: str, source: str) -> torch.Tensor:
    import torch

    held = loaded().get_submodule(layer).weight
    plain = held if hasattr(held, "_scale") else held.weight_qbits_tensor()  # where they are laid out for a kernel
    codes_nC = plain._data.unpack() if hasattr(plain._data, "unpack") else plain._data
    refuse_dead_codes(plain._scale.flatten(), codes_nC.view(torch.uint8), f"{layer}.weight", source)
    weight: torch.Tensor = held.dequantize()
    return weight


def _loaded(source: Source) -> Any:
    """The model as quanto loads it, which does not offer its layers one at a time."""
    from optimum.quanto import QuantizedModelForCausalLM

    return cast(Any, QuantizedModelForCausalLM.from_pretrained(str(source.folder)))._wrapped


FORMAT = LibraryFormat(name="quanto", package="optimum.quanto", extra="quanto", plan=plan, executions=("dequantized",))
