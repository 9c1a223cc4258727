"""Checkpoints whose weights are stored quantized: one module a format, found by the checkpoint's own configuration."""

from __future__ import annotations

import importlib
from typing import Any, cast

from tailgate.errors import CheckpointError
from tailgate.variants.formats.protocol import Description, Format
from tailgate.variants.source import Source

# `quant_method` of a checkpoint's quantization_config -> module of this package that reads it.
MODULES = {
    "gptq": "gptq",
    "awq": "awq",
    "compressed-tensors": "compressed_tensors",
    "fp8": "fp8",
    "bitsandbytes": "bitsandbytes",
    "torchao": "torchao",
    "hqq": "hqq",
    "quanto": "quanto",
}

QUANTO_MAP = "quanto_qmap.json"  # quanto's own checkpoints have it in the place of a quantization_config


def settings_of(config: Any) -> dict[str, Any]:
    """The quantization_config of a checkpoint as a plain table; empty where it has none.

    Raises
    ------
    CheckpointError
        It is no table.
    """
    found = getattr(config, "quantization_config", None)
    if found is None:
        return {}
    if not isinstance(found, dict) and not hasattr(found, "to_dict"):
        raise CheckpointError(f"the quantization_config is {found!r:.80}, which is no table; fetch config.json again")
    return dict(found) if isinstance(found, dict) else dict(found.to_dict())


def find_format(source: Source, config: Any) -> Format | None:
    """The reader of a quantized checkpoint; None where its weights are plain or in a GGUF file.

    Raises
    ------
    CheckpointError
        The checkpoint says that it is quantized in a way that is not read here.
    """
    settings = settings_of(config)
    if source.gguf_file:
        return None
    if not settings:
        if not (source.folder / QUANTO_MAP).is_file():
            return None
        settings = {"quant_method": "quanto"}
    method = str(settings.get("quant_method", "")).lower()
    if method not in MODULES:
        raise CheckpointError(
            f"'{source.name}' is stored as '{method or 'unnamed'}', which is not read; formats read: "
            f"{', '.join([*MODULES, 'gguf'])}"
        )
    return cast(Format, importlib.import_module(f"tailgate.variants.formats.{MODULES[method]}").FORMAT)


def describe_checkpoint(source: Source, config: Any) -> Description | None:
    """What a quantized checkpoint says of itself; None where its weights are plain.

    Raises
    ------
    CheckpointError
        Its configuration is damaged, unknown, or contradicts its tensors.
    """
    if source.gguf_file:
        from tailgate.variants.formats.gguf import describe

        return describe(source)
    found = find_format(source, config)
    return None if found is None else found.describe(source, config)
