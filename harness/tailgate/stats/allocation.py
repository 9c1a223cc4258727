"""Which cell gets the next items: the one whose evidence is expected to grow most per token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailgate.stats.eprocess import FRACTIONS_J, Floats

# Belief before any item, worth twenty of them: one in ten flips, as often for the candidate as against it.
PRIOR_WINS, PRIOR_TIES, PRIOR_LOSSES = 1.0, 18.0, 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellCounts:
    """What was seen of C cells; arrays of shape (C,). Graded scores count by their parts: a gain of 0.3 is 0.3 wins."""

    wins: Floats
    ties: Floats
    losses: Floats
    margins: Floats
    can_pass: NDArray[np.bool_]
    tokens: Floats  # declared tokens of one item, prompt and answer


def growth_per_token(cells: CellCounts) -> Floats:
    """Expected growth of the log evidence per token of each cell, towards whichever verdict it grows faster for.

    Returns
    -------
    ndarray, shape (C,)
        At least 0: a cell that leads nowhere gets 0, not less.

    Notes
    -----
    The growth of the best bet of the mixture under the rates seen so far, smoothed by a prior of twenty items. It
    decides who is asked next and nothing else: both e-processes allow any choice made from what was seen before.
    """
    wins, ties, losses = cells.wins + PRIOR_WINS, cells.ties + PRIOR_TIES, cells.losses + PRIOR_LOSSES
    passing = _best_growth(wins, ties, losses, cells.margins)
    failing = _best_growth(losses, ties, wins, -cells.margins)
    growth = np.maximum(np.where(cells.can_pass, passing, 0.0), failing)
    rates: Floats = np.maximum(growth, 0.0) / (wins + ties + losses) / cells.tokens
    return rates


def _best_growth(gains: Floats, ties: Floats, setbacks: Floats, margins: Floats) -> Floats:
    m_C1 = margins[:, None]
    bets_CJ = FRACTIONS_J / (1.0 - m_C1)
    growth_CJ = (
        gains[:, None] * np.log1p(bets_CJ * (1.0 + m_C1))
        + ties[:, None] * np.log1p(bets_CJ * m_C1)
        + setbacks[:, None] * np.log1p(-bets_CJ * (1.0 - m_C1))
    )
    best: Floats = growth_CJ.max(axis=1)
    return best
