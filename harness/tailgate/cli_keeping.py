"""`tailgate export` and `tailgate erase`: what is kept of runs, given to other tools or taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from tailgate.cli_slices import AsJson


def export(
    run_dir: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    to: Annotated[
        Literal["lm-eval", "model-card", "mlflow", "wandb", "trackio"], typer.Option(help="The tool to write for.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder to write to (default: exports/ in the run folder).")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a finished run in the form of another tool; nothing is sent."""
    from tailgate.api import load_run
    from tailgate.interop.export import Exported
    from tailgate.interop.export import export as write_export

    run = load_run(run_dir)
    files = write_export(Exported(verdict=run.verdict, manifest=run.manifest, out=out or run_dir / "exports"), to)
    print(json.dumps([str(file) for file in files], indent=2) if as_json else "\n".join(map(str, files)))


def erase(
    subject: Annotated[str, typer.Option(help="Id of whose texts are to go.")],
    run: Annotated[
        list[Path] | None, typer.Option(help="A run folder that the store does not know; repeat it.")
    ] = None,
    shadow_dir: Annotated[list[Path] | None, typer.Option(help="Folder of a shadow store; repeat it.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of stored answers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Erase what is kept of one subject, and print a receipt; anonymous outcomes stay."""
    from tailgate.ops.erase import erase as erase_subject
    from tailgate.pipeline.compare import default_store

    receipt = erase_subject(subject, store or default_store(), run or (), shadow_dir or ())
    print(json.dumps(receipt.to_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(receipt.lines()))
