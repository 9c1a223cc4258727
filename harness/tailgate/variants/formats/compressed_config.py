"""The quantization_config of compressed-tensors: which scheme a layer has, and how a scheme rounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import regex
from pydantic import BaseModel, ConfigDict, Field

from tailgate.errors import CheckpointError

PATTERN = "re:"
MATCH_S = 1.0  # a pattern comes with the checkpoint: one that takes this long for a name is refused
LINEAR = "Linear"

Layout = Literal["pack-quantized", "int-quantized", "float-quantized", "naive-quantized"]


class Numbers(BaseModel):
    """How weights or activations are rounded."""

    model_config = ConfigDict(extra="ignore")

    num_bits: int
    type: Literal["int", "float"] = "int"
    symmetric: bool = True
    strategy: Literal["tensor", "channel", "group", "block", "token", "attn_head"] | None = None
    group_size: int | None = None
    block_structure: tuple[int, int] | None = None
    dynamic: bool = False
    actorder: str | bool | None = None
    observer: str | None = None

    @property
    def shared_by(self) -> str:
        """What shares a scale; the sizes tell where it is not said."""
        if self.strategy is not None:
            return self.strategy
        if self.group_size is None:
            return "tensor"
        return "channel" if self.group_size == -1 else "group"

    @property
    def group(self) -> int:
        """Inputs that share a scale; -1: a whole row."""
        return self.group_size if self.shared_by == "group" and self.group_size else -1

    @property
    def block(self) -> tuple[int, int] | None:
        """Outputs and inputs that share a scale, where blocks do."""
        return self.block_structure if self.shared_by == "block" else None

    @property
    def in_words(self) -> str:
        """Format, and what shares a scale."""
        name = "fp8" if self.type == "float" else f"int{self.num_bits}"
        if self.dynamic:
            shared = {"group": f"per token and {self.group_size} inputs"}.get(self.shared_by, f"per {self.shared_by}")
            return f"{name}, a scale {shared}, found from them"
        return f"{name}, a stored scale per {self.shared_by}"


class Scheme(BaseModel):
    """How the layers of one group are quantized."""

    model_config = ConfigDict(extra="ignore")

    targets: tuple[str, ...]
    weights: Numbers
    input_activations: Numbers | None = None
    output_activations: None = None
    format: Layout | None = None


class CompressedSettings(BaseModel):
    """The quantization_config."""

    model_config = ConfigDict(extra="ignore")

    config_groups: dict[str, Scheme] = Field(min_length=1)
    format: Literal["pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "mixed-precision"]
    ignore: tuple[str, ...] | None = None
    kv_cache_scheme: Numbers | None = None
    quantization_status: Literal["compressed"] = "compressed"
    sparsity_config: dict[str, Any] | None = None
    transform_config: dict[str, Any] | None = None

    def scheme_of(self, layer: str) -> Scheme | None:
        """The scheme of a linear layer; None: it is left alone. A name goes before a pattern, a pattern before a class.

        Raises
        ------
        CheckpointError
            A pattern is no regular expression, or takes too long.
        """
        if any(_matches(target, layer) for target in self.ignore or ()):
            return None
        for rank in (_is_name, _is_pattern, _is_class):
            for scheme in self.config_groups.values():
                if any(rank(target) and _matches(target, layer) for target in scheme.targets):
                    return scheme
        return None


def _is_pattern(target: str) -> bool:
    return target.startswith(PATTERN)


def _is_class(target: str) -> bool:
    return target == LINEAR


def _is_name(target: str) -> bool:
    return not _is_pattern(target) and not _is_class(target)


def _matches(target: str, layer: str) -> bool:
    if not _is_pattern(target):
        return target in (layer, LINEAR)
    pattern = target.removeprefix(PATTERN)
    try:
        return regex.match(pattern, layer, timeout=MATCH_S) is not None
    except (regex.error, TimeoutError) as error:
        raise CheckpointError(f"the pattern {pattern!r} of the quantization_config cannot be used: {error}") from error


def check_served(settings: CompressedSettings, name: str) -> None:
    """Refuse what a checkpoint does besides rounding.

    Raises
    ------
    CheckpointError
        It is sparse, transformed, or rounds to a width that is not read.
    """
    sparse = (settings.sparsity_config or {}).get("format", "dense")
    if sparse != "dense":
        raise CheckpointError(f"'{name}' is stored sparsely ({sparse}), which is not read")
    if (settings.transform_config or {}).get("config_groups"):
        raise CheckpointError(f"'{name}' rotates activations while it computes (transform_config), which is not served")
    for group, scheme in settings.config_groups.items():
        _check_weights(scheme.weights, f"group {group} of '{name}'")
        if scheme.input_activations is not None:
            _check_inputs(scheme.input_activations, f"group {group} of '{name}'")


def _check_weights(numbers: Numbers, where: str) -> None:
    widths: Iterable[int] = (8,) if numbers.type == "float" else (2, 3, 4, 8)
    if numbers.num_bits not in widths:
        raise CheckpointError(f"{where} rounds weights to {numbers.type}{numbers.num_bits}, which is not read")
    if numbers.shared_by == "group" and (numbers.group_size or 0) < 1:
        raise CheckpointError(f"{where}: group_size={numbers.group_size} is no size")
    if numbers.shared_by == "block" and min(numbers.block_structure or (0,)) < 1:
        raise CheckpointError(f"{where}: block_structure={numbers.block_structure} is no size")
    if numbers.shared_by in ("token", "attn_head") or (numbers.type == "int" and numbers.shared_by == "block"):
        raise CheckpointError(f"{where} shares the scales of weights per {numbers.shared_by}, which is not read")


def _check_inputs(numbers: Numbers, where: str) -> None:
    if numbers.num_bits != 8:
        raise CheckpointError(f"{where} rounds inputs to {numbers.type}{numbers.num_bits}, which is not served")
    scopes = ("token", "tensor", "group") if numbers.dynamic else ("tensor",)
    if numbers.shared_by not in scopes:
        raise CheckpointError(f"{where} shares the scales of inputs per {numbers.shared_by}, which is not served")
    if numbers.shared_by == "group" and (numbers.group_size or 0) < 1:
        raise CheckpointError(f"{where}: group_size={numbers.group_size} of inputs is no size")
