"""The reports of a finished run, written again from what its folder holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tailgate.pipeline.decide import decide
from tailgate.report.model import build_view
from tailgate.report.render import Format, file_name, render
from tailgate.store.files import write_text
from tailgate.store.run_folder import read_manifest, read_outcomes


def write_reports(run_dir: Path, formats: Iterable[Format]) -> list[Path]:
    """Decide again, and write reports of some formats; returns their files.

    Raises
    ------
    RunFolderError
        The folder holds no finished run.
    OutputError
        A file cannot be written.
    """
    view = build_view(decide(run_dir), read_manifest(run_dir), read_outcomes(run_dir))
    written = []
    for form in formats:
        write_text(run_dir / file_name(form), render(view, form))
        written.append(run_dir / file_name(form))
    return written
