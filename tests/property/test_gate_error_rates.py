"""Simulated runs through the gate's own functions: what is released, what is blocked, and what it takes.

Each bound on an error rate has three Monte Carlo standard errors of room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tailgate.gate import CellData, decide_candidate, open_cells
from tailgate.records import Calibration, CellKey, CellPlan, GatePlan
from tailgate.stats.eprocess import log_e_fail, log_e_pass
from tailgate.stats.intervals import log_bar
from tailgate.stats.margins import informativeness
from tailgate.stats.multiplicity import adjusted_log_e

ALPHA, MARGIN, N_CELLS = 0.05, 0.05, 8
BAR = log_bar(ALPHA)
KEYS = [CellKey(slice=f"s{i // 2}", stratum=f"level={i % 2}") for i in range(N_CELLS)]


@dataclass(frozen=True, kw_only=True)
class Run:
    decision: str
    items: int


def allowed(rate: float, runs: int) -> float:
    return rate + 3 * np.sqrt(rate * (1 - rate) / runs)


def plan_with_cap(max_items: int) -> GatePlan:
    cells = tuple(
        CellPlan(
            key=key,
            margin=MARGIN,
            chance=0.0,
            min_items=20,
            max_items=max_items,
            calibration=Calibration(n=40, correct=32),
            informative=True,
        )
        for key in KEYS
    )
    return GatePlan(alpha=ALPHA, cells=cells, gate_sha256="0" * 64, batch_items=20)


def flips_of(u: np.ndarray, delta: float, discordance: float) -> np.ndarray:
    """Differences of -1, 0 or 1 from uniform numbers: losses at the top end, wins at the bottom."""
    return (u < (discordance + delta) / 2).astype(float) - (u > 1 - (discordance - delta) / 2)


def prefix(flips: np.ndarray, n: int) -> CellData:
    """The first n items: the baseline is right unless the candidate wins."""
    seen = flips[:n]
    return CellData(
        item_ids=tuple(map(str, range(n))),
        baseline=np.where(seen > 0, 0.0, 1.0),
        candidate=np.where(seen < 0, 0.0, 1.0),
        clusters=np.arange(n),
        baseline_tokens=np.ones(n),
        candidate_tokens=np.ones(n),
    )


def run_gate(streams: np.ndarray, plan: GatePlan) -> Run:
    """Batches to all open cells until none is open. `streams` holds the differences, shape (cells, max_items)."""
    asked = dict.fromkeys(KEYS, 0)
    data = {key: prefix(stream, 0) for key, stream in zip(KEYS, streams, strict=True)}
    while going := open_cells(data, plan):
        for key in going:
            asked[key] = min(asked[key] + plan.batch_items, streams.shape[1])
            data[key] = prefix(streams[KEYS.index(key)], asked[key])
    verdict = decide_candidate(data, plan, candidate="cand", baseline="base")
    return Run(decision=verdict.decision, items=sum(asked.values()))


def test_equal_candidate_is_always_released_with_the_published_number_of_items():
    rng, plan = np.random.default_rng(1), plan_with_cap(1500)
    runs = [run_gate(flips_of(rng.random((N_CELLS, 1500)), 0.0, 0.04), plan) for _ in range(40)]
    assert {run.decision for run in runs} == {"pass"}
    assert np.mean([run.items for run in runs]) == pytest.approx(1695, rel=0.10)


def test_candidate_that_loses_fifteen_points_in_one_cell_is_always_blocked():
    rng, plan = np.random.default_rng(2), plan_with_cap(1500)
    for _ in range(25):
        streams = flips_of(rng.random((N_CELLS, 1500)), 0.0, 0.04)
        streams[3] = flips_of(rng.random(1500), -0.15, 0.20)
        assert run_gate(streams, plan).decision == "regression"


def test_candidate_with_one_cell_at_its_margin_is_released_within_alpha():
    rng, plan, runs = np.random.default_rng(3), plan_with_cap(500), 120
    released = 0
    for _ in range(runs):
        streams = flips_of(rng.random((N_CELLS, 500)), 0.0, 0.02)
        streams[0] = flips_of(rng.random(500), -MARGIN, 0.10)
        released += run_gate(streams, plan).decision == "pass"
    assert released / runs <= allowed(ALPHA, runs)


def shared_difficulty(rng: np.random.Generator, n: int) -> np.ndarray:
    """Uniform numbers per cell and item; half of them are those of a latent item that all cells share."""
    return np.where(rng.random((N_CELLS, n)) < 0.5, rng.random(n), rng.random((N_CELLS, n)))


def test_candidate_at_its_margin_in_all_correlated_cells_is_blocked_within_alpha():
    rng, plan, runs = np.random.default_rng(4), plan_with_cap(400), 100
    blocked = 0
    for _ in range(runs):
        streams = flips_of(shared_difficulty(rng, 400), -MARGIN, 0.15)
        blocked += run_gate(streams, plan).decision == "regression"
    assert blocked / runs <= allowed(ALPHA, runs)


def ever_blocked(streams: np.ndarray, rng: np.random.Generator, *, corrected: bool) -> bool:
    """An adversary gives every batch of twenty to the cell that looks worst, among cells drawn by lot to be at hand."""
    n, losses, wins = np.zeros(N_CELLS, dtype=int), np.zeros(N_CELLS), np.zeros(N_CELLS)
    while (n < streams.shape[1]).any():
        log_e = log_e_fail(wins, n - wins - losses, losses, MARGIN)
        if (adjusted_log_e(log_e) if corrected else log_e).max() >= BAR:
            return True
        at_hand = np.flatnonzero((n < streams.shape[1]) & (rng.random(N_CELLS) < 0.7))
        if at_hand.size:
            worst = at_hand[np.argmax(log_e[at_hand])]
            batch = streams[worst, n[worst] : n[worst] + 20]
            n[worst] += 20
            losses[worst] += (batch < 0).sum()
            wins[worst] += (batch > 0).sum()
    return False


def adversarial_block_rate(*, corrected: bool, runs: int) -> float:
    rng = np.random.default_rng(5)
    blocked = [
        ever_blocked(flips_of(rng.random((N_CELLS, 800)), -MARGIN, 0.10), rng, corrected=corrected) for _ in range(runs)
    ]
    return float(np.mean(blocked))


def test_adversary_who_allocates_the_batches_blocks_within_alpha():
    assert adversarial_block_rate(corrected=True, runs=200) <= allowed(ALPHA, 200)


def test_block_rate_check_catches_a_gate_without_correction_for_many_cells():
    assert adversarial_block_rate(corrected=False, runs=200) > allowed(ALPHA, 200)


@dataclass(frozen=True, kw_only=True)
class WeakCells:
    """Cells whose baseline is right on a tenth of the items, and an equally good candidate that errs elsewhere."""

    blocked: np.ndarray
    baseline_right: np.ndarray
    calibration_right: np.ndarray


@pytest.fixture(scope="module")
def weak_cells() -> WeakCells:
    rng, runs, n = np.random.default_rng(6), 12_000, 150
    baseline, candidate = rng.random((runs, n)) < 0.10, rng.random((runs, n)) < 0.10
    wins, losses = (candidate & ~baseline).cumsum(axis=1), (baseline & ~candidate).cumsum(axis=1)
    looks = np.arange(9, n, 10)
    log_e = log_e_fail(wins[:, looks], looks + 1 - wins[:, looks] - losses[:, looks], losses[:, looks], 0.02)
    return WeakCells(
        blocked=(log_e >= BAR).any(axis=1),
        baseline_right=baseline.sum(axis=1),
        calibration_right=rng.binomial(40, 0.10, runs),
    )


def chosen(right: np.ndarray, n: int) -> np.ndarray:
    passes = [informativeness(k, n, needed=0.10, alpha=ALPHA).informative for k in range(n + 1)]
    return np.array(passes)[right]


def test_informativeness_from_a_calibration_draw_leaves_false_blocks_alone(weak_cells):
    informative = chosen(weak_cells.calibration_right, 40)
    assert informative.sum() > 200
    assert weak_cells.blocked[informative].mean() <= 0.02


def test_informativeness_from_the_evidence_items_inflates_false_blocks(weak_cells):
    informative = chosen(weak_cells.baseline_right, 150)
    assert weak_cells.blocked[informative].mean() > 3 * weak_cells.blocked.mean()


def test_decision_of_a_cell_agrees_with_its_lower_bound():
    rng = np.random.default_rng(7)
    plan = plan_with_cap(1500)
    for n in (50, 100, 200, 400):
        streams = flips_of(rng.random((N_CELLS, n)), -0.01, 0.06)
        data = {key: prefix(stream, n) for key, stream in zip(KEYS, streams, strict=True)}
        cells = decide_candidate(data, plan, candidate="cand", baseline="base").cells
        assert [c.verdict == "pass" for c in cells] == [c.low > -c.margin for c in cells]


def test_evidence_of_a_pass_and_of_a_regression_never_hold_together():
    rng = np.random.default_rng(8)
    wins, losses = rng.integers(0, 300, 5000), rng.integers(0, 300, 5000)
    ties = rng.integers(0, 2000, 5000)
    both = (log_e_pass(wins, ties, losses, MARGIN) >= BAR) & (log_e_fail(wins, ties, losses, MARGIN) >= BAR)
    assert not both.any()
