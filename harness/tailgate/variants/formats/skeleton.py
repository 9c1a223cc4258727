"""The model that a configuration describes, filled with decoded tensors by transformers' own loader.

The loader knows how names of files become names of modules, fuses experts, ties embeddings, and says what was missing.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import torch

from tailgate.errors import CheckpointError
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
        with _no_reports():
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
    _check_complete(name, told)
    notes = _left_over(name, told["unexpected_keys"], state, quantized)
    _take_generation_config(module, reading.source)
    return module, notes


@contextmanager
def _no_reports() -> Iterator[None]:
    """Keep transformers from printing what is checked and reported here."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _check_complete(name: str, told: Mapping[str, Any]) -> None:
    if missing := sorted(told["missing_keys"]):
        raise CheckpointError(
            f"'{name}' lacks {len(missing)} tensors that its configuration asks for (first: {missing[0]}); "
            "a file is missing or belongs to another model"
        )
    if mismatched := sorted(told["mismatched_keys"], key=str):
        key, seen, expected = (*mismatched[0], None, None)[:3]
        raise CheckpointError(
            f"tensor {key} of '{name}' is {seen and list(seen)}, its configuration asks for "
            f"{expected and list(expected)}; fetch both again"
        )


def _left_over(
    name: str, unexpected: set[str], state: Mapping[str, torch.Tensor], quantized: frozenset[str]
) -> tuple[str, ...]:
    """Notes on biases of zeros, which some tools give every quantized layer; anything else left over is refused."""
    empty = {key for key in unexpected if _is_empty_bias(key, state, quantized)}
    if left := sorted(unexpected - empty):
        raise CheckpointError(
            f"'{name}' holds {len(left)} tensors that its configuration has no use for (first: {left[0]}); "
            "its files and its configuration disagree"
        )
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
