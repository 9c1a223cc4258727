"""``history.html``: trends that do not lie."""

from xml.etree import ElementTree as ET

import pytest

from tailgate.report.forest import LIGHT
from tailgate.report.trends import TrendLine, TrendPage, TrendPoint, draw, render, worst_last
from tests.unit.report.factory import HOSTILE
from tests.unit.report.test_html import Page


def point(night, **changes):
    values = {
        "when": f"2026-03-{night:02d}T01:00:00Z", "run": f"{night:012d}", "decision": "pass", "n": 120, "delta": -1.0,
        "low": -4.0, "high": 2.0, "noise": 0.5, "breaks": False, "changed": (), "text": "\u22121.0 [\u22124.0, +2.0]",
    }  # fmt: skip
    return TrendPoint(**(values | changes))


def line(*points, **changes):
    return TrendLine(
        **({"cell": "code/task=write", "candidate": "llama@rtn", "margin": 5.0, "points": points} | changes)
    )


def drawn(found):
    return ET.fromstring(draw(found, LIGHT))


def paths_of(root, role):
    return [node for node in root.iter() if node.get("aria-roledescription") == role]


def test_a_point_is_drawn_for_every_run():
    found = line(*(point(night) for night in range(1, 6)))
    assert len(paths_of(drawn(found), "point")) == 5


def test_no_line_is_drawn_across_a_change_that_does_not_compare():
    joined = line(*(point(night) for night in range(1, 5)))
    broken = line(point(1), point(2), point(3, breaks=True, changed=("baseline",)), point(4))
    strokes = [
        len([node for node in drawn(found).iter() if node.get("aria-roledescription") == "line mark"])
        for found in (joined, broken)
    ]
    assert strokes == [1, 2]


def test_what_changed_is_named():
    words = [node.text for node in drawn(line(point(1), point(2, changed=("gate", "engine")))).iter() if node.text]
    assert "gate, engine" in words


def test_the_worst_of_the_last_run_comes_first():
    healed = line(point(1, decision="regression", delta=-40.0), point(2), cell="a")
    broken = line(point(1), point(2, decision="regression", delta=-20.0), cell="b")
    assert [each.cell for each in worst_last([healed, broken])] == ["b", "a"]


def test_page_is_balanced_escaped_and_asks_for_nothing():
    page = Page(render(TrendPage(runs=2, lines=(line(point(1), point(2), cell=HOSTILE, candidate=HOSTILE),))))
    assert page.open == []
    assert "script" not in page.tags
    assert not [value for value in page.values("src") if not value.startswith("data:")]
    policy = next(value for value in page.values("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src")


@pytest.mark.parametrize("missing", ["delta", "noise"])
def test_a_run_without_items_or_noise_floor_is_drawn(missing):
    assert paths_of(drawn(line(point(1), point(2, **{missing: None}))), "point")
