"""Outcomes arranged by cell, weighed, and the cells that still need items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tailgate.errors import IntegrityError
from tailgate.records import CellKey, CellPlan, GatePlan, PairedOutcome
from tailgate.stats.clusters import cluster_units
from tailgate.stats.eprocess import Floats, Units, item_units, units_log_e_fail, units_log_e_pass
from tailgate.stats.intervals import log_bar
from tailgate.stats.multiplicity import adjusted_log_e


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellData:
    """Outcomes of one cell and one candidate in item order, up to the first invalid one.

    An invalid outcome ends the evidence: what was seen before it was not chosen by it, what comes after may be.
    """

    item_ids: tuple[str, ...] = ()
    baseline: Floats = field(default_factory=lambda: np.zeros(0))  # scores, shape (n,)
    candidate: Floats = field(default_factory=lambda: np.zeros(0))
    clusters: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    baseline_tokens: Floats = field(default_factory=lambda: np.zeros(0))  # answer lengths, shape (n,)
    candidate_tokens: Floats = field(default_factory=lambda: np.zeros(0))
    baseline_failures: Mapping[str, int] = field(default_factory=dict)
    failure_modes: Mapping[str, int] = field(default_factory=dict)  # of the candidate
    invalid: str | None = None

    @property
    def n(self) -> int:
        """Items that count as evidence."""
        return len(self.item_ids)

    @property
    def differences(self) -> Floats:
        """Candidate score minus baseline score per item."""
        return self.candidate - self.baseline


def collect(outcomes: Iterable[PairedOutcome], plan: GatePlan | None = None) -> dict[CellKey, CellData]:
    """Arrange the outcomes of one candidate by cell, in item order.

    Raises
    ------
    IntegrityError
        An item id comes twice, a score is no number in [0, 1] although the outcome is not marked invalid, outcomes
        of several candidates are mixed, or a cell is not in the plan, where one is given.
    """
    rows: dict[CellKey, list[PairedOutcome]] = {}
    seen: dict[str, str] = {}
    for outcome in outcomes:
        _check_outcome(outcome, seen)
        seen[outcome.item_id] = outcome.candidate
        rows.setdefault(outcome.key, []).append(outcome)
    data = {key: _cell_data(sorted(found, key=lambda row: row.index)) for key, found in rows.items()}
    if plan is not None:
        _check_cells(data, plan)
    return data


def _check_outcome(outcome: PairedOutcome, seen: Mapping[str, str]) -> None:
    name = repr(outcome.item_id)
    first = next(iter(seen.values()), outcome.candidate)
    if outcome.candidate != first:
        raise IntegrityError(
            f"item {name} is of candidate {outcome.candidate!r}, others of {first!r}; collect each alone"
        )
    if outcome.item_id in seen:
        raise IntegrityError(f"item {name} comes twice; give each id once")
    if outcome.invalid is not None:
        return
    for side, score in (("baseline", outcome.baseline_score), ("candidate", outcome.candidate_score)):
        if not 0 <= score <= 1:  # NaN compares false
            raise IntegrityError(f"item {name} has the {side} score {score}; scores lie in [0, 1]")


def _cell_data(rows: Sequence[PairedOutcome]) -> CellData:
    broken = next((i for i, row in enumerate(rows) if row.invalid is not None), None)
    valid = rows if broken is None else rows[:broken]
    codes: dict[str, int] = {}
    return CellData(
        item_ids=tuple(row.item_id for row in valid),
        baseline=np.array([row.baseline_score for row in valid], dtype=np.float64),
        candidate=np.array([row.candidate_score for row in valid], dtype=np.float64),
        clusters=np.array([_cluster_code(row, i, codes) for i, row in enumerate(valid)], dtype=np.int64),
        baseline_tokens=np.array([row.baseline_tokens for row in valid], dtype=np.float64),
        candidate_tokens=np.array([row.candidate_tokens for row in valid], dtype=np.float64),
        baseline_failures=Counter(row.baseline_failure for row in valid if row.baseline_failure is not None),
        failure_modes=Counter(row.candidate_failure for row in valid if row.candidate_failure is not None),
        invalid=None if broken is None else f"item {rows[broken].item_id!r}: {rows[broken].invalid}",
    )


def _cluster_code(row: PairedOutcome, position: int, codes: dict[str, int]) -> int:
    # An item without a cluster stands alone: a code below zero is never shared.
    return -1 - position if row.cluster is None else codes.setdefault(row.cluster, len(codes))


def _check_cells(data: Mapping[CellKey, CellData], plan: GatePlan) -> None:
    planned = {cell.key for cell in plan.cells}
    for key, cell in data.items():
        if key not in planned:
            first = f", first item {cell.item_ids[0]!r}" if cell.item_ids else ""
            raise IntegrityError(f"outcomes of {key}{first}: the plan has no such cell; it has {_names(planned)}")


def _names(keys: Iterable[CellKey]) -> str:
    return ", ".join(sorted(map(str, keys)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the outcomes of one cell say, before the decision."""

    plan: CellPlan
    data: CellData
    units: Units
    log_e_pass: float
    log_e_fail: float
    log_e_fail_adjusted: float = 0.0


def weigh(data: Mapping[CellKey, CellData], plan: GatePlan) -> tuple[Evidence, ...]:
    """Evidence of every planned cell in plan order, with the closed-testing adjustment; a cell without items has e = 1.

    Raises
    ------
    IntegrityError
        There are outcomes of a cell that is not in the plan, or clusters larger than declared.
    """
    _check_cells(data, plan)
    found = [_weigh_cell(data.get(cell.key, CellData()), cell) for cell in plan.cells]
    adjusted = adjusted_log_e([cell.log_e_fail for cell in found])
    return tuple(replace(cell, log_e_fail_adjusted=float(value)) for cell, value in zip(found, adjusted, strict=True))


def _weigh_cell(data: CellData, cell: CellPlan) -> Evidence:
    _check_clusters(data, cell)
    if cell.clustered:
        units = cluster_units(data.differences, data.clusters, cell.cluster_items)
    else:
        units = item_units(data.differences)
    return Evidence(
        plan=cell,
        data=data,
        units=units,
        log_e_pass=float(units_log_e_pass(units, cell.margin)),
        log_e_fail=float(units_log_e_fail(units, cell.margin)),
    )


def _check_clusters(data: CellData, cell: CellPlan) -> None:
    limit = cell.cluster_items if cell.clustered else 1
    if data.n == 0 or np.unique(data.clusters, return_counts=True)[1].max() <= limit:
        return
    size: Counter[int] = Counter()
    for item, cluster in zip(data.item_ids, data.clusters.tolist(), strict=True):
        size[cluster] += 1
        if size[cluster] > limit:
            raise IntegrityError(
                f"item {item!r} is number {size[cluster]} of its cluster, {cell.key} declares at most {limit}; "
                "declare the cell's largest cluster beforehand"
            )


def open_cells(data: Mapping[CellKey, CellData], plan: GatePlan) -> tuple[CellKey, ...]:
    """Cells of one candidate that still lack a verdict and may get more items, in plan order.

    A cell is open below its `max_items` until an outcome is invalid, or, from `min_items` on, until the evidence of a
    pass reaches ``1 / alpha`` (where the cell is informative) or the evidence of a regression does after closed
    testing over all gated cells at their current values. A cell that cannot pass goes on only while it leans towards
    a regression. Looking after every batch, in whatever order the batches went to the cells, keeps both error rates.

    Raises
    ------
    IntegrityError
        There are outcomes of a cell that is not in the plan, or clusters larger than declared.
    """
    bar = log_bar(plan.alpha)
    return tuple(found.plan.key for found in weigh(data, plan) if _is_open(found, bar))


def _is_open(found: Evidence, bar: float) -> bool:
    cell, n = found.plan, found.data.n
    if found.data.invalid is not None or n >= cell.max_items:
        return False
    if n < cell.min_items:
        return True
    if found.log_e_fail_adjusted >= bar:
        return False
    return found.log_e_pass < bar if cell.informative else found.log_e_fail > 0
