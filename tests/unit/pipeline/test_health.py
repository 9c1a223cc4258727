"""Cells that stopped measuring are noticed from the history of their runs."""

import pytest

from tailgate.errors import OutputError
from tailgate.pipeline import health
from tailgate.store.history import CellRecord
from tailgate.store.transcripts import Store


@pytest.fixture
def history(tmp_path):
    store = Store(tmp_path)
    yield store.history
    store.close()


def record(run, **changes):
    fields = {
        "run": f"r{run}", "created_utc": f"2026-01-0{run}T00:00:00Z", "baseline": "f", "candidate": "c",
        "is_control": False, "slice": "code", "slice_version": "1", "stratum": "s", "n": 40, "flips": 2,
        "baseline_score": 0.7, "log_e_fail": 8.0,
    }  # fmt: skip
    return CellRecord(**{**fields, **changes})


def warnings_of(history, **changes):
    history.add([record(run, **changes) for run in range(1, 6)])
    found = history.latest("f", ("code", "1", "s"), is_control=False, runs=health.RUNS)
    return list(health._stale(found))


def test_a_cell_that_measures_gives_no_warning(history):
    assert warnings_of(history) == []


def test_a_saturated_cell_is_noticed(history):
    assert "saturated" in warnings_of(history, baseline_score=1.0)[0]


def test_a_cell_out_of_reach_is_noticed(history):
    assert "out of reach" in warnings_of(history, baseline_score=0.0)[0]


def test_a_cell_without_flips_is_noticed(history):
    assert "no item flipped in the last 5 runs" in warnings_of(history, flips=0)[0]


def test_four_runs_are_too_few_for_a_warning(history):
    history.add([record(run, flips=0) for run in range(1, 5)])
    assert list(health._stale(history.latest("f", ("code", "1", "s"), is_control=False, runs=5))) == []


def test_a_control_that_is_caught_less_clearly_is_noticed(history):
    evidence = [8.0, 9.0, 8.0, 7.0, 2.0]
    history.add([record(run, is_control=True, log_e_fail=e) for run, e in enumerate(evidence, start=1)])
    found = history.latest("f", ("code", "1", "s"), is_control=True, runs=5)
    assert "caught less clearly than before (0.050 against 0.200 nats an item)" in next(health._weaker(found))


def test_two_candidates_of_a_run_are_one_run(history):
    history.add([record(run, candidate=name, flips=0) for run in range(1, 5) for name in "ab"])
    found = history.latest("f", ("code", "1", "s"), is_control=False, runs=health.RUNS)
    assert len(found) == 8
    assert list(health._stale(found)) == []
    assert len(history.latest("f", ("code", "1", "s"), is_control=False, runs=2)) == 4


def test_a_history_that_cannot_be_written_says_so(tmp_path):
    store = Store(tmp_path)
    store.close()
    with pytest.raises(OutputError, match="cannot write to the history"):
        store.history.add([record(1)])


def test_records_of_a_run_are_kept_together_or_not_at_all(history):
    with pytest.raises(OutputError):
        history.add([record(1), record(2, n=None)])
    assert history.latest("f", ("code", "1", "s"), is_control=False, runs=5) == []


def test_an_identical_rerun_counts_once(history):
    history.add([record(1), record(1, flips=9)])
    found = history.latest("f", ("code", "1", "s"), is_control=False, runs=5)
    assert [each.flips for each in found] == [9]


def test_another_baseline_or_slice_version_has_a_history_of_its_own(history):
    history.add([record(1), record(2, baseline="g"), record(3, slice_version="2")])
    assert len(history.latest("f", ("code", "1", "s"), is_control=False, runs=5)) == 1
