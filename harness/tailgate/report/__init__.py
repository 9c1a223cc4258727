"""One view of a run (`model.build_view`) and the renderers that lay it out: HTML, Markdown, JUnit, JSON, terminal.

Altair and Jinja2 load only when an HTML report is drawn.
"""

from __future__ import annotations

from tailgate.report.json import verdict_from_dict, verdict_to_dict
from tailgate.report.model import build_view
from tailgate.report.render import Format, file_name, render
from tailgate.report.summary import summary_lines
from tailgate.report.view import ReportView

__all__ = [
    "Format",
    "ReportView",
    "build_view",
    "file_name",
    "render",
    "summary_lines",
    "verdict_from_dict",
    "verdict_to_dict",
]
