"""Do the cells still measure? Warnings from the history of earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tailgate.pipeline.manifest import Frozen
from tailgate.pipeline.sides import Side
from tailgate.records import CellVerdict, RunVerdict
from tailgate.store.history import CellRecord, History
from tailgate_slices.registry import get_slice

RUNS = 5  # that must agree before a cell is called dead
SATURATED = 0.98
WEAKER = 0.5  # of the evidence per item that the positive control gave before


def keep_history(
    history: History, frozen: Frozen, created_utc: str, verdict: RunVerdict, control: Sequence[CellVerdict]
) -> None:
    """Record every cell of every candidate, and of the positive control."""
    run = frozen.sha256
    # A candidate that is the baseline itself flips nothing, and that says nothing of the cell.
    other = {side.variant.spec.text for side in frozen.candidates if not _is_baseline(side, frozen)}
    rows = [
        (each.candidate, False, cell) for each in verdict.candidates if each.candidate in other for cell in each.cells
    ]
    rows += [("positive control", True, cell) for cell in control]
    history.add(
        [
            CellRecord(
                run=run,
                created_utc=created_utc,
                baseline=frozen.baseline.facts().fingerprint,
                candidate=candidate,
                is_control=is_control,
                slice=cell.slice,
                slice_version=get_slice(cell.slice).version,
                stratum=cell.stratum,
                n=cell.n,
                flips=cell.wins + cell.losses,
                baseline_score=cell.baseline_score or 0.0,
                log_e_fail=cell.log_e_fail,
            )
            for candidate, is_control, cell in rows
            if cell.n
        ]
    )


def _is_baseline(side: Side, frozen: Frozen) -> bool:
    return side.facts().lossless or side.facts().fingerprint == frozen.baseline.facts().fingerprint


def health_warnings(history: History, frozen: Frozen) -> list[str]:
    """What the last runs say of each cell of a plan, this run's included; empty where nothing is wrong."""
    baseline = frozen.baseline.facts().fingerprint
    found: list[str] = []
    for cell in frozen.plan.cells:
        key = (cell.key.slice, get_slice(cell.key.slice).version, cell.key.stratum)
        seen = history.latest(baseline, key, is_control=False, runs=RUNS)
        control = history.latest(baseline, key, is_control=True, runs=RUNS)
        found += [f"{cell.key}: {warning}" for warning in (*_stale(seen), *_weaker(control))]
    return found


def _stale(seen: Sequence[CellRecord]) -> Iterator[str]:
    if len({each.run for each in seen}) < RUNS:
        return
    scores = [each.baseline_score for each in seen]
    if min(scores) >= SATURATED:
        yield f"saturated: the baseline scored at least {SATURATED:.0%} in the last {RUNS} runs; take a harder stratum"
    if max(scores) <= 1 - SATURATED:
        yield f"out of reach: the baseline scored at most {1 - SATURATED:.0%} in the last {RUNS} runs; take an easier"
    if not any(each.flips for each in seen):
        yield f"no item flipped in the last {RUNS} runs: it may have stopped measuring"


def _weaker(control: Sequence[CellRecord]) -> Iterator[str]:
    """The positive control against the median of the runs before."""
    if len(control) < RUNS:
        return
    newest, *before = (each.log_e_fail / each.n for each in control)
    usual = sorted(before)[len(before) // 2]
    if usual > 0 and newest < WEAKER * usual:
        yield f"the positive control is caught less clearly than before ({newest:.3f} against {usual:.3f} nats an item)"
