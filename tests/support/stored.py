"""Quantized checkpoints for tests: goldens that the formats' own libraries wrote, put together, and edits."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.support.tiny import Tiny, tiny_tokenizer

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "formats"
COMMON = "common.safetensors"


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A checkpoint in a folder, and what the library that wrote it computes with."""

    folder: Path
    layers: Path  # the file that holds its quantized layers
    weights_sha256: dict[str, str]  # of the fp16 bytes of every quantized layer's weights
    weights: dict[str, torch.Tensor]  # of one of them, where they are kept


def golden_names(kind: str) -> list[str]:
    """Names of the golden checkpoints of a format."""
    return sorted(path.stem for path in (GOLDEN / kind).glob("*.json"))


def golden(kind: str, name: str, folder: Path) -> Golden:
    """Put a golden checkpoint together in an empty folder, with the tiny tokenizer."""
    record = json.loads((GOLDEN / kind / f"{name}.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    tiny_tokenizer(Tiny()).save_pretrained(folder)
    config = {**record["config"], "quantization_config": record["quantization_config"]}
    (folder / "config.json").write_text(json.dumps(config))
    common = load_file(GOLDEN / kind / COMMON)
    shared = record.get("shared", common)  # a method may have changed tensors that most leave alone
    save_file({key: common[key] for key in shared}, folder / COMMON, metadata={"format": "pt"})
    layers = Path(shutil.copy(GOLDEN / kind / f"{name}.safetensors", folder))
    shown = GOLDEN / kind / f"{name}.weights.safetensors"
    return Golden(
        folder=folder,
        layers=layers,
        weights_sha256=record["weights_sha256"],
        weights=load_file(shown) if shown.is_file() else {},
    )


def sha256_of(weight_OI: torch.Tensor) -> str:
    """Hash of a weight's bytes."""
    return hashlib.sha256(weight_OI.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()


def edit_tensors(file: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the tensors of a safetensors file."""
    tensors = load_file(file)
    edit(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata={"format": "pt"})


def edit_config(folder: Path, **changes: Any) -> None:
    """Change keys of the quantization_config; None removes one."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for key, value in changes.items():
        config["quantization_config"].pop(key, None)
        if value is not None:
            config["quantization_config"][key] = value
    path.write_text(json.dumps(config))
