"""Every run with its verdict, so that nights can be followed and two runs held against each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from typing import Any, TypeVar

from tailgate.errors import OutputError, UsageError
from tailgate.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One finished run. `run` names it; `path` is where its folder was."""

    run: str
    created_utc: str
    path: str
    suite: str
    suite_version: str
    suite_sha256: str
    gate_sha256: str
    engine: str
    baseline: str  # spec
    baseline_fingerprint: str
    decision: str
    exit_code: int
    noise_items: int | None  # None: the baseline was not run against itself
    noise_discordant: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCell:
    """One cell of one candidate of a run; scores in [0, 1], bounds as in its verdict."""

    run: str
    candidate: str  # spec
    candidate_fingerprint: str
    slice: str
    slice_version: str
    stratum: str
    n: int
    wins: int
    losses: int
    baseline_score: float | None
    candidate_score: float | None
    delta: float | None
    low: float
    high: float
    margin: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blessed:
    """A baseline that someone vouches for: the weights a spec is expected to hold until another is blessed."""

    baseline: str
    fingerprint: str
    blessed_utc: str
    reason: str


Row = TypeVar("Row", RunRecord, RunCell, Blessed)


class Runs:
    """The tables of runs of a store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, run: RunRecord, cells: Sequence[RunCell]) -> None:
        """Keep a run, all of it or nothing.

        Raises
        ------
        OutputError
            The database cannot be written.
        """
        self._write([(_insert("runs", RunRecord), [run]), (_insert("run_cells", RunCell), cells)])

    def newest(self, limit: int) -> list[RunRecord]:
        """The last runs, newest first."""
        return self._read(RunRecord, "runs", "ORDER BY created_utc DESC, run LIMIT ?", (limit,))

    def all(self) -> list[RunRecord]:
        """All runs, oldest first."""
        return self._read(RunRecord, "runs", "ORDER BY created_utc, run", ())

    def find(self, name: str) -> RunRecord:
        """The run whose name begins so.

        Raises
        ------
        UsageError
            There is none, or there are several.
        """
        found = self._read(RunRecord, "runs", "WHERE substr(run, 1, ?) = ? LIMIT 2", (len(name), name))
        if len(found) != 1 or not name:
            what = "several runs begin" if found and name else "no run of this store begins"
            raise UsageError(f"{what} with '{name}'; see: tailgate history list")
        return found[0]

    def cells(self, run: str) -> list[RunCell]:
        """The cells of a run, by candidate."""
        return self._read(RunCell, "run_cells", "WHERE run = ? ORDER BY candidate, slice, stratum", (run,))

    def cells_of(self, slice_name: str, stratum: str) -> dict[str, list[RunCell]]:
        """What every run showed of one cell, by the run's name."""
        found: dict[str, list[RunCell]] = {}
        where = "WHERE slice = ? AND stratum = ? ORDER BY candidate"
        for cell in self._read(RunCell, "run_cells", where, (slice_name, stratum)):
            found.setdefault(cell.run, []).append(cell)
        return found

    def cell_names(self) -> list[str]:
        """Every cell that was ever asked, as `slice/stratum`."""
        query = "SELECT DISTINCT slice || '/' || stratum FROM run_cells ORDER BY 1"
        return [name for (name,) in self._connection.execute(query)]

    def prune(self, before_utc: str) -> int:
        """Forget the runs that began before a time; returns how many there were."""
        old = "SELECT run FROM runs WHERE created_utc < ?"
        with self._writing():
            self._connection.execute(f"DELETE FROM run_cells WHERE run IN ({old})", (before_utc,))  # noqa: S608  # ours
            return self._connection.execute("DELETE FROM runs WHERE created_utc < ?", (before_utc,)).rowcount

    def bless(self, blessed: Blessed) -> None:
        """Vouch for a baseline in place of the one before."""
        self._write([(_insert("blessed", Blessed), [blessed])])

    def blessed(self) -> list[Blessed]:
        """All baselines that are vouched for."""
        return self._read(Blessed, "blessed", "ORDER BY baseline", ())

    def _read(self, kind: type[Row], table: str, rest: str, values: tuple[Any, ...]) -> list[Row]:
        query = f"SELECT {_columns(kind)} FROM {table} {rest}"  # noqa: S608  # our own names, values are bound
        return [
            kind(**dict(zip((field.name for field in fields(kind)), row, strict=True)))
            for row in self._connection.execute(query, values)
        ]

    def _write(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        with self._writing():
            for query, rows in statements:
                self._connection.executemany(query, [astuple(row) for row in rows])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with Transaction(self._connection):
                yield
        except sqlite3.Error as error:
            raise OutputError(f"cannot write to the history: {error}; free space or give another --store") from error


def _columns(kind: type[Any]) -> str:
    return ", ".join(field.name for field in fields(kind))


def _insert(table: str, kind: type[Any]) -> str:
    marks = ", ".join("?" for _ in fields(kind))
    return f"INSERT OR REPLACE INTO {table} ({_columns(kind)}) VALUES ({marks})"  # noqa: S608  # our own names
