"""What a reader of quantized checkpoints offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

# How a quantized layer is computed: `packed` keeps the stored codes and unpacks them for each product, `dequantized`
# unpacks them once. The values are the same, bytes in memory and speed are not.
Execution = Literal["packed", "dequantized"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a quantized checkpoint says of itself; None or empty: it does not say, or it does not apply.

    `group`: inputs that share a scale, -1 for a whole row. `activations`: how a layer's input is rounded before the
    product. `unquantized`: layers left as they were. `calibration`: what is known of the data it was made with.
    `tensor_types`: for files that mix them, each type's number of `tensors` and their `bytes`.
    """

    method: str
    bits: int | None = None
    group: int | None = None
    symmetric: bool | None = None
    act_order: bool | None = None
    activations: str = ""
    kv_cache: str = ""
    unquantized: tuple[str, ...] = ()
    calibration: Mapping[str, Any] = field(default_factory=dict)
    tensor_types: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A checkpoint to be read: its files, configuration, device, arithmetic and execution."""

    source: Source
    config: Any  # transformers PretrainedConfig
    dtype: torch.dtype
    device: str
    execution: Execution | None  # None: the format's default
    attention: Mapping[str, str] = field(default_factory=dict)  # attn_implementation, where the model needs one
    stored_cache: bool = False  # give attention modules the checkpoint's own scales of keys and values


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A model with its weights in place, in eval mode, and how they are stored and computed."""

    module: torch.nn.Module
    storage: str
    execution: Execution
    quantized_tensors: int
    notes: tuple[str, ...] = ()


class Format(Protocol):
    """A quantized format of checkpoints."""

    name: str
    executions: tuple[Execution, ...]  # the first is the default
    version: int  # bumped when the arithmetic over its codes changes

    def describe(self, source: Source, config: Any) -> Description:
        """What the checkpoint says of itself, from its configuration and the headers of its files.

        Raises
        ------
        CheckpointError
            Configuration and tensors disagree, or the configuration is damaged.
        """

    def read(self, reading: Reading) -> Read:
        """Read the weights.

        Raises
        ------
        CheckpointError
            Configuration and tensors disagree, a scale is zero or not finite, a shape does not fit.
        MissingPackageError
            The package that reads the format is not installed.
        """
