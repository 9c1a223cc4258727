"""Evidence that a paired difference lies above or below ``-margin``, valid at every look.

The item difference is ``D = candidate - baseline`` in [-1, 1] with mean ``delta``. For a margin ``m`` the wealth

    E_pass = sum_j w_j prod_i (1 + l_j (D_i + m))    against  delta <= -m
    E_fail = sum_j w_j prod_i (1 - l_j (D_i + m))    against  delta >= -m

is a non-negative supermartingale under its null hypothesis, so it ever reaches ``1 / alpha`` with probability at
most ``alpha`` (Ville). Everything is computed in logarithms.

Array suffixes: ``U`` kinds of betting unit, ``J`` bets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

N_BETS = 12
BOLDEST = 0.98  # the largest bet as a part of the bound beyond which one unit could ruin the wealth
TIMIDEST = 0.03  # the smallest bet as a part of the largest
BOLDEST_WEIGHT = 0.30

# The bets at margin zero. A geometric grid serves every discordance, because the best bet is of order m / discordance;
# the largest gets more weight: it is the best one where nothing flips, and sets how few items can pass at all.
FRACTIONS_J: Floats = BOLDEST * TIMIDEST ** (np.arange(N_BETS - 1, -1, -1, dtype=np.float64) / (N_BETS - 1))
LOG_WEIGHTS_J: Floats = np.log(
    np.append(np.full(N_BETS - 1, (1 - BOLDEST_WEIGHT) / (N_BETS - 1)), BOLDEST_WEIGHT),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """Betting units of a cell, equal ones counted once: a unit is an item, or a whole cluster of items.

    A unit whose differences sum to ``s`` over ``k`` items pays ``(s + k m) / largest`` per stake, where `largest` is
    the declared largest number of items in a unit; that is at least ``-(1 - m)`` and at most ``1 + m``.

    Attributes
    ----------
    sums : ndarray of float, shape (U,)
        Sum of the differences in a unit.
    sizes : ndarray of float, shape (U,)
        Items in a unit.
    repeats : ndarray of float, shape (U,)
        How often that kind of unit was seen.
    largest : int
        Declared largest number of items in one unit, fixed before the first item.
    """

    sums: Floats
    sizes: Floats
    repeats: Floats
    largest: int = 1

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.repeats.sum())

    @property
    def mirrored(self) -> Units:
        """The same units with baseline and candidate exchanged."""
        return Units(sums=-self.sums, sizes=self.sizes, repeats=self.repeats, largest=self.largest)


def item_units(differences: ArrayLike) -> Units:
    """Independent items as betting units.

    Parameters
    ----------
    differences : array_like, shape (n,)
        Candidate score minus baseline score per item, each in [-1, 1].

    Raises
    ------
    ValueError
        A difference is not finite or lies outside [-1, 1].
    """
    values = check_differences(differences)
    sums, repeats = np.unique(values, return_counts=True)
    return Units(sums=sums, sizes=np.ones(sums.size), repeats=repeats.astype(np.float64))


def check_differences(differences: ArrayLike) -> Floats:
    """Return the differences as floats, or raise ValueError where one is outside [-1, 1] or not finite."""
    values = np.asarray(differences, dtype=np.float64)
    bad = ~(np.abs(values) <= 1.0)
    if bad.any():
        raise ValueError(f"difference {values[bad][0]} lies outside [-1, 1]; scores must lie in [0, 1]")
    return values


def log_e_pass(wins: ArrayLike, ties: ArrayLike, losses: ArrayLike, margin: ArrayLike) -> Floats:
    """Log evidence on counts against ``delta <= -margin``: large where the candidate is good enough.

    Parameters
    ----------
    wins, ties, losses : array_like of int
        Items that the candidate gained, kept and lost; scores are 0 or 1.
    margin : array_like of float
        Margin in (-1, 1), broadcast against the counts.

    Returns
    -------
    ndarray of float
        Log e-value, of the broadcast shape.

    Notes
    -----
    Assumes ``E[D_i | past] = delta`` for every item: items come in one uniform random order, never sorted or
    stratified. The value depends on counts alone, so it is the same whatever that order was. The mixture is over
    bets fixed beforehand, hence a test supermartingale; compare with ``log(1 / alpha)`` at any number of looks.

    References
    ----------
    Waudby-Smith, I. and Ramdas, A. (2024). Estimating means of bounded random variables by betting. JRSS B 86(1).
    Ville, J. (1939). Étude critique de la notion de collectif.
    """
    m = _checked(margin)[..., None]
    stakes = FRACTIONS_J / (1.0 - m)
    log_wealth = LOG_WEIGHTS_J + _scaled(wins, np.log1p(stakes * (1.0 + m)))
    log_wealth = log_wealth + _scaled(ties, np.log1p(stakes * m))
    log_wealth = log_wealth + _scaled(losses, np.log1p(-stakes * (1.0 - m)))
    return _log_sum(log_wealth)


def log_e_fail(wins: ArrayLike, ties: ArrayLike, losses: ArrayLike, margin: ArrayLike) -> Floats:
    """Log evidence on counts against ``delta >= -margin``: large where the candidate lost too much.

    Parameters and assumptions are those of :func:`log_e_pass`. Exchanging wins with losses and the sign of the margin
    turns one into the other: ``1 - l (D + m) = 1 + l (-D - m)`` with the same bound on ``l``.
    """
    return log_e_pass(losses, ties, wins, -np.asarray(margin, dtype=np.float64))


def units_log_e_pass(units: Units, margin: ArrayLike) -> Floats:
    """Log evidence of items or whole clusters against ``delta <= -margin``.

    Equals :func:`log_e_pass` where every unit is one item with a difference of -1, 0 or 1.

    Notes
    -----
    Assumes that units are drawn independently in random order, and that `Units.largest` was declared beforehand.
    ``delta`` weighs items, not units, equally.

    References
    ----------
    Waudby-Smith, I. and Ramdas, A. (2024). Estimating means of bounded random variables by betting. JRSS B 86(1).
    """
    return _log_sum(LOG_WEIGHTS_J + log_growth(units, margin))


def units_log_e_fail(units: Units, margin: ArrayLike) -> Floats:
    """Log evidence of items or whole clusters against ``delta >= -margin``; see :func:`units_log_e_pass`."""
    return units_log_e_pass(units.mirrored, -np.asarray(margin, dtype=np.float64))


def log_growth(units: Units, margin: ArrayLike) -> Floats:
    """Log factor by which the units seen have multiplied each pass bet, shape (..., J) for margins of shape (...).

    For the fail bets take ``log_growth(units.mirrored, -margin)``.
    """
    m = _checked(margin)[..., None, None]
    stakes_J = FRACTIONS_J / (1.0 - m)
    pay_U = (units.sums[:, None] + units.sizes[:, None] * m) / units.largest
    growth: Floats = np.sum(units.repeats[:, None] * np.log1p(stakes_J * pay_U), axis=-2)
    return growth


def _checked(margin: ArrayLike) -> Floats:
    m = np.asarray(margin, dtype=np.float64)
    if not np.all(np.abs(m) < 1.0):
        raise ValueError(f"margin {m} lies outside (-1, 1)")
    return m


def _scaled(counts: ArrayLike, log_factor: Floats) -> Floats:
    scaled: Floats = np.asarray(counts, dtype=np.float64)[..., None] * log_factor
    return scaled


def _log_sum(log_terms: Floats) -> Floats:
    top = log_terms.max(axis=-1, keepdims=True)
    total: Floats = np.asarray(np.log(np.exp(log_terms - top).sum(axis=-1)) + top[..., 0])
    return total
