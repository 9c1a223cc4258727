"""What a shadowing candidate showed: one row a verified answer, numbers and labels only, no text.

A subject is whoever asked, as the client named them; `forget` deletes their rows, `prune` those that are too old.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Self

from tailgate.errors import OutputError, RunFolderError
from tailgate.store.migrations import migrate
from tailgate.store.transaction import Transaction, compact

FILE_NAME = "shadow.sqlite"
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE pairs (
        id INTEGER PRIMARY KEY,
        baseline TEXT NOT NULL,
        baseline_fingerprint TEXT NOT NULL,
        candidate TEXT NOT NULL,
        candidate_fingerprint TEXT NOT NULL,
        UNIQUE (baseline_fingerprint, candidate_fingerprint)
    ) STRICT;
    CREATE TABLE verified (
        key TEXT PRIMARY KEY,
        pair INTEGER NOT NULL REFERENCES pairs (id),
        created_utc TEXT NOT NULL,
        subject TEXT,
        prompt_tokens INTEGER NOT NULL,
        answer_tokens INTEGER NOT NULL,
        divergence_token INTEGER,
        agreement REAL,
        kl_floor REAL,
        candidate_finish TEXT NOT NULL,
        language TEXT NOT NULL,
        language_from TEXT NOT NULL,
        task TEXT NOT NULL,
        task_from TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX verified_by_pair ON verified (pair, created_utc);
    CREATE INDEX verified_by_subject ON verified (subject);
    CREATE TABLE tallies (
        day TEXT NOT NULL,
        what TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (day, what)
    ) STRICT, WITHOUT ROWID;
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A baseline and the candidate that shadows it."""

    baseline: str  # spec
    baseline_fingerprint: str
    candidate: str
    candidate_fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One answer of the baseline that the candidate verified.

    `divergence_token`: where the candidate's own answer first leaves the baseline's; None: nowhere. `agreement`: share
    of the baseline's tokens that are the candidate's likeliest, too; `kl_floor`: mean lower bound on the divergence of
    the distributions, nats a token; None where there was nothing to take a mean of.
    """

    key: str
    created_utc: str  # ISO 8601, seconds
    subject: str | None
    prompt_tokens: int
    answer_tokens: int
    divergence_token: int | None
    agreement: float | None
    kl_floor: float | None
    candidate_finish: str
    language: str
    language_from: str  # lingua, script
    task: str
    task_from: str  # client, guess, none


_COLUMNS = ", ".join(field.name for field in fields(Verified))


class ShadowStore:
    """SQLite in WAL mode; a process may read while another writes."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(folder / FILE_NAME, timeout=60, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves the file, too
            migrate(self._connection, MIGRATIONS, "use another --shadow-dir")
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"cannot use the shadow store {folder}: {error}; choose another with --shadow-dir"
            ) from error
        self.folder = folder

    @classmethod
    def existing(cls, folder: Path) -> Self:
        """Open a store that must be there.

        Raises
        ------
        RunFolderError
            There is none.
        """
        if not holds_shadow(folder):
            raise RunFolderError(f"no shadow store in {folder}; give the --shadow-dir of a server")
        return cls(folder)

    def add(self, pair: Pair | None, rows: Sequence[Verified], tallies: Mapping[str, int], day: str) -> None:
        """Keep rows of a pair, if there are any, and add to the tallies of a day, all or nothing.

        Raises
        ------
        OutputError
            The disk is full or the database cannot be written.
        """
        marks = ", ".join("?" for _ in fields(Verified))
        query = f"INSERT OR IGNORE INTO verified ({_COLUMNS}, pair) VALUES ({marks}, ?)"  # noqa: S608  # our own names
        try:
            with Transaction(self._connection):
                number = self._pair(pair) if pair and rows else 0
                self._connection.executemany(query, [(*astuple(row), number) for row in rows])
                self._connection.executemany(
                    "INSERT INTO tallies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                    [(day, what, n) for what, n in tallies.items()],
                )
        except sqlite3.Error as error:
            raise OutputError(f"cannot write to the shadow store {self.folder}: {error}; free space") from error

    def _pair(self, pair: Pair) -> int:
        names = ("baseline", "baseline_fingerprint", "candidate", "candidate_fingerprint")
        self._connection.execute(
            f"INSERT OR IGNORE INTO pairs ({', '.join(names)}) VALUES (?, ?, ?, ?)",  # noqa: S608  # our own names
            astuple(pair),
        )
        found = self._connection.execute(
            "SELECT id FROM pairs WHERE baseline_fingerprint = ? AND candidate_fingerprint = ?",
            (pair.baseline_fingerprint, pair.candidate_fingerprint),
        )
        return int(found.fetchone()[0])

    def pairs(self) -> list[Pair]:
        """Pairs that have rows or had some, in the order in which they came."""
        query = "SELECT baseline, baseline_fingerprint, candidate, candidate_fingerprint FROM pairs ORDER BY id"
        return [
            Pair(baseline=b, baseline_fingerprint=bf, candidate=c, candidate_fingerprint=cf)
            for b, bf, c, cf in self._connection.execute(query)
        ]

    def verified(self, pair: Pair) -> Iterator[Verified]:
        """Rows of a pair, oldest first."""
        query = (
            f"SELECT {_COLUMNS} FROM verified JOIN pairs ON pairs.id = verified.pair "  # noqa: S608  # our own names
            "WHERE baseline_fingerprint = ? AND candidate_fingerprint = ? ORDER BY created_utc, key"
        )
        found = self._connection.execute(query, (pair.baseline_fingerprint, pair.candidate_fingerprint))
        for row in found:
            yield Verified(**dict(zip((field.name for field in fields(Verified)), row, strict=True)))

    def tallies(self) -> dict[str, int]:
        """What became of answers, summed over the days that are kept."""
        return dict(self._connection.execute("SELECT what, sum(n) FROM tallies GROUP BY what ORDER BY what"))

    def prune(self, before_utc: str) -> int:
        """Delete what is older than a time (ISO 8601); returns the number of rows.

        Raises
        ------
        OutputError
            The database cannot be written, or somebody else uses it.
        """
        try:
            with Transaction(self._connection):
                deleted = self._connection.execute("DELETE FROM verified WHERE created_utc < ?", (before_utc,)).rowcount
                self._connection.execute("DELETE FROM tallies WHERE day < ?", (before_utc[:10],))
        except sqlite3.Error as error:
            raise OutputError(f"cannot remove old rows of the shadow store {self.folder}: {error}") from error
        return deleted

    def forget(self, subject: str) -> int:
        """Delete the rows of a subject, from the files too; returns their number.

        Raises
        ------
        OutputError
            The database cannot be written, or somebody else uses it.
        """
        try:
            with Transaction(self._connection):
                gone = self._connection.execute("DELETE FROM verified WHERE subject = ?", (subject,)).rowcount
            compact(self._connection)
        except sqlite3.Error as error:
            raise OutputError(f"cannot erase from {self.folder}: {error}; run it again") from error
        return gone

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def holds_shadow(folder: Path) -> bool:
    """Whether a folder holds a shadow store."""
    return (folder / FILE_NAME).is_file()


def open_existing(folder: Path) -> closing[ShadowStore]:
    """A store that must be there, for a `with` block."""
    return closing(ShadowStore.existing(folder))
