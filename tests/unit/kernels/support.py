"""What the tests of all kernels share: unit roundoffs, and the largest error with its place."""

from __future__ import annotations

import torch

ROUNDOFF = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24}
DTYPES = tuple(ROUNDOFF)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def largest_error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """Largest absolute difference; infinite where one of the two is not finite and the other is."""
    got, wanted = got.double(), wanted.double()
    if not torch.equal(got.isfinite(), wanted.isfinite()):
        return float("inf")
    return float((got - wanted)[wanted.isfinite()].abs().max())
