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
    """
    CREATE TABLE runs (
        run TEXT PRIMARY KEY,
        created_utc TEXT NOT NULL,
        path TEXT NOT NULL,
        suite TEXT NOT NULL,
        suite_version TEXT NOT NULL,
        suite_sha256 TEXT NOT NULL,
        gate_sha256 TEXT NOT NULL,
        engine TEXT NOT NULL,
        baseline TEXT NOT NULL,
        baseline_fingerprint TEXT NOT NULL,
        decision TEXT NOT NULL,
        exit_code INTEGER NOT NULL,
        noise_items INTEGER,
        noise_discordant INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX runs_by_time ON runs (created_utc);
    CREATE TABLE run_cells (
        run TEXT NOT NULL REFERENCES runs (run),
        candidate TEXT NOT NULL,
        candidate_fingerprint TEXT NOT NULL,
        slice TEXT NOT NULL,
        slice_version TEXT NOT NULL,
        stratum TEXT NOT NULL,
        n INTEGER NOT NULL,
        wins INTEGER NOT NULL,
        losses INTEGER NOT NULL,
        baseline_score REAL,
        candidate_score REAL,
        delta REAL,
        low REAL NOT NULL,
        high REAL NOT NULL,
        margin REAL NOT NULL,
        verdict TEXT NOT NULL,
        PRIMARY KEY (run, candidate, slice, stratum)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_cells_by_cell ON run_cells (slice, stratum);
    CREATE TABLE blessed (
        baseline TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        blessed_utc TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE owners (
        subject TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (subject, key)
    ) STRICT, WITHOUT ROWID;
    """,
)


def migrate(
    connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS, advice: str = "use --store DIR"
) -> None:
    """Bring a database to the newest schema, one transaction per step; `advice`: what else to do about a newer one.

    Raises
    ------
    RunFolderError
        The database was written by a newer version of the package.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise RunFolderError(
            f"the store has schema {version}, this version knows {len(migrations)}; upgrade tailgate or {advice}"
        )
    while version < len(migrations):
        version = _step(connection, migrations)


def _step(connection: sqlite3.Connection, migrations: tuple[str, ...]) -> int:
    """Apply the next migration, unless another process just did; returns the version reached."""
    connection.execute("BEGIN IMMEDIATE")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version < len(migrations):
        for statement in filter(str.strip, migrations[version].split(";")):
            connection.execute(statement)
        version += 1
        connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("COMMIT")
    return version
