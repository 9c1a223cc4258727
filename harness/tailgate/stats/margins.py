"""Margins and informativeness, fixed on a baseline-only draw before any candidate output."""

from __future__ import annotations

from dataclasses import dataclass

from tailgate.stats.intervals import clopper_pearson


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRule:
    """How a margin follows from the baseline: a part of its score above chance, between a floor and a ceiling."""

    relative: float
    floor: float
    ceiling: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Informativeness:
    """Whether the baseline scores high enough above chance for a loss of several margins to be visible."""

    informative: bool
    low: float  # lower Clopper-Pearson bound of the baseline's score
    needed: float  # chance + factor * margin


def calibrated_margin(score: float, chance: float, rule: MarginRule) -> float:
    """Margin ``clip(relative * (score - chance), floor, ceiling)``.

    Parameters
    ----------
    score : float
        Baseline score on the calibration draw.
    chance : float
        Score of guessing.
    rule : MarginRule
        Relative loss that may pass, with its bounds.

    Notes
    -----
    The draw must be separate from the evidence: a margin chosen on the items it is applied to depends on their noise,
    and neither error rate holds. At the floor the relative loss that can pass exceeds `rule.relative`.
    """
    return min(max(rule.relative * (score - chance), rule.floor), rule.ceiling)


def relative_margin(margin: float, score: float, chance: float) -> float | None:
    """The relative loss that could still pass, ``margin / (score - chance)``; None at or below chance."""
    return margin / (score - chance) if score > chance else None


def informativeness(correct: int, n: int, *, needed: float, alpha: float) -> Informativeness:
    """Is the baseline surely above `needed`, ``chance + factor * margin``?

    Parameters
    ----------
    correct, n : int
        Calibration items answered right, and all of them.
    needed : float
        Score below which a cell can show nothing.
    alpha : float
        Error rate of the one-sided lower Clopper-Pearson bound.

    Notes
    -----
    Assumes independent calibration items apart from the evidence: choosing cells by the evidence items themselves
    keeps those where the baseline was lucky, which looks like a loss of every candidate.
    """
    low = clopper_pearson(correct, n, alpha).low
    return Informativeness(informative=low >= needed, low=low, needed=needed)
