"""Decide from logs that other tools wrote: no model, no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from tailgate.config import load_gate
from tailgate.errors import IntegrityError, UsageError
from tailgate.gate import CellSpec, collect, decide_candidate, decide_run, plan_gate
from tailgate.interop.inspect_ai import read_inspect
from tailgate.interop.jsonl import read_jsonl
from tailgate.interop.lighteval import read_lighteval
from tailgate.interop.lm_eval import read_lm_eval
from tailgate.interop.rows import LogRow, chances, largest_clusters, pair_rows
from tailgate.records import CellKey, RunVerdict

Reader = Callable[[Path], list[LogRow]]


def readers(metric: str | None) -> Mapping[str, Reader]:
    """Readers by the name that `--from` takes."""
    return {
        "jsonl": read_jsonl,
        "lm-eval": partial(read_lm_eval, metric=metric),
        "inspect": partial(read_inspect, metric=metric),
        "lighteval": partial(read_lighteval, metric=metric),
    }


def decide_logs(
    baseline: Path, candidate: Path, form: str, gate: str | None = None, metric: str | None = None
) -> RunVerdict:
    """Pair two logs by id and decide on all of it.

    There is no calibration draw: the margin is the gate's or 0.05, informativeness is not applied, and controls count
    as not run.

    Raises
    ------
    UsageError
        The format is unknown, or a file is not what the format says.
    IntegrityError
        The two logs do not pair, or hold nothing.
    """
    known = readers(metric)
    if form not in known:
        raise UsageError(f"--from {form}: unknown format; choose from {', '.join(known)}")
    if metric is not None and form == "jsonl":
        raise UsageError("--metric: a jsonl log has one score per item; leave it out")
    before, after = (known[form](path) for path in (baseline, candidate))
    if not before:
        raise IntegrityError(f"{baseline} holds no item; log at least one")
    outcomes = pair_rows(before, after, candidate.name)
    sizes, counts = largest_clusters(before), Counter(outcome.key for outcome in outcomes)
    specs = [
        CellSpec(key=key, chance=chance, clustered=key in sizes, cluster_items=sizes.get(key, 1))
        for key, chance in chances(before).items()
    ]
    plan = plan_gate(load_gate(gate or "default"), specs, {}, {})
    # All that was logged is looked at once, so there is no cap.
    cells = tuple(replace(cell, max_items=max(counts[cell.key], cell.min_items)) for cell in plan.cells)
    plan = replace(plan, cells=cells)
    _check_singles(before, sizes)
    verdict = decide_candidate(collect(outcomes, plan), plan, candidate=candidate.name, baseline=baseline.name)
    return decide_run([verdict], plan)


def _check_singles(rows: list[LogRow], clustered: Mapping[CellKey, int]) -> None:
    """In a cell with clusters every item names one: an item without is a forgotten field, not a text of its own."""
    for row in rows:
        if row.cluster is None and CellKey(slice=row.slice, stratum=row.stratum) in clustered:
            raise IntegrityError(f"item '{row.id}' names no cluster, others of its cell do; give each item its cluster")
