"""Figures at a fixed number of pairs, for readers who know them; no verdict rests on these."""

from __future__ import annotations

from dataclasses import dataclass

from tailgate.stats.intervals import Interval, clopper_pearson, mcnemar_exact_p, tango_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedN:
    """Tango's interval, two-sided ``1 - 2 alpha``, and the exact two-sided McNemar p-value."""

    tango: Interval
    mcnemar_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmRate:
    """Share of the baseline's right answers that the candidate gets wrong, with one-sided bounds."""

    rate: float
    low: float
    high: float


def fixed_n_figures(wins: int, losses: int, n: int, alpha: float) -> FixedN:
    """Tango (1998) interval and McNemar p-value of `n` independent pairs scored 0 or 1.

    Notes
    -----
    Assume that n was fixed beforehand: at a data-dependent stop they are too optimistic.
    """
    return FixedN(tango=tango_interval(wins, losses, n, alpha), mcnemar_p=mcnemar_exact_p(wins, losses))


def harm_rate(broken: int, right: int, alpha: float) -> HarmRate:
    """Rate of broken answers among `right` answers of the baseline, Clopper-Pearson at ``1 - alpha`` per side.

    Notes
    -----
    Assumes independent items and a fixed n; the net difference hides such flips where gains make up for them.
    """
    bounds = clopper_pearson(broken, right, alpha)
    return HarmRate(rate=broken / right, low=bounds.low, high=bounds.high)
