"""Over- and under-refusal as one change: either rate alone can be bought with the other. Nothing of it decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tailgate.records import PairedOutcome
from tailgate.report.text import one_line, percent, points
from tailgate.report.view import RateChange, RefusalRow
from tailgate.stats.eprocess import item_units
from tailgate.stats.intervals import time_uniform_interval

OVER, UNDER = "over_refusal", "under_refusal"
CONFIDENCE = 0.95  # of a region: both intervals hold at once
_ALPHA_EACH = (1 - CONFIDENCE) / 4  # two rates with two bounds each
REGION_NOTE = (
    "Rates are over requests that both sides answered or declined, changes in points. The two intervals of a row hold "
    f"at once with {100 * CONFIDENCE:g} % confidence, at any stopping time (Bonferroni: four one-sided bounds at "
    f"{100 * (1 - _ALPHA_EACH):g} % each); nothing of it decides."
)


def refusal_rows(outcomes: Sequence[PairedOutcome]) -> tuple[RefusalRow, ...]:
    """One row for every cell in which refusals were measured, in order of the cells.

    Over-refusal is measured on requests that are to be answered, under-refusal on those that are to be declined. As
    in the decision, the first invalid outcome of a cell ends what is looked at.
    """
    pairs: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for outcome in _valid(outcomes):
        for name, before, after in _measured(outcome):
            pairs.setdefault(str(outcome.key), {OVER: [], UNDER: []})[name].append((before, after))
    return tuple(
        RefusalRow(cell=one_line(cell, 120), over=_change(found[OVER]), under=_change(found[UNDER]))
        for cell, found in sorted(pairs.items())
    )


def together(row: RefusalRow) -> str:
    """Both changes of a cell in one sentence."""
    return (
        f"over-refusal {row.over.rates}, {row.over.text} points on {row.over.n:,} items; "
        f"under-refusal {row.under.rates}, {row.under.text} points on {row.under.n:,} items; "
        f"both intervals hold at once with {100 * CONFIDENCE:g} % confidence"
    )


def _valid(outcomes: Sequence[PairedOutcome]) -> Iterator[PairedOutcome]:
    ended = set()
    for outcome in sorted(outcomes, key=lambda each: each.index):
        if outcome.invalid is not None:
            ended.add(outcome.key)
        elif outcome.key not in ended:
            yield outcome


def _measured(outcome: PairedOutcome) -> Iterator[tuple[str, float, float]]:
    if outcome.baseline_signals == outcome.candidate_signals == "{}":
        return
    before, after = json.loads(outcome.baseline_signals), json.loads(outcome.candidate_signals)
    yield from ((name, before[name], after[name]) for name in (OVER, UNDER) if name in before and name in after)


def _change(pairs: Sequence[tuple[float, float]]) -> RateChange:
    """The change of one rate with its share of the region: items come in random order, one of a pair in each half."""
    bounds = time_uniform_interval(item_units([after - before for before, after in pairs]), _ALPHA_EACH)
    n = len(pairs)
    old, new = (sum(side) / n for side in zip(*pairs, strict=True)) if n else (None, None)
    delta = None if old is None or new is None else new - old
    return RateChange(
        n=n,
        baseline=old,
        candidate=new,
        delta=delta,
        low=bounds.low,
        high=bounds.high,
        rates=f"{percent(old)} → {percent(new)}",
        text=f"{points(delta)} [{points(bounds.low)}, {points(bounds.high)}]",
    )
