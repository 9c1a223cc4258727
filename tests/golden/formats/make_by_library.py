"""Write the golden checkpoints of torchao, hqq and optimum-quanto with those libraries; each once, in its environment.

::

    python3.11 -m venv now && now/bin/pip install -c constraints.txt -e ".[torchao,hqq,quanto]"
    now/bin/python tests/golden/formats/make_by_library.py torchao quanto
    python3.11 -m venv then   # transformers 5 does not write hqq checkpoints, 4.57 does
    then/bin/pip install torch==2.13.0 transformers==4.57.3 accelerate hqq==0.2.8.post1
    then/bin/python tests/golden/formats/make_by_library.py hqq

A checkpoint is `KIND/NAME.safetensors` and its configuration in `KIND/NAME.json`, beside the hashes of the weights that
the library itself dequantizes; `KIND/NAME.weights.safetensors` holds one of those weights.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).parent
SHOWN = "model.layers.0.mlp.down_proj"
PACKAGES = ("torch", "transformers", "torchao", "hqq", "optimum-quanto")
Weights = dict[str, torch.Tensor]
QMAP = "quanto_qmap.json"


def save_parent(folder: Path) -> None:
    """A seeded one-layer Llama."""
    config = transformers.LlamaConfig(
        vocab_size=260, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=512, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(6)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model.save_pretrained(folder)


def load(folder: Path, dtype: torch.dtype, **more: Any) -> Any:
    """A model by transformers."""
    return transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=dtype, device_map="cpu", **more)


def dequantized(model: Any) -> Weights:
    """Weights of every linear layer that the library stands for."""
    layers = {name: part for name, part in model.named_modules() if hasattr(part, "in_features") and name != "lm_head"}
    return {name: (part if hasattr(part, "dequantize") else part.weight).dequantize() for name, part in layers.items()}


def torchao(parent: Path, folder: Path, config: Any, dtype: torch.dtype) -> Weights:
    """Quantized and saved by transformers, dequantized as it loads them."""
    settings = transformers.TorchAoConfig(config)
    load(parent, dtype, quantization_config=settings).save_pretrained(folder)
    return dequantized(load(folder, dtype))


def hqq(parent: Path, folder: Path, bits: int, dtype: torch.dtype) -> Weights:
    """Quantized and saved by transformers, dequantized as it loads them."""
    settings = transformers.HqqConfig(nbits=bits, group_size=32)
    load(parent, dtype, quantization_config=settings).save_pretrained(folder)
    return dequantized(load(folder, dtype))


def quanto(parent: Path, folder: Path, kind: str, dtype: torch.dtype) -> Weights:
    """Quantized and saved by quanto, dequantized as it loads them."""
    from optimum.quanto import QuantizedModelForCausalLM, qtypes

    QuantizedModelForCausalLM.quantize(load(parent, dtype), weights=qtypes[kind], exclude="lm_head").save_pretrained(
        folder
    )
    return dequantized(QuantizedModelForCausalLM.from_pretrained(folder)._wrapped)


def torchao_cases() -> dict[str, tuple[Any, torch.dtype]]:
    """One a kind of tensor."""
    from torchao import quantization as library

    grouped = library.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=library.PerGroup(32))
    return {
        "int8-weights": (library.Int8WeightOnlyConfig(), torch.bfloat16),
        "int4-weights": (grouped, torch.float32),
        "int8-dynamic": (library.Int8DynamicActivationInt8WeightConfig(), torch.float32),
        "float8-weights": (library.Float8WeightOnlyConfig(), torch.bfloat16),
    }


def hqq_cases() -> dict[str, tuple[Any, torch.dtype]]:
    """Every width that it packs, in three float types."""
    floats = {1: torch.float32, 2: torch.float16, 3: torch.bfloat16, 4: torch.float16, 8: torch.float32}
    return {f"int{bits}": (bits, dtype) for bits, dtype in floats.items()}


def quanto_cases() -> dict[str, tuple[Any, torch.dtype]]:
    """Its integers and its floats."""
    return {
        "qint8": ("qint8", torch.bfloat16),
        "qint4": ("qint4", torch.float32),
        "qint2": ("qint2", torch.bfloat16),
        "qfloat8": ("qfloat8", torch.float32),
    }


MAKERS: dict[str, tuple[Callable[..., Weights], Callable[[], dict[str, tuple[Any, torch.dtype]]]]] = {
    "torchao": (torchao, torchao_cases),
    "hqq": (hqq, hqq_cases),
    "quanto": (quanto, quanto_cases),
}


def record(kind: str, name: str, folder: Path, weights: Weights) -> None:
    """Keep what the library wrote, and what it reads from it."""
    config = json.loads((folder / "config.json").read_text())
    told = {
        "config": config,
        "qmap": json.loads((folder / QMAP).read_text()) if (folder / QMAP).is_file() else None,
        "weights_sha256": {
            layer: hashlib.sha256(weight.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
            for layer, weight in sorted(weights.items())
        },
        "versions": {package: metadata.version(package) for package in PACKAGES if installed(package)},
    }
    (HERE / kind / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")
    shutil.copy(folder / "model.safetensors", HERE / kind / f"{name}.safetensors")
    save_file({SHOWN: weights[SHOWN].contiguous()}, HERE / kind / f"{name}.weights.safetensors")


def installed(package: str) -> bool:
    """Whether a package is there."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def main(kinds: list[str]) -> None:
    """Write the goldens of the formats named."""
    for kind in kinds:
        make, cases = MAKERS[kind]
        (HERE / kind).mkdir(exist_ok=True)
        for name, (setting, dtype) in cases().items():
            with tempfile.TemporaryDirectory() as place:
                parent, folder = Path(place, "parent"), Path(place, "stored")
                save_parent(parent)
                record(kind, name, folder, make(parent, folder, setting, dtype))


if __name__ == "__main__":
    main(sys.argv[1:])
