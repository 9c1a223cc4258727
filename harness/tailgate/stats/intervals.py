"""Intervals for a paired difference: valid at any look (by betting), and at fixed n (for readers who expect them)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from tailgate.stats.eprocess import Floats, Units, log_e_fail, log_e_pass, units_log_e_fail, units_log_e_pass

# Halving [-1, 1] this often reaches neighbouring floats at every size a margin can have, so that
# ``low > -margin`` and ``log_e_pass >= log(1 / alpha)`` never disagree.
_HALVINGS = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Lower and upper bound of one number."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalArray:
    """Lower and upper bounds of many numbers, as arrays of one shape."""

    low: Floats
    high: Floats


def time_uniform_interval(units: Units, alpha: float) -> Interval:
    """One-sided bounds for delta at ``1 - alpha`` each, valid at every look at once.

    Parameters
    ----------
    units : Units
        Items or whole clusters seen so far; none at all gives [-1, 1].
    alpha : float
        Error rate of each side; together the bounds are a ``1 - 2 alpha`` interval.

    Notes
    -----
    ``low`` is where the evidence against ``delta <= d0`` crosses ``1 / alpha``; that evidence never rises in ``d0``,
    whatever the sample, so bisection finds the one crossing. Hence ``low > -m`` exactly when the evidence of a cell
    with margin ``m`` suffices to pass. Assumes what the e-processes assume: units in one uniform random order.

    References
    ----------
    Waudby-Smith, I. and Ramdas, A. (2024). Estimating means of bounded random variables by betting. JRSS B 86(1).
    Howard, S. et al. (2021). Time-uniform, nonparametric, nonasymptotic confidence sequences. Ann. Statist. 49(2).
    """
    bar = log_bar(alpha)
    low = _last_rejected(lambda d0: units_log_e_pass(units, -d0) >= bar)
    high = -_last_rejected(lambda d0: units_log_e_fail(units, d0) >= bar)
    return Interval(low=low, high=high)


def count_intervals(wins: ArrayLike, ties: ArrayLike, losses: ArrayLike, alpha: float) -> IntervalArray:
    """:func:`time_uniform_interval` for many triples of counts at once; arrays broadcast."""
    bar = log_bar(alpha)
    w, t, x = np.broadcast_arrays(wins, ties, losses)
    low = _largest_rejected(lambda d0: log_e_pass(w, t, x, -d0) >= bar, w.shape)
    high = -_largest_rejected(lambda d0: log_e_fail(w, t, x, d0) >= bar, w.shape)
    return IntervalArray(low=low, high=high)


def log_bar(alpha: float) -> float:
    """The log evidence that establishes a verdict: ``log(1 / alpha)``."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha} lies outside (0, 1)")
    return float(-np.log(alpha))


def _last_rejected(rejects: Callable[[Floats], NDArray[np.bool_]]) -> float:
    """:func:`_largest_rejected` for one number: a bracket is cut into 64 parts at once, down to neighbouring floats."""
    low, high = -1.0, 1.0
    while (inner := _between(low, high)).size:
        rejected = rejects(inner)
        first_kept = inner.size if rejected.all() else int(np.argmin(rejected))
        low, high = (
            float(inner[first_kept - 1]) if first_kept else low,
            float(inner[first_kept]) if first_kept < inner.size else high,
        )
    return high if low > -1.0 else -1.0


def _halved(rejects: Callable[[float], bool]) -> float:
    """:func:`_last_rejected` of a function of one number."""
    low, high = -1.0, 1.0
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (middle, high) if rejects(middle) else (low, middle)
    return high if low > -1.0 else -1.0


def _between(low: float, high: float) -> Floats:
    inner = low + (high - low) * np.arange(1, 64) / 64
    found: Floats = inner[(low < inner) & (inner < high)]
    return found


def _largest_rejected(rejects: Callable[[Floats], NDArray[np.bool_]], shape: tuple[int, ...]) -> Floats:
    """The supremum of rejected values in [-1, 1], -1 where none is; `rejects` is true below it, false above."""
    low = np.full(shape, -1.0)
    high = np.full(shape, 1.0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        inside = (low < middle) & (middle < high)
        if not inside.any():
            break
        rejected = rejects(np.where(inside, middle, 0.0))
        low = np.where(inside & rejected, middle, low)
        high = np.where(inside & ~rejected, middle, high)
    # The upper end is the first value not rejected: strictly above every margin that passed.
    bound: Floats = np.where(low > -1.0, high, -1.0)
    return bound


def tango_statistic(wins: int, losses: int, n: int, delta0: float) -> float:
    """Tango's score statistic for ``delta = delta0``, standard normal under it; at zero, McNemar's signed root.

    Parameters
    ----------
    wins, losses : int
        Discordant pairs for and against the candidate.
    n : int
        All pairs.
    delta0 : float
        Hypothetical difference in [-1, 1].

    Notes
    -----
    Assumes independent pairs with 0/1 scores, n fixed beforehand, and a sample large enough for a normal score.

    References
    ----------
    Tango, T. (1998). Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design. Statistics in Medicine 17, 891-908.
    """
    slope = -wins - losses + (2 * n - wins + losses) * delta0
    constant = -losses * delta0 * (1 - delta0)
    only_baseline = (sqrt(max(slope**2 - 8 * n * constant, 0.0)) - slope) / (4 * n)
    variance = n * (2 * only_baseline + delta0 * (1 - delta0))
    excess = wins - losses - n * delta0
    if variance <= 0:
        return 0.0 if excess == 0 else float(np.copysign(np.inf, excess))
    return float(excess / sqrt(variance))


def tango_interval(wins: int, losses: int, n: int, alpha: float) -> Interval:
    """Tango (1998) score interval for a paired difference of proportions, two-sided at ``1 - 2 alpha``.

    Raises
    ------
    ValueError
        There are no pairs.

    Notes
    -----
    Valid at a fixed n only; see :func:`tango_statistic` for assumptions and the reference. The statistic falls in
    ``delta0``, so each end is found by bisection.
    """
    if n < 1:
        raise ValueError("no pairs: an interval needs at least one")
    z = normal_quantile(1 - alpha)
    low = _halved(lambda d0: tango_statistic(wins, losses, n, d0) >= z)
    high = -_halved(lambda d0: tango_statistic(losses, wins, n, d0) >= z)
    return Interval(low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """A 2 x 2 table of pairs: both right, the candidate alone (wins), the baseline alone (losses), neither."""

    both: int
    wins: int
    losses: int
    neither: int

    @property
    def n(self) -> int:
        """All pairs."""
        return self.both + self.wins + self.losses + self.neither


def newcombe_interval(counts: PairedCounts, alpha: float) -> Interval:
    """Newcombe's (1998) score interval for a paired difference of proportions, two-sided at ``1 - 2 alpha``.

    Raises
    ------
    ValueError
        There are no pairs.

    Notes
    -----
    His method 10: Wilson intervals of both proportions, squared and added with the continuity-corrected correlation
    phi of the pairs. Assumes independent pairs with 0/1 scores and n fixed beforehand.

    References
    ----------
    Newcombe, R. (1998). Improved confidence intervals for the difference between binomial proportions based on paired
    data. Statistics in Medicine 17, 2635-2650.
    """
    if counts.n < 1:
        raise ValueError("no pairs: an interval needs at least one")
    candidate, baseline = counts.both + counts.wins, counts.both + counts.losses
    new, old = (_wilson(right, counts.n, alpha) for right in (candidate, baseline))
    p_new, p_old = candidate / counts.n, baseline / counts.n
    phi = _corrected_phi(counts)
    below = _joined(p_new - new.low, old.high - p_old, phi)
    above = _joined(new.high - p_new, p_old - old.low, phi)
    return Interval(low=max(-1.0, p_new - p_old - below), high=min(1.0, p_new - p_old + above))


def _joined(first: float, second: float, phi: float) -> float:
    return sqrt(max(first**2 - 2 * phi * first * second + second**2, 0.0))


def _wilson(right: int, n: int, alpha: float) -> Interval:
    z = normal_quantile(1 - alpha)
    middle, spread = 2 * right + z**2, z * sqrt(z**2 + 4 * right * (1 - right / n))
    return Interval(low=(middle - spread) / (2 * (n + z**2)), high=(middle + spread) / (2 * (n + z**2)))


def _corrected_phi(counts: PairedCounts) -> float:
    candidate, baseline = counts.both + counts.wins, counts.both + counts.losses
    margins = candidate * (counts.n - candidate) * baseline * (counts.n - baseline)
    product = counts.both * counts.neither - counts.wins * counts.losses
    if margins == 0:
        return 0.0
    corrected = max(product - counts.n / 2, 0.0) if product > 0 else float(product)
    return corrected / sqrt(margins)


def mcnemar_exact_p(wins: int, losses: int) -> float:
    """Exact two-sided McNemar p-value: are wins and losses equally likely among the discordant pairs?

    Notes
    -----
    Assumes independent pairs with 0/1 scores and n fixed beforehand. Twice the smaller binomial tail at one half.

    References
    ----------
    McNemar, Q. (1947). Note on the sampling error of the difference between correlated proportions. Psychometrika 12.
    """
    n = wins + losses
    return min(1.0, 2.0 * float(special.bdtr(min(wins, losses), n, 0.5)))


def clopper_pearson(successes: int, n: int, alpha: float) -> Interval:
    """Exact one-sided bounds at ``1 - alpha`` each for a binomial proportion.

    Raises
    ------
    ValueError
        No trials, or successes outside 0..n.

    Notes
    -----
    Assumes n independent trials with one success probability, n fixed beforehand.

    References
    ----------
    Clopper, C. and Pearson, E. (1934). The use of confidence or fiducial limits. Biometrika 26, 404-413.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials: a proportion needs 0 <= successes <= n and n >= 1")
    low = float(special.betaincinv(successes, n - successes + 1, alpha)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, n - successes, 1 - alpha)) if successes < n else 1.0
    return Interval(low=low, high=high)


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return float(special.ndtri(probability))
