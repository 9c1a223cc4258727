"""The model that a configuration describes, filled with decoded tensors by transformers' own loader.

The loader knows how names of files become names of modules, fuses experts, ties embeddings, and says what was missing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import torch

from tailgate.errors import CheckpointError
from tailgate.variants.complete import check_complete, check_used, no_reports
from tailgate.variants.formats.protocol import Reading
from tailgate.variants.linear import replace_module
from tailgate.variants.source import Source

Replace: TypeAlias = Callable[[torch.nn.Linear], torch.nn.Module]


def filled(
    reading: Reading, state: Mapping[str, torch.Tensor], quantized: frozenset[str]
) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """Build the model with the tensors of `state` in place; also notes on tensors that it has no use for.

    Raises
    ------
    CheckpointError
        A tensor is missing, left over, or of another shape than the model's.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    name, config = reading.source.name, copy.deepcopy(reading.config)
    del config.quantization_config
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise CheckpointError(f"'{name}' is a {config.model_type}, for which transformers has no decoder")
    try:
        with no_reports():
            module, told = cast(Any, MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]).from_pretrained(
                None,
                config=config,
                state_dict=dict(state),
                dtype=reading.dtype,
                output_loading_info=True,
                **reading.attention,
            )
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # transformers raises many kinds for tensors that do not fit; all mean the same here
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"cannot load the weights of '{name}': {first}") from error
    check_complete(name, told)
    notes = _left_over(name, told["unexpected_keys"], state, quantized)
    _take_generation_config(module, reading.source)
    return module, notes


def _left_over(
    name: str, unexpected: set[str], state: Mapping[str, torch.Tensor], quantized: frozenset[str]
) -> tuple[str, ...]:
    """Notes on biases of zeros, which some tools give every quantized layer; anything else left over is refused."""
    empty = {key for key in unexpected if _is_empty_bias(key, state, quantized)}
    check_used(name, unexpected - empty)
    return (f"left out {len(empty)} biases that are zero throughout and not part of the model",) if empty else ()


def _is_empty_bias(key: str, state: Mapping[str, torch.Tensor], quantized: frozenset[str]) -> bool:
    layer, _, last = key.rpartition(".")
    return last == "bias" and layer in quantized and key in state and not bool(state[key].any())


def _take_generation_config(module: torch.nn.Module, source: Source) -> None:
    """As `from_pretrained` does with a folder; without a file, the one made from the configuration stays."""
    from transformers import GenerationConfig

    if not (source.folder / "generation_config.json").is_file():
        return
    try:
        cast(Any, module).generation_config = GenerationConfig.from_pretrained(source.folder)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"damaged generation_config.json of '{source.name}': {error}") from error


def put(module: torch.nn.Module, name: str, replace: Replace) -> None:
    """Put a layer of ours in the place of a linear layer.

    Raises
    ------
    CheckpointError
        The architecture has no linear layer of that name: it fuses several into one.
    """
    try:
        linear = module.get_submodule(name)
    except AttributeError:
        linear = None
    if not isinstance(linear, torch.nn.Linear):
        raise CheckpointError(
            f"layer {name} is no linear layer of its own in this architecture, so its codes cannot be kept and its "
            "input cannot be rounded; only checkpoints that quantize weights alone are read, by execution=dequantized"
        )
    replace_module(module, name, replace(linear))
