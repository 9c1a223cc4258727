"""What a quantization method is: its keys, the package it needs, and a function that changes a model in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from tailgate.errors import VariantError

if TYPE_CHECKING:
    import torch

OptionValue: TypeAlias = str | int | bool
# Keys of every method. `kv`: how keys and values of past tokens are stored; `execution`: how the layers of a quantized
# checkpoint are computed.
COMMON_KEYS = ("revision", "dtype", "device_map", "kv", "execution")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One `key=value` of a method: one of `choices`, or free `text`, or a whole number from zero on."""

    default: OptionValue
    choices: tuple[OptionValue, ...] = ()
    kind: Literal["choice", "text", "count"] = "choice"
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a method did to a model."""

    quantized_tensors: int
    changed_tensors: int
    storage: str  # bits and format the weights are stored in, as a deployment would store them
    notes: tuple[str, ...] = ()

    @property
    def lossless(self) -> bool:
        """Whether the method left every tensor as it was."""
        return self.changed_tensors == 0


class ApplyMethod(Protocol):
    """Changes the weights of a model in place."""

    def __call__(self, model: torch.nn.Module, options: Mapping[str, OptionValue]) -> Applied:
        """Quantize `model` in place and say what was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A registered method."""

    name: str
    summary: str
    load: Callable[[], ApplyMethod]  # imports the heavy library; raises MissingPackageError
    versions: Callable[[], Mapping[str, str]]  # packages whose version can change the result
    options: Mapping[str, Option] = field(default_factory=dict)
    version: int = 1  # bumped when our own arithmetic changes


def resolve_options(method: Method, given: Mapping[str, str], text: str) -> dict[str, OptionValue]:
    """Complete the options of a spec with the method's defaults.

    Raises
    ------
    VariantError
        A key is unknown or a value is not among the choices.
    """
    resolved: dict[str, OptionValue] = {key: option.default for key, option in method.options.items()}
    for key, value in given.items():
        if key in COMMON_KEYS:
            continue
        if key not in method.options:
            known = ", ".join([*method.options, *COMMON_KEYS])
            raise VariantError(f"variant '{text}': unknown key '{key}' for {method.name}; known keys: {known}")
        resolved[key] = _parse_value(method.options[key], key, value, text)
    return resolved


def _parse_value(option: Option, key: str, value: str, text: str) -> OptionValue:
    if option.kind == "text":
        return value
    if option.kind == "count":
        if not (value.isascii() and value.isdigit()):
            raise VariantError(f"variant '{text}': {key}={value} is no whole number; write e.g. {key}=16")
        return int(value)
    for choice in option.choices:
        if str(choice).lower() == value.lower():
            return choice
    known = ", ".join(str(choice).lower() for choice in option.choices)
    raise VariantError(f"variant '{text}': {key}={value} is not served; choose from {known}")
