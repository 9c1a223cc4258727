"""What a GGUF file says of itself. Its weights are read by transformers, which decodes them by the gguf package."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tailgate.errors import CheckpointError
from tailgate.variants.formats.protocol import Description
from tailgate.variants.source import Source

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
# Whether a type stores a minimum beside its scale; the others, I-quants among them, point into a code book.
MINIMUM = frozenset({"Q4_1", "Q5_1", "Q8_1", "Q2_K", "Q4_K", "Q5_K"})
SCALE_ONLY = frozenset({"Q4_0", "Q5_0", "Q8_0", "Q3_K", "Q6_K", "Q8_K", "TQ1_0", "TQ2_0"})
IMATRIX = "quantize.imatrix."
FILE_TYPE = "general.file_type"


def describe(source: Source) -> Description:
    """Types of tensors with their counts and bytes, matrices left as floats, and what is said of an importance matrix.

    `bits` and `group` are those of the type that holds most weights: the nominal width and the weights of a block.

    Raises
    ------
    CheckpointError
        The file is damaged.
    """
    import gguf

    try:
        reader = gguf.GGUFReader(source.folder / (source.gguf_file or ""))
    except Exception as error:  # the parser raises many kinds for a damaged file; all mean the same here
        raise CheckpointError(f"'{source.name}' is no readable GGUF file: {error}; fetch it again") from error
    weights: Counter[str] = Counter()
    table: dict[str, dict[str, int]] = {}
    for tensor in reader.tensors:
        name = tensor.tensor_type.name
        weights[name] += int(tensor.n_elements)
        row = table.setdefault(name, {"tensors": 0, "bytes": 0})
        row["tensors"] += 1
        row["bytes"] += int(tensor.n_bytes)
    quantized = {name: count for name, count in weights.items() if name not in FLOATS}
    main = max(quantized, key=lambda name: (quantized[name], name), default=None)
    return Description(
        method="gguf" if main is None else f"gguf {main}",
        bits=None if main is None else _nominal_bits(main),
        group=None if main is None else int(gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[main]][0]),
        symmetric=None if main is None else _is_symmetric(main),
        unquantized=tuple(
            sorted(each.name for each in reader.tensors if each.tensor_type.name in FLOATS and len(each.shape) > 1)
        ),
        calibration=_facts(reader.fields),
        tensor_types=dict(sorted(table.items())),
    )


def _nominal_bits(name: str) -> int | None:
    """The width that a type is named after; blocks add their scales to it."""
    digits = re.search(r"\d+", name)
    return int(digits.group()) if digits else None


def _is_symmetric(name: str) -> bool | None:
    return True if name in SCALE_ONLY else False if name in MINIMUM else None


def _facts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says of the data it was quantized with; a file type is llama.cpp's name of a mixture of types."""
    import gguf

    found = {key.removeprefix(IMATRIX): field.contents() for key, field in fields.items() if key.startswith(IMATRIX)}
    facts: dict[str, Any] = {f"imatrix_{key}": value for key, value in sorted(found.items())}
    if FILE_TYPE in fields:
        number = int(fields[FILE_TYPE].contents())
        known = {each.value: each.name for each in gguf.LlamaFileType}
        facts["file_type"] = known.get(number, str(number))
    return facts
