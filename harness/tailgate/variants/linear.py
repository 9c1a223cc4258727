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


def first_uncovered(model: torch.nn.Module) -> str | None:
    """Name of a weight matrix that `linear_layers` does not reach, such as fused experts; None where there is none.

    Embedding tables and the output head are left alone by design.
    """
    covered = {id(layer.weight) for _, layer in linear_layers(model)}
    head = cast(Any, model).get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    spared = [module for module in model.modules() if isinstance(module, torch.nn.Embedding) or module is head]
    covered |= {id(parameter) for module in spared for parameter in module.parameters()}
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2 and parameter.is_floating_point() and id(parameter) not in covered:
            return name
    return None


def replace_module(model: torch.nn.Module, name: str, module: torch.nn.Module) -> None:
    """Put `module` in the place of the submodule called `name`."""
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)
