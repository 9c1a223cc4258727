#!/usr/bin/env python3
"""What a report of 20,000 items costs to write and to open, and a trend over 1,000 runs: results/bench/report.json.

Items are synthetic: prompts of random words, half of the answers changed. The page is opened in Chromium from the disk,
where that is installed.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_machine import machine, versions

from tailgate.config import load_gate
from tailgate.gate.columns import OutcomeColumns
from tailgate.gate.controls import ControlFindings
from tailgate.gate.plan import CellSpec, plan_gate
from tailgate.pipeline.decide import decide_outcomes
from tailgate.pipeline.history import trend
from tailgate.records import CellKey, PairedOutcome
from tailgate.report import build_view, render
from tailgate.report.render import FORMATS
from tailgate.store.runs import RunCell, RunRecord
from tailgate.store.transcripts import Store

CELLS, WORDS = 20, 4000
DAYS_OF_A_MONTH, MONTHS = 28, 12


def main() -> None:
    """Write, open, follow; print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("results/bench/report.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tailgate-bench-") as folder:
        found = {
            "machine": machine(),
            "versions": versions(sys.executable, ("tailgate", "altair", "vl-convert-python", "jinja2")),
            "report": report(Path(folder), given.items),
            "trend": trends(Path(folder), given.runs),
        }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


def report(folder: Path, n: int) -> dict[str, Any]:
    """Seconds and memory of all formats of a run of `n` items, and of opening its page."""
    items = outcomes(n)
    gate = load_gate("default")
    keys = sorted({item.key for item in items})
    plan = plan_gate(gate, [CellSpec(key=key, chance=0.0, clustered=False) for key in keys], {}, {})
    manifest = {"baseline": {"spec": "model"}, "candidates": [{"spec": "model@int4", "lossless": False}]}
    started = time.perf_counter()
    verdict = decide_outcomes(manifest, plan, OutcomeColumns.of(items), ControlFindings())
    decided = time.perf_counter()
    view = build_view(verdict, manifest, items)
    seconds = {"decide": decided - started, "view": time.perf_counter() - decided}
    for form in FORMATS:
        begun = time.perf_counter()
        text = render(view, form)
        seconds[form] = time.perf_counter() - begun
        (folder / f"report.{form}").write_text(text, encoding="utf-8")
    page = folder / "report.html"
    return {
        "items": n,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "seconds_in_all": round(time.perf_counter() - started, 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "html_mib": round(page.stat().st_size / 2**20, 2),
        "items_on_the_page": view.items.shown if view.items else 0,
        "opened": opened(page),
    }


def outcomes(n: int) -> list[PairedOutcome]:
    """Items of 20 cells: prompts of 100 words, answers of 30."""
    rng = random.Random(1)  # noqa: S311  # words, not secrets
    vocabulary = ["".join(rng.choices("abcdefghijklmnoprstuvwyz", k=rng.randint(2, 9))) for _ in range(WORDS)]
    return [_outcome(rng, vocabulary, index) for index in range(n)]


def _outcome(rng: random.Random, vocabulary: list[str], index: int) -> PairedOutcome:
    right, kept = rng.random() < 0.7, rng.random() < 0.9
    answer = rng.choices(vocabulary, k=30)
    same = rng.randint(0, 30)
    other = answer if rng.random() < 0.5 else [*answer[:same], *rng.choices(vocabulary, k=30 - same)]
    at = None if other == answer else len(" ".join(answer[:same]))
    return PairedOutcome(
        candidate="model@int4", item_id=f"slice/cell={index % CELLS}/{index}", slice="slice",
        stratum=f"cell={index % CELLS}", index=index // CELLS, cluster=None,
        prompt=" ".join(rng.choices(vocabulary, k=100)),
        reference=" ".join(answer[:3]), baseline_score=float(right), candidate_score=float(right and kept),
        baseline_text=" ".join(answer), candidate_text=" ".join(other), baseline_failure=None if right else "wrong",
        candidate_failure=None if right and kept else "wrong", baseline_finish="stop", candidate_finish="stop",
        baseline_tokens=40, candidate_tokens=40, prompt_tokens=130, divergence_token=None if other == answer else same,
        baseline_divergence_char=at, candidate_divergence_char=at,
        invalid=None, attributes=json.dumps({"lang": "en", "task": f"t{index % 5}"}), top1_agreement=0.9,
        mean_log_prob=-0.4, mean_kl_floor=rng.random() / 10,
    )  # fmt: skip


def opened(page: Path) -> dict[str, float] | str:
    """Seconds until the page has loaded, until its items are unpacked, and of a search through all texts."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        return "Chromium is not installed"
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in ("headless", "no-sandbox", "disable-gpu"):
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options=options, service=Service(driver))
    status = "return document.querySelector('#browse [role=status]').textContent"
    try:
        browser.get("about:blank")
        started = time.perf_counter()
        browser.get(page.as_uri())
        loaded = time.perf_counter()
        browser.execute_script("document.querySelector('#browse').open = true")
        WebDriverWait(browser, 60, poll_frequency=0.02).until(lambda each: " of " in each.execute_script(status))
        unpacked = time.perf_counter()
        browser.execute_script(
            "const find = document.querySelector('[data-filter=find]'); find.value = 'qqq';"
            "find.dispatchEvent(new Event('input'))"
        )
        return {
            "loaded_s": round(loaded - started, 2),
            "items_unpacked_s": round(unpacked - loaded, 2),
            "text_search_s": round(time.perf_counter() - unpacked, 2),
        }
    finally:
        browser.quit()


def trends(folder: Path, n: int) -> dict[str, Any]:
    """Seconds of `history trend` over `n` runs of 30 cells."""
    store = Store(folder / "store")
    for number in range(n):
        store.runs.add(_run(number), [_cell(number, place) for place in range(30)])
    started = time.perf_counter()
    points = trend(store.runs, "slice/cell=3", n)["model@int4"]
    seconds = time.perf_counter() - started
    store.close()
    return {"runs": len(points), "cells": 30, "seconds": round(seconds, 3)}


def _run(number: int) -> RunRecord:
    day, months = number % DAYS_OF_A_MONTH, number // DAYS_OF_A_MONTH
    when = f"{2000 + months // MONTHS}-{months % MONTHS + 1:02d}-{day + 1:02d}T00:00:00Z"
    return RunRecord(
        run=f"{number:012x}", created_utc=when, path="/runs", suite="tail", suite_version="2", suite_sha256="s",
        gate_sha256="g", engine="native 2", baseline="model", baseline_fingerprint="f", decision="pass", exit_code=0,
        noise_items=64, noise_discordant=1,
    )  # fmt: skip


def _cell(number: int, place: int) -> RunCell:
    key = CellKey(slice="slice", stratum=f"cell={place}")
    made = RunCell(
        run=f"{number:012x}", candidate="model@int4", candidate_fingerprint="c", slice=key.slice, slice_version="2",
        stratum=key.stratum, n=200, wins=3, losses=4, baseline_score=0.7, candidate_score=0.69, delta=-0.01, low=-0.04,
        high=0.02, margin=0.05, verdict="pass",
    )  # fmt: skip
    return replace(made, delta=-0.01 * (number % 3))


if __name__ == "__main__":
    main()
