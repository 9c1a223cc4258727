"""The verdict on one cell: rules, figures and flags."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest

from tailgate.records import Calibration
from tests.unit.gate.factory import EASY, LONG, cell, decide, plan_of, scored, verdict_of

# --- deciding a cell ----------------------------------------------------------------------------------------------


def test_cell_with_enough_ties_passes():
    found = verdict_of(scored(ties=81))
    assert (found.verdict, found.reason, found.n_needed) == ("pass", None, None)
    assert found.low > -found.margin


def test_cell_without_items_is_inconclusive_with_the_reason():
    found = decide({}, plan_of(cell())).cells[0]
    assert (found.verdict, found.reason, found.n) == ("inconclusive", "no items were asked", 0)
    assert (found.low, found.high, found.delta, found.baseline_score) == (-1.0, 1.0, None, None)
    assert found.tango_low is found.mcnemar_p is found.harm_rate is None


def test_cell_below_its_minimum_is_inconclusive_although_the_evidence_suffices():
    found = verdict_of(scored(ties=90), min_items=100)
    assert (found.verdict, found.reason) == ("inconclusive", "90 items, a verdict takes at least 100")
    assert found.n_needed == 100


def test_cell_at_its_cap_is_inconclusive_with_the_items_needed():
    found = verdict_of(scored(wins=2, ties=94, losses=4), max_items=100)
    assert (found.verdict, found.reason) == ("inconclusive", "no verdict on its cap of 100 items")
    assert found.n_needed > 100


def test_cell_with_a_cap_too_small_to_pass_says_so():
    found = verdict_of(scored(ties=60), max_items=60)
    assert found.reason == "no verdict on 60 items: margin 0.05 takes 81 items without a single flip"
    assert found.n_needed == 81


def test_cell_leaning_to_a_regression_has_no_items_needed():
    found = verdict_of(scored(ties=36, losses=4))
    assert (found.verdict, found.n_needed) == ("inconclusive", None)


def test_cell_with_an_established_loss_is_a_regression():
    found = verdict_of(scored(ties=30, losses=15))
    assert found.verdict == "regression"
    assert found.log_e_fail_adjusted >= log(20)
    assert found.high < -found.margin


def test_cell_is_a_regression_exactly_where_the_adjusted_evidence_reaches_the_bar():
    plan = plan_of(*(cell(replace(LONG, stratum=f"len={i}")) for i in range(4)))
    found = [decide({plan.cells[0].key: scored(ties=20, losses=n)}, plan).cells[0] for n in range(2, 14)]
    assert [c.verdict == "regression" for c in found] == [c.log_e_fail_adjusted >= log(20) for c in found]
    assert {c.verdict for c in found} == {"inconclusive", "regression"}


def test_uninformative_cell_never_passes():
    found = verdict_of(scored(ties=500), informative=False, reason="the baseline is at chance")
    assert (found.verdict, found.reason) == ("uninformative", "the baseline is at chance")


def test_uninformative_cell_still_blocks():
    assert verdict_of(scored(ties=30, losses=15), informative=False, reason="low").verdict == "regression"


def test_invalid_cell_names_the_first_invalid_outcome():
    found = verdict_of(scored(ties=200, invalid="item 'x': prompt_truncated"))
    assert (found.verdict, found.reason) == ("invalid", "item 'x': prompt_truncated")


def test_regression_before_an_invalid_outcome_stands():
    found = verdict_of(scored(ties=30, losses=15, invalid="item 'x': candidate_nonfinite"))
    assert found.verdict == "regression"
    assert "candidate_nonfinite" in found.reason


def test_cell_counts_and_scores_are_those_of_its_items():
    found = verdict_of(scored(wins=3, ties=88, losses=9, failure_modes={"wrong_script": 4}))
    assert (found.n, found.wins, found.ties, found.losses, found.n_clusters) == (100, 3, 88, 9, 100)
    assert (found.baseline_score, found.candidate_score) == pytest.approx((0.97, 0.91))
    assert found.delta == pytest.approx(-0.06)
    assert found.failure_modes == {"wrong_script": 4}


def test_cell_reports_the_relative_loss_that_could_pass():
    found = verdict_of(scored(ties=81), calibration=Calibration(n=40, correct=30), chance=0.25)
    assert found.relative_margin == pytest.approx(0.05 / 0.5)
    assert (found.calibration_score, found.calibration_n) == (0.75, 40)


def test_cell_reports_harm_among_the_right_answers_of_the_baseline():
    found = verdict_of(scored(wins=10, ties=80, losses=10))
    assert found.harm_rate == pytest.approx(10 / 90)
    assert found.harm_low < found.harm_rate < found.harm_high


def test_graded_cell_has_no_figures_for_binary_scores():
    data = scored(ties=60, candidate=np.full(60, 0.9))
    found = verdict_of(data)
    assert found.tango_low is found.mcnemar_p is None
    assert found.delta == pytest.approx(-0.1)


def test_clustered_cell_bets_on_whole_clusters():
    data = scored(ties=200, clusters=np.repeat(np.arange(50), 4))
    found = verdict_of(data, clustered=True, cluster_items=4)
    assert (found.verdict, found.n, found.n_clusters) == ("inconclusive", 200, 50)
    assert found.n_needed == 81 * 4
    assert found.tango_low is None


def test_clustered_cell_with_a_cap_too_small_counts_clusters():
    data = scored(ties=200, clusters=np.repeat(np.arange(50), 4))
    found = verdict_of(data, clustered=True, cluster_items=4, max_items=200)
    assert found.reason == "no verdict on 200 items: margin 0.05 takes 81 clusters of 4 without a single flip"


# --- flags --------------------------------------------------------------------------------------------------------


def test_flag_within_margin_regression_needs_an_upper_bound_below_zero():
    found = verdict_of(scored(ties=961, losses=39))
    assert found.high < 0
    assert "within_margin_regression" in found.flags
    assert found.verdict != "regression"


def test_flag_within_margin_regression_is_absent_from_a_regression():
    assert verdict_of(scored(ties=30, losses=15)).flags == ()


@pytest.mark.parametrize(("tokens", "flagged"), [(8.0, True), (7.5, False), (3.0, True), (3.5, False)])
def test_flag_length_drift_beyond_half_again_either_way(tokens, flagged):
    found = verdict_of(scored(ties=40, candidate_tokens=np.full(40, tokens)))
    assert ("length_drift" in found.flags) is flagged


def test_flag_length_drift_is_absent_where_nothing_was_counted():
    zeros = np.zeros(40)
    assert verdict_of(scored(ties=40, baseline_tokens=zeros, candidate_tokens=zeros)).flags == ()


@pytest.mark.parametrize(("refused", "flagged"), [(8, True), (7, False)])
def test_flag_refusal_drift_beyond_five_points_more(refused, flagged):
    data = scored(ties=100, baseline_failures={"refused": 2}, failure_modes={"refused": refused})
    assert ("refusal_drift" in verdict_of(data).flags) is flagged


# --- cells that are only described --------------------------------------------------------------------------------


def test_a_descriptive_cell_neither_blocks_nor_passes_whatever_it_shows():
    for data in (scored(losses=300), scored(ties=300)):
        assert verdict_of(data, descriptive=True, informative=False).verdict == "uninformative"


def test_a_descriptive_slice_does_not_stand_in_the_way_of_a_release():
    described = cell(LONG, descriptive=True, informative=False, min_items=40)
    found = decide({EASY: scored(ties=300), LONG: scored(losses=40)}, plan_of(cell(), described))
    assert found.decision == "pass"


def test_a_run_of_descriptive_cells_alone_is_undecided():
    found = decide({EASY: scored(ties=300)}, plan_of(cell(descriptive=True, informative=False)))
    assert (found.decision, found.reasons[-1]) == ("inconclusive", "no cell is gated")


def test_a_descriptive_cell_takes_no_part_in_the_correction_for_many_cells():
    alone = decide({EASY: scored(ties=80, losses=16)}, plan_of(cell())).cells[0]
    described = cell(LONG, descriptive=True, informative=False)
    beside = decide({EASY: scored(ties=80, losses=16), LONG: scored(ties=40)}, plan_of(cell(), described)).cells[0]
    assert beside.log_e_fail_adjusted == alone.log_e_fail_adjusted
