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
