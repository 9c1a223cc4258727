"""The record beside a checkpoint: from what, how, with which text and by which versions it was made."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tailgate.quantize.methods import Chosen

RECORD = "tailgate_quantize.json"
SCHEMA_VERSION = 1


def build_record(
    chosen: Chosen, source: Mapping[str, str], calibration: Mapping[str, Any] | None, libraries: Mapping[str, str]
) -> dict[str, Any]:
    """The record; `source` has the keys spec and fingerprint."""
    ours = {name: version(name) for name in ("tailgate", "torch", "transformers")}
    return {
        "schema_version": SCHEMA_VERSION,
        "method": chosen.method.name,
        "source": dict(source),
        "calibration": None if calibration is None else dict(calibration),
        # What wrote the weights stands before what read the parent: a worker has versions of its own.
        "libraries": {**ours, **libraries},
        "options": dict(chosen.options),
        "created_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record into a checkpoint's folder."""
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (folder / RECORD).write_text(text, encoding="utf-8", newline="\n")
