"""What is left of the worst of many differences once it is known that it was picked; for display only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tailgate.stats.eprocess import Floats
from tailgate.stats.intervals import normal_quantile

_ROUNDS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shrunk:
    """Posterior means and bounds of K differences, arrays of shape (K,); `center` and `spread` are the fitted prior."""

    mean: Floats
    low: Floats
    high: Floats
    center: float
    spread: float


def shrink(differences: ArrayLike, variances: ArrayLike, alpha: float) -> Shrunk:
    """Empirical-Bayes estimates of K differences, each pulled towards their common mean by how noisy it is.

    Parameters
    ----------
    differences, variances : array_like, shape (K,)
        Estimates and their sampling variances, which must be positive.
    alpha : float
        Each bound is at ``1 - alpha``.

    Raises
    ------
    ValueError
        Fewer than two differences, or a variance that is not positive.

    Notes
    -----
    Assumes ``d_k ~ N(theta_k, v_k)`` and ``theta_k ~ N(center, spread^2)``, independent; center and spread are fitted
    by moments (Paule-Mandel). Under the model a posterior mean needs no correction for having been picked as the
    smallest (Efron, 2011). The bounds count the uncertainty of the fitted center (Morris, 1983), not that of the
    fitted spread, so they are somewhat too narrow where K is small. Sub-slices that overlap are not independent: the
    estimates rank and describe, they decide nothing.

    References
    ----------
    Paule, R. and Mandel, J. (1982). Consensus values and weighting factors. J. Res. NBS 87, 377-385.
    Morris, C. (1983). Parametric empirical Bayes inference: theory and applications. JASA 78, 47-55.
    Efron, B. (2011). Tweedie's formula and selection bias. JASA 106, 1602-1614.
    """
    d, v = (np.asarray(each, dtype=np.float64) for each in (differences, variances))
    if d.size < 2 or not (v > 0).all():
        raise ValueError(f"{d.size} differences with smallest variance {v.min(initial=np.inf)}: two and > 0 are needed")
    between = _between_variance(d, v)
    center = _weighted_mean(d, v + between)
    keep = between / (between + v)
    mean: Floats = center + keep * (d - center)
    center_variance = 1 / (1 / (v + between)).sum()
    half = normal_quantile(1 - alpha) * np.sqrt(keep * v + (1 - keep) ** 2 * center_variance)
    return Shrunk(mean=mean, low=mean - half, high=mean + half, center=center, spread=float(np.sqrt(between)))


def difference_variance(n: int, mean: float, mean_square: float) -> float:
    """Sampling variance of a mean of n paired differences, with two more items that flip once each way.

    The two keep it positive where nothing flipped (Agresti and Min, 2005, do so for intervals).
    """
    m = n + 2
    shifted_square = (n * mean_square + 2) / m
    shifted_mean = n * mean / m
    return (shifted_square - shifted_mean**2) / m


def _between_variance(d: Floats, v: Floats) -> float:
    """Variance between the true differences at which the weighted spread equals its expectation; bisection."""
    low, high = 0.0, 4.0  # differences lie in [-1, 1]
    if _excess(low, d, v) <= 0:
        return 0.0
    for _ in range(_ROUNDS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        low, high = (middle, high) if _excess(middle, d, v) > 0 else (low, middle)
    return high


def _excess(between: float, d: Floats, v: Floats) -> float:
    total = v + between
    return float((((d - _weighted_mean(d, total)) ** 2) / total).sum()) - (d.size - 1)


def _weighted_mean(d: Floats, v: Floats) -> float:
    return float((d / v).sum() / (1 / v).sum())
