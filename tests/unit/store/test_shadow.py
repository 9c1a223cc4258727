"""The shadow store: rows of numbers and labels, kept as long as asked and forgotten when asked."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tailgate.errors import OutputError, RunFolderError
from tailgate.store.shadow import FILE_NAME, MIGRATIONS, Pair, ShadowStore, Verified, holds_shadow, open_existing

PAIR = Pair(baseline="m", baseline_fingerprint="b" * 64, candidate="m@rtn", candidate_fingerprint="c" * 64)
ROW = Verified(
    key="k",
    created_utc="2026-05-06T07:08:09+00:00",
    subject="alice",
    prompt_tokens=10,
    answer_tokens=5,
    divergence_token=None,
    agreement=1.0,
    kl_floor=0.0,
    candidate_finish="stop",
    language="en",
    language_from="lingua",
    task="code",
    task_from="guess",
)


@pytest.fixture
def store(tmp_path):
    with closing(ShadowStore(tmp_path)) as found:
        yield found


def test_rows_come_back_as_they_were(store):
    rows = [ROW, replace(ROW, key="l", divergence_token=3, agreement=None, kl_floor=None, subject=None)]
    store.add(PAIR, rows, {"verified": 2}, "2026-05-06")
    assert list(store.verified(PAIR)) == rows
    assert store.pairs() == [PAIR]


def test_a_row_that_is_there_is_not_counted_twice(store):
    for _ in range(2):
        store.add(PAIR, [ROW], {}, "2026-05-06")
    assert len(list(store.verified(PAIR))) == 1


def test_tallies_add_up_over_days(store):
    store.add(None, [], {"answered": 2}, "2026-05-06")
    store.add(None, [], {"answered": 3, "failed": 1}, "2026-05-06")
    store.add(None, [], {"answered": 4}, "2026-05-07")
    assert store.tallies() == {"answered": 9, "failed": 1}


def test_what_is_too_old_is_deleted(store):
    old = replace(ROW, key="old", created_utc="2026-01-01T00:00:00+00:00")
    store.add(PAIR, [ROW, old], {"answered": 1}, "2026-01-01")
    store.add(None, [], {"answered": 1}, "2026-05-06")
    assert store.prune("2026-05-01T00:00:00+00:00") == 1
    assert list(store.verified(PAIR)) == [ROW]
    assert store.tallies() == {"answered": 1}


def test_a_store_that_cannot_be_written_is_one_line(store):
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(OutputError, match=r"cannot remove old rows of .*readonly"):
        store.prune("2026-05-01T00:00:00+00:00")


def test_a_subject_is_forgotten_in_the_file_too(store, tmp_path):
    store.add(PAIR, [ROW, replace(ROW, key="l", subject="bob-of-nowhere")], {}, "2026-05-06")
    assert store.forget("bob-of-nowhere") == 1
    assert [row.subject for row in store.verified(PAIR)] == ["alice"]
    store.close()
    assert b"bob-of-nowhere" not in (tmp_path / FILE_NAME).read_bytes()


def test_one_process_reads_while_another_writes(store, tmp_path):
    store.add(PAIR, [ROW], {}, "2026-05-06")
    with open_existing(tmp_path) as reader:
        store.add(PAIR, [replace(ROW, key="l")], {}, "2026-05-06")
        assert len(list(reader.verified(PAIR))) == 2


def test_a_folder_without_a_store_is_left_as_it_is(tmp_path):
    assert not holds_shadow(tmp_path)
    with pytest.raises(RunFolderError, match="no shadow store"):
        open_existing(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_schema_is_refused(store, tmp_path):
    store.close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(RunFolderError, match="--shadow-dir"):
        ShadowStore(tmp_path)


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 100)
    with pytest.raises(OutputError, match="--shadow-dir"):
        ShadowStore(tmp_path)
