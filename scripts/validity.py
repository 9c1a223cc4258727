#!/usr/bin/env python3
"""Simulate what the gate promises and write the figures, each with its Monte Carlo error.

Usage: python scripts/validity.py [--runs 1500] [--out results/validity.json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailgate.stats.eprocess import log_e_fail, log_e_pass
from tailgate.stats.intervals import PairedCounts, count_intervals, newcombe_interval, tango_interval
from tailgate.stats.multiplicity import closed_rejects

ALPHA, BAR, SEED = 0.05, float(np.log(20)), 20261124
MARGINS, CHURNS = (0.02, 0.03, 0.05, 0.10), (0.01, 0.02, 0.05, 0.10, 0.20)
Floats = NDArray[np.float64]
Evidence = Callable[[Any, Any, Any, Any], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Wins, ties and losses after every look, [runs, looks]."""

    wins: NDArray[np.int64]
    ties: NDArray[np.int64]
    losses: NDArray[np.int64]
    looks: NDArray[np.int64]


def draw(rng: np.random.Generator, runs: int, looks: NDArray[np.int64], delta: float, churn: float) -> Counts:
    """Counts of cells whose items flip with discordance `churn` and mean difference `delta`."""
    steps = np.diff(looks, prepend=0)
    shares = np.array([(churn + delta) / 2, 1 - churn, (churn - delta) / 2])
    drawn = np.stack([rng.multinomial(step, shares, size=runs) for step in steps], axis=1).cumsum(axis=1)
    return Counts(wins=drawn[..., 0], ties=drawn[..., 1], losses=drawn[..., 2], looks=looks)


def evidence(of: Evidence, counts: Counts, margin: float) -> Floats:
    """Log evidence at every look, [runs, looks]."""
    return of(counts.wins, counts.ties, counts.losses, margin)


def first_look(hit: NDArray[np.bool_], looks: NDArray[np.int64]) -> Floats:
    """Items at the first look that hits, infinity where none does; [runs]."""
    return np.where(hit.any(axis=1), looks[hit.argmax(axis=1)].astype(float), np.inf)


def share(hits: NDArray[np.bool_]) -> dict[str, float]:
    """A share with its standard error."""
    p = float(np.mean(hits))
    return {"rate": round(p, 4), "se": round(float(np.sqrt(p * (1 - p) / hits.size)), 4)}


def items_to_pass(rng: np.random.Generator, runs: int) -> Iterator[dict[str, Any]]:
    """Median items to a pass of an equal candidate, looking every 10 items up to 4,000."""
    looks = np.arange(10, 4001, 10)
    for margin, churn in product(MARGINS, CHURNS):
        items = first_look(evidence(log_e_pass, draw(rng, runs, looks, 0.0, churn), margin) >= BAR, looks)
        median = float(np.median(items))
        yield {
            "margin": margin,
            "discordance": churn,
            "median_items": median if np.isfinite(median) else None,
            "passed_within_4000": share(np.isfinite(items)),
        }


def items_without_flips() -> dict[str, int]:
    """Items to a pass where nothing flips: no simulation."""
    n = np.arange(1, 1000)
    return {f"{margin:g}": int(n[(log_e_pass(0, n, 0, margin) >= BAR).argmax()]) for margin in MARGINS}


def items_to_fail(rng: np.random.Generator, runs: int) -> Iterator[dict[str, Any]]:
    """Median items to a regression at margin 0.05 in one of eight cells, at alpha / 8."""
    looks = np.arange(10, 4001, 10)
    for loss, churn in ((0.10, 0.15), (0.15, 0.20), (0.30, 0.35), (0.50, 0.55), (0.10, 0.10), (0.10, 0.25)):
        hit = evidence(log_e_fail, draw(rng, runs, looks, -loss, churn), 0.05) >= BAR + np.log(8)
        items = first_look(hit, looks)
        yield {"loss": loss, "discordance": churn, "median_items": float(np.median(items))}


def anytime_errors(rng: np.random.Generator, runs: int) -> Iterator[dict[str, Any]]:
    """False verdicts of a candidate exactly at its margin, looking after every item up to 3,000."""
    looks = np.arange(1, 3001)
    for churn in (0.05, 0.1, 0.2, 0.4):
        counts = draw(rng, runs, looks, -0.05, churn)
        passed = (evidence(log_e_pass, counts, 0.05) >= BAR).any(axis=1)
        failed = (evidence(log_e_fail, counts, 0.05) >= BAR).any(axis=1)
        yield {"discordance": churn, "false_pass": share(passed), "false_regression": share(failed)}


def eight_cells(rng: np.random.Generator, runs: int) -> dict[str, Any]:
    """Eight cells at margin 0.05, cap 1,500, looks every 20: equal, one at its margin, all at their margins."""
    looks = np.arange(20, 1501, 20)

    def cells(deltas: tuple[float, ...], churn: float) -> tuple[Floats, Floats]:
        drawn = [draw(rng, runs, looks, delta, max(churn, abs(delta))) for delta in deltas]
        return tuple(np.stack([evidence(of, c, 0.05) for c in drawn], axis=1) for of in (log_e_pass, log_e_fail))  # type: ignore[return-value]  # exactly two

    passing, _ = cells((0.0,) * 8, 0.04)
    items = np.stack([first_look(passing[:, cell] >= BAR, looks) for cell in range(8)], axis=1)
    released = np.isfinite(items).all(axis=1)
    edge, _ = cells((-0.05,) + (0.0,) * 7, 0.10)
    _, failing = cells((-0.05,) * 8, 0.10)
    closed = np.array([any(closed_rejects(failing[run, :, look], ALPHA).any() for look in range(looks.size))
                       for run in range(runs)])  # fmt: skip
    return {
        "equal": {
            "released": share(released),
            "median_items": float(np.median(np.minimum(items, 1500).sum(axis=1))),
            "of": 8 * 1500,
        },
        "one_at_its_margin_released": share((edge >= BAR).any(axis=2).all(axis=1)),
        "all_at_their_margins_blocked": {
            "bonferroni": share((failing >= BAR + np.log(8)).any(axis=(1, 2))),
            "closed": share(closed),
        },
    }


def coverage(rng: np.random.Generator, runs: int) -> dict[str, Any]:
    """Two-sided 1 - 2 alpha coverage at n = 200, delta -0.03, discordance 0.1, and of ours at all looks at once."""
    delta, churn, n, right = -0.03, 0.10, 200, 0.7
    shares = [right - (churn - delta) / 2, (churn + delta) / 2, (churn - delta) / 2]
    tables = rng.multinomial(n, [*shares, 1 - sum(shares)], size=runs)
    inside: dict[str, list[bool]] = {"tango": [], "newcombe": []}
    for both, wins, losses, neither in tables.tolist():
        found = {
            "tango": tango_interval(wins, losses, n, ALPHA),
            "newcombe": newcombe_interval(PairedCounts(both=both, wins=wins, losses=losses, neither=neither), ALPHA),
        }
        for name, interval in found.items():
            inside[name].append(interval.low <= delta <= interval.high)
    counts = draw(rng, runs, np.arange(10, 501, 10), delta, churn)
    bounds = count_intervals(counts.wins, counts.ties, counts.losses, ALPHA)
    always = ((bounds.low <= delta) & (delta <= bounds.high)).all(axis=1)
    return {
        "fixed_n": {name: share(np.array(hits)) for name, hits in inside.items()},
        "time_uniform": share(always),
    }


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("results/validity.json"))
    options = parser.parse_args()
    rng, started = np.random.default_rng(SEED), time.monotonic()
    found = {
        "schema_version": 1,
        "conditions": {"alpha": ALPHA, "runs": options.runs, "seed": SEED, "numpy": np.__version__},
        "items_to_pass_of_an_equal_candidate": list(items_to_pass(rng, options.runs)),
        "items_to_pass_without_flips": items_without_flips(),
        "items_to_a_regression_in_one_of_eight_cells": list(items_to_fail(rng, options.runs)),
        "anytime_errors_at_the_margin": list(anytime_errors(rng, options.runs)),
        "eight_cells": eight_cells(rng, options.runs),
        "coverage": coverage(rng, options.runs),
    }
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))
    print(f"took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
