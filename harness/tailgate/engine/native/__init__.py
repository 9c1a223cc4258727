"""The batched core: packed forward passes through the modules of transformers, with key-values of our own."""
