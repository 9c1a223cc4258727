"""A changed gate file: what it weakens is listed, what it tightens is not."""

import pytest

from tailgate.config import GateConfig, parse_gate
from tailgate.gate.lint import weakened


def gate(text=""):
    return parse_gate(text, "test")


def settings(old, new):
    return [(each.setting, each.target, each.old, each.new) for each in weakened(gate(old), gate(new))]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ("alpha = 0.05", "alpha = 0.1", [("alpha", "every cell", "0.05", "0.1")]),
        ("alpha = 0.1", "alpha = 0.05", []),
        ("margin = 0.05", "margin = 0.06", [("margin", "default", "0.05", "0.06")]),
        ("margin = 0.05", "margin = 0.04", []),
        ("margin = 0.02", "", [("margin", "default", "0.02", "by calibration")]),
        ("", "margin = 0.03", [("margin", "default", "by calibration", "0.03")]),
        ("", "margin = 0.02", []),
        ("", "margin_ceiling = 0.08", [("margin_ceiling", "every cell", "0.05", "0.08")]),
        ("max_items = 1000", "max_items = 500", [("max_items", "default", "1000", "500")]),
        ("max_items = 500", "max_items = 1000", []),
        ("min_items = 40", "", [("min_items", "default", "40", "20")]),
        ("", "informative_factor = 6.0", [("informative_factor", "every cell", "4", "6")]),
        ("", "informative_factor = 2.0", [("informative_factor", "every cell", "4", "2")]),
        ("", "calibration_items = 20", [("calibration_items", "every cell", "40", "20")]),
        ("", "chance = 0.25", [("chance", "default", "the slice's", "0.25")]),
    ],
)
def test_a_weaker_threshold_is_listed_and_a_stricter_one_is_not(old, new, found):
    assert settings(old, new) == found


def test_a_slice_that_lost_its_own_margin_is_listed():
    old, new = "margin = { default = 0.05, code = 0.02 }", "margin = 0.05"
    assert settings(old, new) == [("margin", "code", "0.02", "0.05")]


def test_a_cell_that_got_a_wider_margin_than_its_slice_is_listed():
    old, new = "margin = { default = 0.05, code = 0.02 }", 'margin = { default = 0.05, code = 0.02, "code/x" = 0.04 }'
    assert settings(old, new) == [("margin", "code/x", "0.02", "0.04")]


def test_a_line_says_what_changed_and_why_it_matters():
    line = str(weakened(GateConfig(margin=0.03), GateConfig(margin=0.05))[0])
    assert line == "margin of default: 0.03 -> 0.05 (a larger loss may pass)"
