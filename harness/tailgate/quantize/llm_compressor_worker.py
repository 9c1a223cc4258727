"""Runs llm-compressor; a program of its own, for an environment that need not hold anything of tailgate.

stdin: one JSON object. ``{"do": "versions"}``, or ``{"do": "quantize", "method", "plain", "out", "options", "ignore",
"rows"}``. stdout: ``{"libraries": {name: version}}``, or ``{"error": line}`` and exit code 1.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from typing import Any

PACKAGES = ("llmcompressor", "compressed-tensors", "torch", "transformers")


def main() -> int:
    """Read the request, do it, answer."""
    answer_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not end up in the answer
    request = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        if request["do"] == "quantize":
            quantize(request)
        answer = {"libraries": {name: version(name) for name in PACKAGES}}
    except Exception as error:  # whatever it is, the parent tells it in one line
        lines = str(error).strip().splitlines()
        answer = {"error": f"{type(error).__name__}: {lines[0] if lines else ''}"}
    json.dump(answer, answer_to)
    answer_to.close()
    return 1 if "error" in answer else 0


def quantize(request: dict[str, Any]) -> None:
    """Load the parent, run the recipe of the method on the rows, save compressed."""
    import torch
    from llmcompressor import oneshot
    from llmcompressor.pipelines.cache import IntermediatesCache
    from torch.utils.data import DataLoader
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not torch.accelerator.is_available():
        # AWQ pins memory for transfers to an accelerator, and llm-compressor 0.14 fails there where none is present.
        IntermediatesCache.pin_memory = lambda *_: None
    model = AutoModelForCausalLM.from_pretrained(request["plain"], dtype="auto", trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(request["plain"], trust_remote_code=False)
    ids = [torch.tensor(row) for row in request["rows"]]
    rows: Any = [{"input_ids": row, "attention_mask": torch.ones_like(row)} for row in ids]
    oneshot(
        model=model,
        processor=tokenizer,
        dataset=DataLoader(rows, batch_size=1),
        recipe=recipe(request["method"], request["options"], request["ignore"]),
        num_calibration_samples=len(rows),
    )
    model.save_pretrained(request["out"], save_compressed=True)


def recipe(method: str, options: dict[str, Any], ignore: list[str]) -> list[Any]:
    """The modifiers of a method."""
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier
    from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier

    if method == "awq-int4":
        return [AWQModifier(), QuantizationModifier(config_groups=groups(4, options), ignore=ignore)]
    if method == "w8a8":
        smooth = SmoothQuantModifier(smoothing_strength=float(options["smooth"]))
        damp = float(options["damp"])
        return [smooth, GPTQModifier(scheme="W8A8", targets=["Linear"], ignore=ignore, dampening_frac=damp)]
    bits = {"gptq-int4": 4, "gptq-int8": 8}[method]
    order = None if options["order"] == "none" else options["order"]
    damp = float(options["damp"])
    return [GPTQModifier(config_groups=groups(bits, options), ignore=ignore, dampening_frac=damp, actorder=order)]


def groups(bits: int, options: dict[str, Any]) -> dict[str, Any]:
    """Integer weights of every linear layer, in groups of inputs."""
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    weights = QuantizationArgs(
        num_bits=bits, type="int", strategy="group", group_size=options["group"], symmetric=options["sym"]
    )
    return {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}


if __name__ == "__main__":
    sys.exit(main())
