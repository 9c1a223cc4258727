"""Closed testing by its shortcut equals closed testing by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tailgate.stats.multiplicity import adjusted_log_e, bonferroni_rejects, closed_rejects


def adjusted_by_brute_force(e: np.ndarray) -> np.ndarray:
    """Smallest mean over every set of cells that contains the cell."""
    cells = range(e.size)
    sets = [s for size in range(1, e.size + 1) for s in combinations(cells, size)]
    return np.array([min(e[list(s)].mean() for s in sets if cell in s) for cell in cells])


@pytest.mark.parametrize("k", range(1, 9))
def test_adjusted_e_equals_the_minimum_over_all_subsets(k):
    rng = np.random.default_rng(k)
    for _ in range(10):
        log_e = rng.normal(0, 3, size=k)
        np.testing.assert_allclose(np.exp(adjusted_log_e(log_e)), adjusted_by_brute_force(np.exp(log_e)), rtol=1e-12)


def test_adjusted_e_with_ties_equals_the_minimum_over_all_subsets():
    e = np.array([1.0, 1.0, 30.0, 30.0, 0.2, 0.2])
    np.testing.assert_allclose(np.exp(adjusted_log_e(np.log(e))), adjusted_by_brute_force(e), rtol=1e-12)


def test_adjusted_e_of_one_cell_is_its_own():
    assert adjusted_log_e([2.5]) == pytest.approx([2.5])


def test_adjusted_e_of_huge_evidence_does_not_overflow():
    adjusted = adjusted_log_e([5000.0, -4000.0, 0.0])
    assert adjusted == pytest.approx([5000 - np.log(3), -4000.0, -np.log(2)])


def test_adjusted_e_keeps_the_order_of_the_cells():
    log_e = np.array([3.0, -1.0, 6.0, 0.0])
    shuffled = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(adjusted_log_e(log_e[shuffled]), adjusted_log_e(log_e)[shuffled])


def test_adjusted_e_never_exceeds_the_evidence():
    log_e = np.random.default_rng(0).normal(0, 4, size=30)
    assert (adjusted_log_e(log_e) <= log_e + 1e-12).all()


def test_adjusted_e_of_no_cells_is_empty():
    assert adjusted_log_e([]).size == 0


def test_adjusted_e_of_nan_is_an_error():
    with pytest.raises(ValueError, match="NaN"):
        adjusted_log_e([0.0, float("nan")])


def test_closed_testing_rejects_all_that_bonferroni_rejects():
    rng = np.random.default_rng(1)
    for _ in range(200):
        log_e = rng.normal(2, 3, size=8)
        assert not (bonferroni_rejects(log_e, 0.05) & ~closed_rejects(log_e, 0.05)).any()


def test_closed_testing_rejects_several_broken_cells_where_bonferroni_rejects_none():
    log_e = np.log([100.0, 100.0, 100.0, 100.0, 1.0, 1.0, 1.0, 1.0])
    assert closed_rejects(log_e, 0.05).tolist() == [True] * 4 + [False] * 4
    assert not bonferroni_rejects(log_e, 0.05).any()


def test_bonferroni_rejects_at_k_over_alpha():
    assert bonferroni_rejects(np.log([39.9, 40.1]), 0.05).tolist() == [False, True]
