"""Outcomes arranged by cell, weighed, and the cells that still need items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tailgate.errors import IntegrityError
from tailgate.gate.columns import OutcomeColumns
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


def collect(
    outcomes: Iterable[PairedOutcome] | OutcomeColumns, plan: GatePlan | None = None
) -> dict[CellKey, CellData]:
    """Arrange the outcomes of one candidate by cell, in item order.

    Raises
    ------
    IntegrityError
        An item id comes twice, a score is no number in [0, 1] although the outcome is not marked invalid, outcomes
        of several candidates are mixed, or a cell is not in the plan, where one is given.
    """
    columns = outcomes if isinstance(outcomes, OutcomeColumns) else OutcomeColumns.of(outcomes)
    _check_outcomes(columns)
    strata = max(len(columns.stratum.names), 1)
    cells = columns.slice.codes * strata + columns.stratum.codes
    order = np.lexsort((columns.index, cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    data = dict(_cell_data(columns.take(rows)) for rows in np.split(order, starts[1:])) if columns.n else {}
    if plan is not None:
        _check_cells(data, plan)
    return data


def _check_outcomes(columns: OutcomeColumns) -> None:
    others = np.flatnonzero(columns.candidate.codes != columns.candidate.codes[0]) if columns.n else np.array([], int)
    if others.size:
        row = int(others[0])
        raise IntegrityError(
            f"item {columns.item_id[row]!r} is of candidate {columns.candidate[row]!r}, others of "
            f"{columns.candidate[0]!r}; collect each alone"
        )
    if len(set(columns.item_id)) < columns.n:
        twice = next(name for name, count in Counter(columns.item_id).items() if count > 1)
        raise IntegrityError(f"item {twice!r} comes twice; give each id once")
    valid = columns.invalid.codes < 0
    for side in ("baseline", "candidate"):
        scores: Floats = getattr(columns, f"{side}_score")
        bad = np.flatnonzero(valid & ~((scores >= 0) & (scores <= 1)))  # NaN compares false
        if bad.size:
            row = int(bad[0])
            raise IntegrityError(
                f"item {columns.item_id[row]!r} has the {side} score {scores[row]}; scores lie in [0, 1]"
            )


def _cell_data(rows: OutcomeColumns) -> tuple[CellKey, CellData]:
    key = CellKey(slice=str(rows.slice[0]), stratum=str(rows.stratum[0]))
    broken = np.flatnonzero(rows.invalid.codes >= 0)
    n = int(broken[0]) if broken.size else rows.n
    return key, CellData(
        item_ids=rows.item_id[:n],
        baseline=rows.baseline_score[:n],
        candidate=rows.candidate_score[:n],
        # An item without a cluster stands alone: a code below zero is never shared.
        clusters=np.where(rows.cluster.codes < 0, -1 - np.arange(rows.n), rows.cluster.codes)[:n],
        baseline_tokens=rows.baseline_tokens[:n],
        candidate_tokens=rows.candidate_tokens[:n],
        baseline_failures=rows.baseline_failure.take(np.arange(n)).counts(),
        failure_modes=rows.candidate_failure.take(np.arange(n)).counts(),
        invalid=f"item {rows.item_id[n]!r}: {rows.invalid[n]}" if broken.size else None,
    )


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

    Cells that are only described take no part in the testing.

    Raises
    ------
    IntegrityError
        There are outcomes of a cell that is not in the plan, or clusters larger than declared.
    """
    _check_cells(data, plan)
    found = [_weigh_cell(data.get(cell.key, CellData()), cell) for cell in plan.cells]
    adjusted = iter(adjusted_log_e([cell.log_e_fail for cell in found if not cell.plan.descriptive]))
    return tuple(
        cell if cell.plan.descriptive else replace(cell, log_e_fail_adjusted=float(next(adjusted))) for cell in found
    )


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
    if cell.descriptive:
        return False
    if found.log_e_fail_adjusted >= bar:
        return False
    return found.log_e_pass < bar if cell.informative else found.log_e_fail > 0
