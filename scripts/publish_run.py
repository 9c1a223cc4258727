#!/usr/bin/env python3
"""Keep the small tables of a finished run under results/; with a candidate, put its verdict into the README.

Usage: python scripts/publish_run.py RUN_DIR NAME [CANDIDATE]
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

from tailgate import load_run
from tailgate.records import EXIT_CODES, RunVerdict
from tailgate.report.json import render
from tailgate.report.markdown import signal_table
from tailgate.report.model import build_view
from tailgate.report.summary import summary_lines, verdict_lines
from tailgate.report.view import ReportView
from tailgate.store.files import write_text
from tailgate.store.run_folder import read_manifest, read_outcomes

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ("argv", "options")  # what the command line was on one machine; everything else is the run's own


def excerpt(name: str, candidate: str, verdict: RunVerdict) -> str:
    """The README's excerpt of a published run: the verdict on one of its candidates."""
    chosen = next(each for each in verdict.candidates if each.candidate == candidate)
    alone = replace(verdict, candidates=(chosen,), decision=chosen.decision, exit_code=EXIT_CODES[chosen.decision])
    body = "\n".join(verdict_lines(alone))
    return (
        f"<!-- excerpt {name} {candidate} -->\n"
        f"`{candidate}` in the run kept in [results/{name}](results/{name}/tables.md):\n\n"
        f"```text\n{body}\n```\n<!-- /excerpt -->"
    )


def main() -> None:
    """Copy, then refresh the excerpt."""
    source, name, *candidates = Path(sys.argv[1]), *sys.argv[2:]
    target = ROOT / "results" / name
    target.mkdir(parents=True, exist_ok=True)
    run = load_run(source)
    manifest = {key: value for key, value in read_manifest(source).items() if key not in LOCAL}
    manifest["gate"] = {**manifest["gate"], "name": Path(manifest["gate"]["name"]).name}
    view = build_view(run.verdict, read_manifest(source), read_outcomes(source))
    write_text(target / "verdict.json", render(view))
    write_text(target / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    write_text(target / "tables.md", tables(name, view))
    for candidate in candidates:
        put_into_readme(excerpt(name, candidate, run.verdict))


def tables(name: str, view: ReportView) -> str:
    """What a terminal shows of a run, and what graders measured beside the score."""
    shown = "\n".join(summary_lines(view))
    lines = [f"# {name}", "", "Conditions: [manifest.json](manifest.json).", "", "```text", shown, "```"]
    for candidate in view.candidates:
        if candidate.signals:
            lines += ["", f"## {candidate.candidate}: measured beside the score", "", *signal_table(candidate)]
    return "\n".join(lines).rstrip() + "\n"


def put_into_readme(block: str) -> None:
    """Replace the README's excerpt."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    write_text(readme, re.sub(r"<!-- excerpt.*<!-- /excerpt -->", lambda _: block, text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
