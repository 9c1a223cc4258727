"""The main pictures of a report as files, for a chat, a pull request or a slide: SVG and PNG on paper of their own."""

from __future__ import annotations

from collections.abc import Iterator

from tailgate.errors import SetupError
from tailgate.report import forest, paths, scatter
from tailgate.report.view import ReportView

SCALE = 2.0  # pixels of a PNG to one of the SVG


def pictures(view: ReportView) -> Iterator[tuple[str, str]]:
    """Names and SVG texts of what there is to draw, the candidates numbered where there are several.

    Raises
    ------
    MissingPackageError
        Altair or vl-convert is not installed.
    SetupError
        vl-convert could not convert a chart.
    """
    for number, candidate in enumerate(view.candidates, 1):
        of = f"-{number}" if len(view.candidates) > 1 else ""
        if candidate.forest:
            yield f"forest{of}", on_paper(forest.draw(candidate.forest, forest.WIDE, forest.LIGHT))
        if candidate.paths:
            yield f"evidence{of}", on_paper(paths.draw(candidate.paths, forest.LIGHT))
    for name, across in (("memory", scatter.MEMORY), ("speed", scatter.SPEED)):
        if points := scatter.drawable(view.costs.points if view.costs else (), across):
            yield name, on_paper(scatter.draw(points, forest.LIGHT, across))


def on_paper(svg: str) -> str:
    """A picture with a sheet behind it: what shows it may be dark."""
    opened = svg.index(">", svg.index("<svg")) + 1
    return f'{svg[:opened]}<rect width="100%" height="100%" fill="{forest.LIGHT.paper}"/>{svg[opened:]}'


def to_png(svg: str) -> bytes:
    """A picture as PNG.

    Raises
    ------
    SetupError
        vl-convert could not convert it.
    """
    import vl_convert

    try:
        png: bytes = vl_convert.svg_to_png(svg, scale=SCALE)
    except ValueError as error:
        raise SetupError(f"a picture could not be drawn: {str(error)[:200]}; update vl-convert-python") from error
    return png
