"""Fixed-n figures beside the verdict."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from tailgate.stats.intervals import mcnemar_exact_p, tango_interval
from tailgate.stats.paired import fixed_n_figures, harm_rate


def test_fixed_n_figures_are_tango_and_mcnemar():
    found = fixed_n_figures(3, 9, 400, 0.05)
    assert found.tango == tango_interval(3, 9, 400, 0.05)
    assert found.mcnemar_p == mcnemar_exact_p(3, 9)


def test_harm_rate_has_exact_bounds():
    found = harm_rate(7, 120, 0.05)
    low, high = proportion_confint(7, 120, alpha=0.10, method="beta")
    assert (found.rate, found.low, found.high) == pytest.approx((7 / 120, low, high))
