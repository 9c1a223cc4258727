"""Reading log files: text, JSON and JSON lines, with errors that name the file and the line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tailgate.errors import ConfigError


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Objects of a JSON lines file, each with where it stands (``file:line``); empty lines are skipped.

    Raises
    ------
    ConfigError
        The file cannot be read, or a line is not a JSON object.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    where = f"{path}:{number}"
                    yield where, as_object(parse(line, where), where)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}; give a UTF-8 file of JSON lines") from error


def parse(text: str | bytes, where: str) -> Any:
    """Parse JSON, naming the place in the error."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not valid JSON ({error}); write the log again") from error


def as_object(value: Any, where: str) -> dict[str, Any]:
    """The value, which must be a JSON object."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where} holds {type(value).__name__}, not an object; is it the log of another tool?")
    return value


def field(row: Mapping[str, Any], name: str, where: str) -> Any:
    """A field that must be there."""
    if name not in row:
        raise ConfigError(f"{where} has no '{name}'; it has {', '.join(map(str, row)) or 'nothing'}")
    return row[name]


def number(value: Any, name: str, where: str) -> float:
    """A number; true and false are 1 and 0."""
    if not isinstance(value, (bool, int, float)):
        raise ConfigError(f"{where}: '{name}' is {value!r:.80}, not a number")
    return float(value)


def files_of(path: Path, pattern: str, tool: str) -> list[Path]:
    """The file itself, or those of a folder that match.

    Raises
    ------
    ConfigError
        There is none.
    """
    if path.is_file():
        return [path]
    found = sorted(path.rglob(pattern)) if path.is_dir() else []
    if not found:
        raise ConfigError(
            f"{path} is no {tool} log and no folder with one ({pattern}); give the file that {tool} wrote"
        )
    return found
