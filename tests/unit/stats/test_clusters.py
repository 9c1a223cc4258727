"""Whole clusters as betting units."""

from __future__ import annotations

import numpy as np
import pytest

from tailgate.stats.clusters import cluster_units
from tailgate.stats.eprocess import item_units, units_log_e_fail, units_log_e_pass
from tailgate.stats.intervals import log_bar, time_uniform_interval


@pytest.mark.parametrize("log_e", [units_log_e_pass, units_log_e_fail])
def test_clusters_of_one_item_equal_independent_items(log_e):
    differences = np.random.default_rng(5).uniform(-1, 1, size=60)
    clusters = cluster_units(differences, np.arange(60), 1)
    assert log_e(clusters, 0.05) == pytest.approx(float(log_e(item_units(differences), 0.05)), abs=1e-9)


def test_clusters_of_equal_outcomes_bet_like_one_item_each():
    per_cluster = np.array([1.0, 0.0, 0.0, -1.0, 0.0])
    clusters = cluster_units(np.repeat(per_cluster, 4), np.repeat(np.arange(5), 4), 4)
    assert units_log_e_pass(clusters, 0.05) == pytest.approx(float(units_log_e_pass(item_units(per_cluster), 0.05)))


def test_clusters_of_unequal_sizes_stake_their_share_of_the_declared_size():
    units = cluster_units([1.0, -1.0, -1.0], [7, 9, 9], 4)
    m = 0.05
    bets = 0.98 / (1 - m) * 0.03 ** ((12 - np.arange(1, 13)) / 11)
    weights = np.array([0.7 / 11] * 11 + [0.3])
    expected = np.sum(weights * (1 + bets * (1 + m) / 4) * (1 + bets * (-2 + 2 * m) / 4))
    assert np.exp(units_log_e_pass(units, m)) == pytest.approx(expected, rel=1e-12)


def test_cluster_evidence_does_not_depend_on_the_order_of_items():
    rng = np.random.default_rng(6)
    differences, clusters = rng.uniform(-1, 1, size=90), np.repeat(np.arange(30), 3)
    shuffled = rng.permutation(90)
    first = cluster_units(differences, clusters, 3)
    second = cluster_units(differences[shuffled], clusters[shuffled], 3)
    assert units_log_e_pass(first, 0.05) == units_log_e_pass(second, 0.05)


@pytest.mark.parametrize("size", [1, 5, 20])
def test_eighty_one_clusters_pass_without_a_flip_whatever_their_size(size):
    def passes(n: int) -> bool:
        units = cluster_units(np.zeros(n * size), np.repeat(np.arange(n), size), size)
        return bool(units_log_e_pass(units, 0.05) >= log_bar(0.05))

    assert passes(81)
    assert not passes(80)


def test_cluster_interval_is_wider_than_that_of_as_many_independent_items():
    differences = np.tile([0.0] * 16 + [-1.0] * 4, 5)
    clusters = np.repeat(np.arange(25), 4)
    whole = time_uniform_interval(cluster_units(differences, clusters, 4), 0.05)
    apart = time_uniform_interval(item_units(differences), 0.05)
    assert whole.low < apart.low
    assert apart.high < whole.high


def test_cluster_beyond_its_declared_size_is_an_error():
    with pytest.raises(ValueError, match="holds 3 items, declared are at most 2"):
        cluster_units([0.0, 0.0, 0.0], [1, 1, 1], 2)


def test_clusters_of_another_length_than_the_items_are_an_error():
    with pytest.raises(ValueError, match="3 differences but 2 cluster labels"):
        cluster_units([0.0, 0.0, 0.0], [1, 1], 2)


def test_no_items_make_no_clusters():
    assert cluster_units([], [], 4).n == 0
