"""Expected items to a verdict."""

from __future__ import annotations

import numpy as np
import pytest

from tailgate.stats.clusters import cluster_units
from tailgate.stats.eprocess import item_units, log_e_pass
from tailgate.stats.intervals import log_bar
from tailgate.stats.planning import (
    CellRules,
    FlipRates,
    detectable_loss,
    fewest_units,
    flip_rates,
    items_to_fail,
    items_to_pass,
    units_to_pass,
    verdict_chances,
)


@pytest.mark.parametrize(("margin", "items"), [(0.02, 205), (0.03, 136), (0.05, 81), (0.10, 40)])
def test_fewest_units_without_any_flip_equal_the_published_numbers(margin, items):
    assert fewest_units(margin, 0.05) == items
    assert log_e_pass(0, items, 0, margin) >= log_bar(0.05) > log_e_pass(0, items - 1, 0, margin)


def test_fewest_units_at_a_vanishing_margin_are_an_error():
    with pytest.raises(ValueError, match="too small"):
        fewest_units(1e-9, 0.05)


@pytest.mark.parametrize(("margin", "discordance", "median"), [(0.05, 0.05, 220), (0.03, 0.10, 890), (0.10, 0.20, 180)])
def test_items_to_pass_are_near_the_simulated_median(margin, discordance, median):
    expected = items_to_pass(flip_rates(delta=0.0, discordance=discordance), margin, 0.05)
    assert median / 1.3 < expected < median * 1.3


@pytest.mark.parametrize(("delta", "median"), [(-0.15, 220), (-0.30, 60)])
def test_items_to_fail_of_one_in_eight_cells_are_near_the_simulated_median(delta, median):
    expected = items_to_fail(flip_rates(delta=delta, discordance=0.05 - delta), 0.05, 0.05 / 8)
    assert median / 1.3 < expected < median * 1.3


def test_items_to_pass_of_a_candidate_beyond_its_margin_are_unknown():
    assert items_to_pass(flip_rates(delta=-0.08, discordance=0.10), 0.05, 0.05) is None


def test_items_to_fail_of_an_equal_candidate_are_unknown():
    assert items_to_fail(flip_rates(delta=0.0, discordance=0.10), 0.05, 0.05) is None


def test_items_to_pass_is_the_first_count_at_which_the_expected_evidence_suffices():
    needed = items_to_pass(FlipRates(win=0.02, loss=0.03), 0.05, 0.05)
    evidence = [float(log_e_pass(0.02 * n, 0.95 * n, 0.03 * n, 0.05)) for n in (needed - 1, needed)]
    assert evidence[0] < log_bar(0.05) <= evidence[1]


def test_units_to_pass_continues_the_rates_seen():
    seen = item_units([1.0] * 2 + [0.0] * 95 + [-1.0] * 3)
    assert units_to_pass(seen, 0.05, 0.05) == items_to_pass(FlipRates(win=0.02, loss=0.03), 0.05, 0.05)


def test_units_to_pass_exceed_the_units_of_an_undecided_cell():
    seen = item_units([1.0] * 5 + [0.0] * 90 + [-1.0] * 5)
    assert units_to_pass(seen, 0.05, 0.05) > 100


def test_units_to_pass_of_clusters_count_clusters():
    seen = cluster_units(np.zeros(40), np.repeat(np.arange(10), 4), 4)
    assert units_to_pass(seen, 0.05, 0.05) == 81


def test_units_to_pass_without_units_are_unknown():
    assert units_to_pass(item_units([]), 0.05, 0.05) is None


def test_detectable_loss_is_the_smallest_that_fails_within_the_items():
    loss = detectable_loss(400, churn=0.05, margin=0.05, alpha=0.05 / 8)
    assert items_to_fail(FlipRates(win=0.025, loss=loss + 0.025), 0.05, 0.05 / 8) <= 400
    assert items_to_fail(FlipRates(win=0.025, loss=loss + 0.02), 0.05, 0.05 / 8) > 400


def test_detectable_loss_shrinks_with_more_items():
    few, many = (detectable_loss(n, churn=0.05, margin=0.05, alpha=0.05) for n in (100, 1000))
    assert 0.05 < many < few


def test_detectable_loss_of_too_few_items_is_unknown():
    assert detectable_loss(2, churn=0.05, margin=0.05, alpha=0.05) is None


@pytest.mark.parametrize(("delta", "discordance"), [(0.1, 0.05), (0.0, 1.5)])
def test_flip_rates_that_cannot_be_are_an_error(delta, discordance):
    with pytest.raises(ValueError, match="discordance"):
        flip_rates(delta=delta, discordance=discordance)


def test_flip_rates_below_zero_are_an_error():
    with pytest.raises(ValueError, match="win rate"):
        FlipRates(win=-0.1, loss=0.2)


RULES = CellRules(margin=0.05, alpha_pass=0.05, alpha_fail=0.05 / 8, max_items=1000, batch_items=20, min_items=20)


def chances(delta, discordance, rules=RULES, runs=400):
    return verdict_chances(flip_rates(delta=delta, discordance=discordance), rules, runs, np.random.default_rng(0))


def test_an_equal_candidate_passes_after_the_published_median():
    found = chances(0.0, 0.05)
    assert found.passed > 0.97
    assert 180 <= found.median_items <= 260  # published: 220, looking every 10 items


def test_a_lossy_candidate_is_blocked_after_the_published_median():
    found = chances(-0.30, 0.35)
    assert found.regression > 0.99
    assert 40 <= found.median_items <= 80  # published: 60


def test_a_candidate_at_its_margin_gets_neither_verdict_often():
    found = chances(-0.05, 0.10)
    assert found.passed < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5
    assert found.regression < 0.05
    assert found.passed + found.regression + found.inconclusive == pytest.approx(1.0)


def test_a_cap_below_the_fewest_items_leaves_every_cell_undecided():
    found = chances(0.0, 0.0, CellRules(margin=0.05, alpha_pass=0.05, alpha_fail=0.01, max_items=60, batch_items=20))
    assert (found.inconclusive, found.median_items) == (1.0, 60)


def test_a_stricter_correction_blocks_less_often():
    strict = CellRules(margin=0.05, alpha_pass=0.05, alpha_fail=1e-6, max_items=200, batch_items=20)
    loose = CellRules(margin=0.05, alpha_pass=0.05, alpha_fail=0.05, max_items=200, batch_items=20)
    assert chances(-0.15, 0.2, strict).regression < chances(-0.15, 0.2, loose).regression
