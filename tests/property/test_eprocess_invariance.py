"""What must hold for every sample: order does not matter, and a better answer never weakens the case."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate.stats.clusters import cluster_units
from tailgate.stats.eprocess import item_units, log_e_fail, log_e_pass, units_log_e_fail, units_log_e_pass
from tailgate.stats.intervals import count_intervals, log_bar, time_uniform_interval
from tailgate.stats.multiplicity import adjusted_log_e, bonferroni_rejects, closed_rejects

counts = st.integers(0, 2000)
margins = st.floats(0.01, 0.5)
differences = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=60)
quick = settings(max_examples=150, deadline=None, derandomize=True)
ROUNDING = 1e-9


@quick
@given(values=differences, margin=margins, seed=st.integers(0, 2**32 - 1))
def test_evidence_in_any_order_is_the_same(values, margin, seed):
    shuffled = np.random.default_rng(seed).permutation(values)
    assert units_log_e_pass(item_units(values), margin) == units_log_e_pass(item_units(shuffled), margin)
    assert units_log_e_fail(item_units(values), margin) == units_log_e_fail(item_units(shuffled), margin)


@quick
@given(wins=counts, ties=counts, losses=counts, margin=margins)
def test_evidence_of_a_pass_never_falls_when_an_answer_improves(wins, ties, losses, margin):
    loss_to_tie = log_e_pass(wins, ties + 1, losses, margin) - log_e_pass(wins, ties, losses + 1, margin)
    tie_to_win = log_e_pass(wins + 1, ties, losses, margin) - log_e_pass(wins, ties + 1, losses, margin)
    assert min(loss_to_tie, tie_to_win) >= -ROUNDING


@quick
@given(wins=counts, ties=counts, losses=counts, margin=margins)
def test_evidence_of_a_regression_never_rises_when_an_answer_improves(wins, ties, losses, margin):
    loss_to_tie = log_e_fail(wins, ties + 1, losses, margin) - log_e_fail(wins, ties, losses + 1, margin)
    tie_to_win = log_e_fail(wins + 1, ties, losses, margin) - log_e_fail(wins, ties + 1, losses, margin)
    assert max(loss_to_tie, tie_to_win) <= ROUNDING


@quick
@given(values=differences, margin=margins, position=st.integers(0, 59), gain=st.floats(0, 2))
def test_graded_evidence_of_a_pass_never_falls_when_a_score_rises(values, margin, position, gain):
    better = list(values)
    better[position % len(values)] = min(1.0, better[position % len(values)] + gain)
    assert units_log_e_pass(item_units(better), margin) >= units_log_e_pass(item_units(values), margin) - ROUNDING


@quick
@given(wins=counts, ties=counts, losses=counts, low=margins, high=margins)
def test_a_wider_margin_never_makes_a_pass_harder(wins, ties, losses, low, high):
    narrow, wide = sorted((low, high))
    assert log_e_pass(wins, ties, losses, wide) >= log_e_pass(wins, ties, losses, narrow) - ROUNDING
    assert log_e_fail(wins, ties, losses, wide) <= log_e_fail(wins, ties, losses, narrow) + ROUNDING


@quick
@given(wins=counts, ties=counts, losses=counts, alpha=st.floats(0.001, 0.2))
def test_bounds_hold_the_observed_difference_between_them(wins, ties, losses, alpha):
    found = count_intervals(wins, ties, losses, alpha)
    n = max(wins + ties + losses, 1)
    assert -1 <= found.low <= (wins - losses) / n <= found.high <= 1


@quick
@given(values=differences, margin=margins)
def test_lower_bound_and_pass_never_disagree(values, margin):
    units = item_units(values)
    passes = units_log_e_pass(units, margin) >= log_bar(0.05)
    assert (time_uniform_interval(units, 0.05).low > -margin) == passes


@quick
@given(values=differences, sizes=st.integers(1, 7), margin=margins)
def test_clusters_read_backwards_are_mirrored(values, sizes, margin):
    clusters = np.arange(len(values)) // sizes
    units = cluster_units(values, clusters, sizes)
    exchanged = cluster_units(-np.asarray(values), clusters, sizes)
    # Exchanging the sides and the sign of the margin exchanges the two kinds of evidence.
    assert abs(units_log_e_pass(units, margin) - units_log_e_fail(exchanged, -margin)) <= ROUNDING


@quick
@given(log_e=st.lists(st.floats(-500, 2000), min_size=1, max_size=40), alpha=st.floats(0.001, 0.2))
def test_closed_testing_lies_between_bonferroni_and_no_correction(log_e, alpha):
    closed = closed_rejects(log_e, alpha)
    assert not (bonferroni_rejects(log_e, alpha) & ~closed).any()
    assert not (closed & (np.asarray(log_e) < log_bar(alpha))).any()


@quick
@given(log_e=st.lists(st.floats(-50, 50), min_size=2, max_size=20), cell=st.integers(0, 19), more=st.floats(0, 20))
def test_more_evidence_in_one_cell_never_lowers_any_adjusted_value(log_e, cell, more):
    raised = list(log_e)
    raised[cell % len(log_e)] += more
    assert (adjusted_log_e(raised) >= adjusted_log_e(log_e) - ROUNDING).all()
