"""A tensor as torchao writes it into safetensors: parts that are stored tensors, and what the metadata says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tailgate.errors import CheckpointError
from tailgate.variants.formats.shards import FLOATS, Shards

CODES, SCALES, ZEROS = "qdata", "scale", "zero_point"
BITS = {"Int8Tensor": 8, "Float8Tensor": 8, "IntxUnpackedToInt8Tensor": None}
FLOAT8 = "Float8Tensor"
INT8_TYPES, FLOAT8_TYPES = frozenset({"I8"}), frozenset({"F8_E4M3", "F8_E5M2"})
# What the metadata may say of products, as torchao 0.18 writes it.
DTYPES = ("float16", "bfloat16", "float32")
BY_TOKEN = (None, "int8_asym_per_token")
ROUNDED = {
    "granularity": ({"_type": "PerRow", "_data": {"dim": -1}}, {"_type": "PerTensor", "_data": {}}),
    "mapping_type": tuple({"_type": "MappingType", "_data": name} for name in ("SYMMETRIC", "ASYMMETRIC")),
    "reduce_range": (False, True),
}


class Kind(BaseModel):
    """What is said of a stored tensor. `names`: attributes of it that are stored tensors of their own."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str = Field(alias="_type")
    data: dict[str, Any] = Field(alias="_data", default_factory=dict)
    names: tuple[str, ...] = Field(alias="_tensor_data_names", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A quantized tensor: its kind, the stored tensor of each attribute, and outputs and inputs that share a scale."""

    name: str
    kind: Kind
    parts: Mapping[str, str]
    shape: tuple[int, int]
    block: tuple[int, int]

    @property
    def bits(self) -> int | None:
        """Width of a code; codes narrower than a byte lie in one each."""
        target = self.kind.data.get("target_dtype")
        if isinstance(target, Mapping):
            return int("".join(letter for letter in str(target.get("_data")) if letter.isdigit()) or 0) or None
        return BITS[self.kind.type]

    @property
    def activations(self) -> str:
        """How the input of the layer is rounded before its product."""
        data = self.kind.data
        if data.get("activation_quantization"):
            return str(data["activation_quantization"])
        if data.get("act_quant_kwargs"):
            return "float8, dynamic" if self.kind.type == FLOAT8 else "int8, dynamic"
        return ""


def read_stored(shards: Shards, name: str, kind: Kind) -> Stored:
    """Find the parts of a tensor and hold them against its block: scales of another size would be stretched over it."""
    module, _, parameter = name.rpartition(".")
    parts = {part: f"{module}._{parameter}_{part}" for part in kind.names}
    for needed in (CODES, SCALES):
        if needed not in parts:
            raise CheckpointError(
                f"the metadata of {name} of '{shards.name}' names no {needed} (it names {', '.join(parts) or 'none'}); "
                "fetch the file again"
            )
    for stored in parts.values():
        shards.header(stored)
    codes = shards.header(parts[CODES])
    if codes.dtype not in (FLOAT8_TYPES if kind.type == FLOAT8 else INT8_TYPES) or len(codes.shape) != 2:
        raise CheckpointError(
            f"tensor {parts[CODES]} of '{shards.name}' is {codes.dtype} {list(codes.shape)}, not 8-bit codes "
            "[outputs, inputs]; fetch the file again"
        )
    _check_attributes(kind, f"{name} of '{shards.name}'")
    shape = (codes.shape[0], codes.shape[1])
    block = _block(kind, shape, f"{name} of '{shards.name}'")
    counts = (shape[0] // block[0], shape[1] // block[1])
    for part in (SCALES, ZEROS):
        if part in parts:
            of_all = ((), (1,)) if counts == (1, 1) else ()
            shards.expect(parts[part], FLOATS | (INT8_TYPES if part == ZEROS else set()), counts, *of_all)
    return Stored(name=name, kind=kind, parts=parts, shape=shape, block=block)


def _block(kind: Kind, shape: tuple[int, int], where: str) -> tuple[int, int]:
    found = kind.data.get("block_size") or list(shape)  # without one, all of a tensor shares a scale
    sizes = isinstance(found, list) and len(found) == 2 and all(type(size) is int and size > 0 for size in found)
    if not sizes or shape[0] % found[0] or shape[1] % found[1]:
        raise CheckpointError(
            f"{where} is {list(shape)}, which does not divide into blocks of block_size={found!r}; fetch the file again"
        )
    return found[0], found[1]


def _check_attributes(kind: Kind, where: str) -> None:
    """Hold what decides products against what is known: torchao takes any value until it multiplies."""
    data, rounding = kind.data, kind.data.get("act_quant_kwargs")
    known = {
        "dtype": _of(data.get("dtype"), "torch.dtype") in DTYPES,
        "activation_quantization": data.get("activation_quantization") in BY_TOKEN,
        "act_quant_kwargs": rounding is None or _rounds_inputs(kind, rounding),
    }
    if odd := next((key for key, is_known in known.items() if not is_known), None):
        raise CheckpointError(
            f"the metadata of {where} says {odd}={data.get(odd)!r:.80}, which is not read; save it by torchao 0.18"
        )


def _rounds_inputs(kind: Kind, rounding: object) -> bool:
    how = _of(rounding, f"QuantizeTensorTo{'Float8' if kind.type == FLOAT8 else 'Int8'}Kwargs")
    if not isinstance(how, Mapping) or "granularity" not in how:
        return False
    return all(how[key] in values for key, values in ROUNDED.items() if key in how)


def _of(found: object, kind: str) -> Any:
    """What the metadata says of a value of one kind; None: it is of another."""
    return found.get("_data") if isinstance(found, Mapping) and found.get("_type") == kind else None
