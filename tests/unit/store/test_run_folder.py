"""Run folders: whole files, one writer, no trace of a run that never began."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tailgate.errors import OutputError, RunFolderError, UsageError
from tailgate.records import PairedOutcome
from tailgate.store.files import write_atomically, write_text
from tailgate.store.run_folder import MANIFEST, RunFolder, read_columns, read_manifest, read_outcomes


def outcome(**changes):
    fields = {
        "candidate": "c", "item_id": "i", "slice": "s", "stratum": "a=1", "index": 0, "cluster": None,
        "prompt": "Q", "reference": "A", "baseline_score": 1.0, "candidate_score": 0.0, "baseline_text": "A",
        "candidate_text": "\ufffdB", "baseline_failure": None, "candidate_failure": "wrong", "baseline_finish": "stop",
        "candidate_finish": "length", "baseline_tokens": 1, "candidate_tokens": 2, "prompt_tokens": 3,
        "divergence_token": 0, "baseline_divergence_char": 0, "candidate_divergence_char": None, "invalid": None,
        "attributes": "{}",
    }  # fmt: skip
    return PairedOutcome(**{**fields, **changes})


def test_outcomes_come_back_as_they_were(tmp_path):
    rows = [outcome(), outcome(item_id="j", divergence_token=None, cluster="doc 1")]
    with RunFolder(tmp_path / "run") as folder:
        folder.write_outcomes(rows)
    assert read_outcomes(tmp_path / "run") == rows


def test_a_column_of_another_type_is_named(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        folder.write_outcomes([outcome()])
    file = tmp_path / "run" / "outcomes.parquet"
    table = pq.read_table(file)
    place = table.schema.get_field_index("baseline_score")
    pq.write_table(table.set_column(place, "baseline_score", pa.array(["1.0"])), file)
    for read in (read_outcomes, read_columns):
        with pytest.raises(RunFolderError, match="column baseline_score holds string, not double"):
            read(tmp_path / "run")


def test_failed_write_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")

    def fail(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left on device"):
        write_atomically(tmp_path / "a.txt", fail)
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_second_writer_is_refused(tmp_path):
    with RunFolder(tmp_path / "run"), pytest.raises(RunFolderError, match="another run is writing"):
        RunFolder(tmp_path / "run")


def test_folder_of_an_earlier_run_is_not_overwritten(tmp_path):
    (tmp_path / "verdict.json").write_text("{}")
    with pytest.raises(RunFolderError, match="--resume"):
        RunFolder(tmp_path)


def test_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--out"):
        RunFolder(tmp_path / "file" / "run")


def test_run_that_never_began_leaves_nothing(tmp_path):
    with pytest.raises(UsageError), RunFolder(tmp_path / "results" / "runs" / "run") as folder:
        folder.write_manifest({"schema_version": 1, "status": "starting"})
        raise UsageError("wrong")
    assert not (tmp_path / "results").exists()


def test_run_that_began_keeps_its_manifest(tmp_path):
    with pytest.raises(OutputError), RunFolder(tmp_path / "run") as folder:
        folder.write_manifest({"schema_version": 1, "status": "running"})
        folder.begun = True
        raise OutputError("disk full")
    assert read_manifest(tmp_path / "run")["status"] == "running"


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(RunFolderError, match="nothing to resume"):
        RunFolder(tmp_path, resume=True)


def test_newer_schema_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps({"schema_version": 2}))
    with pytest.raises(RunFolderError, match="schema 2"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": "x"}'])
def test_damaged_manifest_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(RunFolderError, match="is damaged"):
        read_manifest(tmp_path)


def test_damaged_outcomes_are_refused(tmp_path):
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(RunFolderError, match="cannot read"):
        read_outcomes(tmp_path)
