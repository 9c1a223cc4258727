"""Triton kernels of the batched GPU core; imports torch and triton only. None yet."""
