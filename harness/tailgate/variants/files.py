"""What a checkpoint is by its files alone: for engines that load the weights themselves."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tailgate.errors import CheckpointError
from tailgate.variants.ends import Ends, stored_ends
from tailgate.variants.fingerprint import hash_json
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.load import compute_dtype, config_identity
from tailgate.variants.variant import FINGERPRINT_VERSION, Facts, Variant

PIECE = 1 << 24  # bytes of a file in memory at once
# Types in the header of a safetensors file: our name, and bits of a value.
TYPES = {
    "F64": ("float64", 64), "F32": ("float32", 32), "F16": ("float16", 16), "BF16": ("bfloat16", 16),
    "F8_E4M3": ("float8_e4m3fn", 8), "F8_E5M2": ("float8_e5m2", 8), "F8_E8M0": ("float8_e8m0fnu", 8),
    "F4": ("float4_e2m1fn_x2", 4), "F6_E2M3": ("float6_e2m3fn", 6), "F6_E3M2": ("float6_e3m2fn", 6),
    "I64": ("int64", 64), "I32": ("int32", 32), "I16": ("int16", 16), "I8": ("int8", 8),
    "U64": ("uint64", 64), "U32": ("uint32", 32), "U16": ("uint16", 16), "U8": ("uint8", 8), "BOOL": ("bool", 8),
}  # fmt: skip
FLOATS = frozenset({"float64", "float32", "float16", "bfloat16"})


def file_facts(variant: Variant) -> Facts:
    """Facts of a checkpoint from its bytes: nothing of it is held in memory.

    The fingerprint covers the bytes of the weight files, the configuration and the end-of-text ids. It is another one
    than that of the same weights loaded by us: an engine that reads files itself is not known to read them as we do.

    Raises
    ------
    CheckpointError
        A file is damaged, or holds a type of tensor that is not known.
    """
    ends = stored_ends(variant)
    tensors = _Tensors.of(variant)
    described = describe_checkpoint(variant.source, variant.config)
    compute = str(compute_dtype(variant)).removeprefix("torch.")
    return Facts(
        fingerprint=_fingerprint(variant, ends),
        storage=described.method if described else _largest(tensors.bytes_by_dtype),
        compute_dtype=compute,
        bytes_by_dtype=tensors.bytes_by_dtype,
        quantized_tensors=tensors.quantized,
        changed_tensors=None,
        eos_token_ids=ends.eos_token_ids,
        ignored_generation_config=ends.ignored,
        notes=variant.source.notes,
        kv=variant.kv,
    )


def _fingerprint(variant: Variant, ends: Ends) -> str:
    weights = sorted(path for path in variant.source.weight_files if path.suffix == ".safetensors")
    return hash_json(
        [
            "files",
            FINGERPRINT_VERSION,
            [_hash_file(path) for path in weights],
            config_identity(variant),
            sorted(ends.eos_token_ids),
            variant.spec.options.get("dtype"),
            variant.kv,
        ]
    )


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensors:
    """Tensors of a checkpoint by the headers of its files."""

    bytes_by_dtype: dict[str, int]
    quantized: int  # matrices that hold codes

    @classmethod
    def of(cls, variant: Variant) -> _Tensors:
        sizes: Counter[str] = Counter()
        quantized = 0
        for path in variant.source.weight_files:
            if path.suffix == ".safetensors":
                for kind, shape in _header(path):
                    name, bits = TYPES[kind]
                    values = 1
                    for length in shape:
                        values *= length
                    sizes[name] += values * bits // 8
                    quantized += name not in FLOATS and len(shape) > 1
        return cls(bytes_by_dtype=dict(sorted(sizes.items())), quantized=quantized)


def _header(path: Path) -> list[tuple[str, list[int]]]:
    """Type and shape of every tensor of a safetensors file whose header was checked before."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    rows = [(row["dtype"], row["shape"]) for name, row in header.items() if name != "__metadata__"]
    for kind, _ in rows:
        if kind not in TYPES:
            raise CheckpointError(f"{path} holds tensors of type {kind}, which is not known here")
    return rows


def _largest(sizes: dict[str, int]) -> str:
    return max(sizes, key=lambda name: sizes[name], default="none")
