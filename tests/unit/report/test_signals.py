"""What graders measured beside the score is averaged by cell and side, over items that both sides have."""

import json
from dataclasses import replace

from tailgate.report.json import render
from tailgate.report.signals import signal_rows
from tests.unit.gate.factory import EASY, LONG, outcome
from tests.unit.report.factory import small_run


def measured(index, key, before, after, **changes):
    sides = {"baseline_signals": json.dumps(before), "candidate_signals": json.dumps(after)}
    return outcome(index, key, **sides, **changes)


def test_means_are_by_cell_and_signal():
    rows = signal_rows(
        [
            measured(0, LONG, {"abstained": 0.0, "foreign": 0.5}, {"abstained": 1.0, "foreign": 0.5}),
            measured(1, LONG, {"abstained": 0.0, "foreign": 0.0}, {"abstained": 0.0, "foreign": 1.0}),
            measured(2, EASY, {"foreign": 0.25}, {"foreign": 0.25}),
        ]
    )
    assert [(row.cell, row.signal, row.n, row.baseline, row.candidate, row.change) for row in rows] == [
        ("general/kind=capital", "foreign", "1", "0.250", "0.250", "+0.000"),
        ("long_context/len=4096", "abstained", "2", "0.000", "0.500", "+0.500"),
        ("long_context/len=4096", "foreign", "2", "0.250", "0.750", "+0.500"),
    ]


def test_items_that_lack_the_signal_on_one_side_are_not_compared():
    rows = signal_rows([measured(0, EASY, {"known": 1.0}, {}), measured(1, EASY, {"known": 1.0}, {"known": 0.0})])
    assert [(row.n, row.baseline, row.candidate) for row in rows] == [("1", "1.000", "0.000")]


def test_invalid_items_and_items_without_signals_give_no_row():
    assert signal_rows([outcome(0), measured(1, EASY, {"a": 1}, {"a": 1}, invalid="prompt_too_long")]) == ()


def test_signal_with_a_slash_has_one_row_for_its_slice():
    rows = signal_rows(
        [
            measured(0, LONG, {"rule/ask": 1.0, "kept": 1.0}, {"rule/ask": 0.0, "kept": 0.0}),
            measured(1, replace(LONG, stratum="len=512"), {"rule/ask": 1.0}, {"rule/ask": 1.0}),
        ]
    )
    assert [(row.cell, row.signal, row.n, row.change) for row in rows] == [
        ("long_context (all cells)", "rule/ask", "2", "-0.500"),
        ("long_context/len=4096", "kept", "1", "-1.000"),
    ]


def test_a_ratio_stands_beside_the_change_where_the_baseline_has_something_to_divide_by():
    before, after = {"words": 80.0, "loops": 0.0}, {"words": 120.0, "loops": 0.5}
    assert [(row.signal, row.ratio) for row in signal_rows([measured(0, EASY, before, after)])] == [
        ("loops", "–"),
        ("words", "×1.50"),
    ]


def test_json_has_the_means_as_numbers():
    run = small_run()
    name = run.verdict.candidates[0].candidate
    outcomes = [*run.outcomes, measured(900, EASY, {"words": 80.0}, {"words": 120.0}, candidate=name)]
    written = json.loads(render(replace(run, outcomes=outcomes).view()))["candidates"][0]["signals"]
    assert written == [{"cell": str(EASY), "signal": "words", "n": 1, "baseline": 80.0, "candidate": 120.0}]
