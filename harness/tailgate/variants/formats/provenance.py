"""How a checkpoint was made, as `tailgate quantize` writes it beside the weights."""

from __future__ import annotations

import json
from typing import Any

from tailgate.errors import CheckpointError
from tailgate.variants.source import Source

FILE = "tailgate_quantize.json"
KEYS = ("method", "source", "calibration", "libraries", "options")


def read_provenance(source: Source) -> dict[str, Any]:
    """What `tailgate quantize` recorded; empty where the checkpoint comes from elsewhere.

    Raises
    ------
    CheckpointError
        The record is damaged.
    """
    path = source.folder / FILE
    if source.gguf_file or not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: found[key] for key in KEYS if key in found}
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"damaged record {path}: {error}; remove it to read the checkpoint without") from error
