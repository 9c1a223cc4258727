"""The files of a checkpoint in the transformers format: weights, configuration, tokenizer."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch

from tailgate.errors import CheckpointError, IntegrityError
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.variant import Variant, resolve

GENERATION = "generation_config.json"
SHARD_SIZE = "5GB"


def plain_state(module: torch.nn.Module, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Tensors that a checkpoint of the module holds, floats in `dtype`, tied weights once.

    Raises
    ------
    CheckpointError
        A weight does not fit into `dtype`.
    """
    return {name: _cast(name, tensor, dtype) for name, tensor in _stored(module)}


def _stored(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters without their doubles, and the buffers that are saved."""
    saved = module.state_dict().keys()
    yield from ((name, parameter.detach()) for name, parameter in module.named_parameters())
    yield from ((name, buffer) for name, buffer in module.named_buffers() if name in saved)


def _cast(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    rounded = tensor.to(dtype)
    if bool(torch.isfinite(tensor).all()) and not bool(torch.isfinite(rounded).all()):
        raise CheckpointError(f"{name} holds values that {dtype} cannot hold; use bf16 (--method ...:dtype=bf16)")
    return rounded


def write_weights(folder: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write safetensors, in shards where they are large."""
    from huggingface_hub import save_torch_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    save_torch_state_dict(dict(state), folder, max_shard_size=SHARD_SIZE, metadata={"format": "pt"})


def write_config(
    folder: Path, module: torch.nn.Module, dtype: torch.dtype, quantization: Mapping[str, Any] | None = None
) -> None:
    """Write config.json of a module that is stored in `dtype`, with its quantization_config where there is one."""
    config = copy.deepcopy(cast(Any, module).config)
    if hasattr(config, "quantization_config"):  # that of a GGUF file names the file
        del config.quantization_config
    config.dtype = dtype
    config.architectures = [type(module).__name__]
    if quantization is not None:
        config.quantization_config = dict(quantization)
    config.save_pretrained(folder)


def write_companions(folder: Path, variant: Variant, generation: Any) -> None:
    """Write the tokenizer and the generation config of the parent, unchanged."""
    variant.tokenizer.tokenizer.save_pretrained(folder)
    own = variant.source.folder / GENERATION
    if not variant.source.gguf_file and own.is_file():
        shutil.copyfile(own, folder / GENERATION)
    else:
        generation.save_pretrained(folder)


def check_checkpoint(folder: Path, parent: Variant) -> None:
    """Read configuration, headers and tokenizer of what was written as any reader would.

    Raises
    ------
    IntegrityError
        The tokenizer is read back as another one than the parent's.
    CheckpointError
        Tensors and configuration do not fit together.
    """
    again = resolve(str(folder), "cpu")
    describe_checkpoint(again.source, again.config)
    ours, theirs = parent.tokenizer, again.tokenizer
    if (theirs.sha256, theirs.template_sha256) != (ours.sha256, ours.template_sha256):
        raise IntegrityError(
            f"the tokenizer of '{parent.source.name}' is read back as another one after it was saved; report this"
        )
