"""What a GGUF file says of itself, and damage that its decoded weights do not show.

Its weights are read by transformers, which decodes them by the gguf package.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tailgate.errors import CheckpointError
from tailgate.variants.formats.guard import one_line
from tailgate.variants.formats.protocol import Description
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

# Shape legend: n blocks or rows of a tensor, B bytes of a block, I input features.

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
# Whether a type stores a minimum beside its scale; the others, I-quants among them, point into a code book.
MINIMUM = frozenset({"Q4_1", "Q5_1", "Q8_1", "Q2_K", "Q4_K", "Q5_K"})
SCALE_ONLY = frozenset({"Q4_0", "Q5_0", "Q8_0", "Q3_K", "Q6_K", "Q8_K", "TQ1_0", "TQ2_0"})
# Where in a block its fp16 scales lie, by ggml's layouts; a type that is not named has none that stands alone.
SCALES = {
    **dict.fromkeys(("Q4_0", "Q5_0", "Q8_0", "IQ4_NL"), (0,)),
    **dict.fromkeys(("Q4_1", "Q5_1", "Q4_K", "Q5_K"), (0, 2)),
    **dict.fromkeys(("IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), (0,)),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q6_K": (208,),
    "TQ1_0": (52,),
    "TQ2_0": (64,),
}
IMATRIX = "quantize.imatrix."
HEAD = 64  # columns of a row that are looked at first
FILE_TYPE = "general.file_type"


def describe(source: Source) -> Description:
    """Types of tensors with their counts and bytes, matrices left as floats, and what is said of an importance matrix.

    `bits` and `group` are those of the type that holds most weights: the nominal width and the weights of a block.

    Raises
    ------
    CheckpointError
        The file is damaged.
    """
    with one_line(source.name, "GGUF"):
        return _described(_opened(source))


def refuse_zeroed(module: torch.nn.Module, source: Source) -> None:
    """Refuse a file with a tensor whose scales are zero throughout while its codes are not all alike.

    Single blocks of such scales are legitimate: those of weights that are too small for fp16. `module`: the model that
    was read from it; the file is parsed again, which takes seconds, only where that has rows of zeros.

    Raises
    ------
    CheckpointError
        A tensor is, or the file is damaged.
    """
    if not any(_has_row_of_zeros(weight) for weight in module.parameters()):
        return
    with one_line(source.name, "GGUF"):
        for tensor in _opened(source).tensors:
            if _is_zeroed(tensor):
                raise CheckpointError(
                    f"all scales of {tensor.name} of '{source.name}' are zero, its {tensor.tensor_type.name} codes are "
                    "not; fetch the file again"
                )


def _opened(source: Source) -> Any:
    import gguf

    try:
        return gguf.GGUFReader(source.folder / (source.gguf_file or ""))
    except Exception as error:  # the parser raises many kinds for a damaged file; all mean the same here
        raise CheckpointError(f"'{source.name}' is no readable GGUF file: {error}; fetch it again") from error


def _has_row_of_zeros(weight_nI: torch.Tensor) -> bool:
    if weight_nI.ndim < 2 or weight_nI.is_meta:
        return False
    rows_nI = weight_nI.flatten(0, -2)
    likely_n = ~rows_nI[:, :HEAD].any(dim=1)  # spares most rows the rest
    return bool(likely_n.any()) and not bool(rows_nI[likely_n].any(dim=1).all())


def _is_zeroed(tensor: Any) -> bool:
    import gguf
    import numpy as np

    offsets = SCALES.get(tensor.tensor_type.name, ())
    if not offsets:
        return False
    blocks_nB = tensor.data.reshape(-1, gguf.GGML_QUANT_SIZES[tensor.tensor_type][1])
    if any(np.any(np.ascontiguousarray(blocks_nB[:, at : at + 2]).view(np.float16)) for at in offsets):
        return False
    codes_nB = np.delete(blocks_nB, [byte for at in offsets for byte in (at, at + 1)], axis=1)
    return bool((codes_nB != codes_nB[0]).any())  # zeros that were quantized are the same block over and over


def _described(reader: Any) -> Description:
    import gguf

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
