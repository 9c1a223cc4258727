"""Triton kernels of the batched GPU core, their PyTorch oracles, and the explicit choice between the two.

Imports torch, and triton only where a kernel is used. Start at `dispatch.select`.
"""
