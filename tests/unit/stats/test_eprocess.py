"""The evidence processes: exact means, the published bets, and agreement of the three ways to feed them."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, factorial

import numpy as np
import pytest

from tailgate.stats.eprocess import (
    FRACTIONS_J,
    LOG_WEIGHTS_J,
    item_units,
    log_e_fail,
    log_e_pass,
    units_log_e_fail,
    units_log_e_pass,
)

MARGINS = (0.02, 0.05, 0.10, 0.30)
SIDES = (log_e_pass, log_e_fail)
LogE = Callable[[int, int, int, float], float]


def mean_e(log_e: LogE, n: int, margin: float, win: float, loss: float) -> float:
    """Expectation of the e-value after n items, by enumeration of all trinomial outcomes."""
    total = 0.0
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            ties = n - wins - losses
            ways = factorial(n) / (factorial(wins) * factorial(ties) * factorial(losses))
            probability = ways * win**wins * (1 - win - loss) ** ties * loss**losses
            total += probability * exp(log_e(wins, ties, losses, margin))
    return total


@pytest.mark.parametrize("log_e", SIDES)
@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("n", range(1, 9))
def test_mean_e_at_the_margin_is_one(log_e, margin, n):
    for win in (0.0, 0.1, 0.3):
        assert mean_e(log_e, n, margin, win, win + margin) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("log_e", "worse"), [(log_e_pass, 0.05), (log_e_fail, -0.05)])
@pytest.mark.parametrize("n", [1, 4, 8])
def test_mean_e_beyond_the_margin_is_below_one(log_e, worse, n):
    assert mean_e(log_e, n, 0.05, 0.2, 0.25 + worse) < 1.0 - 1e-3


def test_mean_e_check_sees_a_bet_on_the_wrong_margin():
    assert mean_e(lambda w, t, x, m: log_e_pass(w, t, x, m + 1e-6), 8, 0.05, 0.1, 0.15) > 1.0 + 1e-9


def mixture_by_definition(differences: list[float], margin: float, *, sign: int) -> float:
    """The mixture written out: twelve bets from 3 % of the largest to the largest, 30 % on the last."""
    largest = 0.98 / (1 - sign * margin)
    bets = [largest * 0.03 ** ((12 - j) / 11) for j in range(1, 13)]
    weights = [0.70 / 11] * 11 + [0.30]
    return sum(
        w * np.prod([1 + sign * bet * (d + margin) for d in differences]) for w, bet in zip(weights, bets, strict=True)
    )


@pytest.mark.parametrize(("units_log_e", "sign"), [(units_log_e_pass, 1), (units_log_e_fail, -1)])
@pytest.mark.parametrize("margin", MARGINS)
def test_units_log_e_equals_the_mixture_written_out(units_log_e, sign, margin):
    differences = [0.0, 0.5, -0.25, -1.0, 0.0, 1.0, 0.125]
    expected = np.log(mixture_by_definition(differences, margin, sign=sign))
    assert units_log_e(item_units(differences), margin) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("log_e", "units_log_e"), [(log_e_pass, units_log_e_pass), (log_e_fail, units_log_e_fail)])
def test_graded_evidence_of_whole_flips_equals_that_of_counts(log_e, units_log_e):
    rng = np.random.default_rng(3)
    differences = rng.choice([-1.0, 0.0, 1.0], size=500, p=[0.1, 0.82, 0.08])
    counts = [int((differences == d).sum()) for d in (1, 0, -1)]
    assert units_log_e(item_units(differences), 0.05) == pytest.approx(float(log_e(*counts, 0.05)), abs=1e-9)


def test_weights_of_the_mixture_sum_to_one_with_the_boldest_at_three_tenths():
    assert np.exp(LOG_WEIGHTS_J).sum() == pytest.approx(1.0, abs=1e-12)
    assert np.exp(LOG_WEIGHTS_J[-1]) == pytest.approx(0.30)


def test_bets_stay_below_the_bound_that_could_ruin_the_wealth():
    assert FRACTIONS_J.max() == pytest.approx(0.98)
    assert FRACTIONS_J.min() == pytest.approx(0.98 * 0.03)


@pytest.mark.parametrize("log_e", SIDES)
def test_log_e_without_items_is_zero(log_e):
    assert log_e(0, 0, 0, 0.05) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("log_e", SIDES)
def test_log_e_of_a_million_items_stays_finite(log_e):
    assert np.isfinite(log_e([0, 10**6, 0], [10**6, 0, 0], [0, 0, 10**6], 0.05)).all()


def test_log_e_broadcasts_counts_against_margins():
    grid = log_e_pass(np.array([[1], [2]]), 10, 3, np.array([0.02, 0.05, 0.1]))
    assert grid.shape == (2, 3)
    assert grid[1, 2] == log_e_pass(2, 10, 3, 0.1)


@pytest.mark.parametrize("margin", [1.0, -1.0, 1.5, float("nan")])
def test_log_e_with_a_margin_outside_its_range_is_an_error(margin):
    with pytest.raises(ValueError, match="margin"):
        log_e_pass(1, 1, 1, margin)


@pytest.mark.parametrize("bad", [1.2, -1.0001, float("nan"), float("inf")])
def test_item_units_with_a_difference_out_of_range_is_an_error(bad):
    with pytest.raises(ValueError, match="difference"):
        item_units([0.0, bad])
