import re
from pathlib import Path

import pytest

from tailgate.report import render
from tailgate.report.markdown import code_block, code_span, escape
from tests.unit.report.factory import HOSTILE, candidate, cell, outcome, small_run, tail_run, verdict

GOLDEN = Path(__file__).parents[2] / "golden" / "report"


def test_markdown_small_run_equals_the_golden_file():
    assert render(small_run().view(), "md") == (GOLDEN / "report.md").read_text(encoding="utf-8")


def test_json_small_run_equals_the_golden_file():
    assert render(small_run().view(), "json") == (GOLDEN / "verdict.json").read_text(encoding="utf-8")


def test_markdown_bounds_are_labelled_one_sided():
    text = render(tail_run().view(), "md")
    assert "| lower bound (one-sided 95 %) | upper bound (one-sided 95 %) |" in text


def test_markdown_every_table_row_has_as_many_cells_as_its_header():
    lines = render(tail_run().view(), "md").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| verdict |"))
    assert {line.count("|") for line in lines[start : start + 12]} == {11}


def test_escape_markup_is_disarmed():
    assert escape("<b>*x*|[a](b)`\n# y") == r"\<b\>\*x\*\|\[a\](b)\` \# y"


def test_code_span_backticks_cannot_end_it():
    assert code_span("a``b`") == "``` a``b` ```"


def test_code_span_pipe_cannot_end_a_table_cell():
    assert code_span("a|b") == r"`a\|b`"


@pytest.mark.parametrize("attack", ["```", "````\n</details>", "~~~"])
def test_code_block_fence_in_the_text_cannot_end_it(attack):
    first, *_, last = code_block(attack)
    assert first == last + "text"
    assert last not in attack


def test_markdown_hostile_answer_stays_inside_its_block():
    attack = "x\n```\n<script>alert(1)</script>\n" + HOSTILE
    run = small_run()
    run.outcomes[:] = [outcome(candidate_text=attack, divergence_token=0, candidate_divergence_char=0)]
    text = render(run.view(), "md")
    block = text.split("candidate answer:\n\n")[1]
    assert block.startswith("````text\n")
    assert "⟨U+202E⟩" in block.split("\n````")[0]


def test_markdown_hostile_names_make_no_tags():
    text = render(
        type(small_run())(
            verdict=verdict(candidate(cell(slice="<img src=x>", reason="<b>"), candidate="<script>")),
            manifest={"notes": ["<iframe>"]},
            outcomes=[],
        ).view(),
        "md",
    )
    outside_code = "".join(text.split("`")[::2])
    assert not re.findall(r"(?<!\\)<(?:img|script|b|iframe)\b", outside_code)
    assert "\\<iframe\\>" in outside_code
