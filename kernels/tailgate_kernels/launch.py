"""Checks before a launch, and what a launch depends on: the architecture, and whether kernels are interpreted.

A kernel reads wherever its arguments point: what is wrong with them is found here, named with the value seen, or it
is a wrong answer later.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

INTERPRETED = 80  # architecture whose tiles the interpreter runs
FIRST_WITH_FP8 = 89  # architecture whose tensor cores multiply 8-bit floats
FLOATS = (torch.float16, torch.bfloat16, torch.float32)
TRITON_NAMES = {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32"}
# Of every launch: a product and a sum are rounded apart, as torch rounds them, so that decoded values are its values.
OPTIONS: dict[str, Any] = {"enable_fp_fusion": False}
SMALLEST_DOT = 16  # rows, columns and depth of the smallest product that tl.dot takes


class LaunchError(ValueError):
    """An argument does not fit a kernel; nothing was launched."""


class MissingTritonError(ImportError):
    """Triton is asked for and not installed, or has nothing to run on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """What a program computes at once. A function of operation, phase, dtype and architecture, never of a batch.

    `rows`: of the left operand; `columns`: of the right operand, or keys; `depth`: summands a step, 0 where the
    operation has no such choice.
    """

    rows: int
    columns: int
    depth: int
    warps: int
    stages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialization:
    """One kernel with one tile as it is launched, for compiling it where there is no device.

    `pointers`: triton's name of what each pointer argument points to, ``fp16``; `constants`: the compile-time
    arguments, tile included. Arguments that are neither are whole numbers, but the `floats`; triton compiles for
    multiples of 16 where it is launched with them, which sizes of models are and `counts` are not.
    """

    name: str
    kernel: Any  # triton.JITFunction
    pointers: Mapping[str, str]
    constants: Mapping[str, Any]
    floats: tuple[str, ...]
    counts: tuple[str, ...]
    warps: int
    stages: int


def require_triton() -> None:
    """Say how to get triton where it is missing.

    Raises
    ------
    MissingTritonError
        It is not installed.
    """
    if importlib.util.find_spec("triton") is None:
        raise MissingTritonError(
            "the kernels need triton, which is not installed; run: pip install 'tailgate[kernels]'"
        )


def is_interpreted() -> bool:
    """Whether triton runs kernels as Python on CPU tensors (TRITON_INTERPRET=1 when it was imported)."""
    import triton

    return bool(triton.knobs.runtime.interpret)


def architecture(device: torch.device) -> int:
    """Compute capability as one number, 90 for sm_90; that of the interpreter on a CPU.

    Raises
    ------
    MissingTritonError
        There is no CUDA device there and kernels are not interpreted.
    """
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return 10 * major + minor
    if device.type == "cpu" and is_interpreted():
        return INTERPRETED
    raise MissingTritonError(
        f"kernels run on cuda, not on '{device}'; use the reference there, or set TRITON_INTERPRET=1 to interpret them"
    )


def next_power(n: int) -> int:
    """The smallest power of two that is not below n."""
    return 1 << max(0, n - 1).bit_length()


def check_tensor(name: str, x: torch.Tensor, *, device: torch.device, dtypes: Sequence[torch.dtype]) -> None:
    """Device and dtype.

    Raises
    ------
    LaunchError
        Another one.
    """
    if x.device != device:
        raise LaunchError(f"{name} lies on '{x.device}', the other arguments on '{device}'; move it there")
    if x.dtype not in dtypes:
        known = ", ".join(str(each).removeprefix("torch.") for each in dtypes)
        raise LaunchError(f"{name} has dtype {str(x.dtype).removeprefix('torch.')}; it must be one of: {known}")


def check_shape(name: str, x: torch.Tensor, shape: Sequence[int | None]) -> None:
    """Shape; None stands for any size of at least one.

    Raises
    ------
    LaunchError
        Another shape, or an empty dimension.
    """
    wanted = ", ".join("any" if size is None else str(size) for size in shape)
    fits = x.dim() == len(shape) and all(w is None or s == w for s, w in zip(x.shape, shape, strict=True))
    if not fits or 0 in x.shape:
        raise LaunchError(f"{name} has shape {list(x.shape)}; it must be [{wanted}] with no empty dimension")


def check_last_stride(name: str, x: torch.Tensor) -> None:
    """Neighbours along the last dimension lie side by side; other dimensions may have any stride.

    Raises
    ------
    LaunchError
        They do not.
    """
    if x.shape[-1] > 1 and x.stride(-1) != 1:
        raise LaunchError(f"{name} has strides {list(x.stride())}; the last must be 1: pass {name}.contiguous()")


def check_factors(
    x_NI: torch.Tensor, bias_O: torch.Tensor | None, shape: tuple[int, int], *, dtypes: Sequence[torch.dtype]
) -> None:
    """Refuse inputs and a bias that do not fit a weight of `shape` (outputs, inputs).

    Raises
    ------
    LaunchError
        A shape, a dtype, a device or a stride does not fit.
    """
    n_out, n_in = shape
    check_shape("x", x_NI, (None, n_in))
    check_last_stride("x", x_NI)
    if bias_O is not None:
        check_tensor("bias", bias_O, device=x_NI.device, dtypes=dtypes)
        check_shape("bias", bias_O, (n_out,))
        check_last_stride("bias", bias_O)
