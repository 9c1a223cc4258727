"""From a view to the text of a report file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from tailgate.errors import UsageError
from tailgate.report import json, junit, markdown
from tailgate.report.view import ReportView

Format: TypeAlias = Literal["html", "md", "junit", "json"]

# The verdict first: whatever stops a later renderer, the decision is on disk.
FORMATS: tuple[Format, ...] = ("json", "junit", "md", "html")
_FILE_NAMES: Mapping[str, str] = {
    "html": "report.html",
    "md": "report.md",
    "junit": "junit.xml",
    "json": "verdict.json",
}


def file_name(format: Format) -> str:
    """The name under which a run folder holds a report.

    Raises
    ------
    UsageError
        There is no such format.
    """
    _check(format)
    return _FILE_NAMES[format]


def render(view: ReportView, format: Format) -> str:
    """The text of a report: one self-contained file that encodes to UTF-8.

    Raises
    ------
    UsageError
        There is no such format.
    """
    _check(format)
    renderers: Mapping[str, Callable[[ReportView], str]] = {
        "html": _html,
        "md": markdown.render,
        "junit": junit.render,
        "json": json.render,
    }
    return renderers[format](view)


def _html(view: ReportView) -> str:
    from tailgate.report import html

    return html.render(view)


def _check(format: str) -> None:
    if format not in FORMATS:
        raise UsageError(f"unknown report format '{format}'; choose from {', '.join(FORMATS)}")
