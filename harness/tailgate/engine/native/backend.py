"""What computes the native engine's attention, its look at predictions and its products of packed weights.

Chosen by name and told, never found out by failing: an engine that was built computes with what it was asked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Literal

import torch

from tailgate.errors import SetupError, UsageError
from tailgate_kernels.dispatch import Kernels, select
from tailgate_kernels.launch import LaunchError, MissingTritonError

Backend = Literal["torch", "triton", "reference"]
BACKENDS: tuple[Backend, ...] = ("torch", "triton", "reference")
AUTO = "auto"
OLDEST = (8, 0)  # compute capability that the kernels were compiled for


def resolve(asked: str, device: str) -> Backend:
    """A backend by its name; `auto`: triton on a GPU that it compiles for, torch elsewhere.

    Raises
    ------
    UsageError
        There is no such backend.
    """
    if asked == AUTO:
        return "triton" if _has_kernels(device) else "torch"
    if asked not in BACKENDS:
        raise UsageError(f"--engine-option kernels={asked}: give one of {', '.join((AUTO, *BACKENDS))}")
    return asked


def _has_kernels(device: str) -> bool:
    if not device.startswith("cuda") or importlib.util.find_spec("triton") is None:
        return False
    return torch.cuda.get_device_capability(device) >= OLDEST


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
