"""Settings of a quantized checkpoint in a file of their own, as tools wrote them before config.json had room."""

from __future__ import annotations

import json
from typing import Any

from tailgate.errors import CheckpointError
from tailgate.variants.source import SETTINGS_BESIDE, Source

METHODS = dict(zip(SETTINGS_BESIDE, ("gptq", "awq"), strict=True))


def settings_beside(source: Source) -> dict[str, Any] | None:
    """What would be the quantization_config, from the file beside a configuration that has none.

    Raises
    ------
    CheckpointError
        The file is damaged.
    """
    if source.gguf_file:
        return None
    for name, method in METHODS.items():
        path = source.folder / name
        if path.is_file():
            try:
                return {"quant_method": method, **json.loads(path.read_text(encoding="utf-8"))}
            except (ValueError, TypeError) as error:
                raise CheckpointError(f"damaged {path}: {error}; fetch the file again") from error
    return None
