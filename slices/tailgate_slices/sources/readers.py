"""One reader for each kind of data file: numbered records, or an error that names file and line."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tailgate_slices.item import SliceError
from tailgate_slices.sources.reading import first_line, parsed, shown

Records = Iterator[tuple[int, Mapping[str, Any]]]

MOST_UNPACKED = 2**30  # bytes; a small archive can unpack to more than any memory


def records(path: Path, columns: Sequence[str]) -> Records:
    """The records of a file with their lines, by the ending of its name.

    Raises
    ------
    SliceError
        The kind of file is unknown, or something in it cannot be read.
    """
    readers = {".jsonl": _json_lines, ".json": _json, ".csv": _csv, ".txt": _text, ".parquet": _parquet}
    if path.name.endswith(".jsonl.gz"):
        return _json_lines(path)
    if path.suffix == ".tsv":
        return _tsv(path, columns)
    if path.suffix in readers:
        return readers[path.suffix](path)
    known = ", ".join((*readers, ".tsv", ".jsonl.gz"))
    raise SliceError(f"{path}: unknown kind of file '{path.suffix}'; known are {known}")


def _content(path: Path) -> str:
    raw = _unpacked(path) if path.suffix == ".gz" else path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SliceError(f"{path} line {line} is not UTF-8 (byte {error.start}); save the file as UTF-8") from None


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            raw = file.read(MOST_UNPACKED + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SliceError(f"{path} is not readable as gzip: {first_line(error)}; write it again") from None
    if len(raw) > MOST_UNPACKED:
        raise SliceError(f"{path} unpacks to more than {MOST_UNPACKED} bytes; unpack it, and give a part of it")
    return raw


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Not splitlines: it also splits at U+2028 and the like, which may stand inside a JSON string.
    lines = _content(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix("\r")


def _json_lines(path: Path) -> Records:
    for number, line in _lines(path):
        if not line.strip():
            continue
        fields = _parsed(line, f"{path} line {number}")
        if not isinstance(fields, dict):
            raise SliceError(f"{path} line {number} is no JSON object but {type(fields).__name__}; write one per line")
        yield number, fields


def _json(path: Path) -> Records:
    rows = _parsed(_content(path), str(path))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SliceError(f"{path} is no JSON list of objects; write one object per item")
    yield from enumerate(rows, start=1)


def _parsed(text: str, where: str) -> Any:
    try:
        return parsed(text)
    except SliceError as error:
        raise SliceError(f"{where} {error}") from None


def _csv(path: Path) -> Records:
    header: list[str] = []
    for line, cells in _csv_records(path):
        if not header:
            header = _header(cells, path)
        elif cells:
            yield line, _record(header, cells, f"{path} line {line}")


def _csv_records(path: Path) -> list[tuple[int, list[str]]]:
    """All records at once: the limit on the length of a field, which csv keeps for the process, is put back."""
    text = _content(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = csv.field_size_limit(max(len(text), 1))
    try:
        return [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise SliceError(
            f"{path} line {reader.line_num} is not valid CSV: {error}; correct the line, or write JSON lines"
        ) from None
    finally:
        csv.field_size_limit(before)


def _tsv(path: Path, columns: Sequence[str]) -> Records:
    header = list(columns)
    for number, line in _lines(path):
        cells = line.split("\t")
        if not header:
            header = _header(cells, path)
        elif line:
            yield number, _record(header, cells, f"{path} line {number}")


def _header(cells: list[str], path: Path) -> list[str]:
    seen: set[str] = set()
    for name in cells:
        if name in seen:
            raise SliceError(f"{path} line 1 names the column {shown(name)} twice; rename one")
        seen.add(name)
    return cells


def _record(header: list[str], cells: list[str], where: str) -> Mapping[str, Any]:
    if len(cells) != len(header):
        names = shown(", ".join(header[:20]))
        raise SliceError(
            f"{where} has {len(cells)} fields, the header {len(header)} ({names}); quote or complete the line"
        )
    return dict(zip(header, cells, strict=True))


def _text(path: Path) -> Records:
    for number, line in _lines(path):
        yield number, {"text": line}


def _parquet(path: Path) -> Records:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        rows = parquet.read_table(path).to_pylist()
    except Exception as error:  # damaged bytes make pyarrow raise almost anything
        raise SliceError(f"{path} is not readable as Parquet: {first_line(error)}; write it again") from None
    yield from enumerate(rows, start=1)
