"""Charts to pictures, without a browser or a network."""

from __future__ import annotations

import base64
from types import ModuleType
from typing import Any

from tailgate.errors import MissingPackageError, SetupError

FONT = "Helvetica, Arial, sans-serif"  # named families: inside an image, system-ui may resolve to anything


def altair_for(picture: str) -> ModuleType:
    """Altair, when everything that `picture` needs is installed.

    Raises
    ------
    MissingPackageError
        Altair or vl-convert is not installed.
    """
    try:
        import altair
        import vl_convert  # noqa: F401  # found missing before the chart is built
    except ImportError as error:
        raise MissingPackageError(
            f"the {picture} needs {error.name or 'altair'}, which is not installed; run: pip install 'tailgate[report]'"
        ) from error
    return altair


def to_svg(chart: Any, picture: str) -> str:
    """A chart as SVG text.

    Raises
    ------
    SetupError
        vl-convert could not convert it.
    """
    import vl_convert

    try:
        svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    except ValueError as error:
        raise SetupError(f"the {picture} could not be drawn: {str(error)[:200]}; update vl-convert-python") from error
    return svg


def data_uri_of(svg: str) -> str:
    """SVG text as a ``data:`` URI for an image element, where it can neither run scripts nor load anything."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"
