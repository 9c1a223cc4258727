from xml.etree import ElementTree as ET

import pytest

from tailgate.report import build_view, render
from tests.unit.report.factory import HOSTILE, INT8, candidate, cell, small_run, tail_run, undecided_cell, verdict


def suites_of(*candidates, **changes):
    return ET.fromstring(render(build_view(verdict(*candidates, **changes), {}, ()), "junit"))


def outcome_of(root, name):
    case = root.find(f"testsuite/testcase[@name='{name}']")
    return [child.tag for child in case if child.tag != "system-out"]


def counts(root):
    return {name: int(root.get(name)) for name in ("tests", "failures", "errors", "skipped")}


def test_junit_one_case_per_cell_and_one_for_the_decision():
    root = ET.fromstring(render(tail_run().view(), "junit"))
    assert counts(root) == {"tests": 11, "failures": 6, "errors": 0, "skipped": 0}
    assert len(root.findall("testsuite/testcase")) == 11


def test_junit_counts_of_suites_add_up():
    root = suites_of(candidate(cell()), candidate(cell(verdict="pass"), candidate=INT8))
    assert [int(suite.get("failures")) for suite in root] == [2, 0]
    assert counts(root)["failures"] == 2


@pytest.mark.parametrize("decision", ["regression", "inconclusive", "uninformative"])
def test_junit_cell_without_a_pass_is_a_failure_of_its_type(decision):
    root = suites_of(candidate(cell(verdict=decision)))
    assert root.find("testsuite/testcase/failure").get("type") == decision


def test_junit_invalid_cell_is_an_error():
    root = suites_of(candidate(cell(verdict="invalid", reason="item 'x': candidate_nonfinite")))
    assert outcome_of(root, "len=2048") == ["error"]


def test_junit_uninformative_cell_of_a_passed_candidate_is_skipped_with_its_reason():
    weak = undecided_cell(stratum="len=9", verdict="uninformative", reason="2 of 40 right")
    root = suites_of(candidate(cell(verdict="pass"), weak))
    assert outcome_of(root, "len=9") == ["skipped"]
    assert "2 of 40 right" in root.find("testsuite/testcase/skipped").get("message")


def test_junit_run_without_candidates_fails():
    root = suites_of(decision="inconclusive", exit_code=3)
    assert counts(root)["failures"] == 1


@pytest.mark.parametrize("decision", ["pass", "regression", "inconclusive", "invalid"])
def test_junit_is_green_exactly_when_the_decision_is_pass(decision):
    root = suites_of(candidate(cell(verdict="pass"), decision=decision))
    assert (counts(root)["failures"] + counts(root)["errors"] == 0) is (decision == "pass")


def test_junit_bounds_are_labelled_one_sided():
    root = suites_of(candidate(cell()))
    assert "one-sided 95 % bounds −14.8 to −5.2" in root.find("testsuite/testcase/failure").get("message")


def test_junit_hostile_names_parse_and_show():
    hostile = cell(slice=HOSTILE, stratum=HOSTILE, reason=HOSTILE, flags=(HOSTILE,))
    root = suites_of(candidate(hostile, candidate=HOSTILE), not_applicable={HOSTILE: HOSTILE})
    assert root.find("testsuite/testcase").get("classname").startswith("<script>")
    assert "⟨U+202E⟩" in root.find("testsuite/testcase/failure").get("message")


def test_junit_text_encodes_to_utf8():
    assert render(small_run().view(), "junit").encode("utf-8").startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
