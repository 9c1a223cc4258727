"""How many items a verdict takes, by expected log growth of the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from tailgate.stats.eprocess import LOG_WEIGHTS_J, Floats, Units, log_e_fail, log_e_pass, log_growth
from tailgate.stats.intervals import log_bar

FARTHEST = 10_000_000  # a verdict beyond so many units is no plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRates:
    """Shares of items that the candidate wins and loses; the rest are ties."""

    win: float
    loss: float

    def __post_init__(self) -> None:
        if not (self.win >= 0 and self.loss >= 0 and self.win + self.loss <= 1 + 1e-12):
            raise ValueError(f"win rate {self.win} and loss rate {self.loss} must be >= 0 and add up to at most 1")

    @property
    def units(self) -> Units:
        """One average item, as a betting unit."""
        shares = np.array([self.loss, max(1.0 - self.win - self.loss, 0.0), self.win])
        return Units(sums=np.array([-1.0, 0.0, 1.0]), sizes=np.ones(3), repeats=shares)


def flip_rates(*, delta: float, discordance: float) -> FlipRates:
    """Rates with a mean difference `delta` where a share `discordance` of the items flips.

    Raises
    ------
    ValueError
        The discordance is below ``|delta|`` or above 1.
    """
    if not abs(delta) <= discordance <= 1:
        raise ValueError(f"discordance {discordance} must lie between |delta| = {abs(delta)} and 1")
    return FlipRates(win=(discordance + delta) / 2, loss=(discordance - delta) / 2)


def items_to_pass(rates: FlipRates, margin: float, alpha: float) -> int | None:
    """Items after which the evidence of a pass is expected to reach ``1 / alpha``; None where it is not.

    Notes
    -----
    Assumes independent items that keep flipping at the given rates. The count is where the mixture of the expected
    log growths crosses the bar: a typical stopping time, not a guarantee, and exact where nothing flips.
    """
    return _units_needed(log_growth(rates.units, margin), alpha)


def items_to_fail(rates: FlipRates, margin: float, alpha: float) -> int | None:
    """Items after which the evidence of a regression is expected to reach ``1 / alpha``; None where it is not.

    With K cells use ``alpha / K`` for a conservative count. Assumptions as in :func:`items_to_pass`.
    """
    return _units_needed(log_growth(rates.units.mirrored, -margin), alpha)


def units_to_pass(units: Units, margin: float, alpha: float) -> int | None:
    """Total units (items, or whole clusters) to a pass if more come like those seen; None where they do not lead there.

    Notes
    -----
    The units seen are taken as the distribution of those to come, so the count is where the present evidence,
    continued at its present rate, reaches the bar. It carries the noise of the sample: at few units read it as an
    order of magnitude.
    """
    return _units_needed(log_growth(units, margin) / units.n, alpha) if units.n else None


def fewest_units(margin: float, alpha: float) -> int:
    """Units that a pass takes where nothing flips at all: no cell can pass with fewer, unless the candidate gains.

    For clusters this counts whole clusters of the declared size.

    Raises
    ------
    ValueError
        The margin is too small for any verdict.
    """
    needed = items_to_pass(FlipRates(win=0.0, loss=0.0), margin, alpha)
    if needed is None:
        raise ValueError(f"margin {margin} is too small for any verdict within {FARTHEST} items")
    return needed


def detectable_loss(n: int, *, churn: float, margin: float, alpha: float) -> float | None:
    """Smallest loss that is expected to be blocked within `n` items, as a positive number; None if none is.

    Parameters
    ----------
    n : int
        Items of the cell.
    churn : float
        Share of items that flip beside the loss itself: the discordance is ``loss + churn``.
    margin, alpha : float
        Of the cell; ``alpha / K`` for one of K cells.
    """
    low, high = margin, 1.0 - churn
    if not 0 <= churn < 1 or high <= low or not _blocked(high, n, churn, margin, alpha):
        return None
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        if _blocked(middle, n, churn, margin, alpha):
            high = middle
        else:
            low = middle
    return high


def _blocked(loss: float, n: int, churn: float, margin: float, alpha: float) -> bool:
    needed = items_to_fail(FlipRates(win=churn / 2, loss=loss + churn / 2), margin, alpha)
    return needed is not None and needed <= n


def _units_needed(growth_J: Floats, alpha: float) -> int | None:
    bar = log_bar(alpha)
    best = int(np.argmax(growth_J))
    if growth_J[best] <= 0:
        return None
    enough = (bar - LOG_WEIGHTS_J[best]) / growth_J[best]
    return _first_crossing(growth_J, bar, ceil(enough)) if enough <= FARTHEST else None


def _first_crossing(growth_J: Floats, bar: float, enough: int) -> int:
    # The log of a sum of exponentials of lines is convex and starts at 0, below the bar: it crosses once.
    low, high = 0, enough
    while high - low > 1:
        middle = (low + high) // 2
        if np.logaddexp.reduce(LOG_WEIGHTS_J + middle * growth_J) >= bar:
            high = middle
        else:
            low = middle
    return high


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChances:
    """How often a cell ends in each verdict, from `runs` simulated cells, and the median items it took."""

    passed: float
    regression: float
    inconclusive: float
    median_items: int
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRules:
    """What decides a cell: its margin, error rates, cap, and how many items come between two looks."""

    margin: float
    alpha_pass: float
    alpha_fail: float
    max_items: int
    batch_items: int
    min_items: int = 1


def verdict_chances(rates: FlipRates, rules: CellRules, runs: int, rng: np.random.Generator) -> VerdictChances:
    """Chance of each verdict for one cell whose items flip at the given rates, by simulation.

    Notes
    -----
    Assumes independent items scored 0 or 1. A regression takes ``rules.alpha_fail``: with ``alpha / K`` for one of K
    cells the chance is a lower bound of what closed testing gives. A pass is taken before a regression where one batch
    reaches both, which no real cell does (the two nulls cover each other). The Monte Carlo standard error of a chance
    p is ``sqrt(p (1 - p) / runs)``.
    """
    looks = np.append(np.arange(rules.batch_items, rules.max_items, rules.batch_items), rules.max_items)
    looks = looks[looks >= rules.min_items] if (looks >= rules.min_items).any() else looks[-1:]
    flips = rng.choice([-1, 0, 1], size=(runs, rules.max_items), p=[rates.loss, _tie(rates), rates.win])
    wins, losses = (np.cumsum(flips == sign, axis=1)[:, looks - 1] for sign in (1, -1))
    ties = looks - wins - losses
    passed = log_e_pass(wins, ties, losses, rules.margin) >= log_bar(rules.alpha_pass)
    failed = log_e_fail(wins, ties, losses, rules.margin) >= log_bar(rules.alpha_fail)
    last = looks.size
    first_pass, first_fail = (np.where(hit.any(axis=1), hit.argmax(axis=1), last) for hit in (passed, failed))
    ends = np.minimum(np.minimum(first_pass, first_fail), last - 1)
    return VerdictChances(
        passed=float(np.mean((first_pass <= first_fail) & (first_pass < last))),
        regression=float(np.mean(first_fail < first_pass)),
        inconclusive=float(np.mean((first_pass == last) & (first_fail == last))),
        median_items=int(np.median(looks[ends])),
        runs=runs,
    )


def _tie(rates: FlipRates) -> float:
    return max(0.0, 1.0 - rates.win - rates.loss)
