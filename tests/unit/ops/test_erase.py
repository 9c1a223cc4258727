"""Somebody asks to be forgotten: their texts go from every file, the verdict stays what it was."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tailgate.errors import OutputError, UsageError
from tailgate.ops.erase import erase
from tailgate.pipeline.compare import compare_variants
from tailgate.pipeline.options import CompareOptions, Silent
from tailgate.store import transcripts
from tailgate.store.run_folder import read_outcomes
from tailgate.store.shadow import ShadowStore
from tailgate.store.transcripts import FILE_NAME
from tests.support.tiny import save_tiny
from tests.unit.store.test_shadow import PAIR, ROW

SUITE = """
name = "mine"
version = "1"
seed = 7
gate = "quick"

[[slices]]
name = "own:tickets"
file = "tickets.jsonl"
gate_by = "stratum"
strata = ["stratum=all"]
"""
SECRET, KEPT = "Zanzibar", "Montevideo"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, model):
    """A run on prompts of two people; what is whose can be told by its text."""
    folder = tmp_path_factory.mktemp("finished")
    people = {"alice": SECRET, "bob": KEPT}
    rows = [
        {"id": f"{subject}-{n}", "prompt": f"Case {n}: {city}?", "reference": "yes", "subject": subject,
         "cluster": f"{subject}-{n // 2}", "max_new_tokens": 8}
        for n in range(40) for subject, city in people.items()
    ]  # fmt: skip
    (folder / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "suite.toml").write_text(SUITE)
    options = CompareOptions(
        baseline=str(model), candidates=(f"{model}@rtn",), suite=str(folder / "suite.toml"), out=folder / "run",
        store=folder / "store", max_items=40, fixed_n=True, device="cpu",
    )  # fmt: skip
    compare_variants(options, Silent())
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the run, with a store that knows where it is."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "store" / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE runs SET path = ?", (str(tmp_path / "run"),))
    return tmp_path / "run"


def mentions(folder, text):
    """Files that hold a text, as they lie on the disk."""
    return [each.name for each in folder.rglob("*") if each.is_file() and text.encode() in each.read_bytes()]


def verdict(tailgate, run):
    return json.loads(tailgate("gate", run, "--json")[1])


def rows_of(run, name="outcomes.parquet"):
    return read_outcomes(run, name)


def test_texts_of_a_subject_leave_the_run_and_the_verdict_stays(tailgate, run):
    before, theirs = verdict(tailgate, run), [each for each in rows_of(run) if SECRET in each.prompt]
    code, out, _ = tailgate("erase", "--subject", "alice", "--store", run.parent / "store")
    assert code == 0
    assert f"paired answers with their prompts from {run}" in out
    assert not [each for each in rows_of(run) if SECRET in each.prompt or "alice" in each.item_id]
    erased = [each for each in rows_of(run) if each.attributes == '{"erased": true}']
    assert len(erased) == len(theirs) > 0
    assert {(each.prompt, each.baseline_text, each.candidate_text, each.reference) for each in erased} == {("",) * 4}
    assert verdict(tailgate, run) == before
    assert mentions(run, SECRET) == []
    assert "alice" not in (run / "report.html").read_text()


def test_others_keep_their_rows(run):
    before = [each for each in rows_of(run) if KEPT in each.prompt]
    erase("alice", run.parent / "store")
    assert [each for each in rows_of(run) if KEPT in each.prompt] == before


def test_stored_answers_of_a_subject_leave_the_database_file(run):
    texts = {city: {each.candidate_text for each in rows_of(run) if city in each.prompt} for city in (SECRET, KEPT)}
    theirs = {text for text in texts[SECRET] - texts[KEPT] if len(text) > 5}
    receipt = erase("alice", run.parent / "store")
    stored = next(each for each in receipt.removed if each.what == "stored answers")
    assert stored.n >= len(theirs) > 0
    assert [text for text in theirs if mentions(run.parent / "store", text)] == []


def test_a_second_erasure_finds_nothing(run):
    erase("alice", run.parent / "store")
    receipt = erase("alice", run.parent / "store")
    assert receipt.removed == ()
    assert receipt.lines()[0] == "nothing is kept of 'alice'"


def test_two_subjects_are_erased_one_after_the_other(tailgate, run):
    before = verdict(tailgate, run)
    for subject in ("alice", "bob"):
        assert erase(subject, run.parent / "store").removed
    assert {each.prompt for each in rows_of(run)} == {""}
    assert verdict(tailgate, run) == before
    assert mentions(run, SECRET) == mentions(run, KEPT) == []


def test_an_erasure_that_fails_leaves_no_report_and_can_be_repeated(run, monkeypatch):
    from tailgate.ops import erase as module

    def refuse(*_):
        raise OutputError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_outcomes", refuse)
        with pytest.raises(OutputError, match=r"not erased from .*run: the disk is full"):
            erase("alice", run.parent / "store")
    assert not (run / "report.html").exists()
    assert erase("alice", run.parent / "store").removed
    assert mentions(run, SECRET) == []


def test_a_damaged_run_does_not_keep_another_from_being_erased(run, tmp_path):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/outcomes.parquet").write_text("no table")
    with pytest.raises(OutputError, match="damaged"):
        erase("alice", run.parent / "store", runs=[tmp_path / "damaged"])
    assert mentions(run, SECRET) == []


def test_a_database_in_use_is_said_and_not_called_erased(run, monkeypatch):
    monkeypatch.setattr(transcripts, "BUSY_S", 1)
    with closing(sqlite3.connect(run.parent / "store" / FILE_NAME)) as reader:
        cursor = reader.execute("SELECT key FROM transcripts")
        cursor.fetchone()
        with pytest.raises(OutputError, match="cannot write to the store"):
            erase("alice", run.parent / "store")


def test_people_are_not_parts_of_a_slice(run):
    from tailgate.store.run_folder import read_manifest

    found = read_manifest(run)["discovery"]
    assert "alice" not in json.dumps(found)


def test_receipt_names_what_it_cannot_reach(run, tmp_path):
    run.rename(tmp_path / "moved")
    receipt = erase("alice", run.parent / "store")
    assert receipt.unreached[0] == f"the run folder {run}, which holds no outcomes.parquet"
    assert "the files that the prompts were read from" in receipt.unreached
    assert erase("alice", tmp_path / "store", runs=[tmp_path / "moved"]).removed[0].n > 0


def test_a_shadow_store_forgets_too(run, tmp_path):
    with closing(ShadowStore(tmp_path / "shadow")) as store:
        store.add(PAIR, [ROW, replace(ROW, key="l", subject="bob")], {}, "2026-05-06")
    receipt = erase("alice", run.parent / "store", shadows=[tmp_path / "shadow"])
    assert [(each.what, each.n) for each in receipt.removed if each.where.endswith("/shadow")] == [
        ("verified answers", 1)
    ]
    assert mentions(tmp_path / "shadow", "alice") == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"subject": " "}, "--subject is empty"),
        ({"store_dir": "nowhere"}, "no store"),
        ({"runs": ["nowhere"]}, "no outcomes.parquet in it"),
        ({"shadows": ["nowhere"]}, "no shadow store in it"),
    ],
)
def test_a_mistake_erases_nothing(arguments, complaint, tmp_path):
    (tmp_path / "store").mkdir()
    paths = {name: [tmp_path / each for each in given] for name, given in arguments.items() if isinstance(given, list)}
    given = {"subject": "alice", "store_dir": tmp_path / "store", **arguments, **paths}
    given["store_dir"] = tmp_path / given["store_dir"]
    with pytest.raises(UsageError, match=complaint):
        erase(**given)
