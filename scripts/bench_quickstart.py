#!/usr/bin/env python3
"""Time the main job as a user runs it: cold, with a new candidate, and again; write the figures with conditions.

Usage: python scripts/bench_quickstart.py [--out results/bench/quickstart.json] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_machine import machine, versions

BASELINE = "smollm2"
CANDIDATES = ("smollm2@bnb-nf4", "smollm2@rtn:bits=3,group=64")
NEW_CANDIDATE = "smollm2@rtn:bits=4,group=64"


def measure(arguments: list[str]) -> dict[str, float | int]:
    """Run `tailgate ARGUMENTS` in a process of its own; wall clock and peak memory by the system's accounting."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", "from tailgate.cli import main; main()", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "exit_code": process.returncode,
        "wall_s": round(time.monotonic() - started, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_rss_mib": round(usage.ru_maxrss / 1024),
    }


def compare(candidates: tuple[str, ...], folder: Path, name: str) -> dict[str, object]:
    """One comparison on the suite `quick`, with what its manifest counted.

    A run that is finished in the folder already is not repeated: only what its manifest recorded is reported.
    """
    run = folder / name
    figures: dict[str, float | int] = {}
    if not (run / "verdict.json").exists():
        store = str(folder / "store")
        figures = measure(["compare", BASELINE, *candidates, "--suite", "quick", "--out", str(run), "--store", store])
    manifest = json.loads((run / "manifest.json").read_text())
    return {**figures, "compare_s": manifest["elapsed_s"], "counters": manifest["counters"]}


def conditions() -> dict[str, object]:
    """The machine and the versions the figures were taken with."""
    names = ("torch", "transformers", "bitsandbytes", "numpy")
    return {**machine(), "versions": versions(sys.executable, names)}


def main() -> None:
    """Take all figures in one go and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/bench/quickstart.json"))
    parser.add_argument("--folder", type=Path, help="keep runs and store here; finished runs are not repeated")
    options = parser.parse_args()
    out: Path = options.out
    found: dict[str, object] = {"schema_version": 1, "conditions": conditions()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        found["help"] = [measure(["--help"])["wall_s"] for _ in range(5)]
        found["cold"] = {"candidates": CANDIDATES, **compare(CANDIDATES, folder, "cold")}
        found["new_candidate"] = {"candidates": [NEW_CANDIDATE], **compare((NEW_CANDIDATE,), folder, "new")}
        found["identical_rerun"] = {"candidates": CANDIDATES, **compare(CANDIDATES, folder, "again")}
        found["gate"] = [measure(["gate", str(folder / "cold")])["wall_s"] for _ in range(5)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
