"""What is saved beside what is lost: a mark a variant, memory or speed across, the change of its worst cell upwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.report.forest import SHAPES, Theme, quiet_axis
from tailgate.report.text import display_width
from tailgate.report.vega import FONT, altair_for, to_svg
from tailgate.report.view import CostPoint

PICTURE = "picture of cost and loss"
WIDTH, HEIGHT = 420, 240
_NAME_CHARS = 40
_AIR = 0.08  # of the span, beyond the outermost marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """What is saved: its words, and its number where it was measured."""

    words: str
    of: Callable[[CostPoint], float | None]


MEMORY = Across(words="memory of the tensors, MiB", of=lambda point: point.mib)
SPEED = Across(words="tokens decoded a second", of=lambda point: point.decode)


def drawable(points: Sequence[CostPoint], across: Across) -> tuple[CostPoint, ...]:
    """The points of which that was measured; one alone compares nothing."""
    known = tuple(point for point in points if across.of(point) is not None)
    return known if len(known) > 1 else ()


def draw(points: Sequence[CostPoint], theme: Theme, what: Across = MEMORY) -> str:
    """The picture of `drawable` points as SVG text.

    Raises
    ------
    MissingPackageError
        Altair or vl-convert is not installed.
    SetupError
        vl-convert could not convert the chart.
    """
    alt = altair_for(PICTURE)
    data = alt.Data(values=[_datum(point, theme, what) for point in points])
    saved = [value for point in points if (value := what.of(point)) is not None]
    across = alt.Scale(domain=_domain(saved, 0.0), nice=False)
    upwards = {
        "scale": alt.Scale(domain=_domain([point.delta for point in points], 5.0), nice=False),
        "axis": quiet_axis(alt, theme, "change of the worst cell, points", tickCount=5),
    }
    x = alt.X("saved:Q", scale=across, axis=quiet_axis(alt, theme, what.words, tickCount=5))
    base = alt.Chart(data).encode(x=x, y=alt.Y("delta:Q", **upwards))
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=theme.muted, strokeWidth=1.2)
    marks = base.mark_point(size=110, strokeWidth=1.8, opacity=1).encode(
        stroke=alt.Stroke("color:N", scale=None, legend=None),
        fill=alt.Fill("fill:N", scale=None, legend=None),
        shape=alt.Shape("shape:N", scale=None, legend=None),
    )
    longest = max((display_width(_short(point.name)) for point in points), default=0)
    words = {"align": "left", "baseline": "middle", "dx": 12, "fontSize": 12.5}
    # A halo in the colour of the paper: the words stand on grid lines.
    halo = base.mark_text(stroke=theme.paper, strokeWidth=5, strokeJoin="round", **words).encode(text="name:N")
    names = base.mark_text(color=theme.ink, **words).encode(text="name:N")
    chart = (
        alt.layer(zero.encode(y=alt.Y("zero:Q", **upwards)), halo, names, marks)
        .properties(
            width=WIDTH,
            height=HEIGHT,
            background="transparent",
            autosize=alt.AutoSizeParams(type="none"),
            padding={"left": 64, "right": 9 * longest, "top": 12, "bottom": 48},
        )
        .configure(font=FONT)
        .configure_view(stroke=None)
    )
    return to_svg(chart, PICTURE)


def _datum(point: CostPoint, theme: Theme, what: Across) -> dict[str, Any]:
    color = theme.ink if point.decision is None else theme.decisions[point.decision]
    return {
        "name": _short(point.name),
        "saved": what.of(point),
        "delta": point.delta,
        "color": color,
        "shape": "circle" if point.decision is None else SHAPES[point.decision],
        "fill": "transparent" if point.decision is None else color,
    }


def _short(name: str) -> str:
    # The method, at the end, tells the variants of a model apart.
    return name if len(name) <= _NAME_CHARS else "…" + name[1 - _NAME_CHARS :]


def _domain(values: Sequence[float], least: float) -> list[float]:
    """From zero or below to the largest, at least `least` either way: no change must not look like a magnified one."""
    low, high = min([*values, -least, 0.0]), max([*values, least])
    air = _AIR * (high - low)
    return [low - air if low < 0 else low, high + air]
