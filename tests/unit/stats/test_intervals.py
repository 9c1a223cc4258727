"""Time-uniform bounds agree with the evidence; fixed-n figures agree with outside sources."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from tailgate.stats.eprocess import item_units, log_e_fail, log_e_pass
from tailgate.stats.intervals import (
    PairedCounts,
    clopper_pearson,
    count_intervals,
    log_bar,
    mcnemar_exact_p,
    newcombe_interval,
    normal_quantile,
    tango_interval,
    tango_statistic,
    time_uniform_interval,
)

COUNTS = [(0, 81, 0), (0, 80, 0), (3, 388, 9), (30, 340, 30), (0, 40, 160), (200, 0, 0), (1, 0, 0), (5, 100, 20)]


def interval_of(wins: int, ties: int, losses: int, alpha: float = 0.05):
    return time_uniform_interval(item_units([1.0] * wins + [0.0] * ties + [-1.0] * losses), alpha)


@pytest.mark.parametrize("counts", COUNTS)
def test_interval_ends_lie_where_the_evidence_crosses_the_bar(counts):
    found, bar, step = interval_of(*counts), log_bar(0.05), 1e-9
    if found.low > -1:
        assert log_e_pass(*counts, -(found.low - step)) >= bar > log_e_pass(*counts, -(found.low + step))
    if found.high < 1:
        assert log_e_fail(*counts, -(found.high + step)) >= bar > log_e_fail(*counts, -(found.high - step))


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.10])
@pytest.mark.parametrize("counts", COUNTS)
def test_low_exceeds_minus_the_margin_exactly_where_the_cell_passes(counts, margin):
    assert (interval_of(*counts).low > -margin) == bool(log_e_pass(*counts, margin) >= log_bar(0.05))


def test_interval_without_items_is_everything():
    found = interval_of(0, 0, 0)
    assert (found.low, found.high) == (-1.0, 1.0)


def test_interval_of_losses_alone_has_no_lower_bound():
    assert interval_of(0, 0, 500).low == -1.0


@pytest.mark.parametrize("counts", COUNTS)
def test_interval_with_sides_exchanged_is_mirrored(counts):
    found, mirrored = interval_of(*counts), interval_of(*counts[::-1])
    assert mirrored.low == pytest.approx(-found.high, abs=1e-12)
    assert mirrored.high == pytest.approx(-found.low, abs=1e-12)


def test_count_intervals_equal_those_of_single_items():
    many = count_intervals(*np.array(COUNTS).T, 0.05)
    single = [interval_of(*counts) for counts in COUNTS]
    np.testing.assert_allclose(many.low, [found.low for found in single], atol=1e-9)
    np.testing.assert_allclose(many.high, [found.high for found in single], atol=1e-9)


def test_interval_at_a_smaller_alpha_is_wider():
    wide, narrow = interval_of(5, 380, 15, 0.01), interval_of(5, 380, 15, 0.10)
    assert wide.low < narrow.low < -0.025 < narrow.high < wide.high


@pytest.mark.parametrize("log_e", [log_e_pass, log_e_fail])
@pytest.mark.parametrize("counts", COUNTS)
def test_evidence_is_monotone_in_the_hypothetical_difference(log_e, counts):
    path = log_e(*counts, np.linspace(-0.999, 0.999, 4001))
    steps = np.diff(path) if log_e is log_e_pass else -np.diff(path)
    assert steps.min() >= -1e-9


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1])
def test_log_bar_with_alpha_out_of_range_is_an_error(alpha):
    with pytest.raises(ValueError, match="alpha"):
        log_bar(alpha)


# Airway hyper-responsiveness (Bentur et al. 2009) as in Fagerland, Lydersen & Laake (2014), Statistics in Medicine 33,
# 2850-2875; and the two worked examples of Tango (1998). The R package ratesci is tested with the same values.
@pytest.mark.parametrize(
    ("wins", "losses", "n", "alpha", "low", "high"),
    [(1, 7, 21, 0.025, -0.517, -0.026), (9, 3, 32, 0.025, -0.027, 0.390), (0, 1, 44, 0.05, -0.096, 0.037)],
)
def test_tango_interval_equals_published_examples(wins, losses, n, alpha, low, high):
    found = tango_interval(wins, losses, n, alpha)
    assert (round(found.low, 3), round(found.high, 3)) == (low, high)


def test_tango_interval_equals_propcis_to_four_decimals():
    found = tango_interval(28, 25, 618, 0.05)  # R: PropCIs::scoreci.mp(25, 28, 618, 0.90)
    assert (round(found.low, 4), round(found.high, 4)) == (-0.0148, 0.0247)


@pytest.mark.parametrize(("wins", "losses", "n"), [(3, 9, 400), (0, 7, 30), (12, 12, 50), (5, 0, 5)])
def test_tango_statistic_at_zero_squared_equals_mcnemar_chi_square(wins, losses, n):
    table = [[n - wins - losses, wins], [losses, 0]]
    expected = mcnemar(table, exact=False, correction=False).statistic
    assert tango_statistic(wins, losses, n, 0.0) ** 2 == pytest.approx(expected, abs=1e-12)


def test_tango_interval_without_flips_has_the_closed_form_of_the_score_test():
    z_squared = normal_quantile(0.95) ** 2
    found = tango_interval(0, 0, 100, 0.05)
    assert found.high == pytest.approx(z_squared / (100 + z_squared), abs=1e-9)
    assert found.low == pytest.approx(-found.high, abs=1e-12)


def test_tango_interval_of_wins_alone_reaches_one():
    assert tango_interval(20, 0, 20, 0.05).high == 1.0


def test_tango_interval_without_pairs_is_an_error():
    with pytest.raises(ValueError, match="no pairs"):
        tango_interval(0, 0, 0, 0.05)


@pytest.mark.parametrize(("wins", "losses"), [(3, 9), (0, 6), (12, 12), (40, 22), (1, 0)])
def test_mcnemar_exact_p_equals_statsmodels(wins, losses):
    expected = mcnemar([[10, wins], [losses, 5]], exact=True).pvalue
    assert mcnemar_exact_p(wins, losses) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_exact_p_without_flips_is_one():
    assert mcnemar_exact_p(0, 0) == 1.0


@pytest.mark.parametrize(("successes", "n"), [(0, 40), (12, 40), (40, 40), (399, 400), (1, 1)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_clopper_pearson_equals_statsmodels_on_both_sides(successes, n, alpha):
    low, high = proportion_confint(successes, n, alpha=2 * alpha, method="beta")
    found = clopper_pearson(successes, n, alpha)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (5, 4), (-1, 4)])
def test_clopper_pearson_of_impossible_counts_is_an_error(successes, n):
    with pytest.raises(ValueError, match="proportion"):
        clopper_pearson(successes, n, 0.05)


def test_newcombe_without_correlation_joins_the_wilson_intervals_of_an_outside_source():
    # phi is 0 here: 25 of 50 right on both sides, 12.5 expected together and 13 seen, within the correction.
    counts = PairedCounts(both=13, wins=12, losses=12, neither=13)
    low, high = proportion_confint(25, 50, alpha=0.1, method="wilson")
    half = np.sqrt((0.5 - low) ** 2 + (high - 0.5) ** 2)
    found = newcombe_interval(counts, 0.05)
    assert (found.low, found.high) == (pytest.approx(-half), pytest.approx(half))


def test_newcombe_of_perfectly_tied_pairs_is_narrower_than_of_unrelated_ones():
    tied = newcombe_interval(PairedCounts(both=50, wins=0, losses=0, neither=50), 0.05)
    unrelated = newcombe_interval(PairedCounts(both=25, wins=25, losses=25, neither=25), 0.05)
    assert tied.high - tied.low < 0.5 * (unrelated.high - unrelated.low)


def test_newcombe_exchanging_the_sides_mirrors_the_interval():
    one = newcombe_interval(PairedCounts(both=60, wins=12, losses=3, neither=25), 0.05)
    other = newcombe_interval(PairedCounts(both=60, wins=3, losses=12, neither=25), 0.05)
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))


@pytest.mark.parametrize("delta", [0.0, -0.05])
def test_newcombe_covers_about_as_promised(delta):
    rng = np.random.default_rng(3)
    shares = [0.6, (0.2 + delta) / 2, (0.2 - delta) / 2, 0.2]
    tables = rng.multinomial(150, shares, size=1500).tolist()
    found = [newcombe_interval(PairedCounts(both=a, wins=b, losses=c, neither=d), 0.05) for a, b, c, d in tables]
    covered = np.mean([each.low <= delta <= each.high for each in found])
    assert covered > 0.90 - 3 * np.sqrt(0.09 / 1500)
    assert covered < 0.95


def test_newcombe_without_pairs_is_an_error():
    with pytest.raises(ValueError, match="no pairs"):
        newcombe_interval(PairedCounts(both=0, wins=0, losses=0, neither=0), 0.05)
