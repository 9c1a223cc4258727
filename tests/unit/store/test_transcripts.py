"""The store: content addresses, crash safety, migrations."""

import dataclasses
import sqlite3
import subprocess
import sys

import pytest

from tailgate.errors import OutputError, RunFolderError
from tailgate.store.transcripts import FILE_NAME, Address, Store, StoredTranscript

ADDRESS = Address(
    side="baseline",
    fingerprint="f" * 64,
    tokenizer_sha256="t" * 64,
    template_sha256=None,
    engine="reference",
    engine_version="1",
    device="cpu",
    compute_dtype="float32",
)


def row(key, tokens=(1, 2, 49151), text="héllo"):
    return StoredTranscript(key=key, tokens=tokens, text=text, finish_reason="stop")


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


def test_transcript_comes_back_as_it_was(store):
    store.add(ADDRESS, [row("a"), row("b", tokens=())])
    assert store.find(["a", "b", "c"]) == {"a": row("a"), "b": row("b", tokens=())}


def test_lookup_of_thousands_finds_them_all(store):
    store.add(ADDRESS, [row(f"k{i}") for i in range(1500)])
    assert len(store.find(f"k{i}" for i in range(1500))) == 1500


def test_first_answer_stays_when_the_same_key_is_added_again(store):
    store.add(ADDRESS, [row("a", text="first")])
    store.add(ADDRESS, [row("a", text="second")])
    assert store.find(["a"])["a"].text == "first"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Address)])
def test_address_changes_with_each_of_its_parts(field):
    other = dataclasses.replace(ADDRESS, **{field: "candidate" if field == "side" else "other"})
    assert other.key((1, 2), 8, ("\n",)) != ADDRESS.key((1, 2), 8, ("\n",))


@pytest.mark.parametrize("request_", [((1, 3), 8, ("\n",)), ((1, 2), 9, ("\n",)), ((1, 2), 8, ())])
def test_address_changes_with_prompt_budget_and_stop(request_):
    assert ADDRESS.key(*request_) != ADDRESS.key((1, 2), 8, ("\n",))


def test_facts_survive_reopening(tmp_path):
    first = Store(tmp_path)
    first.facts["key"] = {"fingerprint": "x"}
    first.close()
    again = Store(tmp_path)
    assert again.facts.get("key") == {"fingerprint": "x"}
    again.close()


def test_store_of_a_newer_version_is_refused(tmp_path):
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunFolderError, match="schema 99"):
        Store(tmp_path)


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"no database at all, but long enough to be read as a header" * 20)
    with pytest.raises(OutputError, match="cannot use the store"):
        Store(tmp_path)


def test_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another with --store"):
        Store(tmp_path / "file" / "store")


FILL = """
import resource, signal, sys
from pathlib import Path
from tailgate.errors import OutputError
from tailgate.store.transcripts import Store
sys.path.insert(0, {tests!r})
from tests.unit.store.test_transcripts import ADDRESS, row
store = Store(Path({folder!r}))
store.add(ADDRESS, [row("kept")])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    store.add(ADDRESS, [row(f"k{{i}}", text="x" * 10_000) for i in range(200)])
except OutputError as error:
    print("refused:", error)
"""


def test_full_disk_is_one_error_and_keeps_what_was_stored(tmp_path, repo_root):
    script = FILL.format(folder=str(tmp_path), tests=str(repo_root))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused: cannot write to the store")
    again = Store(tmp_path)
    assert set(again.find(["kept", "k0"])) == {"kept"}
    again.close()
