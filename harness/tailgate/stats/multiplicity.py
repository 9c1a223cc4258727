"""Family-wise error over the cells of one candidate: closed testing with averaged e-values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailgate.stats.eprocess import Floats


def adjusted_log_e(log_e: ArrayLike) -> Floats:
    """Log e-values adjusted for all cells: reject where the adjusted value reaches ``log(1 / alpha)``.

    Parameters
    ----------
    log_e : array_like, shape (K,)
        Current log e-value of each cell; a cell without items has 0. Not running maxima: those are no e-values.

    Returns
    -------
    ndarray, shape (K,)
        Adjusted log e-values in the order given, each at most its own log e-value.

    Raises
    ------
    ValueError
        A log e-value is NaN.

    Notes
    -----
    The arithmetic mean of e-values is an e-value under any dependence, so closed testing with it holds the family-wise
    error under any dependence between the cells. A cell survives if the mean over every set of cells that contains it
    reaches the bar; with ``e_(1) <= ... <= e_(K)`` the worst set holds the cell and the j smallest others::

        adjusted e_(r) = min over 0 <= j < r of (e_(r) + e_(1) + ... + e_(j)) / (j + 1)

    Never less powerful than ``K / alpha``. The values must be e-values at one common stopping time: cells that share
    seeds or texts advance together, or are compared with ``K / alpha`` each (:func:`bonferroni_rejects`).

    References
    ----------
    Vovk, V. and Wang, R. (2021). E-values: calibration, combination and applications. Ann. Statist. 49(3), 1736-1754.
    """
    values = np.asarray(log_e, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("a log e-value is NaN; every cell needs a number, 0 where it has no items")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = _adjust_ranked(values[order])
    return adjusted


def _adjust_ranked(ranked: Floats) -> Floats:
    k = ranked.size
    if k == 0:
        return ranked
    smaller = np.concatenate(([-np.inf], np.logaddexp.accumulate(ranked)[:-1]))  # log(e_(1) + ... + e_(j)), j = 0..K-1
    means = np.logaddexp(ranked[:, None], smaller[None, :]) - np.log(np.arange(1, k + 1))
    allowed = np.tril(np.ones((k, k), dtype=bool))
    adjusted: Floats = np.where(allowed, means, np.inf).min(axis=1)
    return adjusted


def closed_rejects(log_e: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Cells whose null hypothesis closed testing rejects, family-wise at `alpha`, under any dependence."""
    rejects: NDArray[np.bool_] = adjusted_log_e(log_e) >= -np.log(alpha)
    return rejects


def bonferroni_rejects(log_e: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Cells whose e-value reaches ``K / alpha``: valid also where cells stop at times of their own."""
    values = np.asarray(log_e, dtype=np.float64)
    rejects: NDArray[np.bool_] = values >= np.log(max(values.size, 1)) - np.log(alpha)
    return rejects
