"""`tailgate serve`, and the report of what shadow mode saw."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tailgate.errors import MissingPackageError, UsageError

PACKAGES = ("fastapi", "uvicorn", "prometheus_client")
SHADOW_FORMATS = ("md", "json")


def serve(  # noqa: PLR0913  # one parameter per option, by typer's design
    specs: Annotated[list[str], typer.Argument(help="Variants of a model, side by side: MODEL[@method[:key=value]].")],
    name: Annotated[list[str] | None, typer.Option(help="What clients call a variant; one for each, in order.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; a public one needs an API key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.")] = 8000,
    device: Annotated[str | None, typer.Option(help="cpu or cuda[:N] (default: CUDA where there is one).")] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="File with the API key (default: the variable TAILGATE_API_KEY).")
    ] = None,
    max_requests: Annotated[int, typer.Option(help="Answers under way or waiting; more are refused (429).")] = 256,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer (default: the model's context).")] = None,
    max_body: Annotated[int, typer.Option(help="Longest request body in bytes.")] = 4 << 20,
    drain: Annotated[str, typer.Option(help="How long a shutdown waits for answers under way.")] = "5m",
    shadow: Annotated[
        str | None, typer.Option(help="Candidate that verifies the first variant's answers in the background.")
    ] = None,
    shadow_dir: Annotated[Path, typer.Option(help="Folder of what it finds.")] = Path("results/shadow"),
    shadow_rate: Annotated[float, typer.Option(help="Share of the requests that it looks at.")] = 1.0,
    shadow_keep: Annotated[int, typer.Option(help="Days after which what it found is deleted.")] = 30,
) -> None:
    """Serve variants of a model over HTTP, OpenAI-compatible, greedy."""
    from tailgate.config import parse_duration
    from tailgate.serve.options import KEY_VARIABLE, Limits, ServeOptions, ShadowOptions, read_key

    watching = (
        ShadowOptions(candidate=shadow, folder=shadow_dir, rate=shadow_rate, keep_days=shadow_keep) if shadow else None
    )
    options = ServeOptions(
        specs=tuple(specs),
        names=tuple(name or ()),
        host=host,
        port=port,
        device=device,
        api_key=read_key(api_key_file, os.environ.get(KEY_VARIABLE)),
        limits=Limits(requests=max_requests, new_tokens=max_tokens, body_bytes=max_body),
        drain_s=parse_duration(drain),
        shadow=watching,
    )
    _check_packages()
    from tailgate.serve.run import serve as run

    run(options, lambda text: print(text, file=sys.stderr, flush=True))


def _check_packages() -> None:
    from importlib.util import find_spec

    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise MissingPackageError(
            f"serve needs {missing[0]}, which is not installed; run: pip install 'tailgate[serve]'"
        )


def report_shadow(folder: Path, asked: Sequence[str], *, as_json: bool) -> None:
    """Write the summary of a shadow folder, in those of the formats asked for that it has.

    Raises
    ------
    UsageError
        It has none of them.
    """
    from tailgate.report.shadow import build_shadow_report, shadow_json, shadow_markdown
    from tailgate.store.files import write_text
    from tailgate.store.shadow import open_existing

    if not set(asked) & set(SHADOW_FORMATS):
        raise UsageError(f"--format {','.join(asked)}: a shadow folder has {' and '.join(SHADOW_FORMATS)} only")
    with open_existing(folder) as store:
        found = build_shadow_report(store)
    if as_json:
        print(shadow_json(found))
        return
    for form, write in (("md", shadow_markdown), ("json", shadow_json)):
        if form in asked:
            path = folder / f"shadow.{form}"
            write_text(path, write(found) + "\n")
            print(path)
