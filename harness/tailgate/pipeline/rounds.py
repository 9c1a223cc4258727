"""Calibration, and whole batches of items until every cell has its verdict, its cap, or the run must stop."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tailgate.gate import collect, decide_candidate, next_cells, open_cells
from tailgate.pipeline.grading import Answered, grade_answers
from tailgate.pipeline.options import Observer
from tailgate.pipeline.pairs import ItemSource, answer_baseline, answer_pair
from tailgate.pipeline.sides import Side
from tailgate.records import Calibration, CellKey, GatePlan, PairedOutcome
from tailgate.variants.fingerprint import hash_json
from tailgate_slices.item import Grade, Item
from tailgate_slices.registry import get_slice
from tailgate_slices.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """When a candidate's run ends before every cell has a verdict."""

    fixed_n: bool = False
    fail_fast: bool = False
    deadline: float | None = None  # time.monotonic() seconds

    @property
    def out_of_time(self) -> bool:
        """Whether the time budget has ended."""
        return self.deadline is not None and time.monotonic() >= self.deadline


@dataclass(slots=True, kw_only=True)
class CandidateRun:
    """What was asked of one candidate, and why asking ended early, if it did."""

    outcomes: list[PairedOutcome] = field(default_factory=list)
    stopped: str | None = None


def calibration_seed(suite: Suite) -> int:
    """Seed of the calibration draw: fixed by the suite, so that it can ship, and never an evidence seed."""
    digest = hashlib.sha256(f"calibration\x1f{suite.name}\x1f{suite.version}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def calibration_key(suite: Suite, baseline: Side, n_items: int) -> str:
    """Address of a shipped calibration: everything the baseline's scores on the draw depend on."""
    versions = sorted({(cell.slice, get_slice(cell.slice).version) for cell in suite.cells})
    address = baseline.address
    return hash_json(
        [
            calibration_seed(suite),
            n_items,
            versions,
            address.fingerprint,
            address.tokenizer_sha256,
            address.template_sha256,
            address.device,
            address.compute_dtype,
        ]
    )


def calibrate(
    suite: Suite, cells: Sequence[CellKey], baseline: Side, n_items: int, observer: Observer
) -> dict[CellKey, Calibration]:
    """Score the baseline on seeds of their own, or take the scores that the suite ships for this very baseline."""
    shipped = suite.calibration.get(calibration_key(suite, baseline, n_items), {})
    found = {key: Calibration(**shipped[str(key)]) for key in cells if str(key) in shipped}
    missing = [key for key in cells if key not in found]
    if missing:
        observer.stage("calibration of the baseline", len(missing) * n_items)
        found.update(
            _calibrate_now(ItemSource(seed=calibration_seed(suite), side=baseline), missing, n_items, observer)
        )
    return found


def _calibrate_now(
    source: ItemSource, cells: Sequence[CellKey], n_items: int, observer: Observer
) -> dict[CellKey, Calibration]:
    items = [item for key in cells for item in _calibration_items(source, key, n_items)]
    transcripts = answer_baseline(items, source.side, observer.advance)
    scored = dict.fromkeys(cells, 0.0)
    answers = [Answered(item=item, transcript=transcripts[item.id]) for item in items if item.id in transcripts]
    for answered, grade in zip(answers, grade_answers(answers), strict=True):
        if isinstance(grade, Grade):
            scored[CellKey(slice=answered.item.slice, stratum=answered.item.stratum)] += grade.score
    # Scores between 0 and 1 count by their whole sum: rounding down never makes a cell informative.
    return {key: Calibration(n=n_items, correct=int(total + 1e-9)) for key, total in scored.items()}


def _calibration_items(source: ItemSource, key: CellKey, n_items: int) -> list[Item]:
    """Fresh items; of a slice with an end, whose items have one order, the last ones: no run takes them as evidence."""
    size = get_slice(key.slice).size(key.stratum)
    first = 0 if size is None else size - n_items
    return source.items(key, first, first + n_items)


def run_candidate(
    plan: GatePlan, source: ItemSource, candidate: Side, stopping: Stopping, observer: Observer
) -> CandidateRun:
    """Ask whole batches of both sides until the gate has what it needs.

    The batches are a pure function of the plan and of the outcomes so far: reruns and resumed runs ask the same
    items in the same order.
    """
    run = CandidateRun()
    name = candidate.variant.spec.text
    observer.stage(name, 2 * sum(cell.max_items for cell in plan.cells))
    while run.stopped is None and (batch := _next_batch(plan, run.outcomes, stopping)):
        items = [item for key, (start, stop) in batch.items() for item in source.items(key, start, stop)]
        run.outcomes.extend(answer_pair(items, source.side, candidate, observer.advance))
        run.stopped = _must_stop(plan, run.outcomes, stopping)
    return run


def answer_ahead(plan: GatePlan, source: ItemSource, observer: Observer) -> None:
    """Ask the baseline every item a candidate may be asked, so that it can leave memory before the candidate comes."""
    items = [item for cell in plan.cells for item in source.items(cell.key, 0, cell.max_items)]
    observer.stage(source.side.variant.spec.text, len(items))
    answer_baseline(items, source.side, observer.advance)


def _next_batch(
    plan: GatePlan, outcomes: Sequence[PairedOutcome], stopping: Stopping
) -> Mapping[CellKey, tuple[int, int]]:
    asked = _asked(plan, outcomes)
    caps = {cell.key: cell.max_items for cell in plan.cells}
    if stopping.fixed_n:
        cells = _undecided(plan, outcomes, stopping)
    else:
        cells = next_cells(collect(outcomes, plan), plan, _tokens(plan))
    return {key: (asked[key], min(asked[key] + plan.batch_items, caps[key])) for key in cells}


def _undecided(plan: GatePlan, outcomes: Sequence[PairedOutcome], stopping: Stopping) -> tuple[CellKey, ...]:
    if stopping.fixed_n:
        asked = _asked(plan, outcomes)
        return tuple(cell.key for cell in plan.cells if asked[cell.key] < cell.max_items)
    return open_cells(collect(outcomes, plan), plan)


def _asked(plan: GatePlan, outcomes: Sequence[PairedOutcome]) -> dict[CellKey, int]:
    asked = {cell.key: 0 for cell in plan.cells}
    for outcome in outcomes:
        asked[outcome.key] += 1
    return asked


def _tokens(plan: GatePlan) -> dict[CellKey, int]:
    """Declared tokens of one item of each cell, prompt and answer."""
    return {cell.key: get_slice(cell.key.slice).min_context(cell.key.stratum) for cell in plan.cells}


def _must_stop(plan: GatePlan, outcomes: Sequence[PairedOutcome], stopping: Stopping) -> str | None:
    undecided = _undecided(plan, outcomes, stopping)
    left = ", ".join(map(str, undecided))
    if undecided and stopping.out_of_time:
        return f"the time budget ended; undecided: {left}"
    if undecided and stopping.fail_fast:
        verdict = decide_candidate(collect(outcomes, plan), plan, candidate="", baseline="")
        if verdict.decision == "regression":
            return f"stopped at the first regression; undecided: {left}"
    return None
