"""The next batch goes where the evidence is expected to grow most per token."""

from __future__ import annotations

import numpy as np
import pytest

from tailgate.stats.allocation import CellCounts, growth_per_token


def cells(wins, ties, losses, *, margins=0.05, can_pass=True, tokens=100.0):
    n = len(wins)
    return CellCounts(
        wins=np.array(wins, dtype=float),
        ties=np.array(ties, dtype=float),
        losses=np.array(losses, dtype=float),
        margins=np.full(n, margins, dtype=float) if np.isscalar(margins) else np.array(margins, dtype=float),
        can_pass=np.full(n, can_pass) if np.isscalar(can_pass) else np.array(can_pass),
        tokens=np.full(n, tokens, dtype=float) if np.isscalar(tokens) else np.array(tokens, dtype=float),
    )


def test_a_cheaper_cell_comes_first():
    short, long = growth_per_token(cells([0, 0], [0, 0], [0, 0], tokens=[100, 1000]))
    assert short == pytest.approx(10 * long)
    assert long > 0


def test_a_wider_margin_comes_first():
    narrow, wide = growth_per_token(cells([0, 0], [0, 0], [0, 0], margins=[0.02, 0.1]))
    assert wide > narrow


def test_a_steady_cell_comes_before_a_wavering_one():
    wavering, steady = growth_per_token(cells([10, 0], [80, 100], [10, 0]))
    assert steady > wavering


def test_a_cell_that_loses_a_lot_comes_before_one_near_its_margin():
    near, lossy = growth_per_token(cells([0, 0], [95, 60], [5, 40]))
    assert lossy > near >= 0


def test_a_cell_that_cannot_pass_is_worth_its_losses_only():
    passing, blind = growth_per_token(cells([0, 0], [100, 100], [0, 0], can_pass=[True, False]))
    assert passing > blind == 0
