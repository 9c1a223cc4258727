"""The conditions that every bench writes down: the machine, its load, and versions as an interpreter finds them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores, Python, load and date."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def versions(python: str, names: Sequence[str]) -> dict[str, str]:
    """Versions of those packages that an interpreter finds."""
    asked = (
        f"import json; from importlib import metadata; names = {tuple(names)!r};"
        "print(json.dumps({d.name: d.version for d in metadata.distributions() if d.name in names}))"
    )
    said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(said.stdout)
    return found
