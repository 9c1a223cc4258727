"""``history.html``: every cell through the nights, one file without scripts and without network.

A line joins runs that compare. Where the baseline or the version of the slice changed it stops and another begins; what
else changed (candidate, gate, suite, engine) stands as a rule with its name. The band is the noise floor: the share of
all items of the run that the baseline alone changes when it is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.records import CellDecision
from tailgate.report.forest import DARK, LIGHT, SHAPES, Theme, quiet_axis
from tailgate.report.page import fill
from tailgate.report.vega import FONT, altair_for, data_uri_of, to_svg
from tailgate.report.view import MARKS

PICTURE = "trend"
WIDTH, HEIGHT = 640, 170
_MOST_NAMED = 12  # runs named along the axis
_AIR = 3.0  # points beyond the outermost bound


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """A cell of a candidate in one run; `delta` and bounds in points, `noise` too: the share that repetition changes.

    `breaks`: no line comes here from the point before. `changed`: what is new since then, in words.
    """

    when: str
    run: str
    decision: CellDecision
    n: int
    delta: float | None
    low: float
    high: float
    noise: float | None
    breaks: bool
    changed: tuple[str, ...]
    text: str  # the change and its bounds in words


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendLine:
    """One cell of one candidate, oldest run first; `margin` in points, that of the last run."""

    cell: str
    candidate: str
    margin: float
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPage:
    """All lines of a history."""

    runs: int
    lines: tuple[TrendLine, ...]
    notes: tuple[str, ...] = ()


def render(page: TrendPage) -> str:
    """The text of ``history.html``.

    Raises
    ------
    MissingPackageError
        Jinja2, Altair or vl-convert is not installed.
    """
    pictures = [tuple(data_uri_of(draw(line, theme)) for theme in (LIGHT, DARK)) for line in page.lines]
    return fill("history.html.j2", page=page, pictures=pictures, marks=MARKS)


def draw(line: TrendLine, theme: Theme) -> str:
    """One line as SVG text.

    Raises
    ------
    MissingPackageError
        Altair or vl-convert is not installed.
    SetupError
        vl-convert could not convert the chart.
    """
    alt = altair_for(PICTURE)
    data = alt.Data(values=_data(line, theme))
    scale = {"scale": alt.Scale(domain=_domain(line), nice=False)}
    y = {**scale, "axis": quiet_axis(alt, theme, "points", tickCount=5)}
    base = alt.Chart(data).encode(x=alt.X("place:Q", **_nights(alt, line, theme)))
    rule = alt.Chart(alt.Data(values=[{"at": 0, "color": theme.muted}, {"at": -line.margin, "color": theme.band}]))
    color = {"color": alt.Color("color:N", scale=None, legend=None)}
    changes = base.transform_filter("datum.changed != ''")
    layers = [
        base.mark_area(opacity=0.25, color=theme.muted, interpolate="step").encode(
            y=alt.Y("quiet_low:Q", **y), y2="quiet_high:Q"
        ),
        rule.mark_rule(strokeWidth=1.2).encode(y=alt.Y("at:Q", **y), **color),
        changes.mark_rule(strokeDash=[3, 3], color=theme.muted),
        changes.mark_text(align="left", baseline="top", dx=4, fontSize=11, color=theme.muted).encode(
            y=alt.value(2), text="changed:N"
        ),
        base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(y=alt.Y("low:Q", **y), y2="high:Q", **color),
        base.mark_line(color=theme.muted, strokeWidth=1.5).encode(y=alt.Y("delta:Q", **y), detail="segment:N"),
        base.transform_filter("isValid(datum.delta)")
        .mark_point(size=60, opacity=1, filled=True)
        .encode(y=alt.Y("delta:Q", **y), shape=alt.Shape("shape:N", scale=None, legend=None), **color),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, background="transparent")
    return to_svg(chart.configure(font=FONT).configure_view(stroke=None), PICTURE)


def _nights(alt: Any, line: TrendLine, theme: Theme) -> dict[str, Any]:
    """The axis of runs, in their order and not in time: a month without runs says nothing."""
    last = len(line.points) - 1
    step = max(1, -(-len(line.points) // _MOST_NAMED))
    named = list(range(0, len(line.points), step))
    names = "{" + ", ".join(f"{place}: '{line.points[place].when[:10]}'" for place in named) + "}"
    axis = quiet_axis(alt, theme, "", values=named, labelExpr=f"({names})[datum.value]", labelAngle=-35)
    return {"scale": alt.Scale(domain=[-0.5, last + 0.5], nice=False), "axis": axis}


def _data(line: TrendLine, theme: Theme) -> list[dict[str, Any]]:
    rows, segment = [], 0
    for place, point in enumerate(line.points):
        segment += point.breaks
        rows.append(
            {
                "place": place,
                "segment": segment,
                "delta": point.delta,
                "low": point.low,
                "high": point.high,
                "quiet_low": None if point.noise is None else -point.noise,
                "quiet_high": point.noise,
                "changed": ", ".join(point.changed),
                "color": theme.decisions[point.decision],
                "shape": SHAPES[point.decision],
            }
        )
    return rows


def _domain(line: TrendLine) -> list[float]:
    bounds = [each for point in line.points for each in (point.low, point.high)]
    return [min([*bounds, -line.margin, 0.0]) - _AIR, max([*bounds, 0.0]) + _AIR]


def worst_last(lines: Sequence[TrendLine]) -> tuple[TrendLine, ...]:
    """Lines by their last run: regressions first, then by how much was lost."""
    order = list(MARKS)

    def key(line: TrendLine) -> tuple[int, float, str, str]:
        last = line.points[-1]
        return order.index(last.decision), last.delta if last.delta is not None else 0.0, line.cell, line.candidate

    return tuple(sorted(lines, key=key))
