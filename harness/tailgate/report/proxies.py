"""What distributions say beside what scores say: divergence and agreement per cell against the change of the score.

A proxy measured on the baseline's own tokens is cheap and reads well, and it is a mean: a cell may be broken while its
proxy is calm. Both stand side by side, with their rank correlation over cells, and such cells are named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from tailgate.records import CellVerdict, PairedOutcome
from tailgate.report.text import one_line, percent, points
from tailgate.report.view import Proxies, ProxyRow

FEWEST_CELLS = 4  # for a rank correlation


def proxies(cells: Sequence[CellVerdict], outcomes: Sequence[PairedOutcome]) -> Proxies | None:
    """Proxies of the cells in which the engine looked; None where it looked in none."""
    by_cell: dict[str, list[PairedOutcome]] = defaultdict(list)
    for each in outcomes:
        if each.invalid is None and each.mean_kl_floor is not None:
            by_cell[str(each.key)].append(each)
    known = [cell for cell in cells if cell.delta is not None and by_cell[str(cell.key)]]
    if not known:
        return None
    divergences = [fmean(_floors(by_cell[str(cell.key)])) for cell in known]
    unharmed = [divergence for cell, divergence in zip(known, divergences, strict=True) if cell.verdict == "pass"]
    calm = max(unharmed, default=float("-inf"))  # no threshold lets such a cell pass and stops one below it
    rows = tuple(
        _row(cell, by_cell[str(cell.key)], divergence, calm)
        for cell, divergence in zip(known, divergences, strict=True)
    )
    return Proxies(rows=rows, correlation=_correlation(known, divergences), warning=_warning(rows))


def _floors(outcomes: Sequence[PairedOutcome]) -> list[float]:
    return [each.mean_kl_floor for each in outcomes if each.mean_kl_floor is not None]


def _row(cell: CellVerdict, outcomes: Sequence[PairedOutcome], divergence: float, calm: float) -> ProxyRow:
    agreements = [each.top1_agreement for each in outcomes if each.top1_agreement is not None]
    log_probs = [each.mean_log_prob for each in outcomes if each.mean_log_prob is not None]
    return ProxyRow(
        cell=one_line(str(cell.key)),
        decision=cell.verdict,
        n=f"{len(outcomes):,}",
        delta=points(cell.delta),
        kl=f"{divergence:.3g}",
        agreement=percent(fmean(agreements)) if agreements else "n/a",
        log_prob=f"{fmean(log_probs):.3f}" if log_probs else "n/a",
        calm_but_broken=cell.verdict == "regression" and divergence <= calm,
    )


def _correlation(cells: Sequence[CellVerdict], divergences: Sequence[float]) -> str:
    losses = [-(cell.delta or 0.0) for cell in cells]
    if len(cells) < FEWEST_CELLS or len(set(losses)) < 2 or len(set(divergences)) < 2:
        return f"no rank correlation: {len(cells)} cells"
    from scipy.stats import spearmanr

    found = float(spearmanr(divergences, losses).statistic)
    return f"rank correlation (Spearman) of divergence and loss over {len(cells)} cells: {found:+.2f}"


def _warning(rows: Sequence[ProxyRow]) -> str | None:
    broken = [row.cell for row in rows if row.calm_but_broken]
    if not broken:
        return None
    return (
        f"A calm proxy sits on a broken cell: {', '.join(broken)} lost, with a divergence at or below that of a cell "
        "that passed. No threshold on divergence tells them apart."
    )
