"""Producing quantized checkpoints, in the formats that are served, with a record of how each was made."""
