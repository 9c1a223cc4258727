"""Keys and values as a checkpoint declares them: in 8-bit floats, by scales that were found when it was made.

The scales of a layer go by several names below its attention module, by the tool that wrote them: ``k_scale`` and
``v_scale`` (llm-compressor), ``k_proj.k_scale`` (vLLM's fp8 checkpoints), ``k_proj.output_scale`` (older
compressed-tensors), ``kv_scale`` for both (AutoFP8). A scale is one number, or one a key-value head.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from tailgate.errors import CheckpointError
from tailgate.variants.formats.grouped import check_scales
from tailgate.variants.formats.shards import FLOATS, Shards

# Shape legend: H key-value heads.

KEYS = ("k_proj.k_scale", "k_proj.output_scale", "k_scale", "kv_scale")
VALUES = ("v_proj.v_scale", "v_proj.output_scale", "v_scale", "kv_scale")
QUERIES = ("q_proj.output_scale", "q_scale")
ZEROS = ("k_zero_point", "v_zero_point", "k_proj.output_zero_point", "v_proj.output_zero_point")
UNASKED = "the checkpoint asks for keys and values in {}; they are stored as computed unless the variant says kv=stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheScheme:
    """A declared way to store keys and values. `strange`: why it cannot be served, or empty."""

    in_words: str
    strange: str = ""


class KVScales(torch.nn.Module):
    """Scales of a layer's keys and of its values, [H, 1, 1] or [1, 1, 1] fp32: buffers, hashed and moved with it."""

    def __init__(self, of_keys: torch.Tensor, of_values: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("of_keys", of_keys)
        self.register_buffer("of_values", of_values)


def cache_parts(names: Iterable[str]) -> frozenset[str]:
    """Names of tensors that belong to a cache, not to a layer's product."""
    return frozenset(name for name in names if name.endswith(tuple(f".{last}" for last in _PARTS)))


_PARTS = (*KEYS, *VALUES, *QUERIES, *ZEROS, "q_zero_point", "q_proj.output_zero_point")


def put_scales(module: torch.nn.Module, shards: Shards, scheme: CacheScheme | None) -> None:
    """Give every attention module of a model the scales that the checkpoint holds for it.

    Raises
    ------
    CheckpointError
        The checkpoint declares none, or others than are served; a layer lacks a scale, or has one that is none.
    """
    if scheme is None:
        raise CheckpointError(f"'{shards.name}' declares no scheme for keys and values; use kv=int8, fp8 or int4")
    if reason := scheme.strange or _strange(shards):
        raise CheckpointError(f"kv=stored is not served for '{shards.name}': {reason}; leave kv= out, or use kv=fp8")
    config: Any = module.config
    layers = int(config.num_hidden_layers)
    found = {name: _scales(shards, name, names) for name, names in _by_attention(shards.headers).items()}
    if len(found) != layers:
        raise CheckpointError(
            f"'{shards.name}' has scales of keys and values for {len(found)} of {layers} layers; fetch it again"
        )
    heads = int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
    for name, scales in found.items():
        _put(module, name, scales, heads, shards.name)


def _strange(shards: Shards) -> str:
    for name in shards.headers:
        if name.endswith(tuple(f".{last}" for last in QUERIES)):
            return f"it rounds queries too ({name})"
        if name.endswith(tuple(f".{last}" for last in ZEROS)) and bool(shards.tensor(name).float().any()):
            return f"it shifts codes by a zero point ({name})"
    return ""


def _by_attention(names: Collection[str]) -> Mapping[str, tuple[str, str]]:
    """Attention modules, and the names of the tensors that scale their keys and their values."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        for side, endings in (("keys", KEYS), ("values", VALUES)):
            ending = next((each for each in endings if name.endswith(f".{each}")), None)
            if ending is not None:
                found.setdefault(name.removesuffix(f".{ending}"), {})[side] = name
    return {owner: (scales["keys"], scales["values"]) for owner, scales in found.items() if len(scales) == 2}


def _scales(shards: Shards, owner: str, names: tuple[str, str]) -> tuple[torch.Tensor, torch.Tensor]:
    of_keys, of_values = (shards.tensor(name).float().reshape(-1, 1, 1) for name in names)
    for name, scale in zip(names, (of_keys, of_values), strict=True):
        if shards.header(name).dtype not in FLOATS:
            raise CheckpointError(f"{name} of '{shards.name}' is {shards.header(name).dtype}, not a float")
        check_scales(scale, owner)
        if bool((scale < 0).any()):
            raise CheckpointError(f"{name} of '{shards.name}' is negative; fetch the checkpoint again")
    return of_keys, of_values


def _put(
    module: torch.nn.Module, owner: str, scales: tuple[torch.Tensor, torch.Tensor], heads: int, checkpoint: str
) -> None:
    if odd := next((scale.numel() for scale in scales if scale.numel() not in (1, heads)), None):
        raise CheckpointError(f"{owner} of '{checkpoint}' has {odd} scales for {heads} key-value heads")
    try:
        attention = module.get_submodule(owner)
    except AttributeError:
        attention = None
    if attention is None or not hasattr(attention, "layer_idx"):
        raise CheckpointError(f"'{checkpoint}' has scales of keys and values for {owner}, which is no attention layer")
    attention.add_module("kv_scales", KVScales(*scales))
