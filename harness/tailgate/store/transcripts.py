"""The content-addressed store: an answer is computed once and never again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from tailgate.errors import OutputError
from tailgate.records import FinishReason
from tailgate.store.history import History
from tailgate.store.migrations import migrate
from tailgate.store.runs import Runs
from tailgate.store.transaction import Transaction, compact

FILE_NAME = "tailgate.sqlite"
BUSY_S = 60  # that a writer waits for others
LOOKUP_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Everything that decides an answer except the request itself.

    `side` is part of it so that comparing a model with itself computes both sides.
    """

    side: Literal["baseline", "candidate"]
    fingerprint: str
    tokenizer_sha256: str
    template_sha256: str | None
    engine: str
    engine_version: str
    device: str
    compute_dtype: str

    def key(self, prompt_ids: tuple[int, ...], max_new_tokens: int, stop: tuple[str, ...]) -> str:
        """Content address of one greedy answer."""
        asked = [asdict(self), "greedy", list(prompt_ids), max_new_tokens, list(stop)]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTranscript:
    """A row of the store. `tops` and `stats`: what the engine kept per token, as bytes; empty for nothing."""

    key: str
    tokens: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    tops: bytes = b""
    stats: bytes = b""


class Store:
    """SQLite in WAL mode: safe to kill at any point, safe for several processes on one machine."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(folder / FILE_NAME, timeout=BUSY_S, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            migrate(self._connection)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"cannot use the store {folder}: {error}; choose another with --store DIR") from error
        self.folder = folder

    @property
    def history(self) -> History:
        """What earlier runs showed of every cell."""
        return History(self._connection)

    @property
    def runs(self) -> Runs:
        """Every run with its verdict, and the baselines that are vouched for."""
        return Runs(self._connection)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def find(self, keys: Iterable[str]) -> dict[str, StoredTranscript]:
        """Transcripts that are known among `keys`."""
        wanted = list(keys)
        found: dict[str, StoredTranscript] = {}
        for start in range(0, len(wanted), LOOKUP_ROWS):
            for row in self._rows(wanted[start : start + LOOKUP_ROWS]):
                found[row.key] = row
        return found

    def _rows(self, keys: list[str]) -> Iterator[StoredTranscript]:
        marks = ",".join("?" * len(keys))
        both = "transcripts LEFT JOIN token_rows USING (key)"
        query = f"SELECT key, tokens, text, finish_reason, stats FROM {both} WHERE key IN ({marks})"  # noqa: S608
        for key, tokens, text, finish_reason, stats in self._connection.execute(query, keys):
            yield StoredTranscript(
                key=key,
                tokens=tuple(np.frombuffer(tokens, dtype="<u4").tolist()),
                text=text,
                finish_reason=cast(FinishReason, finish_reason),
                stats=stats or b"",
            )

    def tops(self, key: str) -> bytes:
        """Distributions kept with a transcript; empty where there are none. Large, so `find` leaves them out."""
        row = self._connection.execute("SELECT tops FROM token_rows WHERE key = ?", (key,)).fetchone()
        return bytes(row[0]) if row else b""

    def add(self, address: Address, rows: Sequence[StoredTranscript]) -> None:
        """Keep finished answers, all or none of them.

        Raises
        ------
        OutputError
            The disk is full or the database cannot be written.
        """
        values = [
            (row.key, address.side, address.fingerprint, _pack(row.tokens), row.text, row.finish_reason) for row in rows
        ]
        extras = [(row.key, row.tops, row.stats) for row in rows if row.tops or row.stats]
        with self._writing(), Transaction(self._connection):
            self._connection.executemany(
                "INSERT OR IGNORE INTO transcripts (key, side, fingerprint, tokens, text, finish_reason)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
            self._connection.executemany("INSERT OR IGNORE INTO token_rows (key, tops, stats) VALUES (?, ?, ?)", extras)

    def own(self, owners: Iterable[tuple[str, str]]) -> None:
        """Remember whose prompts answers belong to, as (key, subject); answers may follow.

        Raises
        ------
        OutputError
            The database cannot be written.
        """
        if not (rows := [(subject, key) for key, subject in owners]):
            return
        with self._writing(), Transaction(self._connection):
            self._connection.executemany("INSERT OR IGNORE INTO owners (subject, key) VALUES (?, ?)", rows)

    def forget(self, subject: str) -> int:
        """Delete every answer to a subject's prompts, from the files too; returns how many there were.

        Raises
        ------
        OutputError
            The database cannot be written.
        """
        keys = "SELECT key FROM owners WHERE subject = ?"
        with self._writing():
            self._connection.execute("PRAGMA secure_delete = ON")
            with Transaction(self._connection):
                self._connection.execute(f"DELETE FROM token_rows WHERE key IN ({keys})", (subject,))  # noqa: S608  # ours
                gone = self._connection.execute(f"DELETE FROM transcripts WHERE key IN ({keys})", (subject,))  # noqa: S608
                self._connection.execute("DELETE FROM owners WHERE subject = ?", (subject,))
            compact(self._connection)
        return gone.rowcount

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(
                f"cannot write to the store {self.folder}: {error}; what was stored before is kept"
            ) from error

    def count(self, fingerprint: str, side: str) -> int:
        """Number of transcripts kept for one side of a fingerprint."""
        query = "SELECT count(*) FROM transcripts WHERE fingerprint = ? AND side = ?"
        return int(self._connection.execute(query, (fingerprint, side)).fetchone()[0])

    @property
    def facts(self) -> MutableMapping[str, Any]:
        """JSON values by key: what is known of checkpoints by the identity of their files."""
        return _Facts(self._connection)


class _Facts(MutableMapping[str, Any]):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, key: str) -> Any:
        row = self._connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return json.loads(row[0])

    def __setitem__(self, key: str, value: Any) -> None:
        try:
            with Transaction(self._connection):
                self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, json.dumps(value)))
        except sqlite3.Error as error:
            raise OutputError(
                f"cannot write to the store: {error}; free space or choose another with --store"
            ) from error

    def __delitem__(self, key: str) -> None:
        with Transaction(self._connection):
            self._connection.execute("DELETE FROM facts WHERE key = ?", (key,))

    def __iter__(self) -> Iterator[str]:
        return (key for (key,) in self._connection.execute("SELECT key FROM facts ORDER BY key"))

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM facts").fetchone()[0])


def _pack(tokens: tuple[int, ...]) -> bytes:
    return np.asarray(tokens, dtype="<u4").tobytes()
