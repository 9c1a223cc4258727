"""Shrinkage of many differences: for display, so its job is to be sober about the worst."""

from __future__ import annotations

import numpy as np
import pytest

from tailgate.stats.shrinkage import difference_variance, shrink


def test_equal_differences_shrink_to_their_mean():
    found = shrink([-0.1, -0.1, -0.1], [0.01, 0.02, 0.03], 0.05)
    assert found.mean == pytest.approx([-0.1] * 3)
    assert found.spread == 0.0


def test_known_spread_gives_the_textbook_posterior():
    # Equal variances v: Paule-Mandel is the sample variance minus v, the posterior mean keeps 1 - v / sample variance.
    d = np.array([-0.30, -0.10, 0.10, 0.30])
    found = shrink(d, [0.02] * 4, 0.05)
    sample = d.var(ddof=1)
    assert found.spread**2 == pytest.approx(sample - 0.02, rel=1e-6)
    assert found.mean == pytest.approx(d * (1 - 0.02 / sample), rel=1e-6)


def test_no_spread_leaves_the_uncertainty_of_the_common_mean():
    found = shrink([-0.1, -0.1, -0.1], [0.01, 0.02, 0.03], 0.05)
    standard_error = (1 / (1 / 0.01 + 1 / 0.02 + 1 / 0.03)) ** 0.5
    assert found.high - found.mean == pytest.approx([1.6449 * standard_error] * 3, rel=1e-4)


def test_noisier_differences_are_pulled_farther():
    found = shrink([-0.3, -0.3, 0.1, 0.1], [0.001, 0.05, 0.001, 0.05], 0.05)
    assert found.mean[0] < found.mean[1] < found.center < found.mean[3] < found.mean[2]


def test_the_picked_minimum_is_not_biased_where_the_raw_one_is():
    rng = np.random.default_rng(5)
    raw, shrunk = [], []
    for _ in range(400):
        theta = rng.normal(-0.02, 0.05, 40)
        d = rng.normal(theta, 0.06)
        found = shrink(d, np.full(40, 0.06**2), 0.05)
        worst = int(np.argmin(found.mean))
        raw.append(d[worst] - theta[worst])
        shrunk.append(found.mean[worst] - theta[worst])
    error = np.std(shrunk) / np.sqrt(len(shrunk))
    assert np.mean(raw) < -0.05
    assert abs(np.mean(shrunk)) < 0.006 + 3 * error


def test_bounds_cover_about_as_promised():
    rng = np.random.default_rng(6)
    theta = rng.normal(0.0, 0.08, (300, 30))
    d = rng.normal(theta, 0.05)
    found = [shrink(row, np.full(30, 0.05**2), 0.05) for row in d]
    below = np.mean([(each.low > truth).mean() for each, truth in zip(found, theta, strict=True)])
    assert 0.03 < below < 0.08


def test_variance_of_a_part_without_flips_is_positive():
    assert difference_variance(50, 0.0, 0.0) == pytest.approx((2 / 52) / 52)


@pytest.mark.parametrize(("d", "v"), [([0.1], [0.1]), ([0.1, 0.2], [0.1, 0.0])])
def test_too_little_to_shrink_is_an_error(d, v):
    with pytest.raises(ValueError, match="two and > 0 are needed"):
        shrink(d, v, 0.05)
