"""`tailgate history`: what earlier runs showed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from tailgate.cli_slices import AsJson

history_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Earlier runs and trends over nights.")

StoreDir = Annotated[Path | None, typer.Option("--store", help="Folder of stored answers.")]
Limit = Annotated[int, typer.Option(min=1, help="How many runs to look back.")]
RunName = Annotated[str, typer.Argument(help="Name of a run, or how it begins.")]


def _store(given: Path | None) -> Path:
    from tailgate.pipeline.compare import default_store

    return given or default_store()


def _show(data: Any, lines: list[str], *, as_json: bool) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))


@history_app.command("list")
def list_runs(limit: Limit = 20, store: StoreDir = None, as_json: AsJson = False) -> None:
    """List the last runs, newest first."""
    from tailgate.pipeline.history import open_runs, run_lines

    with open_runs(_store(store)) as runs:
        found = runs.newest(limit)
    _show([asdict(each) for each in found], run_lines(found), as_json=as_json)


@history_app.command()
def show(run: RunName, store: StoreDir = None, as_json: AsJson = False) -> None:
    """Show what a run decided, cell by cell."""
    from tailgate.pipeline.history import cell_lines, open_runs, run_lines

    with open_runs(_store(store)) as runs:
        record = runs.find(run)
        cells = runs.cells(record.run)
    data = {**asdict(record), "cells": [asdict(each) for each in cells]}
    _show(data, [*run_lines([record]), record.path, *cell_lines(cells)], as_json=as_json)


@history_app.command()
def trend(
    cell: Annotated[str, typer.Argument(help="slice/stratum")],
    limit: Limit = 1000,
    store: StoreDir = None,
    as_json: AsJson = False,
) -> None:
    """Follow one cell through the runs, oldest first; what does not compare is ruled off."""
    from tailgate.pipeline import history

    with history.open_runs(_store(store)) as runs:
        found = history.trend(runs, cell, limit)
    data = {name: [point.to_dict() for point in points] for name, points in found.items()}
    _show(data, history.trend_lines(found), as_json=as_json)


@history_app.command()
def html(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("history.html"),
    limit: Limit = 90,
    store: StoreDir = None,
    as_json: AsJson = False,
) -> None:
    """Draw every cell through the runs, into one file."""
    from tailgate.pipeline import history
    from tailgate.report import trends
    from tailgate.store.files import write_text

    with history.open_runs(_store(store)) as runs:
        page = history.trend_page(runs, limit)
    write_text(out, trends.render(page))
    _show({"file": str(out), "runs": page.runs, "lines": len(page.lines)}, [str(out)], as_json=as_json)


@history_app.command()
def compare(first: RunName, second: RunName, store: StoreDir = None, as_json: AsJson = False) -> None:
    """Hold two runs against each other."""
    from tailgate.pipeline import history

    with history.open_runs(_store(store)) as runs:
        rows = history.compare_runs(runs, first, second)
    _show(rows, history.comparison_lines(rows), as_json=as_json)


@history_app.command()
def bless(
    run: RunName,
    reason: Annotated[str, typer.Option(help="Why these weights are the ones to compare with.")],
    store: StoreDir = None,
    as_json: AsJson = False,
) -> None:
    """Vouch for a run's baseline: a later run with other weights under its name says so."""
    from tailgate.pipeline import history

    with history.open_runs(_store(store)) as runs:
        blessed = history.bless(runs, run, reason)
    _show(asdict(blessed), [f"blessed {blessed.baseline}: {blessed.fingerprint}"], as_json=as_json)


@history_app.command()
def blessed(store: StoreDir = None, as_json: AsJson = False) -> None:
    """List the baselines that are vouched for."""
    from tailgate.pipeline.history import open_runs

    with open_runs(_store(store)) as runs:
        found = runs.blessed()
    lines = [f"{each.baseline}  {each.fingerprint[:12]}  {each.blessed_utc}  {each.reason}" for each in found]
    _show([asdict(each) for each in found], lines, as_json=as_json)


@history_app.command()
def prune(
    keep_days: Annotated[int, typer.Option(help="Runs of the last so many days stay.")] = 365,
    store: StoreDir = None,
    as_json: AsJson = False,
) -> None:
    """Forget old runs; their folders and stored answers stay."""
    from tailgate.pipeline import history

    with history.open_runs(_store(store)) as runs:
        count = history.prune(runs, keep_days)
    _show({"forgotten": count}, [f"forgot {count} runs"], as_json=as_json)
