"""Our own format: JSON lines with id, slice and score; stratum, cluster, chance and text where there are any."""

from __future__ import annotations

from pathlib import Path

from tailgate.errors import ConfigError
from tailgate.interop.files import field, json_lines, number
from tailgate.interop.rows import WHOLE, LogRow

KNOWN = ("id", "slice", "score", "stratum", "cluster", "chance", "text")


def read_jsonl(path: Path) -> list[LogRow]:
    """Rows of a file.

    Raises
    ------
    ConfigError
        The file cannot be read, a field is missing or unknown, or its value is of another kind.
    """
    rows = []
    for where, row in json_lines(path):
        if unknown := next((key for key in row if key not in KNOWN), None):
            raise ConfigError(f"{where}: unknown field '{unknown}'; known fields: {', '.join(KNOWN)}")
        texts = {name: row.get(name) for name in ("id", "slice", "stratum", "cluster", "text")}
        for name, value in texts.items():
            if value is not None and not isinstance(value, (str, int)):
                raise ConfigError(f"{where}: '{name}' is {value!r:.80}, not a text")
        rows.append(
            LogRow(
                id=str(field(row, "id", where)),
                slice=str(field(row, "slice", where)),
                score=number(field(row, "score", where), "score", where),
                stratum=WHOLE if texts["stratum"] is None else str(texts["stratum"]),
                cluster=None if texts["cluster"] is None else str(texts["cluster"]),
                chance=number(row.get("chance", 0.0), "chance", where),
                text=str(texts["text"] or ""),
            )
        )
    return rows
