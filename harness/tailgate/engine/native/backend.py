"""What computes the native engine's attention, its look at predictions and its products of packed weights.

Chosen by name and told, never found out by failing: an engine that was built computes with what it was asked for.
Kernels are asked for: no GPU has run them yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

from tailgate.errors import SetupError, UsageError
from tailgate_kernels.dispatch import Kernels, select
from tailgate_kernels.launch import LaunchError, MissingTritonError

Backend = Literal["torch", "triton", "reference"]
BACKENDS: tuple[Backend, ...] = ("torch", "triton", "reference")


def resolve(asked: str) -> Backend:
    """A backend by its name.

    Raises
    ------
    UsageError
        There is no such backend.
    """
    if asked not in BACKENDS:
        raise UsageError(f"--engine-option kernels={asked}: give one of {', '.join(BACKENDS)}")
    return asked


def kernels(backend: Backend, device: str) -> Kernels | None:
    """The operations of a backend for a device; None: torch's own.

    Raises
    ------
    SetupError
        They do not run there.
    """
    if backend == "torch":
        return None
    try:
        return select(backend, device)
    except (MissingTritonError, LaunchError) as error:
        raise SetupError(f"kernels={backend}: {error}") from error


def resolve_graphs(asked: str, backend: Backend, device: str) -> bool:
    """Whether decoding passes are recorded and repeated.

    Raises
    ------
    UsageError
        The answer is neither on nor off, or what computes there cannot be recorded.
    """
    if asked not in ("on", "off"):
        raise UsageError(f"--engine-option graphs={asked}: give on or off")
    if asked == "on" and (backend != "triton" or not device.startswith("cuda")):
        raise UsageError(f"--engine-option graphs=on: kernels={backend} on {device} cannot be recorded; graphs are of "
                         "kernels=triton on a CUDA device")  # fmt: skip
    return asked == "on"


def record(backend: Backend, device: str) -> Mapping[str, str]:
    """What computes, for a manifest.

    Raises
    ------
    SetupError
        It does not run there.
    """
    chosen = kernels(backend, device)
    if chosen is None:
        return {"kernels": "torch", "version": torch.__version__, "target": torch.device(device).type}
    return chosen.choice.record()
