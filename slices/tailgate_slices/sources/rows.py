"""Rows of data files (JSON lines, JSON, CSV, TSV, Parquet, text) or of a folder of them; errors name file and line."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate_slices.item import SliceError
from tailgate_slices.sources.readers import records
from tailgate_slices.sources.reading import first_line, shown

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
    try:
        return _read(path, columns)
    except OSError as error:  # no right to read it, a name that is too long, a disk that fails
        raise SliceError(
            f"{shown(str(path))} cannot be read: {error.strerror or error}; give a readable file"
        ) from None


def _read(path: Path, columns: Sequence[str]) -> Data:
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
    for line, fields in records(path, columns):
        yield Row(fields=fields, line=line, source=path.stem, folder=path.parent.name)


def require_package(module: str, purpose: str, install: str = "'tailgate[slices]'") -> Any:
    """Import an optional package; `install` is what pip is to be given for it.

    Raises
    ------
    SliceError
        It is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SliceError(f"{purpose} needs the python package {module} ({error}); run: pip install {install}") from None


def from_datasets(path: Path, *, split: str | None = None) -> Data:
    """Rows of a folder written by ``save_to_disk`` of the package datasets.

    Raises
    ------
    SliceError
        datasets is missing or cannot load the folder, or the folder holds several splits and none is chosen.
    """
    datasets = require_package("datasets", f"the folder {path}")
    try:
        loaded: Any = datasets.load_from_disk(str(path))
    except Exception as error:  # whatever datasets and its file systems raise, the user needs the folder
        raise SliceError(
            f"the folder {path} cannot be loaded: {type(error).__name__}: {first_line(error)}; save it again"
        ) from error
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
            named = f"data set {hub} ({config or 'default'}, {split})"
            raise SliceError(
                f"{named} cannot be loaded: {type(error).__name__}: {first_line(error)}; "
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
