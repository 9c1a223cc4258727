#!/usr/bin/env python3
"""Write docs/site/verdict.schema.json, the JSON Schema of verdict.json, from the records that it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tailgate.records import RunVerdict
from tailgate.report.json import NONFINITE_KEY

FILE = Path(__file__).resolve().parent.parent / "docs/site/verdict.schema.json"
NONFINITE = {
    "description": "Numbers of this object that are null because they are not finite: name -> inf, -inf or nan.",
    "type": "object",
    "additionalProperties": {"enum": ["inf", "-inf", "nan"]},
}
REFUSALS = {
    "description": "Both refusal rates of cells that have them; null where there was no item.",
    "type": "array",
    "items": {"type": "object", "required": ["cell", "confidence"]},
}
SIGNALS = {
    "description": "Means of what graders measured beside the score, over items that both sides have.",
    "type": "array",
    "items": {"type": "object", "required": ["cell", "signal", "n", "baseline", "candidate"]},
}


def schema() -> dict[str, Any]:
    """The schema: what is required, of which type; keys that a later version adds are allowed."""
    made = TypeAdapter(RunVerdict).json_schema()
    for record in (made, *made["$defs"].values()):
        if record.get("type") == "object":
            _adapt(record)
    made["$defs"]["CandidateVerdict"]["properties"] |= {"refusals": REFUSALS, "signals": SIGNALS}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "verdict.json"}


def _adapt(record: dict[str, Any]) -> None:
    """All fields are written, whatever their defaults; numbers may be null where they are not finite."""
    properties = record["properties"]
    record["required"] = sorted(properties)
    for each in properties.values():
        each.pop("default", None)
        if each.get("type") == "number":
            each["type"] = ["number", "null"]
    properties[NONFINITE_KEY] = NONFINITE


if __name__ == "__main__":
    FILE.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
