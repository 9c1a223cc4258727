"""Variants written as plain checkpoints: for engines that cannot read their files or apply their method."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tailgate.errors import OutputError, VariantError
from tailgate.variants.variant import Facts, Variant

if TYPE_CHECKING:
    from tailgate.variants.load import LoadedModel

PLAIN_METHODS = frozenset({"fp16", "bf16", "fp32", "rtn"})  # whose result is a model of plain weights
FACTS_FILE = "tailgate.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCheckpoint:
    """A folder of safetensors that holds what the variant computes with, and the facts of the variant."""

    folder: Path
    facts: Facts


def needs_writing(variant: Variant) -> bool:
    """Whether a variant's weights are not those of a folder of safetensors as it lies there."""
    rounded = "dtype" in variant.spec.options and variant.device.startswith("cpu")
    return variant.method is not None or variant.source.gguf_file is not None or rounded


def plain_checkpoint(variant: Variant, cache: Path) -> PlainCheckpoint:
    """The variant as a plain checkpoint, written into `cache` unless it lies there.

    Raises
    ------
    VariantError
        Its method computes with codes, or in a way of its own.
    CheckpointError
        It cannot be loaded.
    OutputError
        It cannot be written.
    """
    method = variant.method
    if method is not None and method.name not in PLAIN_METHODS:
        raise VariantError(
            f"'{variant.spec.text}': {method.name} computes in its own way, which no plain checkpoint holds; give a "
            "checkpoint that was quantized beforehand, or use --engine native"
        )
    folder = cache / variant.facts_key()[:32]
    facts = _read_facts(folder)
    if facts is None:
        from tailgate.variants.load import load

        loaded = load(variant)
        facts = loaded.facts
        _write(variant, loaded, folder)
    return PlainCheckpoint(folder=folder, facts=facts)


def _read_facts(folder: Path) -> Facts | None:
    try:
        row = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        return Facts(**{**row, "notes": tuple(row["notes"]), "eos_token_ids": tuple(row["eos_token_ids"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(variant: Variant, loaded: LoadedModel, folder: Path) -> None:
    """Write everything into a folder beside, then give it its name: half a checkpoint is never found."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
        try:
            _write_files(variant, loaded, partial)
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot write '{variant.spec.text}' as a plain checkpoint into {folder}: {error}") from error


def _write_files(variant: Variant, loaded: LoadedModel, folder: Path) -> None:
    from tailgate.quantize.checkpoint import plain_state, write_config, write_weights

    dtype = next(loaded.module.parameters()).dtype
    write_weights(folder, plain_state(loaded.module, dtype))
    write_config(folder, loaded.module, dtype)
    # The end-of-text ids alone: what else a generation config says is used by no engine.
    ends = {"eos_token_id": list(loaded.eos_token_ids), "pad_token_id": loaded.pad_token_id}
    (folder / "generation_config.json").write_text(json.dumps(ends), encoding="utf-8")
    variant.tokenizer.tokenizer.save_pretrained(folder)
    (folder / FACTS_FILE).write_text(json.dumps(asdict(loaded.facts)), encoding="utf-8")
