"""Write the golden AWQ checkpoints with AutoAWQ itself; run once, in an environment of its time.

::

    python3.11 -m venv autoawq
    autoawq/bin/pip install torch==2.13.0 transformers==4.51.3 accelerate==1.6.0 datasets zstandard "numpy<2.3"
    autoawq/bin/pip install --no-deps --no-build-isolation autoawq==0.2.9
    autoawq/bin/python tests/golden/formats/awq/make_awq.py

AutoAWQ scales, clips, packs and saves a one-layer Llama in its GEMM order; its `dequantize_gemm` gives the weights that
it computes with. The GEMV order is packed by its `WQLinear_GEMV.from_linear` from the same weights, scales and zero
points. `common.safetensors` holds what all checkpoints share; a checkpoint is that file, `NAME.safetensors` and the
configuration in `NAME.json`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import torch
import transformers
from awq import AutoAWQForCausalLM
from awq.modules.linear import WQLinear_GEMV
from awq.utils.packing_utils import dequantize_gemm, reverse_awq_order, unpack_awq
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = Path(__file__).parent
GROUP = 32
Tensors = dict[str, torch.Tensor]
SHOWN = "mlp.down_proj"  # the layer whose weights are kept beside the hashes of all


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """One token per byte, as the tiny tokenizer of the tests."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<s>", "</s>", "<u>", "<a>"]
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate([*specials, *letters])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")


def save_seeded_model(folder: Path) -> None:
    """Weights from a generator of their own."""
    config = transformers.LlamaConfig(
        vocab_size=260, hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=512, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        tie_word_embeddings=True, torch_dtype=torch.float16,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(6)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model.half().save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def quantized(parent: Path, folder: Path) -> None:
    """Quantize with AutoAWQ and save with AutoAWQ."""
    model = AutoAWQForCausalLM.from_pretrained(str(parent), device_map="cpu", torch_dtype=torch.float32)
    texts = [f"{word} lies {count} steps to the north of the river. " for count, word in enumerate(
        ("a mill", "the gate", "one tower", "an inn", "the bridge", "a well", "the ford", "a barn"))]  # fmt: skip
    model.quantize(
        transformers.AutoTokenizer.from_pretrained(parent),
        quant_config={"zero_point": True, "q_group_size": GROUP, "w_bit": 4, "version": "GEMM"},
        calib_data=texts, max_calib_samples=8, max_calib_seq_len=64,
    )  # fmt: skip
    model.save_quantized(str(folder))


def regemv(layers: dict[str, torch.Tensor], weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same layers in the GEMV order, packed by AutoAWQ's own class."""
    found = {}
    for name, weight_OI in weights.items():
        qzeros, scales_GO = layers[f"{name}.qzeros"], layers[f"{name}.scales"]
        _, zeros = reverse_awq_order(*unpack_awq(layers[f"{name}.qweight"], qzeros, 4), 4)
        linear = torch.nn.Linear(weight_OI.shape[1], weight_OI.shape[0], bias=False)
        linear.weight.data = weight_OI.float()
        made = WQLinear_GEMV.from_linear(
            linear, 4, GROUP, scales=scales_GO.t().contiguous().float(), zeros=(zeros & 15).t().contiguous().float()
        )
        found |= {f"{name}.{key}": getattr(made, key).contiguous() for key in ("qweight", "qzeros", "scales")}
    return found


def record(name: str, config: dict[str, object], layers: Tensors, weights: Tensors) -> None:
    """Write one case."""
    save_file(layers, HERE / f"{name}.safetensors", metadata={"format": "pt"})
    save_file({k: v for k, v in weights.items() if k.endswith(SHOWN)}, HERE / f"{name}.weights.safetensors")
    found = {
        "quantization_config": config["quantization_config"],
        "config": {key: value for key, value in config.items() if key != "quantization_config"},
        "written_by": {
            "autoawq": "0.2.9", "torch": torch.__version__, "transformers": transformers.__version__,
        },
        "weights_sha256": {k: hashlib.sha256(v.numpy().tobytes()).hexdigest() for k, v in weights.items()},
    }  # fmt: skip
    (HERE / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Write both orders."""
    with tempfile.TemporaryDirectory() as temporary:
        parent, folder = Path(temporary, "parent"), Path(temporary, "quantized")
        save_seeded_model(parent)
        quantized(parent, folder)
        stored = load_file(next(folder.glob("*.safetensors")))
        config = json.loads((folder / "config.json").read_text())
    names = [key.removesuffix(".qweight") for key in stored if key.endswith(".qweight")]
    layers = {key: value for key, value in stored.items() if key.rpartition(".")[0] in names}
    common = {key: value for key, value in stored.items() if key not in layers}
    save_file(common, HERE / "common.safetensors", metadata={"format": "pt"})
    weights = {
        name: dequantize_gemm(
            stored[f"{name}.qweight"], stored[f"{name}.qzeros"], stored[f"{name}.scales"], 4, GROUP
        ).t().contiguous()
        for name in names
    }  # fmt: skip
    record("gemm", config, layers, weights)
    settings = {**config["quantization_config"], "version": "gemv"}
    record("gemv", {**config, "quantization_config": settings}, regemv(layers, weights), weights)


if __name__ == "__main__":
    main()
