"""Golden checkpoints that torchao, hqq and quanto wrote, put together in a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.conftest import require_tool
from tests.support.stored import GOLDEN, golden_names
from tests.support.tiny import Tiny, tiny_tokenizer

PACKAGES = {"torchao": "torchao", "hqq": "hqq", "quanto": "optimum"}  # the names they are imported by
CASES = [(kind, name) for kind in PACKAGES for name in golden_names(kind)]


@dataclass(frozen=True, kw_only=True)
class LibraryGolden:
    """A checkpoint in a folder, and the weights that the library which wrote it reads from it."""

    folder: Path
    weights_sha256: dict[str, str]
    weights: dict[str, torch.Tensor]  # of one layer

    @property
    def file(self) -> Path:
        """The file of its tensors."""
        return self.folder / "model.safetensors"


def library_golden(kind: str, name: str, folder: Path) -> LibraryGolden:
    """Put a golden checkpoint together, with the tiny tokenizer."""
    told: dict[str, Any] = json.loads((GOLDEN / kind / f"{name}.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    tiny_tokenizer(Tiny()).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(told["config"]))
    if told["qmap"]:
        (folder / "quanto_qmap.json").write_text(json.dumps(told["qmap"]))
    shutil.copy(GOLDEN / kind / f"{name}.safetensors", folder / "model.safetensors")
    return LibraryGolden(
        folder=folder,
        weights_sha256=told["weights_sha256"],
        weights=load_file(GOLDEN / kind / f"{name}.weights.safetensors"),
    )


def needs(kind: str) -> None:
    """Skip a test whose library is not installed; see `require_tool`."""
    require_tool(PACKAGES[kind])


def edit_file(file: Path, **changes: torch.Tensor | None) -> None:
    """Change tensors of a file by the ends of their names, and keep its metadata; None removes them."""
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    for end, value in changes.items():
        for name in [name for name in tensors if name.endswith(end)]:
            del tensors[name]
            if value is not None:
                tensors[name] = value.clone()  # a file holds no tensor under two names
    save_file(tensors, file, metadata=metadata)


def edit_metadata(file: Path, metadata: dict[str, str]) -> None:
    """Replace the metadata of a file."""
    save_file(load_file(file), file, metadata=metadata)
