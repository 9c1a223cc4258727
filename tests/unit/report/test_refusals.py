"""Over- and under-refusal stand in one row, with intervals that hold at once, in every format of a report."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from tailgate.report.json import dump, load, render
from tailgate.report.refusals import REGION_NOTE, refusal_rows
from tailgate.report.render import render as render_as
from tailgate.report.signals import signal_rows
from tailgate.report.summary import summary_lines
from tailgate.stats.eprocess import item_units
from tailgate.stats.intervals import time_uniform_interval
from tests.unit.report.factory import cell, outcome, small_run, win

CELL = {"slice": "refusal_pairs", "stratum": "group=money"}


def asked(index, before, after, **changes):
    """An item of one half: even indices are to be answered, odd ones to be declined; 1 is a wrong refusal or answer."""
    name = ("over_refusal", "under_refusal")[index % 2]
    sides = {"baseline_signals": json.dumps({name: before}), "candidate_signals": json.dumps({name: after})}
    return outcome(**{**CELL, "index": index, "item_id": f"r{index}", **sides, **changes})


def drifted(n=80, refused=20):
    """A candidate that declines `refused` of 40 requests more than before, and answers none more that it should not."""
    return [asked(i, 0.0, float(i % 2 == 0 and i < 2 * refused)) for i in range(n)]


def test_a_cell_has_one_row_with_both_changes():
    (row,) = refusal_rows(drifted())
    assert row.cell == "refusal_pairs/group=money"
    assert (row.over.n, row.over.baseline, row.over.candidate, row.over.delta) == (40, 0.0, 0.5, 0.5)
    assert (row.under.n, row.under.delta) == (40, 0.0)
    assert row.over.low > 0 > row.under.low
    assert row.over.rates == "0.0 % → 50.0 %"
    assert row.over.text.startswith("+50.0 [+")


def test_both_intervals_together_hold_at_95_percent():
    (row,) = refusal_rows(drifted())
    alone = time_uniform_interval(item_units([1.0] * 20 + [0.0] * 20), 0.05)
    each = time_uniform_interval(item_units([1.0] * 20 + [0.0] * 20), 0.05 / 4)
    assert (row.over.low, row.over.high) == pytest.approx((each.low, each.high), abs=1e-12)
    assert row.over.low < alone.low
    assert "95 %" in REGION_NOTE
    assert "98.75 %" in REGION_NOTE


def test_region_misses_the_truth_in_at_most_5_percent_of_runs():
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(200):
        over, under = rng.choice([-1.0, 0.0, 1.0], size=(2, 60), p=(0.1, 0.6, 0.3))
        pairs = [
            asked(2 * i + side, 0.0, each) for side, half in enumerate((over, under)) for i, each in enumerate(half)
        ]
        (row,) = refusal_rows(pairs)
        missed += not all(side.low <= 0.2 <= side.high for side in (row.over, row.under))
    assert missed / 200 <= 0.05


def test_half_without_an_item_has_no_change_and_an_interval_of_everything():
    (row,) = refusal_rows([asked(0, 0.0, 1.0)])
    assert (row.under.n, row.under.delta, row.under.low, row.under.high) == (0, None, -1.0, 1.0)
    assert row.under.text == "n/a [−100.0, +100.0]"


def test_first_invalid_item_ends_the_cell_as_it_ends_its_evidence():
    rows = drifted(n=8, refused=4)
    rows[4] = replace(rows[4], invalid="candidate_nonfinite")
    (row,) = refusal_rows(list(reversed(rows)))
    assert (row.over.n, row.under.n) == (2, 2)


def test_other_slices_have_no_row():
    assert refusal_rows([outcome(), win(), outcome(item_id="x", candidate_signals='{"over_refusal": 1.0}')]) == ()


def test_rates_of_refusals_are_not_told_apart_from_each_other():
    assert signal_rows(drifted()) == ()


@pytest.fixture
def view():
    run = small_run()
    name = run.verdict.candidates[0].candidate
    named = cell(**CELL)
    first = replace(run.verdict.candidates[0], cells=(*run.verdict.candidates[0].cells, named))
    verdict = replace(run.verdict, candidates=(first, *run.verdict.candidates[1:]))
    outcomes = [*run.outcomes, *(replace(each, candidate=name) for each in drifted())]
    return replace(run, verdict=verdict, outcomes=outcomes).view()


@pytest.mark.parametrize("form", ["md", "html"])
def test_page_shows_the_row_once(view, form):
    text = render_as(view, form)
    assert text.count("Over- and under-refusal together") == 1
    assert "0.0 % → 50.0 %" in text
    assert text.count(view.candidates[0].refusals[0].over.text) == 1
    assert "four one-sided bounds at 98.75 % each" in text


def test_page_without_refusals_does_not_speak_of_them():
    view = small_run().view()
    assert not any("under-refusal" in render_as(view, form) for form in ("md", "html", "junit"))


def test_junit_has_the_row_as_a_property(view):
    suites = ET.fromstring(render_as(view, "junit"))
    found = {each.get("name"): each.get("value") for each in suites.iter("property")}
    said = found["refusals: refusal_pairs/group=money"]
    assert said.startswith("over-refusal 0.0 % → 50.0 %, +50.0 [")
    assert said.endswith("both intervals hold at once with 95 % confidence")


def test_json_has_the_numbers_and_is_still_a_verdict(view):
    text = render_as(view, "json")
    first = json.loads(text)["candidates"][0]["refusals"][0]
    assert first["cell"] == "refusal_pairs/group=money"
    assert first["confidence"] == 0.95
    assert first["over_refusal"]["delta"] == 0.5
    assert set(first["under_refusal"]) == {"n", "baseline", "candidate", "delta", "low", "high"}
    assert load(text) == view.verdict


def test_terminal_has_the_row_as_a_sentence(view):
    text = " ".join(" ".join(summary_lines(view)).split())
    assert "refusal_pairs/group=money: over-refusal 0.0 % -> 50.0 %, +50.0 [" in text
    assert text.isascii()


def test_json_without_refusals_is_the_verdict_alone():
    view = small_run().view()
    assert render(view) == dump(view.verdict) + "\n"
