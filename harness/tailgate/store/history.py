"""What every run showed of every cell, kept so that an eval that stopped measuring is noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from tailgate.errors import OutputError
from tailgate.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """One cell of one candidate (or of the positive control) in one run; `run` is the same for an identical rerun."""

    run: str
    created_utc: str
    baseline: str  # fingerprint
    candidate: str  # spec
    is_control: bool
    slice: str
    slice_version: str
    stratum: str
    n: int
    flips: int
    baseline_score: float
    log_e_fail: float


CELL = "baseline = ? AND slice = ? AND slice_version = ? AND stratum = ? AND is_control = ?"
LAST_RUNS = (
    f"SELECT run FROM cell_history WHERE {CELL} "  # noqa: S608  # our own column names
    "GROUP BY run ORDER BY max(created_utc) DESC, run DESC LIMIT ?"
)
COLUMNS = ", ".join(field.name for field in fields(CellRecord))


class History:
    """The table of cell records of a store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, records: Sequence[CellRecord]) -> None:
        """Keep the records of a run, all or none; those of an identical run before are replaced.

        Raises
        ------
        OutputError
            The database cannot be written.
        """
        marks = ", ".join("?" for _ in fields(CellRecord))
        query = f"INSERT OR REPLACE INTO cell_history ({COLUMNS}) VALUES ({marks})"  # noqa: S608  # our own column names
        try:
            with Transaction(self._connection):
                self._connection.executemany(query, [astuple(each) for each in records])
        except sqlite3.Error as error:
            raise OutputError(f"cannot write to the history: {error}; free space or give another --store") from error

    def latest(self, baseline: str, cell: tuple[str, str, str], *, is_control: bool, runs: int) -> list[CellRecord]:
        """Records of the last runs of a cell (slice, slice version, stratum) on a baseline, newest first.

        A run has a record of each of its candidates.
        """
        found = self._connection.execute(
            f"SELECT {COLUMNS} FROM cell_history WHERE {CELL} AND run IN ({LAST_RUNS}) "  # noqa: S608  # our own names
            "ORDER BY created_utc DESC, run DESC, candidate",
            (baseline, *cell, is_control, baseline, *cell, is_control, runs),
        )
        return [_record(row) for row in found]


def _record(row: tuple[object, ...]) -> CellRecord:
    values = dict(zip((field.name for field in fields(CellRecord)), row, strict=True))
    return CellRecord(**{**values, "is_control": bool(values["is_control"])})  # type: ignore[arg-type]  # as written
