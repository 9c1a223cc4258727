"""How the evidence of a cell grew item by item, up to its verdict: the capital of both bets in small pictures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from tailgate.records import CellDecision, CellVerdict, PairedOutcome
from tailgate.report.forest import Theme, quiet_axis
from tailgate.report.text import one_line
from tailgate.report.vega import FONT, altair_for, to_svg
from tailgate.report.view import EvidencePath
from tailgate.stats.eprocess import log_e_fail, log_e_pass

PICTURE = "picture of the evidence"
MOST_CELLS = 9  # pictures of a candidate, the worst cells first
COLUMNS, WIDTH, HEIGHT = 3, 190, 100
_MOST_POINTS = 80  # of a path
_LOWEST, _HIGHEST = -4.0, 12.0  # powers of ten that are drawn


def evidence_paths(cells: Sequence[CellVerdict], outcomes: Sequence[PairedOutcome]) -> tuple[EvidencePath, ...]:
    """The paths of the worst cells whose items stand alone and are right or wrong; clusters bet as one unit."""
    by_cell: dict[str, list[PairedOutcome]] = defaultdict(list)
    for each in outcomes:
        by_cell[str(each.key)].append(each)
    paths = (_path(cell, by_cell[str(cell.key)]) for cell in cells)
    return tuple(each for each in paths if each is not None)[:MOST_CELLS]


def _path(cell: CellVerdict, outcomes: Sequence[PairedOutcome]) -> EvidencePath | None:
    ordered = sorted(outcomes, key=lambda each: each.index)
    changes = np.array([each.candidate_score - each.baseline_score for each in ordered])
    alone = all(each.cluster is None and each.invalid is None for each in ordered)
    if not ordered or not alone or not np.isin(changes, (-1.0, 0.0, 1.0)).all():
        return None
    places = np.unique(np.linspace(1, len(ordered), min(_MOST_POINTS, len(ordered))).astype(int))
    wins, losses = (np.cumsum(changes == sign)[places - 1] for sign in (1.0, -1.0))
    counts = (wins, places - wins - losses, losses, cell.margin)
    return EvidencePath(
        cell=one_line(str(cell.key)),
        decision=cell.verdict,
        bar=_power(-math.log(cell.alpha)),
        items=tuple(int(place) for place in places),
        passing=tuple(_power(value) for value in log_e_pass(*counts)),
        failing=tuple(_power(value) for value in log_e_fail(*counts)),
    )


def _power(log_e: float) -> float:
    """A natural logarithm as a power of ten, within what is drawn."""
    return min(max(float(log_e) / math.log(10), _LOWEST), _HIGHEST)


def draw(paths: Sequence[EvidencePath], theme: Theme) -> str:
    """The pictures as SVG text.

    Raises
    ------
    MissingPackageError
        Altair or vl-convert is not installed.
    SetupError
        vl-convert could not convert the chart.
    """
    alt = altair_for(PICTURE)
    charts = [_chart(alt, path, theme) for path in paths]
    grid = alt.concat(*charts, columns=COLUMNS, spacing=18).properties(background="transparent")
    return to_svg(grid.configure(font=FONT).configure_view(stroke=None), PICTURE)


def _chart(alt: Any, path: EvidencePath, theme: Theme) -> Any:
    sides: tuple[tuple[CellDecision, tuple[float, ...]], ...] = (("pass", path.passing), ("regression", path.failing))
    rows = [
        {"items": items, "power": power, "side": side, "color": theme.decisions[side]}
        for side, powers in sides
        for items, power in zip(path.items, powers, strict=True)
    ]
    domain = [min(-1.0, *path.passing, *path.failing), max(2.0, *path.passing, *path.failing)]
    y = {"scale": alt.Scale(domain=domain, nice=False), "axis": quiet_axis(alt, theme, "10^", tickCount=4)}
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("items:Q", axis=quiet_axis(alt, theme, "items", tickCount=4)),
            y=alt.Y("power:Q", **y),
            color=alt.Color("color:N", scale=None, legend=None),
            strokeDash=alt.StrokeDash(
                "side:N", scale=alt.Scale(domain=["pass", "regression"], range=[[1, 0], [5, 2]]), legend=None
            ),
        )
    )
    bar = alt.Chart(alt.Data(values=[{"bar": path.bar}])).mark_rule(color=theme.muted, strokeDash=[2, 3])
    name = path.cell if len(path.cell) <= 34 else "…" + path.cell[-33:]
    title = alt.TitleParams(text=name, color=theme.ink, fontSize=12, fontWeight="normal", anchor="start")
    return alt.layer(lines, bar.encode(y=alt.Y("bar:Q", **y))).properties(width=WIDTH, height=HEIGHT, title=title)
