"""The sides of bench_engine.py, each run in a process of its own: python bench_sides.py NAME TASK RESULT."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def serve_native(folder: str, spec: str | None) -> Any:
    """The native engine on a saved checkpoint, or on a variant of its own."""
    from tailgate.engine.native.engine import NativeEngine
    from tailgate.engine.protocol import ServedModel
    from tailgate.variants.load import load
    from tailgate.variants.variant import resolve

    variant = resolve(spec or folder, "cpu")
    loaded = load(variant)
    return NativeEngine(
        ServedModel(
            module=loaded.module, decode=variant.tokenizer.decode, eos_token_ids=loaded.eos_token_ids,
            pad_token_id=loaded.pad_token_id, context_length=variant.context_length, device="cpu",
        )
    )  # fmt: skip


def memory_mib(what: str = "VmHWM") -> int:
    """Peak memory of this process so far, or with `VmRSS` what it holds now. (`ru_maxrss` would count the parent's.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024)


def watch_steps(engine: Any) -> dict[str, int]:
    """How many passes of each number of packed tokens an engine makes from now on."""
    steps: dict[str, int] = {}
    forward = engine._model.forward

    def counted(packed: Any) -> Any:
        steps[str(packed.tokens)] = steps.get(str(packed.tokens), 0) + 1
        return forward(packed)

    engine._model.forward = counted
    return steps


def as_requests(task: dict[str, Any]) -> list[Any]:
    """Requests of the engine protocol."""
    from tailgate.engine.request import Request

    return [Request(key=r["key"], prompt_ids=tuple(r["ids"]), max_new_tokens=r["budget"]) for r in task["requests"]]


WARM_UP = [{"key": "warm-up", "ids": list(range(40, 80)), "budget": 4}]


def native_generate(task: dict[str, Any]) -> dict[str, Any]:
    """Our own core, decoding."""
    return decoding(serve_native(task["folder"], task.get("spec")), task)


def native_plain(task: dict[str, Any]) -> dict[str, Any]:
    """Our own core, decoding a token a pass and sequence."""
    from dataclasses import replace

    engine = serve_native(task["folder"], task.get("spec"))
    engine.limits = replace(engine.limits, draft=False)
    return decoding(engine, task)


def decoding(engine: Any, task: dict[str, Any]) -> dict[str, Any]:
    """Time, answers, memory and the sizes of all passes of a task."""
    from dataclasses import asdict

    list(engine.generate(as_requests({"requests": WARM_UP})))
    steps = watch_steps(engine)
    requests = as_requests(task)
    seconds, batches = timed(lambda: list(engine.generate(requests)))
    tokens = {each.key: list(each.tokens) for batch in batches for each in batch}
    return {"seconds": seconds, "tokens": tokens, "steps": steps, "counters": asdict(engine.counters)}


def native_memory(task: dict[str, Any]) -> dict[str, Any]:
    """Peak memory of our own core while it answers, above what the imports alone take."""
    import torch
    import transformers  # noqa: F401  # counted among the imports

    import tailgate.engine.native.engine
    import tailgate.variants.load  # noqa: F401

    imports = memory_mib("VmRSS")
    engine = serve_native(task["folder"], task.get("spec"))
    weights = sum(p.numel() * p.element_size() for p in engine.model.module.parameters())
    seconds, _ = timed(lambda: list(engine.generate(as_requests(task))))
    return {
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "imports_mib": imports,
        "weights_mib": round(weights / 2**20),
        "kv_budget_mib": round(engine.kv_bytes / 2**20),
        "peak_mib": memory_mib(),
    }


def native_verify(task: dict[str, Any]) -> dict[str, Any]:
    """Our own core, checking the baseline's answers."""
    from dataclasses import asdict

    from tailgate.engine.request import Draft, Transcript

    engine = serve_native(task["folder"], task.get("spec"))
    drafts = [
        Draft(
            request=request,
            baseline=Transcript(
                key=request.key, tokens=tuple(task["drafts"][request.key]), text="", finish_reason="stop"
            ),
        )
        for request in as_requests(task)
    ]
    list(engine.generate(as_requests({"requests": WARM_UP})))
    seconds, batches = timed(lambda: list(engine.verify(drafts)))
    tokens = {each.transcript.key: list(each.transcript.tokens) for batch in batches for each in batch}
    return {"seconds": seconds, "tokens": tokens, "counters": asdict(engine.counters)}


def native_score(task: dict[str, Any]) -> dict[str, Any]:
    """Our own core, scoring choices."""
    from transformers import AutoTokenizer

    from tailgate.engine.request import ChoiceRequest

    engine = serve_native(task["folder"], None)
    tokenizer = AutoTokenizer.from_pretrained(task["folder"])
    asked = [
        ChoiceRequest(
            key=each["key"],
            context_ids=tuple(tokenizer.encode(each["context"])),
            choices=tuple(tuple(tokenizer.encode(choice)) for choice in each["choices"]),
        )
        for each in task["requests"]
    ]
    list(engine.score(asked[:1]))
    before = engine.counters.computed_tokens
    seconds, batches = timed(lambda: list(engine.score(asked)))
    scores = {each.key: list(each.log_likelihoods) for batch in batches for each in batch}
    return {"seconds": seconds, "scores": scores, "computed_tokens": engine.counters.computed_tokens - before}


def hf_generate(task: dict[str, Any]) -> dict[str, Any]:
    """transformers `generate`, prompts sorted by length, the better of two static batch sizes."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(task["folder"], dtype=torch.float32).eval()
    asked = sorted(task["requests"], key=lambda r: -len(r["ids"]))
    best: dict[str, Any] = {"seconds": float("inf")}
    for size in (8, 16):
        seconds, tokens = timed(lambda size=size: _static(model, asked, size))
        if seconds < best["seconds"]:
            best = {"seconds": seconds, "tokens": tokens, "batch": size}
    return best


def _static(model: Any, asked: Sequence[dict[str, Any]], size: int) -> dict[str, list[int]]:
    import torch

    eos = model.generation_config.eos_token_id
    ends = set(eos if isinstance(eos, list) else [eos])
    pad = next(iter(ends))
    found: dict[str, list[int]] = {}
    for start in range(0, len(asked), size):
        part = asked[start : start + size]
        longest = max(len(r["ids"]) for r in part)
        ids = torch.tensor([[pad] * (longest - len(r["ids"])) + r["ids"] for r in part])
        mask = torch.tensor([[0] * (longest - len(r["ids"])) + [1] * len(r["ids"]) for r in part])
        budget = max(r["budget"] for r in part)
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=budget, do_sample=False, pad_token_id=pad
            )
        for request, row in zip(part, out[:, longest:].tolist(), strict=True):
            found[request["key"]] = until_end(row[: request["budget"]], ends)
    return found


def hf_generate_batch(task: dict[str, Any]) -> dict[str, Any]:
    """transformers continuous batching; it takes one answer budget for all, so it runs once per budget."""
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    model = AutoModelForCausalLM.from_pretrained(
        task["folder"], dtype=torch.float32, attn_implementation="paged|sdpa"
    ).eval()
    eos = model.generation_config.eos_token_id
    ends = set(eos if isinstance(eos, list) else [eos])

    def answer() -> dict[str, list[int]]:
        found = {}
        for budget in sorted({r["budget"] for r in task["requests"]}):
            part = [r for r in task["requests"] if r["budget"] == budget]
            config = GenerationConfig(
                max_new_tokens=budget, do_sample=False, eos_token_id=eos, pad_token_id=next(iter(ends))
            )
            out = model.generate_batch(inputs=[r["ids"] for r in part], generation_config=config)
            for request, key in zip(part, sorted(out, key=lambda k: int(k.split("_")[-1])), strict=True):
                found[request["key"]] = until_end(list(out[key].generated_tokens), ends)
        return found

    seconds, tokens = timed(answer)
    return {"seconds": seconds, "tokens": tokens}


def vllm_generate(task: dict[str, Any]) -> dict[str, Any]:
    """vLLM, prefix caching as it ships."""
    from vllm import LLM, SamplingParams

    llm = LLM(model=task["folder"], dtype="float32", enforce_eager=True, max_model_len=2048, max_num_seqs=64)
    asked = [{"prompt_token_ids": r["ids"]} for r in task["requests"]]
    params = [SamplingParams(temperature=0.0, max_tokens=r["budget"]) for r in task["requests"]]
    llm.generate([{"prompt_token_ids": [5, 6, 7]}], SamplingParams(temperature=0.0, max_tokens=2), use_tqdm=False)
    seconds, outputs = timed(lambda: llm.generate(asked, params, use_tqdm=False))
    ends = set(json.loads((Path(task["folder"]) / "generation_config.json").read_text())["eos_token_id"])
    tokens = {
        request["key"]: until_end(list(output.outputs[0].token_ids), ends)
        for request, output in zip(task["requests"], outputs, strict=True)
    }
    return {"seconds": seconds, "tokens": tokens}


def lm_eval_score(task: dict[str, Any]) -> dict[str, Any]:
    """lm-evaluation-harness, backend `hf`, the better of two batch sizes."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    best: dict[str, Any] = {"seconds": float("inf")}
    for size in (4, 16):
        model = HFLM(pretrained=task["folder"], device="cpu", dtype="float32", batch_size=size)
        asked = [
            Instance(request_type="loglikelihood", doc={}, arguments=(each["context"], choice), idx=i)
            for each in task["requests"]
            for i, choice in enumerate(each["choices"])
        ]
        seconds, out = timed(lambda model=model, asked=asked: model.loglikelihood(asked, disable_tqdm=True))
        if seconds < best["seconds"]:
            values = [score for score, _ in out]
            per = len(task["requests"][0]["choices"])
            scores = {r["key"]: values[per * i : per * (i + 1)] for i, r in enumerate(task["requests"])}
            best = {"seconds": seconds, "scores": scores, "batch": size}
    return best


SIDES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "native_generate": native_generate, "native_plain": native_plain, "native_verify": native_verify,
    "native_score": native_score, "native_memory": native_memory,
    "generate": hf_generate, "generate_batch": hf_generate_batch, "vllm": vllm_generate, "lm_eval": lm_eval_score,
}  # fmt: skip


def until_end(row: list[int], ends: set[int]) -> list[int]:
    """An answer without its end-of-text token and what follows."""
    return row[: next((i for i, token in enumerate(row) if token in ends), len(row))]


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock seconds of a call, and what it returned."""
    started = time.perf_counter()
    result = run()
    return round(time.perf_counter() - started, 2), result


def run_side(name: str, given: Path, result: Path) -> None:
    """Entry of the process of one side."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    found = SIDES[name](json.loads(given.read_text()))
    result.write_text(json.dumps(found))


def main() -> None:
    """Run one side."""
    name, given, result = sys.argv[1:]
    run_side(name, Path(given), Path(result))


if __name__ == "__main__":
    main()
