"""The block of items that a page unpacks."""

import base64
import gzip
import json
from dataclasses import replace

import pytest

from tailgate.report.items import FIELDS, item_block
from tests.unit.report.factory import HOSTILE, INT8, outcome, win


def unpack(found):
    page = json.loads(gzip.decompress(base64.b64decode(found.block)))
    return page, [dict(zip(FIELDS, row, strict=True)) for row in page["rows"]]


def same(**changes):
    return outcome(**{"candidate_score": 1.0, "candidate_failure": None, "divergence_token": None} | changes)


def test_items_come_by_candidate_and_cell_with_those_that_changed_first():
    outcomes = [
        outcome(candidate=INT8, item_id="other"),
        same(item_id="same", index=1),
        win(item_id="won", index=2),
        outcome(item_id="lost", index=9),
        outcome(item_id="spoiled", index=0, invalid="candidate_nonfinite"),
        outcome(item_id="first", slice="code", stratum="task=write"),
    ]
    page, rows = unpack(item_block(outcomes, ["code/task=write"]))
    assert [row["id"] for row in rows] == ["other", "first", "lost", "won", "same", "spoiled"]
    assert [page["changes"][row["change"]] for row in rows] == ["lost", "lost", "lost", "gained", "same", "invalid"]
    assert rows[-1]["note"] == "spoiled: candidate_nonfinite"
    assert rows[-2]["note"] == "the same answer"


def test_a_row_holds_both_answers_cut_where_they_part():
    page, [row] = unpack(item_block([outcome()], []))
    assert row["answers"] == [["The value is 482", "13", "."], ["The value is 482", "71", "."]]
    assert row["scores"] == "100.0 % → 0.0 %"
    assert [page["failures"][each] if each >= 0 else None for each in row["failed"]] == [None, "wrong_value"]
    assert page["cells"][row["cell"]] == "long_context/len=2048"


def test_texts_are_made_visible_and_cuts_are_told():
    long = replace(outcome(), prompt="a" * 5000 + "b", candidate_text=HOSTILE, divergence_token=None)
    _, [row] = unpack(item_block([long], []))
    assert "[… 3,401 characters left out …]" in row["prompt"]
    assert "red⟨U+202E⟩evil⟨U+0000⟩⟨U+D800⟩" in "".join(row["answers"][1])


def test_tokens_of_alike_shade_are_one_piece_and_what_nobody_looked_at_is_told():
    seen = outcome(token_surprise="[[4,0.1],[6,0.6],[3,0.8],[3,2.4]]")
    _, [row] = unpack(item_block([seen], []))
    pieces = [["The value ", 0], ["is ", 1], ["482", 2], ["[… 3 characters left out …]", 0]]
    assert row["surprise"] == pieces
    hostile = outcome(baseline_text="\u202eab", token_surprise="[[1,9.0],[2,0.1]]")
    _, [row] = unpack(item_block([hostile], []))
    assert row["surprise"] == [["⟨U+202E⟩", 3], ["ab", 0]]


def test_a_token_inside_a_character_shades_the_character():
    seen = outcome(baseline_text="a\U0001f600b", token_surprise="[[1,0.1],[0,9.0],[0,0.1],[1,0.1],[1,0.1]]")
    _, [row] = unpack(item_block([seen], []))
    assert row["surprise"] == [["a", 0], ["\U0001f600", 3], ["b", 0]]


@pytest.mark.parametrize("damaged", ["{", "5", "[1]", "[[1,null]]", '[["a",1]]'])
def test_damaged_shades_are_left_out(damaged):
    _, [row] = unpack(item_block([outcome(token_surprise=damaged)], []))
    assert row["surprise"] == []


def test_items_that_changed_nothing_or_were_not_looked_at_have_no_shades():
    _, rows = unpack(item_block([same(token_surprise="[[4,0.1]]"), outcome()], []))
    assert [row["surprise"] for row in rows] == [[], []]


def test_a_block_too_heavy_leaves_out_what_changed_nothing_and_says_so():
    outcomes = [same(item_id=f"s{n}", index=n, prompt=str(n) * 400) for n in range(200)] + [outcome(item_id="lost")]
    whole = item_block(outcomes, [])
    assert (whole.shown, whole.left_out) == (201, None)
    light = item_block(outcomes, [], most_bytes=len(whole.block) // 2)
    assert len(light.block) <= len(whole.block) // 2
    _, rows = unpack(light)
    assert rows[0]["id"] == "lost"
    assert (
        light.left_out
        == f"{201 - light.shown} items that changed nothing not on this page; outcomes.parquet holds all."
    )


def test_items_that_changed_are_never_left_out():
    outcomes = [outcome(item_id=f"l{n}", index=n) for n in range(5)]
    assert item_block(outcomes, [], most_bytes=10).shown == 5
