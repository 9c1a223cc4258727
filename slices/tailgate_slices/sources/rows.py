"""Rows of data files (JSON lines, JSON, CSV, TSV, Parquet, text) or of a folder of them; errors name file and line."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate_slices.item import SliceError

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt")  # .jsonl.gz as well
_DISK_MARKS = ("dataset_dict.json", "state.json")  # what `save_to_disk` of the package datasets leaves in a folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record: its fields, and where it stands. `source` is the file's name without its ending."""

    fields: Mapping[str, Any]
    line: int  # from 1; of a CSV row the line on which it ends
    source: str
    folder: str = ""  # name of the folder that holds the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Rows in the order of the files, and the hash of all their bytes."""

    rows: tuple[Row, ...]
    sha256: str
    origin: str

    @property
    def version(self) -> str:
        """Version of a slice made from this data."""
        return f"1+{self.sha256[:8]}"


def read_data(path: Path, *, columns: Sequence[str] = ()) -> Data:
    """Read a file, or all data files of a folder in the order of their names.

    The hash of one file is that of its bytes; the hash of a folder is that of the lines ``<sha256>  <name>``.

    Parameters
    ----------
    path
        A data file, a folder of data files, or a folder written by ``save_to_disk`` of the package datasets.
    columns
        Names of the columns of TSV files without a header; without them the first line is the header.

    Raises
    ------
    SliceError
        Nothing there, no rows, not UTF-8, or a line that cannot be read.
    """
    if path.is_dir():
        return _read_folder(path, columns)
    if not path.is_file():
        raise SliceError(f"no file '{path}'; give a file that exists ({', '.join(SUFFIXES)})")
    data = Data(rows=tuple(_rows_of(path, columns)), sha256=_sha256(path), origin=path.name)
    return _nonempty(data, path)


def _read_folder(path: Path, columns: Sequence[str]) -> Data:
    if any((path / mark).is_file() for mark in _DISK_MARKS):
        return _nonempty(from_datasets(path), path)
    files = sorted(each for each in path.rglob("*") if _is_data(each))
    rows = tuple(row for file in files for row in _rows_of(file, columns))
    listing = "".join(f"{_sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return _nonempty(Data(rows=rows, sha256=hashlib.sha256(listing.encode()).hexdigest(), origin=path.name), path)


def _is_data(path: Path) -> bool:
    return path.is_file() and (path.suffix in SUFFIXES or path.name.endswith(".jsonl.gz"))


def _nonempty(data: Data, path: Path) -> Data:
    if not data.rows:
        raise SliceError(f"{path} has no rows; give a {' or '.join(SUFFIXES)} file with at least one")
    return data


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows_of(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    readers = {".jsonl": _json_lines, ".json": _json, ".csv": _csv, ".txt": _text, ".parquet": _parquet}
    if path.name.endswith(".jsonl.gz"):
        found = _json_lines(path)
    elif path.suffix == ".tsv":
        found = _tsv(path, columns)
    elif path.suffix in readers:
        found = readers[path.suffix](path)
    else:
        raise SliceError(f"{path}: unknown kind of file '{path.suffix}'; known are {', '.join(SUFFIXES)}")
    for line, fields in found:
        yield Row(fields=fields, line=line, source=path.stem, folder=path.parent.name)


def _content(path: Path) -> str:
    raw = path.read_bytes()
    try:
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError) as error:
        raise SliceError(f"{path} is not readable as gzip: {error}; write it again") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SliceError(f"{path} line {line} is not UTF-8 (byte {error.start}); save the file as UTF-8") from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Not splitlines: it also splits at U+2028 and the like, which may stand inside a JSON string.
    lines = _content(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix("\r")


def _json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise SliceError(f"{path} line {number} is not valid JSON: {error}; correct the line") from None
        if not isinstance(fields, dict):
            raise SliceError(f"{path} line {number} is no JSON object but {type(fields).__name__}; write one per line")
        yield number, fields


def _json(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        rows = json.loads(_content(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise SliceError(f"{path} is not valid JSON: {error}; correct the file") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SliceError(f"{path} is no JSON list of objects; write one object per item")
    yield from enumerate(rows, start=1)


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(_content(path), newline=""), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not header:
                header = _header(cells, path)
            elif cells:
                yield reader.line_num, _record(header, cells, f"{path} line {reader.line_num}")
    except csv.Error as error:
        raise SliceError(
            f"{path} line {reader.line_num} is not valid CSV: {error}; correct the line, or write JSON lines"
        ) from None


def _tsv(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header = list(columns)
    for number, line in _lines(path):
        cells = line.split("\t")
        if not header:
            header = _header(cells, path)
        elif line:
            yield number, _record(header, cells, f"{path} line {number}")


def _header(cells: list[str], path: Path) -> list[str]:
    repeated = [name for name in cells if cells.count(name) > 1]
    if repeated:
        raise SliceError(f"{path} line 1 names the column '{repeated[0]}' twice; rename one")
    return cells


def _record(header: list[str], cells: list[str], where: str) -> Mapping[str, Any]:
    if len(cells) != len(header):
        raise SliceError(
            f"{where} has {len(cells)} fields, the header {len(header)} ({', '.join(header)}); quote or complete it"
        )
    return dict(zip(header, cells, strict=True))


def _text(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in _lines(path):
        yield number, {"text": line}


def _parquet(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise SliceError(f"{path} is not readable as Parquet: {str(error).splitlines()[0]}; write it again") from None
    yield from enumerate(rows, start=1)


def require_package(module: str, purpose: str) -> Any:
    """Import an optional package.

    Raises
    ------
    SliceError
        It is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SliceError(
            f"{purpose} needs the python package {module} ({error}); run: pip install 'tailgate[slices]'"
        ) from None


def from_datasets(path: Path, *, split: str | None = None) -> Data:
    """Rows of a folder written by ``save_to_disk`` of the package datasets.

    Raises
    ------
    SliceError
        datasets is missing, or the folder holds several splits and none is chosen.
    """
    loaded: Any = require_package("datasets", f"the folder {path}").load_from_disk(str(path))
    if hasattr(loaded, "keys"):
        names = list(loaded.keys())
        if split not in names and len(names) != 1:
            raise SliceError(f"{path} has the splits {', '.join(names)}; give the folder of one of them")
        loaded = loaded[split if split in names else names[0]]
    return _of_table(loaded, source=path.name, origin=path.name)


def from_hub(hub: str, configs: Sequence[str], split: str) -> Data:
    """Rows of one split of a data set of the hub, its configurations one after the other.

    Raises
    ------
    SliceError
        datasets is missing, or the data set cannot be loaded (no network, no such configuration).
    """
    datasets = require_package("datasets", f"loading {hub}")
    parts = []
    for config in configs or ("",):
        try:
            table: Any = datasets.load_dataset(hub, *([config] if config else []), split=split)
        except Exception as error:  # whatever datasets and its file systems raise, the user needs the hub id
            reason = (str(error).splitlines() or [""])[0]
            raise SliceError(
                f"data set {hub} ({config or 'default'}, {split}) cannot be loaded: {type(error).__name__}: {reason}; "
                "give a local file with file = ..."
            ) from error
        parts.append(_of_table(table, source=config, origin=hub))
    joined = hashlib.sha256("\n".join(part.sha256 for part in parts).encode()).hexdigest()
    return Data(rows=tuple(row for part in parts for row in part.rows), sha256=joined, origin=hub)


def _of_table(table: Any, *, source: str, origin: str) -> Data:
    digest, rows = hashlib.sha256(), []
    for line, fields in enumerate(table, start=1):
        digest.update(json.dumps(fields, sort_keys=True, default=str).encode() + b"\n")
        rows.append(Row(fields=fields, line=line, source=source))
    return Data(rows=tuple(rows), sha256=digest.hexdigest(), origin=origin)
