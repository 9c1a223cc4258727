#!/usr/bin/env python3
"""Keep the small tables of a finished run under results/, and put its excerpt into the README.

Usage: python scripts/publish_run.py RUN_DIR NAME
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tailgate import load_run
from tailgate.report.json import dump
from tailgate.report.summary import verdict_lines
from tailgate.store.files import write_text
from tailgate.store.run_folder import read_manifest

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ("argv", "options")  # what the command line was on one machine; everything else is the run's own


def excerpt(run: str, lines: list[str]) -> str:
    """The README's excerpt of a published run."""
    body = "\n".join(lines)
    return f"From the run kept in [results/{run}](results/{run}/report.md):\n\n```text\n{body}\n```"


def main() -> None:
    """Copy, then refresh the excerpt."""
    source, name = Path(sys.argv[1]), sys.argv[2]
    target = ROOT / "results" / name
    target.mkdir(parents=True, exist_ok=True)
    run = load_run(source)
    manifest = {key: value for key, value in read_manifest(source).items() if key not in LOCAL}
    write_text(target / "verdict.json", dump(run.verdict) + "\n")
    write_text(target / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    write_text(target / "report.md", (source / "report.md").read_text(encoding="utf-8"))
    readme = ROOT / "README.md"
    block = f"<!-- excerpt -->\n{excerpt(name, verdict_lines(run.verdict))}\n<!-- /excerpt -->"
    text = readme.read_text(encoding="utf-8")
    write_text(readme, re.sub(r"<!-- excerpt -->.*<!-- /excerpt -->", lambda _: block, text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
