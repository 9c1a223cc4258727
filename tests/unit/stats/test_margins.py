"""Margins and informativeness from the calibration draw."""

from __future__ import annotations

import pytest

from tailgate.stats.margins import MarginRule, calibrated_margin, informativeness, relative_margin

RULE = MarginRule(relative=0.10, floor=0.02, ceiling=0.05)


@pytest.mark.parametrize(
    ("score", "chance", "margin"),
    [(0.40, 0.0, 0.04), (0.90, 0.0, 0.05), (0.10, 0.0, 0.02), (0.55, 0.25, 0.03), (0.10, 0.25, 0.02)],
)
def test_calibrated_margin_is_a_tenth_above_chance_between_floor_and_ceiling(score, chance, margin):
    assert calibrated_margin(score, chance, RULE) == pytest.approx(margin)


def test_relative_margin_is_the_share_of_the_score_above_chance():
    assert relative_margin(0.05, 0.75, 0.25) == pytest.approx(0.10)


def test_relative_margin_at_chance_is_unknown():
    assert relative_margin(0.05, 0.25, 0.25) is None


# The lower one-sided 95 % Clopper-Pearson bound of 14 of 40 is 0.2255, of 13 of 40 0.2041 (statsmodels, method "beta").
@pytest.mark.parametrize(("correct", "informative"), [(14, True), (13, False)])
def test_informativeness_needs_the_lower_bound_above_the_threshold(correct, informative):
    found = informativeness(correct, 40, needed=0.215, alpha=0.05)
    assert found.informative is informative


def test_informativeness_of_a_baseline_that_never_answers_is_refused():
    assert not informativeness(0, 40, needed=0.08, alpha=0.05).informative
