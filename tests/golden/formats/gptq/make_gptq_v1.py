"""Write the golden GPTQ v1 checkpoints with auto-gptq itself; run once, in an environment of its time.

::

    python3.11 -m venv autogptq
    autogptq/bin/pip install auto-gptq==0.7.1 torch==2.2.2 transformers==4.38.2 accelerate==0.27.2 peft==0.9.0 \
        datasets==2.18.0 "pyarrow==15.0.2" "numpy<2"
    autogptq/bin/python tests/golden/formats/gptq/make_gptq_v1.py

auto-gptq quantizes a one-layer Llama, saves it, reads its own files back on a CPU and multiplies the identity with
every layer: what comes out is the weight that auto-gptq computes with. `common.safetensors` holds what all checkpoints
share; a checkpoint is that file, `NAME.safetensors` and the configuration in `NAME.json`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import auto_gptq.modeling._base
import torch
import transformers
from auto_gptq import BaseQuantizeConfig
from auto_gptq.modeling import LlamaGPTQForCausalLM
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
CASES = {
    "4bit-g32-sym": {"bits": 4, "group_size": 32, "sym": True, "desc_act": False},
    "4bit-g32-asym-act": {"bits": 4, "group_size": 32, "sym": False, "desc_act": True},
    "4bit-g16-sym-act": {"bits": 4, "group_size": 16, "sym": True, "desc_act": True},
    "4bit-row-asym": {"bits": 4, "group_size": -1, "sym": False, "desc_act": False},
    "2bit-g32-asym": {"bits": 2, "group_size": 32, "sym": False, "desc_act": False},
    "2bit-g32-sym-act": {"bits": 2, "group_size": 32, "sym": True, "desc_act": True},
    "3bit-g32-asym-act": {"bits": 3, "group_size": 32, "sym": False, "desc_act": True},
    "3bit-row-sym": {"bits": 3, "group_size": -1, "sym": True, "desc_act": False},
    "8bit-g32-sym": {"bits": 8, "group_size": 32, "sym": True, "desc_act": False},
    "8bit-row-asym-act": {"bits": 8, "group_size": -1, "sym": False, "desc_act": True},
}
SHOWN = "mlp.down_proj"  # the layer whose weights are kept beside the hashes of all,
SHOWN_IN = ("4bit-g32-asym-act", "3bit-row-sym")  # for these cases


def config() -> transformers.LlamaConfig:
    """A Llama whose vocabulary is that of the tiny tokenizer of the tests."""
    return transformers.LlamaConfig(
        vocab_size=260,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        tie_word_embeddings=True,
        torch_dtype=torch.float16,
    )


def seeded_model() -> transformers.LlamaForCausalLM:
    """Weights from a generator of their own; columns of unequal size, so that act-order has something to order."""
    model = transformers.LlamaForCausalLM(config())
    generator = torch.Generator().manual_seed(6)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.half().float()  # the arithmetic of a CPU, the values of fp16


def quantized(folder: Path, settings: dict[str, object]) -> Path:
    """Quantize with auto-gptq and save with auto-gptq."""
    model = LlamaGPTQForCausalLM(seeded_model(), False, BaseQuantizeConfig(**settings))
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(4, 260, (8, 48), generator=generator)
    model.quantize([{"input_ids": row[None], "attention_mask": torch.ones_like(row[None])} for row in ids])
    model.model.half()
    model.save_quantized(str(folder), use_safetensors=True)
    return folder


def weights_of_the_library(folder: Path) -> dict[str, torch.Tensor]:
    """The weight [out, in] of every quantized layer as auto-gptq computes with it on a CPU."""
    model = LlamaGPTQForCausalLM.from_quantized(
        str(folder), device="cpu", use_safetensors=True, disable_exllama=True, disable_exllamav2=True,
        inject_fused_attention=False, inject_fused_mlp=False,
    )  # fmt: skip
    found = {}
    for name, layer in model.model.named_modules():
        if hasattr(layer, "qweight"):
            identity_II = torch.eye(layer.infeatures, dtype=layer.scales.dtype)
            bias, layer.bias = layer.bias, None
            found[name] = layer(identity_II).t().contiguous()
            layer.bias = bias
    return found


def main() -> None:
    """Write every case."""
    # auto-gptq names its one device CUDA_0 and waits for it; its arithmetic is the same on a CPU.
    auto_gptq.modeling._base.CUDA_0 = torch.device("cpu")
    torch.cuda.synchronize = lambda *_: None
    for name, settings in CASES.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = quantized(Path(temporary), settings)
            (file,) = folder.glob("*.safetensors")
            stored = load_file(file)
            weights = weights_of_the_library(folder)
            saved = json.loads((folder / "config.json").read_text())
        layers = {key: value for key, value in stored.items() if key.rpartition(".")[0] in weights}
        common = {key: value for key, value in stored.items() if key not in layers}
        save_file(common, HERE / "common.safetensors", metadata={"format": "pt"})
        save_file(layers, HERE / f"{name}.safetensors", metadata={"format": "pt"})
        if name in SHOWN_IN:
            shown = {layer: weight for layer, weight in weights.items() if layer.endswith(SHOWN)}
            save_file(shown, HERE / f"{name}.weights.safetensors")
        record = {
            "quantization_config": saved["quantization_config"],
            "config": {key: value for key, value in saved.items() if key != "quantization_config"},
            "written_by": {
                "auto_gptq": "0.7.1", "torch": torch.__version__, "transformers": transformers.__version__,
            },
            "weights_sha256": {
                layer: hashlib.sha256(weight.numpy().tobytes()).hexdigest() for layer, weight in weights.items()
            },
        }  # fmt: skip
        (HERE / f"{name}.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
