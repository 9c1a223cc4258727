"""What earlier runs showed: found again, followed through the nights, held against each other, forgotten."""

from datetime import UTC, datetime, timedelta

import pytest

from tailgate.errors import UsageError
from tailgate.pipeline import history
from tailgate.store.runs import RunCell, RunRecord
from tailgate.store.transcripts import Store

CELL = "code/task=write-2"


@pytest.fixture
def runs(tmp_path):
    store = Store(tmp_path)
    yield store.runs
    store.close()


def record(night, **changes):
    fields = {
        "run": f"{night:02d}aabbccddee", "created_utc": f"2026-01-{night:02d}T00:00:00Z", "path": f"/runs/{night}",
        "suite": "quick", "suite_version": "2", "suite_sha256": "s", "gate_sha256": "g", "engine": "native 2",
        "baseline": "llama", "baseline_fingerprint": "f1", "decision": "pass", "exit_code": 0, "noise_items": 64,
        "noise_discordant": 1,
    }  # fmt: skip
    return RunRecord(**{**fields, **changes})


def cell(night, **changes):
    fields = {
        "run": f"{night:02d}aabbccddee", "candidate": "llama@rtn", "candidate_fingerprint": "c1", "slice": "code",
        "slice_version": "2", "stratum": "task=write-2", "n": 120, "wins": 3, "losses": 9, "baseline_score": 0.7,
        "candidate_score": 0.65, "delta": -0.05, "low": -0.1, "high": 0.0, "margin": 0.1, "verdict": "pass",
    }  # fmt: skip
    return RunCell(**{**fields, **changes})


def keep(runs, night, *, run=None, cell_changes=None):
    runs.add(record(night, **(run or {})), [cell(night, **(cell_changes or {}))])


def breaks(runs):
    return [point.breaks for point in history.trend(runs, CELL, 100)["llama@rtn"]]


def test_last_runs_come_newest_first(runs):
    for night in (1, 3, 2):
        keep(runs, night)
    assert [each.created_utc[8:10] for each in runs.newest(2)] == ["03", "02"]


def test_run_is_found_by_how_its_name_begins(runs):
    keep(runs, 1)
    assert runs.find("01aa") == record(1)
    assert runs.cells(record(1).run) == [cell(1)]


@pytest.mark.parametrize(
    ("name", "complaint"), [("ff", "no run"), ("", "no run"), ("0", "several runs"), ("%", "no run")]
)
def test_name_that_is_not_one_run_is_refused(runs, name, complaint):
    keep(runs, 1)
    keep(runs, 2)
    with pytest.raises(UsageError, match=complaint):
        runs.find(name)


def test_trend_goes_from_the_oldest_to_the_newest(runs):
    for night in (2, 1, 3):
        keep(runs, night, cell_changes={"delta": -0.01 * night})
    points = history.trend(runs, CELL, 100)["llama@rtn"]
    assert [point.cell.delta for point in points] == [-0.01, -0.02, -0.03]
    assert breaks(runs) == [(), (), ()]


@pytest.mark.parametrize(
    ("run", "cell_changes", "what"),
    [
        ({"baseline_fingerprint": "f2"}, {}, "baseline"),
        ({"gate_sha256": "g2"}, {}, "gate"),
        ({"suite_sha256": "s2"}, {}, "suite"),
        ({"engine": "vllm 1"}, {}, "engine"),
        ({}, {"slice_version": "3"}, "slice version"),
        ({}, {"candidate_fingerprint": "c2"}, "candidate"),
    ],
)
def test_what_changed_between_two_nights_is_marked(runs, run, cell_changes, what):
    keep(runs, 1)
    keep(runs, 2, run=run, cell_changes=cell_changes)
    assert breaks(runs) == [(), (what,)]
    assert any(f"changed: {what}" in line for line in history.trend_lines(history.trend(runs, CELL, 100)))


def test_cell_that_nobody_asked_is_an_error_that_lists_those_asked(runs):
    keep(runs, 1)
    with pytest.raises(UsageError, match=f"asked were: {CELL}"):
        history.trend(runs, "code/task=write-9", 100)


def test_two_runs_side_by_side_say_what_only_one_has(runs):
    keep(runs, 1)
    runs.add(record(2), [cell(2, delta=-0.2, verdict="regression"), cell(2, slice="general", stratum="tier=1")])
    rows = {row["cell"]: row for row in history.compare_runs(runs, "01", "02")}
    assert rows[CELL]["comparable"]
    assert rows[CELL]["second"]["verdict"] == "regression"
    assert rows["general/tier=1"]["first"] is None
    assert "not asked" in "\n".join(history.comparison_lines(list(rows.values())))


def test_cells_of_other_slice_versions_do_not_compare(runs):
    keep(runs, 1)
    keep(runs, 2, cell_changes={"slice_version": "3"})
    (row,) = history.compare_runs(runs, "01", "02")
    assert not row["comparable"]
    assert "not comparable" in history.comparison_lines([row])[0]


def test_blessed_baseline_changes_by_command_only_and_other_weights_are_noticed(runs):
    keep(runs, 1)
    history.bless(runs, "01", "release 3")
    other = record(2, baseline_fingerprint="f2")
    assert history._blessing_notes(record(2), runs.blessed()) == []
    assert "is not the blessed one: f2, blessed on" in history._blessing_notes(other, runs.blessed())[0]
    runs.add(other, [])
    assert [each.fingerprint for each in runs.blessed()] == ["f1"]
    history.bless(runs, "02", "release 4")
    assert history._blessing_notes(other, runs.blessed()) == []


def test_blessing_needs_a_reason(runs):
    keep(runs, 1)
    with pytest.raises(UsageError, match="needs a reason"):
        history.bless(runs, "01", " ")


def test_pruning_forgets_what_is_old_and_nothing_else(runs):
    today = datetime.now(UTC)
    for night, age in ((1, 400), (2, 10)):
        created = (today - timedelta(days=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
        keep(runs, night, run={"created_utc": created})
    assert history.prune(runs, 365) == 1
    assert [each.run for each in runs.newest(10)] == [record(2).run]
    assert runs.cells(record(1).run) == []


def test_mistyped_store_is_refused_not_made(tmp_path):
    with pytest.raises(UsageError, match="no store"), history.open_runs(tmp_path / "typo"):
        pass
    assert not (tmp_path / "typo").exists()


def test_page_of_trends_has_a_line_for_every_cell_and_breaks_it_where_the_baseline_changed(runs):
    keep(runs, 1)
    keep(runs, 2, run={"baseline_fingerprint": "f2"})
    keep(runs, 3, run={"baseline_fingerprint": "f2", "gate_sha256": "h"})
    page = history.trend_page(runs, 100)
    [line] = page.lines
    assert (page.runs, line.cell, line.candidate, line.margin) == (3, CELL, "llama@rtn", 10.0)
    assert [(point.breaks, point.changed) for point in line.points] == [
        (False, ()), (True, ("baseline",)), (False, ("gate",)),
    ]  # fmt: skip
    assert line.points[0].noise == pytest.approx(100 / 64)


def test_page_of_a_store_without_runs_is_refused(runs):
    with pytest.raises(UsageError, match="run tailgate compare first"):
        history.trend_page(runs, 100)
