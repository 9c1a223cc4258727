"""The reports of a finished run, written again from what its folder holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

from tailgate.pipeline.decide import decide
from tailgate.report.model import build_view
from tailgate.report.render import Format, file_name, render
from tailgate.report.view import ReportView
from tailgate.store.files import write_bytes, write_text
from tailgate.store.run_folder import read_manifest, read_outcomes

PictureFormat: TypeAlias = Literal["svg", "png"]
PICTURES: tuple[PictureFormat, ...] = ("svg", "png")


def write_reports(run_dir: Path, formats: Iterable[Format], pictures: Iterable[PictureFormat] = ()) -> list[Path]:
    """Decide again, and write reports and pictures of some formats; returns their files.

    Raises
    ------
    RunFolderError
        The folder holds no finished run.
    OutputError
        A file cannot be written.
    SetupError
        A picture cannot be drawn.
    """
    view = build_view(decide(run_dir), read_manifest(run_dir), read_outcomes(run_dir))
    written = []
    for form in formats:
        write_text(run_dir / file_name(form), render(view, form))
        written.append(run_dir / file_name(form))
    for kind in pictures:
        written += _write_pictures(run_dir, view, kind)
    return written


def _write_pictures(run_dir: Path, view: ReportView, kind: PictureFormat) -> Iterable[Path]:
    from tailgate.report import pictures

    for name, svg in pictures.pictures(view):
        file = run_dir / f"{name}.{kind}"
        write_bytes(file, pictures.to_png(svg) if kind == "png" else svg.encode())
        yield file
