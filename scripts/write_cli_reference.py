#!/usr/bin/env python3
"""Write docs/site/cli.md from the command line itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs/site/cli.md"


def reference() -> str:
    """The reference that typer makes of the commands."""
    asked = [sys.executable, "-m", "typer", "tailgate.cli", "utils", "docs", "--name", "tailgate"]
    made = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return (
        "\n".join(line.rstrip() for line in made.strip().splitlines()).replace("# `tailgate`", "# Command line", 1)
        + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
