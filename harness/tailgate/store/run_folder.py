"""A run folder: manifest, outcomes, verdict and reports of one comparison."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from tailgate.errors import OutputError, RunFolderError, TailgateError
from tailgate.gate.columns import Labels, OutcomeColumns
from tailgate.records import SCHEMA_VERSION, PairedOutcome
from tailgate.store.files import write_atomically, write_text

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST, OUTCOMES, VERDICT, LOCK = "manifest.json", "outcomes.parquet", "verdict.json", ".lock"
NOISE, POSITIVE = "noise.parquet", "positive.parquet"  # outcomes of the controls


class RunFolder:
    """A run folder held by this process; an error of the user's before anything was frozen leaves no trace of it."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = path
        self.begun = resume
        try:
            self._created = [folder for folder in (path, *path.parents) if not folder.exists()]
            self._check_free(resume)
            path.mkdir(parents=True, exist_ok=True)
            self._lock: TextIO = (path / LOCK).open("w")
        except OSError as error:
            raise OutputError(f"cannot write to {path}: {error.strerror}; choose another folder with --out") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise RunFolderError(f"another run is writing to {path}; wait for it or choose another --out") from error

    def _check_free(self, resume: bool) -> None:
        if resume and not (self.path / MANIFEST).is_file():
            raise RunFolderError(f"nothing to resume: {self.path} holds no {MANIFEST}; start a run with --out")
        if not resume and self.path.exists() and not _is_empty(self.path):
            raise RunFolderError(
                f"{self.path} exists and is not empty; continue it with --resume or choose another --out"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, TailgateError) and not self.begun:
            for name in (MANIFEST, LOCK):
                (self.path / name).unlink(missing_ok=True)
            for folder in self._created:
                if not any(folder.iterdir()):
                    folder.rmdir()
        self._lock.close()

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write manifest.json."""
        write_text(self.path / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    def write_outcomes(self, outcomes: Sequence[PairedOutcome], name: str = OUTCOMES) -> None:
        """Write outcomes.parquet, one row per item and candidate, or the outcomes of a control."""
        write_outcomes(self.path, outcomes, name)

    def write_text(self, name: str, text: str) -> None:
        """Write one of the reports."""
        write_text(self.path / name, text)


def write_outcomes(path: Path, outcomes: Sequence[PairedOutcome], name: str = OUTCOMES) -> None:
    """Write the paired outcomes of a run folder, or those of a control.

    Raises
    ------
    OutputError
        The folder cannot be written or the disk is full.
    """
    import pyarrow.parquet as pq

    table = outcomes_to_table(outcomes)
    write_atomically(path / name, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def _is_empty(path: Path) -> bool:
    return path.is_dir() and all(entry.name == LOCK for entry in path.iterdir())


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a run folder.

    Raises
    ------
    RunFolderError
        There is none, it is damaged, or it was written by a newer version.
    """
    return _read_json(path / MANIFEST)


def read_outcomes(path: Path, name: str = OUTCOMES) -> list[PairedOutcome]:
    """Read the paired outcomes of a finished run, or those of a control."""
    table = _read_table(path, name, None)
    return [PairedOutcome(**row) for row in table.to_pylist()]


def _read_table(path: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    """Some columns of an outcomes file; None: all that a record has and the file holds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = path / name
    if not file.is_file():
        raise RunFolderError(f"{path} holds no {name}: the run did not finish; continue it with --resume {path}")
    try:
        with pq.ParquetFile(file) as opened:
            written = set(opened.schema_arrow.names)
            known = [each.name for each in fields(PairedOutcome) if each.name in written or each.default is MISSING]
            wanted = known if columns is None else list(columns)
            if missing := [each for each in wanted if each not in written]:
                raise RunFolderError(f"cannot read {file}: it has no column {missing[0]}; run the comparison again")
            table = opened.read(columns=wanted)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        first = str(error).splitlines()[0]
        raise RunFolderError(f"cannot read {file}: {first}; run the comparison again") from error
    _check_types(table, file)
    return table


def _check_types(table: pa.Table, file: Path) -> None:
    kinds = {each.name: _arrow_type(str(each.type)) for each in fields(PairedOutcome)}
    for column in table.schema:
        if column.type != kinds[column.name]:
            raise RunFolderError(
                f"cannot read {file}: its column {column.name} holds {column.type}, not {kinds[column.name]}; "
                "run the comparison again"
            )


def read_columns(path: Path, name: str = OUTCOMES) -> OutcomeColumns:
    """Read what a decision needs of a run's outcomes, or of a control's: no texts.

    Raises
    ------
    RunFolderError
        There are none, or the file is damaged.
    """
    table = _read_table(path, name, ("item_id", "index", *OutcomeColumns.LABELS, *OutcomeColumns.NUMBERS))
    columns: dict[str, Any] = {each: _labels(table[each]) for each in OutcomeColumns.LABELS}
    columns |= {each: _numbers(table[each]).astype(np.float64) for each in OutcomeColumns.NUMBERS}
    return OutcomeColumns(item_id=tuple(table["item_id"].to_pylist()), index=_numbers(table["index"]), **columns)


def _labels(column: pa.ChunkedArray) -> Labels:
    encoded = column.combine_chunks().dictionary_encode()
    codes = _values(encoded.indices).astype(np.int64)
    validity = encoded.indices.buffers()[0]
    if validity is not None:
        start = encoded.indices.offset
        bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[start : start + len(encoded)]
        codes = np.where(bits.astype(bool), codes, -1)
    return Labels(codes=codes, names=tuple(encoded.dictionary.to_pylist()))


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    if column.null_count:
        raise RunFolderError(f"{OUTCOMES} holds {column.null_count} empty numbers; run the comparison again")
    return _values(column.combine_chunks())


def _values(array: pa.Array) -> NDArray[Any]:
    """The buffer as it is: the conversions that pyarrow offers import pandas, half of the time of a decision."""
    kind = np.dtype(array.type.to_pandas_dtype())
    if len(array) == 0:  # which may have no buffer at all
        return np.zeros(0, kind)
    return np.frombuffer(array.buffers()[1], kind)[array.offset : array.offset + len(array)]


def read_verdict(path: Path) -> dict[str, Any]:
    """Read verdict.json of a finished run."""
    return _read_json(path / VERDICT)


def outcomes_to_table(outcomes: Sequence[PairedOutcome]) -> pa.Table:
    """Columns of the paired outcomes as an Arrow table."""
    import pyarrow as pa

    columns = {
        field.name: pa.array([getattr(row, field.name) for row in outcomes], type=_arrow_type(str(field.type)))
        for field in fields(PairedOutcome)
    }
    return pa.table(columns).replace_schema_metadata({"tailgate_schema_version": str(SCHEMA_VERSION)})


def _arrow_type(annotation: str) -> pa.DataType:
    import pyarrow as pa

    kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
    return kinds[annotation.removesuffix(" | None")]


def _read_json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise RunFolderError(f"{file.parent} is not a finished run folder: no {file.name} in it")
    try:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        version = int(data["schema_version"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise RunFolderError(f"{file} is damaged: {error}; run the comparison again") from error
    if version > SCHEMA_VERSION:
        raise RunFolderError(
            f"{file} has schema {version}, this version of tailgate knows {SCHEMA_VERSION}; upgrade tailgate to read it"
        )
    return data
