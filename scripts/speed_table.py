#!/usr/bin/env python3
"""Put the figures of results/bench/engine.json into the README, as they were measured.

Usage: python scripts/speed_table.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = {
    "generate": "transformers `generate`, best static batch",
    "generate_batch": "transformers `generate_batch`",
    "vllm": "vLLM (CPU)",
    "lm_eval": "lm-evaluation-harness `hf`",
}


def block(found: Mapping[str, Any]) -> str:
    """The README's table, between its marks."""
    lines = ["<!-- speed -->", *rows(found), "", *conditions(found), "<!-- /speed -->"]
    return "\n".join(lines)


def rows(found: Mapping[str, Any]) -> Iterator[str]:
    """One line a peer and task."""
    yield "| what | ours, s | against | times slower |"
    yield "|---|---|---|---|"
    mix, document, score = (found[part] for part in ("generate", "document", "score"))
    parts = {
        "generate": f"{mix['requests']} prompts of mixed length, {mix['new_tokens']} new tokens",
        "prefill": "the same prompts, one token each",
        "continuous": f"{found['continuous']['requests']} of them",
        "document": f"{document['questions']} questions on one document of {document['document_tokens']} tokens",
        "score": f"{score['choices']} choices on each of {score['contexts']} contexts of 300 tokens",
    }
    for part, what in parts.items():
        sides = found[part]["sides"]
        ours = next(side["seconds"] for name, side in sides.items() if name.startswith("native"))
        for name, side in sides.items():
            if "times_slower_than_ours" in side:
                yield f"| {what} | {ours} | {PEERS[name]} | {side['times_slower_than_ours']} |"
    verified = {name: each for name, each in found["verify"].items() if isinstance(each, dict)}
    for name, each in verified.items():
        ratio, seconds = each["times_slower_than_verify"]["native_plain"], each["seconds"]["native_verify"]
        yield f"| verify: {name} | {seconds} | decoding with our own core, a token a pass | {ratio} |"
    job, task = found["job"], "the whole job, 8-bit candidate, stored baseline"
    yield f"| {task} | {job['ours_s']} | both runs of {PEERS[job['fastest_peer']]} | {job['ratio']} |"
    if early := found.get("early_stop"):
        task = f"`compare` of an 8-bit candidate on `quick`, stored baseline, decided after {early['ours_items']} items"
        both = f"all {early['peer_items_a_side']} items on both sides in {PEERS[early['peer']]}"
        yield f"| {task} | {early['ours_s']} | {both} | {early['ratio']} |"


def conditions(found: Mapping[str, Any]) -> Iterator[str]:
    """What the figures hold for."""
    given, memory = found["conditions"], found["memory"]
    peers = {**given["versions"], **given["versions_of_peers"]}
    versions = ", ".join(f"{name} {version}" for name, version in sorted(peers.items()))
    yield f"{given['model']}; {given['cores']} cores of an {given['cpu']} virtual machine, {given['date']}; {versions}."
    yield f"{given['timing'].capitalize()}."
    parts = {"generate": "the first line", "prefill": "the prefill", "score": "the choices"}
    limits = ", ".join(
        f"{found[part]['limit_s']} s for {what} ({found[part]['share_of_limit']:.0%} reached)"
        for part, what in parts.items()
    )
    yield f"The matrix products of the model alone, as fast as torch makes them in that run, would take {limits}."
    yield (
        f"Peak memory above the imports: {memory['above_imports_mib']:,} MiB, of which {memory['weights_mib']} MiB are "
        f"weights; the key-values may take {memory['kv_budget_mib']:,} MiB."
    )


def main() -> None:
    """Refresh the README."""
    readme = ROOT / "README.md"
    found = json.loads((ROOT / "results/bench/engine.json").read_text(encoding="utf-8"))
    text = readme.read_text(encoding="utf-8")
    readme.write_text(re.sub(r"<!-- speed -->.*<!-- /speed -->", lambda _: block(found), text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
