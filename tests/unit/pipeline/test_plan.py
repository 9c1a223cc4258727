"""Forecasts of a suite: no model, no torch, and no promise that the gate cannot keep."""

import pytest

from tailgate.errors import ConfigError, UsageError
from tailgate.pipeline.plan import Assumptions, forecast, forecast_lines

QUICK = Assumptions(runs=50)


def test_the_quick_suite_can_pass_within_its_cap():
    found = forecast("quick", None, QUICK)
    assert len(found.cells) == 8
    assert all(cell.can_pass and cell.fewest_items == 40 and cell.margin == 0.10 for cell in found.cells)
    assert 0 < found.likely_tokens < found.most_tokens


def test_a_calibrated_margin_follows_the_assumed_score():
    low, high = (forecast("tail", None, Assumptions(score=score, runs=2)).cells[0].margin for score in (0.25, 0.9))
    assert (low, high) == (0.025, 0.05)


def test_a_gate_under_which_nothing_can_pass_says_so(tmp_path):
    (tmp_path / "gate.toml").write_text("margin = 0.02\nmax_items = 100\n")
    lines = forecast_lines(forecast("quick", str(tmp_path / "gate.toml"), QUICK))
    assert sum("cannot pass: 205 items without a single flip are needed" in line for line in lines) == 8


def test_margins_in_a_table_are_taken_as_stated_and_others_calibrated(tmp_path):
    (tmp_path / "gate.toml").write_text("margin = { code = 0.3 }\n")
    cells = {cell.cell: cell for cell in forecast("quick", str(tmp_path / "gate.toml"), Assumptions(score=0.4)).cells}
    assert cells["code/task=write-2"].margin == 0.3
    assert cells["general/tier=1"].margin == pytest.approx(0.04)


def test_a_cell_that_would_be_uninformative_cannot_pass():
    found = forecast("quick", None, Assumptions(score=0.3))
    assert not any(cell.informative or cell.can_pass or cell.if_equal.passed for cell in found.cells)
    assert any("too close to chance" in line for line in forecast_lines(found))


def test_a_vanishing_margin_is_refused_by_the_gate_file(tmp_path):
    (tmp_path / "gate.toml").write_text("margin = 1e-7\n")
    with pytest.raises(ConfigError, match=r"margin.* = 1e-07.*greater than or equal to 0\.0001"):
        forecast("quick", str(tmp_path / "gate.toml"), Assumptions())


def test_a_forecast_is_the_same_every_time():
    assert forecast("quick", None, QUICK) == forecast("quick", None, QUICK)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Assumptions(score=1.2), r"--score 1\.2"),
        (Assumptions(churn=-0.1), r"--churn -0\.1"),
        (Assumptions(churn=0.6, loss=0.6), "give shares that add up"),
        (Assumptions(runs=0), "--runs 0"),
    ],
)
def test_assumptions_that_make_no_sense_are_named(given, message):
    with pytest.raises(UsageError, match=message):
        forecast("quick", None, given)


def test_an_unknown_suite_is_named():
    with pytest.raises(ConfigError, match="fast"):
        forecast("fast", None, QUICK)
