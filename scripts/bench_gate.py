#!/usr/bin/env python3
"""Time the decision: a stored run of 100,000 outcomes in a process of its own, and one step of the allocator.

Usage: python scripts/bench_gate.py [--out results/bench/gate.json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from bench_machine import machine, versions

from tailgate.gate.allocate import rank_cells
from tailgate.gate.evidence import CellData
from tailgate.records import SCHEMA_VERSION, Calibration, CellKey, CellPlan, GatePlan, PairedOutcome
from tailgate.store.run_folder import RunFolder

OUTCOMES, CELLS, ALLOCATED = 100_000, 50, 200
NO_TORCH = "import sys; code = 0\ntry:\n from tailgate.cli import main; main()\nexcept SystemExit as e: code = e.code\n"
NO_TORCH += "print('torch' in sys.modules, file=sys.stderr); sys.exit(code)"


def plan_of(cells: int) -> GatePlan:
    """A plan of informative cells."""
    return GatePlan(
        alpha=0.05,
        gate_sha256="0" * 64,
        batch_items=20,
        cells=tuple(
            CellPlan(
                key=CellKey(slice=f"slice{i % 5}", stratum=f"level={i}"), margin=0.05, chance=0.0, min_items=20,
                max_items=10_000, calibration=Calibration(n=40, correct=32), informative=True,
            )
            for i in range(cells)
        ),
    )  # fmt: skip


def outcome(plan: GatePlan, i: int, flip: float) -> PairedOutcome:
    """One synthetic outcome; about 3 % are lost and 3 % gained."""
    cell = plan.cells[i % len(plan.cells)]
    text = f"answer number {i} " * 8
    return PairedOutcome(
        candidate="cand", item_id=f"{cell.key}/{i}", slice=cell.key.slice, stratum=cell.key.stratum, index=i,
        cluster=None, prompt="a question " * 40, reference="x", baseline_score=float(flip > 0.03),
        candidate_score=float(flip < 0.97), baseline_text=text, candidate_text=text, baseline_failure=None,
        candidate_failure=None, baseline_finish="stop", candidate_finish="stop", baseline_tokens=20,
        candidate_tokens=20, prompt_tokens=100, divergence_token=None, baseline_divergence_char=None,
        candidate_divergence_char=None, invalid=None, attributes='{"depth": 3}',
    )  # fmt: skip


def write_run(folder: Path) -> None:
    """A finished run without a model."""
    plan, rng = plan_of(CELLS), np.random.default_rng(0)
    with RunFolder(folder) as run:
        outcomes = [outcome(plan, i, flip) for i, flip in enumerate(rng.random(OUTCOMES))]
        run.write_outcomes(outcomes)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "status": "finished",
            "n_outcomes": OUTCOMES,
            "plan": asdict(plan),
            "baseline": {"spec": "base"},
            "candidates": [{"spec": "cand", "lossless": False}],
        }
        run.write_manifest(manifest)


def time_gate(folder: Path, runs: int) -> dict[str, Any]:
    """Wall clock of `tailgate gate` as a process, and whether it imported torch."""
    seconds, torch = [], set()
    for _ in range(runs):
        started = time.perf_counter()
        command = [sys.executable, "-c", NO_TORCH, "gate", str(folder), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds.append(round(time.perf_counter() - started, 3))
        torch.add(done.stderr.strip())
    return {"outcomes": OUTCOMES, "cells": CELLS, "seconds": seconds, "median_s": statistics.median(seconds),
            "imported_torch": torch != {"False"}}  # fmt: skip


def time_allocator(runs: int) -> dict[str, Any]:
    """One ranking of 200 cells."""
    plan, rng = plan_of(ALLOCATED), np.random.default_rng(1)
    data = {}
    for cell in plan.cells:
        candidate = (rng.random(200) < 0.8).astype(float)
        data[cell.key] = CellData(item_ids=("x",) * 200, baseline=np.ones(200), candidate=candidate)
    tokens = {cell.key: 100 + i for i, cell in enumerate(plan.cells)}
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        rank_cells(plan.cells, data, tokens)
        taken.append(1e3 * (time.perf_counter() - started))
    return {"cells": ALLOCATED, "median_ms": round(statistics.median(taken), 3), "worst_ms": round(max(taken), 3)}


def main() -> None:
    """Take the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/bench/gate.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        write_run(folder)
        found = {
            "schema_version": 1,
            "conditions": {**machine(), "versions": versions(sys.executable, ("numpy", "scipy", "pyarrow"))},
            "gate": time_gate(folder, 7),
            "allocator": time_allocator(200),
        }
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
