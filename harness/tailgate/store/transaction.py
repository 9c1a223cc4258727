"""A write to the store, all of it or none."""

from __future__ import annotations

import sqlite3


def compact(connection: sqlite3.Connection) -> None:
    """Let what was deleted leave the database file and its log: free pages and all.

    Raises
    ------
    sqlite3.OperationalError
        Somebody else uses the database, so that old pages stay in its files.
    """
    connection.execute("VACUUM")
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("another process uses the database, old pages stay in its files")


class Transaction:
    """`BEGIN IMMEDIATE` ... `COMMIT`, rolled back on any exception."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
