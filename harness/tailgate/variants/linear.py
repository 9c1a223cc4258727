"""Which layers a weight method touches: every linear layer but the LM head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch


def linear_layers(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Linear]]:
    """Yield name and module of every linear layer but the output head.

    The head is found by identity (`get_output_embeddings`), not by name: it is often tied to the embedding
    table, which no weight method quantizes.
    """
    head = cast(Any, model).get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            yield name, module


def replace_module(model: torch.nn.Module, name: str, module: torch.nn.Module) -> None:
    """Put `module` in the place of the submodule called `name`."""
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)
