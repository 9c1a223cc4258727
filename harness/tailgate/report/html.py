"""The HTML report: one file without network, for a browser, a phone or a mail attachment.

Everything but the browser of items works without its script, which is allowed by its hash alone: nothing that a model
wrote can run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TypeVar

from tailgate.errors import SetupError
from tailgate.report import forest, heatmaps, paths, scatter
from tailgate.report.page import asset, fill
from tailgate.report.vega import data_uri_of
from tailgate.report.view import MARKS, CandidateView, ReportView


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The forest plot of one candidate for two widths and two themes, or why there is none."""

    wide_light: str = ""
    wide_dark: str = ""
    narrow_light: str = ""
    narrow_dark: str = ""
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture for two themes, or why there is none; empty where there is nothing to draw."""

    light: str = ""
    dark: str = ""
    missing: str | None = None
    marks: int = 0  # of variants, where it holds some


def render(view: ReportView) -> str:
    """The text of ``report.html``.

    The template engine escapes every value; the content security policy forbids requests and scripts other than ours.

    Raises
    ------
    MissingPackageError
        Jinja2 is not installed.
    """
    script = asset("items.js")
    return fill(
        "report.html.j2",
        view=view,
        plots=[plot(candidate) for candidate in view.candidates],
        scatters=[scatter_of(view, across) for across in (scatter.MEMORY, scatter.SPEED)],
        paths=[picture(candidate.paths, paths.draw) for candidate in view.candidates],
        marks=MARKS,
        fewest=heatmaps.FEWEST,
        script=script,
        script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def frame(view: ReportView, height_px: int = 900) -> str:
    """The report in a sandboxed frame, for a notebook: neither page can reach into the other's style or scripts."""
    size = f"width:100%;height:{height_px}px;border:0"
    document = escape(render(replace(view, items=None)))  # its script would not run there
    return f'<iframe sandbox="" title="{escape(view.title)}" style="{size}" srcdoc="{document}"></iframe>'


def plot(candidate: CandidateView) -> Plot:
    """Draw the forest plot of a candidate; where that is impossible, the report says so in its place."""
    rows = candidate.forest
    if not rows:
        return Plot(missing="There is nothing to plot: no cell was decided.")
    try:
        return Plot(
            wide_light=forest.data_uri(rows, forest.WIDE, forest.LIGHT),
            wide_dark=forest.data_uri(rows, forest.WIDE, forest.DARK),
            narrow_light=forest.data_uri(rows, forest.NARROW, forest.LIGHT),
            narrow_dark=forest.data_uri(rows, forest.NARROW, forest.DARK),
        )
    except SetupError as error:
        return Plot(missing=str(error))


def scatter_of(view: ReportView, across: scatter.Across) -> Picture:
    """What several candidates lose against what they save."""
    points = scatter.drawable(view.costs.points if view.costs else (), across)
    return replace(picture(points, lambda drawn, theme: scatter.draw(drawn, theme, across)), marks=len(points))


Drawn = TypeVar("Drawn")


def picture(what: Sequence[Drawn], draw: Callable[[Sequence[Drawn], forest.Theme], str]) -> Picture:
    """Draw something as SVG for two themes; where that is impossible, the report says so in its place."""
    if not what:
        return Picture()
    try:
        return Picture(light=data_uri_of(draw(what, forest.LIGHT)), dark=data_uri_of(draw(what, forest.DARK)))
    except SetupError as error:
        return Picture(missing=str(error))
