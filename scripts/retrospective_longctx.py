#!/usr/bin/env python3
"""What the gate would have blocked in a published long-context study, beside mean, median and raw minimum.

The study (Mekala et al. 2025, arXiv 2505.20276) published counts of right answers per cell, language x task x length,
n = 50 each, and no item ids. So the two sides of a cell are paired at random and the evidence is averaged over all
pairings, exactly: given b and c right answers of n, the number of items that both get right is hypergeometric. The
averaged evidence is an e-value if an item that the baseline gets right is no likelier than others to be lost, that is,
if the scores of an item are not negatively correlated. With 50 items no cell can pass; only a block can be shown.

Usage: python scripts/retrospective_longctx.py --cells FILE [--out results/longctx-retrospective.md]
FILE: CSV with the columns model, precision, language, task, context_tokens, n, correct.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tailgate.stats.eprocess import log_e_fail
from tailgate.stats.multiplicity import adjusted_log_e

BASELINE = "bf16"
MARGIN, ALPHA, RUNS, SEED = 0.05, 0.05, 500, 0
SOURCE = "Mekala et al. 2025, arXiv 2505.20276; counts read off the authors' public result table"
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Right answers of every cell: by model and precision, the cells in one order."""

    cells: tuple[str, ...]
    counts: Mapping[tuple[str, str], Ints]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantized model against its parent."""

    model: str
    precision: str
    mean: float
    median: float
    minimum: float
    below: int  # cells whose raw loss exceeds the margin
    blocked: int  # cells the gate blocks
    worst_blocked: str


def read(path: Path) -> Study:
    """The study's counts; every model and precision must have the same cells, of one size."""
    table: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    sizes = set()
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cell = f"{row['language']}/{row['task']}/{row['context_tokens']}"
            table[row["model"], row["precision"]][cell] = int(row["correct"])
            sizes.add(int(row["n"]))
    cells = tuple(sorted(next(iter(table.values()))))
    if len(sizes) != 1 or any(tuple(sorted(found)) != cells for found in table.values()):
        raise SystemExit(f"{path}: the models do not share one set of cells of one size")
    counts = {key: np.array([found[cell] for cell in cells]) for key, found in table.items()}
    return Study(cells=cells, counts=counts, n=sizes.pop())


def evidence_table(n: int) -> Floats:
    """Log evidence of a regression by (baseline right, candidate right), averaged over all pairings; [n + 1, n + 1]."""
    found = np.empty((n + 1, n + 1))
    for before in range(n + 1):
        for after in range(n + 1):
            both = np.arange(max(0, before + after - n), min(before, after) + 1)
            weights = stats.hypergeom.logpmf(both, n, before, after)
            wins, losses = after - both, before - both
            found[before, after] = np.logaddexp.reduce(weights + log_e_fail(wins, n - wins - losses, losses, MARGIN))
    return found


def judge(study: Study, evidence: Floats) -> list[Row]:
    """Every quantized model against its parent."""
    rows = []
    for model, precision in sorted(study.counts):
        if precision == BASELINE:
            continue
        before, after = study.counts[model, BASELINE], study.counts[model, precision]
        delta = (after - before) / study.n
        blocked = adjusted_log_e(evidence[before, after]) >= -np.log(ALPHA)
        worst = min(np.flatnonzero(blocked), key=lambda i: delta[i], default=None)
        rows.append(
            Row(
                model=model, precision=precision, mean=float(delta.mean()), median=float(np.median(delta)),
                minimum=float(delta.min()), below=int((delta < -MARGIN).sum()), blocked=int(blocked.sum()),
                worst_blocked="" if worst is None else f"{study.cells[worst]} ({100 * delta[worst]:+.0f})",
            )
        )  # fmt: skip
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """Of simulated candidates that equal their parent: share flagged at all, and cells flagged on average."""

    mean: float
    median: float
    minimum: float
    cells_below: float
    gate: float
    cells_blocked: float


def false_alarms(study: Study, evidence: Floats) -> FalseAlarms:
    """Simulate candidates with the parent's own rates in every cell."""
    rng = np.random.default_rng(SEED)
    parents = [counts for (_, precision), counts in study.counts.items() if precision == BASELINE]
    found = np.zeros(6)
    for _ in range(RUNS):
        rates = (parents[rng.integers(len(parents))] + 0.5) / (study.n + 1)
        before, after = rng.binomial(study.n, rates), rng.binomial(study.n, rates)
        delta = (after - before) / study.n
        blocked = adjusted_log_e(evidence[before, after]) >= -np.log(ALPHA)
        found += [
            delta.mean() < -MARGIN, np.median(delta) < -MARGIN, delta.min() < -MARGIN, (delta < -MARGIN).sum(),
            blocked.any(), blocked.sum(),
        ]  # fmt: skip
    names = ("mean", "median", "minimum", "cells_below", "gate", "cells_blocked")
    return FalseAlarms(**{name: float(value) for name, value in zip(names, found / RUNS, strict=True)})


def power(study: Study, evidence: Floats, loss: float) -> float:
    """Chance that one cell that loses so much of a baseline of 0.9, all others equal to it, is blocked."""
    rng = np.random.default_rng(SEED)
    hits = 0
    for _ in range(RUNS):
        before = rng.binomial(study.n, 0.9, size=len(study.cells))
        after = rng.binomial(study.n, 0.9, size=len(study.cells))
        after[0] = rng.binomial(study.n, 0.9 - loss)
        hits += bool(adjusted_log_e(evidence[before, after])[0] >= -np.log(ALPHA))
    return hits / RUNS


def render(study: Study, rows: list[Row], alarms: FalseAlarms, powers: Mapping[float, float]) -> str:
    """The summary as markdown."""
    lines = [
        "# A published long-context study, decided again",
        "",
        f"Source: {SOURCE}. {len(study.cells)} cells per model (26 languages, 2 tasks, 4 lengths),",
        f"n = {study.n} each, margin {MARGIN:g}, alpha {ALPHA:g}. Written by `scripts/retrospective_longctx.py`; the",
        "counts themselves are not kept here.",
        "",
        "The counts carry no item ids: the sides are paired at random and the evidence is averaged over all pairings.",
        "This assumes that the two scores of an item are not negatively correlated. With 50 items no cell can pass at",
        "this margin, so only blocking is reported. Points are percentage points.",
        "",
        "| model | precision | mean | median | minimum | cells below -5 | cells blocked | worst blocked cell |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        figures = f"{100 * r.mean:+.1f} | {100 * r.median:+.1f} | {100 * r.minimum:+.0f} | {r.below} | {r.blocked}"
        lines.append(f"| {r.model} | {r.precision} | {figures} | {r.worst_blocked} |")
    flagged = {
        "mean below -5 points": (sum(r.mean < -MARGIN for r in rows), alarms.mean),
        "median below -5 points": (sum(r.median < -MARGIN for r in rows), alarms.median),
        "raw minimum below -5 points": (sum(r.minimum < -MARGIN for r in rows), alarms.minimum),
        "the gate (closed testing)": (sum(r.blocked > 0 for r in rows), alarms.gate),
    }
    lines += [
        "",
        f"| rule | flags of {len(rows)} quantized models | flags of {RUNS} simulated equal candidates |",
        "|---|---|---|",
        *(f"| {name} | {count} | {100 * rate:.1f} % |" for name, (count, rate) in flagged.items()),
        "",
        f"An equal candidate shows on average {alarms.cells_below:.0f} cells below -5 points by chance, and "
        f"{alarms.cells_blocked:.3f} blocked cells.",
        "",
        "Chance that the gate blocks one lossy cell among 208, baseline 0.9, "
        + ", ".join(f"{100 * loss:.0f} points: {100 * chance:.0f} %" for loss, chance in powers.items())
        + f" ({RUNS} simulations, standard error at most {100 * 0.5 / RUNS**0.5:.1f} points).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Read the counts, decide, write the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("results/longctx-retrospective.md"))
    options = parser.parse_args()
    study = read(options.cells)
    evidence = evidence_table(study.n)
    powers = {loss: power(study, evidence, loss) for loss in (0.2, 0.3, 0.4, 0.5)}
    text = render(study, judge(study, evidence), false_alarms(study, evidence), powers)
    options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
