"""Ordered schema migrations; a database's `user_version` is the number of those applied."""

from __future__ import annotations

import sqlite3

from tailgate.errors import RunFolderError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE transcripts (
        key TEXT PRIMARY KEY,
        side TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        tokens BLOB NOT NULL,
        text TEXT NOT NULL,
        finish_reason TEXT NOT NULL,
        created_utc TEXT NOT NULL DEFAULT (datetime('now'))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX transcripts_by_fingerprint ON transcripts (fingerprint, side);
    CREATE TABLE facts (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE token_rows (
        key TEXT PRIMARY KEY REFERENCES transcripts (key),
        tops BLOB NOT NULL,
        stats BLOB NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE cell_history (
        run TEXT NOT NULL,
        created_utc TEXT NOT NULL,
        baseline TEXT NOT NULL,
        candidate TEXT NOT NULL,
        is_control INTEGER NOT NULL,
        slice TEXT NOT NULL,
        slice_version TEXT NOT NULL,
        stratum TEXT NOT NULL,
        n INTEGER NOT NULL,
        flips INTEGER NOT NULL,
        baseline_score REAL NOT NULL,
        log_e_fail REAL NOT NULL,
        PRIMARY KEY (run, candidate, slice, stratum)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX cell_history_by_cell ON cell_history (baseline, slice, stratum, created_utc);
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema, one transaction per step.

    Raises
    ------
    RunFolderError
        The database was written by a newer version of the package.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise RunFolderError(
            f"the store has schema {version}, this version knows {len(MIGRATIONS)}; upgrade tailgate or use --store DIR"
        )
    while version < len(MIGRATIONS):
        version = _step(connection)


def _step(connection: sqlite3.Connection) -> int:
    """Apply the next migration, unless another process just did; returns the version reached."""
    connection.execute("BEGIN IMMEDIATE")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version < len(MIGRATIONS):
        for statement in filter(str.strip, MIGRATIONS[version].split(";")):
            connection.execute(statement)
        version += 1
        connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("COMMIT")
    return version
