import pytest

from tailgate.report import summary_lines
from tailgate.report.summary import verdict_lines
from tailgate.report.text import display_width
from tests.unit.report.factory import HOSTILE, candidate, cell, small_run, tail_run, verdict


@pytest.mark.parametrize("width", [40, 60, 80, 88, 100, 160])
def test_summary_fits_the_width(width):
    lines = summary_lines(tail_run().view(), width)
    assert max(map(display_width, lines)) <= width


@pytest.mark.parametrize("width", [60, 100])
def test_summary_long_cell_name_fits_and_keeps_its_stratum(width):
    lines = verdict_lines(verdict(candidate(cell(slice="s" * 150, stratum="len=2048"))), width)
    assert max(map(display_width, lines)) <= width
    assert any("len=2048" in line for line in lines)


def test_summary_verdict_comes_first():
    assert summary_lines(tail_run().view())[0].startswith("DO NOT SHIP: Regression in 3 of 10 cells")


def test_summary_says_mean_and_worst_cell():
    text = "\n".join(summary_lines(tail_run().view()))
    assert "The mean moved -0.8 points; the worst cell, long_context/len=4096, moved -31.0." in text


def test_summary_labels_the_bounds():
    text = "\n".join(summary_lines(tail_run().view()))
    assert "low, high: one-sided 95 % bounds in points, valid at any stopping time; pass needs low > -margin" in text


def test_summary_columns_line_up():
    lines = summary_lines(tail_run().view())
    start = next(i for i, line in enumerate(lines) if line.startswith("verdict"))
    assert len({len(line) for line in lines[start : start + 11]}) == 1


def test_summary_undecided_cell_says_what_it_needs():
    text = "\n".join(summary_lines(tail_run().view()))
    assert "long_context/len=1024: no verdict on its cap of 1000 items; about 1,850 items would decide it" in text


def test_summary_conditions_list_what_was_not_run():
    text = "\n".join(summary_lines(small_run().view()))
    assert "controls: A/A run; positive control not run" in text
    assert "not applicable: long_context/len=16384" in text


def test_summary_own_words_are_ascii():
    assert "\n".join(summary_lines(tail_run().view())).isascii()


def test_summary_hostile_names_cannot_steer_the_terminal():
    lines = verdict_lines(verdict(candidate(cell(slice=HOSTILE), candidate=HOSTILE)))
    assert all(char not in line for line in lines for char in "\x1b\x00\u202e\r\n")


def test_verdict_lines_need_no_manifest():
    assert verdict_lines(tail_run().verdict)[0] == summary_lines(tail_run().view())[0]
