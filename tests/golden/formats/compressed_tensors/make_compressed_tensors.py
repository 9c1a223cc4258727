"""Write the golden compressed-tensors checkpoints with llm-compressor; run once, in an environment of its own.

::

    python3.11 -m venv llmc
    llmc/bin/pip install llmcompressor==0.14.0.1 compressed-tensors==0.19.0 torch==2.13.0 transformers==5.17.0 \
        accelerate==1.15.0 numpy==2.4.6
    llmc/bin/python tests/golden/formats/compressed_tensors/make_compressed_tensors.py

llm-compressor quantizes a one-layer Llama and saves it; transformers and compressed-tensors read the folder back,
dequantize it, and answer a row of tokens in fp32. `NAME.weights.safetensors` holds what came out: the fp16 weights
[out, in] of one layer, and `logits` of `arange(4, 12)` with inputs rounded as the scheme says; the hashes of the other
layers are in `NAME.json`. `common.safetensors` holds what all checkpoints share; a checkpoint is that file,
`NAME.safetensors` and the configuration in `NAME.json`. `source.safetensors` is the model before it was quantized.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.quant_scheme import PRESET_SCHEMES
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from llmcompressor.modifiers.quantization import QuantizationModifier
from llmcompressor.modifiers.transform.awq import AWQModifier
from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier
from llmcompressor.pipelines.cache import IntermediatesCache
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, CompressedTensorsConfig

HERE = Path(__file__).parent
PACKAGES = ("llmcompressor", "compressed-tensors", "torch", "transformers")
IDS = torch.arange(4, 12)[None]
SHOWN = "mlp.down_proj"  # the layer whose weights are kept beside the hashes of all
ATTENTION, MLP = ["re:.*self_attn.*_proj$"], ["re:.*mlp.*_proj$"]


def ints(bits: int, **more: Any) -> QuantizationArgs:
    """Integer weights in groups of 32."""
    return QuantizationArgs(**{"num_bits": bits, "type": "int", "strategy": "group", "group_size": 32, **more})


def scheme(weights: QuantizationArgs, *targets: str, inputs: QuantizationArgs | None = None) -> dict[str, Any]:
    """One group of layers."""
    group = QuantizationScheme(targets=list(targets or ("Linear",)), weights=weights, input_activations=inputs)
    return {"group_0": group}


def gptq(weights: QuantizationArgs, **more: Any) -> list[Any]:
    """GPTQ of every layer but the head."""
    return [GPTQModifier(config_groups=scheme(weights), ignore=["lm_head"], **more)]


def preset(name: str, **more: Any) -> QuantizationModifier:
    """A scheme that llm-compressor knows by name."""
    return QuantizationModifier(scheme=name, targets=["Linear"], ignore=["lm_head"], **more)


def mixed() -> list[Any]:
    """Attention in FP8, the feed-forward layers in 4 bits."""
    groups = {
        "group_0": QuantizationScheme(targets=ATTENTION, **PRESET_SCHEMES["FP8_DYNAMIC"]),
        "group_1": QuantizationScheme(targets=MLP, weights=ints(4)),
    }
    return [QuantizationModifier(config_groups=groups, ignore=["lm_head"])]


def int8_static() -> list[Any]:
    """Asymmetric inputs whose scale was found by calibration."""
    inputs = QuantizationArgs(num_bits=8, type="int", strategy="tensor", symmetric=False, dynamic=False)
    weights = QuantizationArgs(num_bits=8, type="int", strategy="channel")
    return [QuantizationModifier(config_groups=scheme(weights, inputs=inputs), ignore=["lm_head"])]


def fp8_block() -> list[Any]:
    """Weights in blocks of 32 by 32, inputs in groups of as many."""
    weights = QuantizationArgs(num_bits=8, type="float", strategy="block", block_structure=[32, 32])
    inputs = QuantizationArgs(num_bits=8, type="float", strategy="group", group_size=32, dynamic=True)
    return [QuantizationModifier(config_groups=scheme(weights, inputs=inputs), ignore=["lm_head"])]


def cases() -> dict[str, list[Any]]:
    """A recipe for every checkpoint."""
    kv_fp8 = QuantizationArgs(num_bits=8, type="float", strategy="tensor", dynamic=False, symmetric=True)
    return {
        "w4a16-g32-sym": gptq(ints(4)),
        "w4a16-g32-weight-order": gptq(ints(4), actorder="weight"),
        "w3a16-g32-sym": gptq(ints(3)),
        "w8a16-g32-sym": gptq(ints(8)),
        "w8a16-row-sym": gptq(QuantizationArgs(num_bits=8, type="int", strategy="channel")),
        "awq-w4a16-g32-asym": [
            AWQModifier(),
            QuantizationModifier(config_groups=scheme(ints(4, symmetric=False)), ignore=["lm_head"]),
        ],
        "w8a8-int8": [
            SmoothQuantModifier(smoothing_strength=0.8),
            GPTQModifier(scheme="W8A8", targets=["Linear"], ignore=["lm_head"]),
        ],
        "w8a8-int8-static-asym": int8_static(),
        "fp8-dynamic": [preset("FP8_DYNAMIC")],
        "fp8-static": [preset("FP8")],
        "fp8-block": fp8_block(),
        "fp8-dynamic-kv-fp8": [preset("FP8_DYNAMIC", kv_cache_scheme=kv_fp8)],
        "mixed-fp8-int4": mixed(),
    }


def seeded_model() -> transformers.LlamaForCausalLM:
    """A Llama whose vocabulary is that of the tiny tokenizer of the tests; weights from a generator of their own."""
    config = transformers.LlamaConfig(
        vocab_size=260, hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=512, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        tie_word_embeddings=True, dtype=torch.float16,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(6)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.half().eval()


def quantize(source: Path, folder: Path, recipe: list[Any]) -> None:
    """Quantize and save with llm-compressor."""
    ids = torch.randint(4, 260, (8, 48), generator=torch.Generator().manual_seed(7))
    rows = [{"input_ids": row, "attention_mask": torch.ones_like(row)} for row in ids]
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float16)
    # The rows are tokens already, yet a tokenizer is asked for.
    unused = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"<s>": 0}, unk_token="<s>")))
    oneshot(model=model, processor=unused, dataset=DataLoader(rows, batch_size=1), recipe=recipe)
    model.save_pretrained(folder, save_compressed=True)


def read_back(folder: Path, dtype: torch.dtype) -> transformers.PreTrainedModel:
    """The checkpoint as transformers and compressed-tensors dequantize it; inputs are rounded as its schemes say."""
    config = CompressedTensorsConfig(dequantize=True)
    return AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, dtype=dtype).eval()


def weights_of_the_library(folder: Path) -> dict[str, torch.Tensor]:
    """The fp16 weight [out, in] of every quantized layer."""
    return {
        name: module.weight.detach().clone().contiguous()
        for name, module in read_back(folder, torch.float16).named_modules()
        if getattr(getattr(module, "quantization_scheme", None), "weights", None) is not None
    }


def logits_of_the_library(folder: Path) -> torch.Tensor:
    """What the model answers in fp32; [tokens, vocabulary]."""
    with torch.inference_mode():
        return read_back(folder, torch.float32)(IDS, use_cache=False).logits[0].contiguous()


def is_same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Equal values of an equal dtype; 8-bit floats are not compared with others."""
    return first.dtype == second.dtype and torch.equal(first, second)


def main() -> None:
    """Write every case."""
    # AWQ pins memory for transfers to an accelerator, and llm-compressor 0.14 fails there where none is present.
    IntermediatesCache.pin_memory = lambda *_: None
    shared: dict[str, torch.Tensor] = {}
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        seeded_model().save_pretrained(source)
        plain = load_file(source / "model.safetensors")
        save_file(plain, HERE / "source.safetensors", metadata={"format": "pt"})
        for name, recipe in cases().items():
            folder = Path(temporary) / name
            quantize(source, folder, recipe)
            stored = load_file(folder / "model.safetensors")
            same = {key for key, value in stored.items() if key in plain and is_same(value, plain[key])}
            shared.update({key: stored[key] for key in same})
            save_file(
                {key: value for key, value in stored.items() if key not in same},
                HERE / f"{name}.safetensors",
                metadata={"format": "pt"},
            )
            weights = weights_of_the_library(folder)
            shown = {layer: weight for layer, weight in weights.items() if layer.endswith(SHOWN)}
            save_file({**shown, "logits": logits_of_the_library(folder)}, HERE / f"{name}.weights.safetensors")
            saved = json.loads((folder / "config.json").read_text())
            record = {
                "quantization_config": saved["quantization_config"],
                "config": {key: value for key, value in saved.items() if key != "quantization_config"},
                "shared": sorted(same),
                "written_by": {package: version(package) for package in PACKAGES},
                "weights_sha256": {
                    layer: hashlib.sha256(weight.numpy().tobytes()).hexdigest() for layer, weight in weights.items()
                },
            }
            (HERE / f"{name}.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    save_file(shared, HERE / "common.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
