"""bitsandbytes checkpoints, quantized and written by transformers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tailgate.quantize.checkpoint import SHARD_SIZE
from tailgate.variants.method import OptionValue


def write(name: str, plain: Path, out: Path, options: Mapping[str, OptionValue], dtype: torch.dtype) -> dict[str, str]:
    """Quantize the checkpoint in `plain` and write it to `out`; returns versions of what did it."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of casts and CPU kernels, layer by layer
    if name == "int8":
        settings = BitsAndBytesConfig(load_in_8bit=True)
    else:
        settings = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=bool(options["double"]),
            bnb_4bit_compute_dtype=dtype,
        )
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(
        plain, quantization_config=settings, dtype=dtype, device_map={"": device}, trust_remote_code=False
    )
    model.save_pretrained(out, max_shard_size=SHARD_SIZE)
    return {"bitsandbytes": version("bitsandbytes")}
