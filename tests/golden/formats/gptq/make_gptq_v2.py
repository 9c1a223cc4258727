"""Write the golden GPTQ checkpoints of GPTQModel (v2, and v1 as it writes it); run once, in an environment of its own.

::

    python3.11 -m venv gptqmodel
    gptqmodel/bin/pip install torch==2.13.0 transformers==5.19.0 accelerate==1.15.0 datasets requests jinja2 setuptools
    BUILD_CUDA_EXT=0 gptqmodel/bin/pip install --no-deps --no-build-isolation gptqmodel==7.3.6
    gptqmodel/bin/pip install --no-deps defuser device-smi logbar tokenicer pypcre threadpoolctl pillow torchao
    GPTQMODEL_CPU_WORKERS=2 gptqmodel/bin/python tests/golden/formats/gptq/make_gptq_v2.py

GPTQModel quantizes the model that `make_gptq_v1.py` describes, saves it, reads its own files back, and its plain torch
kernel dequantizes every layer. Files are laid out as there.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import json
import sys
import tempfile
import types
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = Path(__file__).parent
CASES = {
    "v2-4bit-g32-asym-act": {"bits": 4, "group_size": 32, "sym": False, "desc_act": True, "format": "gptq_v2"},
    "v2-3bit-g32-asym": {"bits": 3, "group_size": 32, "sym": False, "desc_act": False, "format": "gptq_v2"},
    "v2-2bit-row-sym": {
        "bits": 2, "group_size": -1, "sym": True, "desc_act": False, "act_group_aware": False, "format": "gptq_v2",
    },
    "v2-mixed": {
        "bits": 4, "group_size": 32, "sym": True, "desc_act": False, "format": "gptq_v2",
        "dynamic": {r"+:.*\.down_proj": {"bits": 8, "group_size": 16}, r"-:.*\.k_proj": {}},
    },
    "gptqmodel-v1-4bit-g32-sym": {"bits": 4, "group_size": 32, "sym": True, "desc_act": False, "format": "gptq"},
}  # fmt: skip


class Absent(types.ModuleType):
    """Stands for torchvision, which image models of GPTQModel import and nothing here uses."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def import_gptqmodel() -> types.ModuleType:
    """GPTQModel, on a machine without torchvision."""
    transformers.utils.is_torchvision_available()  # answered before the name is taken
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.io"):
        absent = Absent(name)
        absent.__path__ = []
        absent.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        sys.modules[name] = absent
    import gptqmodel

    return gptqmodel


def save_source(folder: Path) -> None:
    """The model of `make_gptq_v1.py`, with a tokenizer of one token per byte."""
    config = transformers.LlamaConfig(
        vocab_size=260, hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=512, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        tie_word_embeddings=True, dtype=torch.float16,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(6)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model.half().save_pretrained(folder)
    letters = ["<s>", "</s>", "<u>", "<a>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)


def main() -> None:
    """Write every case."""
    gptqmodel = import_gptqmodel()
    ids = torch.randint(4, 260, (8, 48), generator=torch.Generator().manual_seed(7))
    rows = [{"input_ids": row[None], "attention_mask": torch.ones_like(row[None])} for row in ids]
    common = load_file(HERE / "common.safetensors")
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary, "source")
        save_source(source)
        for name, options in CASES.items():
            folder = Path(temporary, name)
            settings = gptqmodel.QuantizeConfig(**options, device="cpu")
            model = gptqmodel.GPTQModel.load(str(source), settings, dtype=torch.float16)
            model.quantize(rows, batch_size=1)
            model.save(str(folder))
            record(gptqmodel, name, folder, common)


def record(gptqmodel: types.ModuleType, name: str, folder: Path, common: dict[str, torch.Tensor]) -> None:
    """Write one case."""
    stored = load_file(folder / "model.safetensors")
    shared = {key for key, value in stored.items() if key in common and torch.equal(value, common[key])}
    layers = {key: value for key, value in stored.items() if key not in shared}
    torch_kernel = gptqmodel.BACKEND.GPTQ_TORCH
    model = gptqmodel.GPTQModel.load(str(folder), device="cpu", backend=torch_kernel, dtype=torch.float16)
    weights = {
        key: layer.dequantize_weight().t().contiguous()
        for key, layer in model.model.named_modules()
        if hasattr(layer, "qweight")
    }
    saved = json.loads((folder / "config.json").read_text())
    saved["quantization_config"]["meta"].pop("offload_to_disk_path", None)  # a temporary folder
    save_file(layers, HERE / f"{name}.safetensors", metadata={"format": "pt"})
    found = {
        "quantization_config": saved["quantization_config"],
        "config": {key: value for key, value in saved.items() if key != "quantization_config"},
        "shared": sorted(shared),
        "written_by": {
            "gptqmodel": gptqmodel.__version__, "torch": torch.__version__, "transformers": transformers.__version__,
        },
        "weights_sha256": {
            key: hashlib.sha256(weight.numpy().tobytes()).hexdigest() for key, weight in weights.items()
        },
    }  # fmt: skip
    (HERE / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
