"""What a GitHub job shows of a verdict, and what hostile names cannot make it do."""

import pytest

from tailgate.errors import OutputError
from tailgate.report.github import MOST_ANNOTATIONS, add_summary, annotate, is_job
from tests.unit.report.factory import HOSTILE, INT4, candidate, cell, undecided_cell, verdict


def test_every_cell_that_keeps_a_release_back_is_annotated():
    found = annotate(verdict(candidate(cell(), cell(verdict="pass", stratum="len=512"), undecided_cell())))
    assert found == [
        f"::error title=tailgate regression%3A long_context/len=2048::{INT4}: \u221210.0 points on 400 items, at worst "
        "\u221214.8; the margin is +5.0",
        f"::warning title=tailgate inconclusive%3A long_context/len=2048::{INT4}: no item was answered",
    ]


def test_hostile_names_stay_one_line_and_no_command():
    [found] = annotate(verdict(candidate(cell(slice="x\n::set-output name=a::b,c:d%", reason=HOSTILE))))
    assert "\n" not in found
    assert found.startswith(
        "::error title=tailgate regression%3A x %3A%3Aset-output name=a%3A%3Ab%2Cc%3Ad%25/len=2048::"
    )


def test_more_than_github_shows_are_counted():
    found = annotate(verdict(candidate(*(cell(stratum=f"len={n}") for n in range(14)))))
    assert len(found) == MOST_ANNOTATIONS
    assert found[-1] == "::error title=tailgate more::5 more cells; see the summary of the job"


def test_summary_is_appended_and_cut_where_github_would_refuse_it(tmp_path):
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    environment = {"GITHUB_STEP_SUMMARY": str(file)}
    add_summary(environment, "# Do not ship")
    assert file.read_text() == "before\n# Do not ship\n"
    add_summary(environment, "\u00e4" * (1 << 20))
    assert file.stat().st_size < (1 << 20) + 100
    assert file.read_text().endswith("Cut here: see report.md.\n\n")


def test_without_a_summary_file_nothing_is_written_and_a_bad_one_is_told(tmp_path):
    add_summary({}, "text")
    with pytest.raises(OutputError, match="cannot write the summary of the job"):
        add_summary({"GITHUB_STEP_SUMMARY": str(tmp_path)}, "text")
    assert is_job({"GITHUB_ACTIONS": "true"})
    assert not is_job({})


def test_a_command_tells_its_job_and_keeps_stdout_to_the_verdict(monkeypatch, tmp_path, capsys):
    from tailgate.cli import _tell_job

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    _tell_job(verdict(candidate(cell())), "# Do not ship")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("::error title=tailgate regression")
    assert (tmp_path / "summary.md").read_text() == "# Do not ship\n"


def test_a_waived_regression_is_a_warning_and_what_is_no_cell_s_is_told():
    found = annotate(verdict(candidate(cell(flags=("waived",)), reasons=("code: no informative cell in this slice",))))
    assert found[0].startswith("::warning title=tailgate waived regression%3A long_context/len=2048::")
    assert found[1] == f"::warning title=tailgate regression::{INT4}: code: no informative cell in this slice"
