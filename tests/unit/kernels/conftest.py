"""Kernels run interpreted here, as Python on CPU tensors: what they compute is what is compiled for a device."""

import os

os.environ.setdefault("TRITON_INTERPRET", "1")  # read when triton is imported, which nothing else here does
