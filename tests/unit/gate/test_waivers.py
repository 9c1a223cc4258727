"""What a signed-off exception may do to a verdict, and what it may not."""

from dataclasses import replace
from datetime import date

import pytest

from tailgate.config import load_waivers
from tailgate.errors import ConfigError
from tailgate.gate.waivers import WAIVED, Waiver, apply_waivers
from tests.unit.report import factory

TODAY = date(2026, 11, 24)
REGRESSED = "long_context/len=2048"


def waiver(cell=REGRESSED, *, candidate=factory.INT4, expires=TODAY):
    return Waiver(cell=cell, candidate=candidate, reason="no long prompts", approved_by="Ada", expires=expires)


def regressed(**changes):
    return factory.cell(reason="it loses more than its margin", **changes)


def passed(**changes):
    return factory.cell(stratum="len=512", verdict="pass", reason=None, flags=(), **changes)


def run(*cells, reasons=None, **changes):
    said = tuple(f"{cell.key}: {cell.reason}" for cell in cells if cell.verdict not in ("pass", "uninformative"))
    return factory.verdict(factory.candidate(*cells, reasons=said if reasons is None else reasons), **changes)


def decided(verdict, *waivers):
    return apply_waivers(verdict, waivers, TODAY)


def test_waived_regression_is_a_warning_when_everything_else_passed():
    waived = decided(run(regressed(), passed()), waiver())
    assert (waived.verdict.decision, waived.verdict.exit_code) == ("pass", 0)
    assert WAIVED in waived.verdict.candidates[0].cells[0].flags
    assert waived.verdict.candidates[0].reasons == ()
    assert waived.lines == [
        f"WAIVED until 2026-11-24: {REGRESSED} of {factory.INT4} regressed; Ada: no long prompts",
    ]


def test_waived_cell_keeps_its_verdict_of_regression():
    waived = decided(run(regressed(), passed()), waiver())
    assert waived.verdict.candidates[0].cells[0].verdict == "regression"


def test_waiver_is_over_the_day_after_it_expires():
    yesterday = date(2026, 11, 23)
    waived = decided(run(regressed()), waiver(expires=yesterday))
    assert waived.verdict.decision == "regression"
    assert waived.lines == [f"EXPIRED on 2026-11-23: the waiver of {REGRESSED} of {factory.INT4} counts no more"]


def test_waiver_of_one_cell_does_not_cover_another():
    other = regressed(stratum="len=4096")
    waived = decided(run(regressed(), other), waiver())
    assert waived.verdict.decision == "regression"
    assert [reason.split(":")[0] for reason in waived.verdict.candidates[0].reasons] == [str(other.key)]


def test_waiver_of_one_candidate_does_not_cover_another():
    waived = decided(run(regressed()), waiver(candidate="llama@rtn"))
    assert waived.verdict.decision == "regression"
    assert waived.lines == [f"unused waiver: {REGRESSED} of llama@rtn did not regress; remove it"]


@pytest.mark.parametrize(("left", "decision"), [("inconclusive", "inconclusive"), ("invalid", "invalid")])
def test_waiver_leaves_what_was_not_established(left, decision):
    other = factory.cell(stratum="len=512", verdict=left, reason="not enough")
    assert decided(run(regressed(), other), waiver()).verdict.decision == decision


@pytest.mark.parametrize("left", ["inconclusive", "invalid", "uninformative", "pass"])
def test_only_a_regression_can_be_waived(left):
    before = run(factory.cell(verdict=left, reason="why"))
    waived = decided(before, waiver())
    assert waived.verdict == before
    assert waived.used == ()


def test_slice_without_evidence_stays_inconclusive():
    reasons = (f"{REGRESSED}: it loses", "code: no informative cell in this slice")
    assert decided(run(regressed(), reasons=reasons), waiver()).verdict.decision == "inconclusive"


def test_run_that_is_void_cannot_be_waived():
    void = replace(run(regressed(), passed()), decision="invalid", exit_code=4)
    assert decided(void, waiver()).verdict.exit_code == 4


def test_no_waivers_change_nothing():
    before = run(regressed(), passed())
    assert decided(before).verdict == before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[waivers]]\ncell = 'a/b=1'", "waivers.0.candidate"),
        ("[[waivers]]\ncell = 'a'\ncandidate = 'c'\nreason = 'r'\napproved_by = 'p'\nexpires = 2026-01-01", "cell"),
        ("[[waivers]]\ncell = 'a/b'\ncandidate = 'c'\nreason = ''\napproved_by = 'p'\nexpires = 2026-01-01", "reason"),
        ("[[waivers]]\ncell = 'a/b'\ncandidate = 'c'\nreason = 'r'\napproved_by = 'p'\nexpires = 'soon'", "expires"),
        ("waivers = []\nforever = true", "unknown key 'forever'"),
        (2 * "[[waivers]]\ncell='a/b'\ncandidate='c'\nreason='r'\napproved_by='p'\nexpires=2026-01-01\n", "twice"),
    ],
)
def test_wrong_waiver_file_is_one_error(tmp_path, text, complaint):
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        load_waivers(file)


def test_missing_waiver_file_is_an_error_not_an_empty_one(tmp_path):
    with pytest.raises(ConfigError, match="no waiver file"):
        load_waivers(tmp_path / "waivers.toml")
