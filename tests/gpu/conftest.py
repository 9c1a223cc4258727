"""Tests that need a CUDA device; skipped, with the reason, where there is none.

Run them by themselves, ``pytest tests/gpu``: the unit tests of the kernels set TRITON_INTERPRET for their process.
"""

import os

import pytest
import torch


@pytest.fixture(autouse=True)
def device():
    """The CUDA device that kernels are compiled for."""
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("TRITON_INTERPRET is set in this process; run tests/gpu by itself")
    return torch.device("cuda")
