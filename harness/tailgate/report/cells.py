"""Cells as rows: of the table, of the forest plot, and of the contrast between the mean and the tail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tailgate.records import CandidateVerdict, CellDecision, CellVerdict
from tailgate.report.text import (
    count,
    evidence,
    lower_bound,
    one_line,
    percent,
    points,
    upper_bound,
)
from tailgate.report.view import CellRow, Contrast, Fact, ForestRow

_SEVERITY: tuple[CellDecision, ...] = ("regression", "invalid", "inconclusive", "uninformative", "pass")


def worst_first(cells: Sequence[CellVerdict]) -> tuple[CellVerdict, ...]:
    """Cells by severity of their verdict, then by delta, so that what broke comes first."""
    return tuple(
        sorted(cells, key=lambda cell: (_SEVERITY.index(cell.verdict), cell.delta is None, cell.delta or 0.0, cell.key))
    )


def confidence(alpha: float) -> str:
    """The level of a one-sided bound: ``95 %`` for alpha = 0.05."""
    return f"{100 * (1 - alpha):.4g} %"


def bounds_note(cells: Sequence[CellVerdict]) -> str:
    """Say what `low` and `high` mean, which is not what most intervals mean."""
    if not cells:
        return "No cell was decided, so there are no bounds."
    levels = sorted({cell.alpha for cell in cells})
    each = ", ".join(confidence(alpha) for alpha in levels)
    both = ", ".join(confidence(2 * alpha) for alpha in levels)
    return (
        f"Lower and upper bounds are one-sided, each with {each} confidence and valid at any stopping time; "
        f"together they form a {both} interval. A cell passes when its lower bound is above −margin. "
        "Displayed upper bounds are not corrected for the number of cells; the verdicts are."
    )


def cell_row(cell: CellVerdict, calibration: Mapping[str, Any]) -> CellRow:
    """One line of the table, with everything else that is known about the cell in its details.

    Parameters
    ----------
    cell
        The verdict on the cell.
    calibration
        The manifest's calibration draws by ``slice/stratum``, possibly empty.
    """
    return CellRow(
        name=one_line(str(cell.key)),
        slice=one_line(cell.slice),
        stratum=one_line(cell.stratum),
        decision=cell.verdict,
        n=f"{cell.n:,}",
        record=f"{cell.wins:,}–{cell.losses:,}–{cell.ties:,}",
        baseline=percent(cell.baseline_score),
        candidate=percent(cell.candidate_score),
        delta=points(cell.delta),
        low=lower_bound(cell.low, cell.margin),
        high=upper_bound(cell.high, cell.margin),
        margin=points(cell.margin).removeprefix("+"),
        reason=_reason(cell),
        flags=tuple(one_line(flag.replace("_", " "), 80) for flag in cell.flags),
        details=_details(cell, calibration),
    )


def _reason(cell: CellVerdict) -> str | None:
    needed = f"about {count(cell.n_needed, 'item')} would decide it" if cell.n_needed is not None else ""
    parts = [part for part in (cell.reason or "", needed) if part]
    return one_line("; ".join(parts), 400) or None


def _details(cell: CellVerdict, calibration: Mapping[str, Any]) -> tuple[Fact, ...]:
    pairs = {
        "calibration (baseline only)": _calibration(cell, calibration),
        "margin / calibrated score above chance": percent(cell.relative_margin),
        "chance": percent(cell.chance),
        "independent clusters": f"{cell.n_clusters:,} of {count(cell.n, 'item')}",
        f"Tango interval ({confidence(2 * cell.alpha)}, if n were fixed)": _interval(cell.tango_low, cell.tango_high),
        "McNemar exact p (two-sided)": "n/a" if cell.mcnemar_p is None else f"{cell.mcnemar_p:.3g}",
        "harm rate P(candidate wrong | baseline right)": _harm(cell),
        "evidence to pass": f"{evidence(cell.log_e_pass)} (needs {1 / cell.alpha:.3g})",
        "evidence to fail": (
            f"{evidence(cell.log_e_fail)}; {evidence(cell.log_e_fail_adjusted)} after correction for the number "
            f"of cells (needs {1 / cell.alpha:.3g})"
        ),
        "items needed for a verdict": _needed(cell),
    }
    return tuple(Fact(label=label, value=value) for label, value in pairs.items())


def _calibration(cell: CellVerdict, calibration: Mapping[str, Any]) -> str:
    draw = calibration.get(str(cell.key))
    if isinstance(draw, Mapping) and isinstance(draw.get("n"), int) and isinstance(draw.get("correct"), int):
        return f"{draw['correct']:,} of {draw['n']:,} right"
    if cell.calibration_score is None:
        return "not drawn"
    return f"{percent(cell.calibration_score)} on {count(cell.calibration_n or 0, 'item')}"


def _interval(low: float | None, high: float | None) -> str:
    return "n/a" if low is None or high is None else f"{points(low)} to {points(high)} points"


def _harm(cell: CellVerdict) -> str:
    if cell.harm_rate is None:
        return "n/a"
    if cell.harm_low is None or cell.harm_high is None:
        return percent(cell.harm_rate)
    level = confidence(cell.alpha)
    return f"{percent(cell.harm_rate)} ({percent(cell.harm_low)} to {percent(cell.harm_high)}, one-sided {level} each)"


def _needed(cell: CellVerdict) -> str:
    if cell.n_needed is not None:
        return f"about {cell.n_needed:,}, {cell.n:,} seen"
    return "decided" if cell.verdict in ("pass", "regression") else "unknown"


def forest_row(cell: CellVerdict) -> ForestRow:
    """One line of the forest plot; bounds without limit end at the edge of what a score can do."""
    low, high = lower_bound(cell.low, cell.margin), upper_bound(cell.high, cell.margin)
    return ForestRow(
        name=one_line(str(cell.key)),
        decision=cell.verdict,
        delta=None if cell.delta is None else 100 * cell.delta,
        low=_clamped(cell.low, -1.0),
        high=_clamped(cell.high, 1.0),
        margin=100 * cell.margin,
        text=f"{points(cell.delta)} ({low} to {high})",
    )


def _clamped(bound: float, unknown: float) -> float:
    return 100 * (unknown if math.isnan(bound) else min(1.0, max(-1.0, bound)))


def contrast(candidate: CandidateVerdict) -> Contrast:
    """The mean that an ordinary eval reports against the cell that it hides."""
    overall = candidate.overall
    worst = next((cell for cell in candidate.cells if str(cell.key) == overall.worst_cell), None)
    worst_delta = None if worst is None else worst.delta
    return Contrast(
        sentence=_contrast_sentence(overall.delta, overall.worst_cell, worst_delta),
        overall_baseline=percent(overall.baseline_score),
        overall_candidate=percent(overall.candidate_score),
        mean_delta=points(overall.delta),
        median_delta=points(overall.median_cell_delta),
        worst_cell=one_line(overall.worst_cell) if overall.worst_cell else "none",
        worst_delta=points(worst_delta),
    )


def _contrast_sentence(mean: float | None, worst_cell: str | None, worst: float | None) -> str:
    if mean is None:
        return "No item was answered by both sides, so there is neither a mean nor a tail to compare."
    if worst_cell is None or worst is None:
        return f"The mean moved {points(mean)} points; no cell has a difference of its own."
    return f"The mean moved {points(mean)} points; the worst cell, {one_line(worst_cell)}, moved {points(worst)}."
