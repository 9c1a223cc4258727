"""The forest plot: one line per cell with its delta, its one-sided bounds and the margin it must stay above.

Altair draws it and vl-convert turns it into SVG without a browser or a network. A picture stands in an ``<img>``,
where SVG can neither run scripts nor load anything; labels are data to Vega and text to SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailgate.records import CellDecision
from tailgate.report.text import display_width
from tailgate.report.vega import FONT, altair_for, data_uri_of, to_svg
from tailgate.report.view import ForestRow

PICTURE = "forest plot"

# Hues of Okabe & Ito (2008), told apart with every common colour-vision deficiency; shapes repeat the message.
SHAPES: Mapping[CellDecision, str] = {
    "regression": "triangle-down",
    "invalid": "cross",
    "inconclusive": "diamond",
    "uninformative": "circle",
    "pass": "circle",
}
_MIN_DOMAIN = 10.0  # points: a run without any change must not look like a magnified one
_NAME_CHARS = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of one plot."""

    paper: str
    ink: str
    muted: str
    grid: str
    band: str
    decisions: Mapping[CellDecision, str]


LIGHT = Theme(
    paper="#ffffff",
    ink="#1b1f24",
    muted="#59636e",
    grid="#e3e6ea",
    band="#d55e00",
    decisions={
        "regression": "#c04f00",
        "invalid": "#1b1f24",
        "inconclusive": "#9a6a00",
        "uninformative": "#59636e",
        "pass": "#0072b2",
    },
)
DARK = Theme(
    paper="#111418",
    ink="#e6e9ed",
    muted="#9aa4af",
    grid="#30363d",
    band="#ff8a3d",
    decisions={
        "regression": "#ff8a3d",
        "invalid": "#e6e9ed",
        "inconclusive": "#f0b429",
        "uninformative": "#9aa4af",
        "pass": "#56b4e9",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Geometry in pixels; `stacked` writes a row's name above its line instead of beside it.

    Room for words is fixed, with a fifth to spare: the reader's fonts are not those that the plot was measured with.
    """

    plot_width: int
    row_height: int
    left: int
    right: int
    stacked: bool

    @property
    def line_at(self) -> float:
        """Share of a row's height at which its line is drawn: below the words, where they stand above it."""
        return 0.68 if self.stacked else 0.5

    @property
    def name_limit(self) -> float:
        """Width at which the name of a cell is cut."""
        return (self.plot_width - 60 if self.stacked else self.left - 12) / 1.2


WIDE = Layout(plot_width=520, row_height=28, left=272, right=196, stacked=False)
NARROW = Layout(plot_width=312, row_height=46, left=8, right=8, stacked=True)
_TOP, _BOTTOM = 4, 44


def data_uri(rows: Sequence[ForestRow], layout: Layout, theme: Theme) -> str:
    """The plot as a ``data:`` URI for an image element."""
    return data_uri_of(draw(rows, layout, theme))


def draw(rows: Sequence[ForestRow], layout: Layout, theme: Theme) -> str:
    """The plot as SVG text.

    Raises
    ------
    MissingPackageError
        Altair or vl-convert is not installed.
    SetupError
        vl-convert could not convert the chart.
    """
    return to_svg(_chart(altair_for(PICTURE), rows, _fitted(layout, rows), theme), PICTURE)


def _fitted(layout: Layout, rows: Sequence[ForestRow]) -> Layout:
    if layout.stacked:
        return layout
    longest = max((display_width(_tail_of(row.name)) for row in rows), default=0)
    return replace(layout, left=min(layout.left, 9 * longest + 24))


def _tail_of(name: str) -> str:
    # The stratum, at the end, tells the cells of a slice apart.
    return name if len(name) <= _NAME_CHARS else "…" + name[1 - _NAME_CHARS :]


def _chart(alt: Any, rows: Sequence[ForestRow], layout: Layout, theme: Theme) -> Any:
    data = alt.Data(values=[_datum(number + layout.line_at, row, theme) for number, row in enumerate(rows)])
    base = alt.Chart(data).encode(y=alt.Y("row:Q", axis=None, scale=_row_scale(alt, rows)))
    layers = [*_lines(alt, base, rows, theme), *_words(alt, base, layout, theme)]
    return (
        alt.layer(*layers)
        .properties(
            width=layout.plot_width,
            height=layout.row_height * len(rows),
            background="transparent",
            autosize=alt.AutoSizeParams(type="none"),
            padding={"left": layout.left, "right": layout.right, "top": _TOP, "bottom": _BOTTOM},
        )
        .configure(font=FONT)
        .configure_view(stroke=None)
    )


def _datum(position: float, row: ForestRow, theme: Theme) -> dict[str, Any]:
    return {
        "row": position,
        "name": _tail_of(row.name),
        "text": row.text,
        "short": row.text.split(" ")[0],
        "delta": row.delta,
        "low": row.low,
        "high": row.high,
        "margin": -row.margin,
        "color": theme.decisions[row.decision],
        "shape": SHAPES[row.decision],
        "fill": "transparent" if row.decision == "uninformative" else theme.decisions[row.decision],
    }


def _row_scale(alt: Any, rows: Sequence[ForestRow]) -> Any:
    return alt.Scale(domain=[0, max(1, len(rows))], reverse=True, nice=False, zero=False)


def _domain(rows: Sequence[ForestRow]) -> list[float]:
    low = min([-_MIN_DOMAIN, *(row.low for row in rows), *(-row.margin for row in rows)])
    high = max([_MIN_DOMAIN, *(row.high for row in rows)])
    air = 0.03 * (high - low)
    return [low - air, high + air]


def quiet_axis(alt: Any, theme: Theme, title: str, **more: Any) -> Any:
    """An axis that steps back behind what it measures."""
    return alt.Axis(
        title=title,
        gridColor=theme.grid,
        domainColor=theme.grid,
        tickColor=theme.grid,
        labelColor=theme.muted,
        titleColor=theme.muted,
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
        **more,
    )


def _lines(alt: Any, base: Any, rows: Sequence[ForestRow], theme: Theme) -> list[Any]:
    axis = quiet_axis(alt, theme, "points gained or lost by the candidate", orient="bottom", tickCount=6)
    scale = alt.Scale(domain=_domain(rows), nice=False)
    color = {"color": alt.Color("color:N", scale=None, legend=None)}
    x = alt.X("delta:Q", scale=scale, axis=axis)
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=theme.muted, strokeWidth=1.2)
    marks = {
        "shape": alt.Shape("shape:N", scale=None, legend=None),
        "fill": alt.Fill("fill:N", scale=None, legend=None),
    }
    return [
        zero.encode(x=alt.X("zero:Q", scale=scale, axis=axis)),
        base.mark_tick(orient="vertical", color=theme.band, thickness=2, size=18).encode(
            x=alt.X("margin:Q", scale=scale, axis=axis)
        ),
        base.mark_rule(strokeWidth=2.5, strokeCap="round").encode(
            x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", **color
        ),
        base.transform_filter("isValid(datum.delta)")
        .mark_point(size=90, strokeWidth=1.8, opacity=1)
        .encode(x=x, stroke=alt.Stroke("color:N", scale=None, legend=None), **marks),
    ]


def _words(alt: Any, base: Any, layout: Layout, theme: Theme) -> list[Any]:
    left = {"align": "left", "baseline": "middle"}
    right = {"align": "right", "baseline": "middle"}
    name = {"limit": layout.name_limit, "fontSize": 13}
    if not layout.stacked:
        names = base.mark_text(color=theme.ink, **right, **name).encode(x=alt.value(-12), text="name:N")
        texts = base.mark_text(color=theme.muted, fontSize=12.5, **left)
        return [names, texts.encode(x=alt.value(layout.plot_width + 14), text="text:N")]
    above = {"dy": 11 - layout.line_at * layout.row_height}
    # A halo in the colour of the paper: the words stand on grid lines.
    halo = {"stroke": theme.paper, "strokeWidth": 5, "strokeJoin": "round"}
    name_at, delta_at = {"x": alt.value(0), "text": "name:N"}, {"x": alt.value(layout.plot_width), "text": "short:N"}
    return [
        base.mark_text(**left, **name, **above, **halo).encode(**name_at),
        base.mark_text(color=theme.ink, **left, **name, **above).encode(**name_at),
        base.mark_text(fontSize=13, **right, **above, **halo).encode(**delta_at),
        base.mark_text(fontSize=13, fontWeight="bold", color=theme.ink, **right, **above).encode(**delta_at),
    ]
