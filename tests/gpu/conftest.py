"""Tests that need a CUDA device; skipped, with the reason, where there is none.

Run them by themselves, ``TRITON_INTERPRET=0 pytest tests/gpu``: all other tests interpret kernels in their process.
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
        pytest.skip("kernels are interpreted in this process; run TRITON_INTERPRET=0 pytest tests/gpu")
    return torch.device("cuda")
