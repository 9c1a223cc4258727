"""Production prompts as a slice: strict reading, a grader per row, one order."""

from __future__ import annotations

import csv
import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailgate_slices.cards import card_problems
from tailgate_slices.item import Answer, SliceError
from tailgate_slices.sources import OwnPrompts, check_file, open_source

ROWS = (
    {"prompt": "Capital of France?", "reference": "Paris", "id": "a", "stratum": "short"},
    {"prompt": "Name a primary colour.", "references": ["red", "blue"], "grader": "contains", "stratum": "short"},
    {"prompt": "Ticket number?", "grader": "regex", "pattern": r"^T-\d{4}$", "stratum": "long form"},
    {"prompt": "2 + 2", "grader": "number", "reference": 4, "max_new_tokens": 8, "stop": ["\n"]},
    {"prompt": "Say hello.", "cluster": 7},
)


def jsonl(folder, rows, name="prompts.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def maker_of(folder, *rows):
    return OwnPrompts("mine", jsonl(folder, rows))


def only_item(maker):
    return maker.item(stratum=maker.strata[0], seed=1, index=0, tokens=None)


def grade(maker, text, finish_reason="stop"):
    return maker.grade(only_item(maker), Answer(text=text, finish_reason=finish_reason))


def items(maker, stratum, seed=1):
    return [maker.item(stratum=stratum, seed=seed, index=i, tokens=None) for i in range(maker.size(stratum))]


def test_each_row_becomes_an_item_of_its_stratum(tmp_path):
    maker = maker_of(tmp_path, *ROWS)
    assert maker.axes == {"stratum": ("short", "long form", "all")}
    assert [maker.size(stratum) for stratum in maker.strata] == [2, 1, 2]
    assert {item.prompt for stratum in maker.strata for item in items(maker, stratum)} == {r["prompt"] for r in ROWS}


def test_item_keeps_what_its_row_says(tmp_path):
    (item,) = items(maker_of(tmp_path, ROWS[3]), "stratum=all")
    assert (item.max_new_tokens, item.stop, item.references) == (8, ("\n",), ("4",))


def test_item_id_keeps_the_rows_id_or_its_line(tmp_path):
    maker = maker_of(tmp_path, ROWS[0], ROWS[1])
    assert {item.id.rpartition("/")[2] for item in items(maker, "stratum=short")} == {"a", "line-2"}


def test_order_is_the_same_for_every_seed(tmp_path):
    maker = maker_of(tmp_path, *({"prompt": f"p{i}", "reference": "x"} for i in range(50)))
    assert items(maker, "stratum=all", 1) == items(maker, "stratum=all", 2)


def test_order_is_a_permutation_that_depends_on_the_content(tmp_path):
    prompts = [f"p{i}" for i in range(50)]
    first = items(maker_of(tmp_path, *({"prompt": p, "reference": "x"} for p in prompts)), "stratum=all")
    second = items(maker_of(tmp_path, *({"prompt": p, "reference": "y"} for p in prompts)), "stratum=all")
    assert sorted(item.prompt for item in first) == sorted(prompts)
    assert prompts != [item.prompt for item in first] != [item.prompt for item in second]


def test_rows_of_a_cluster_stand_together(tmp_path):
    rows = [{"prompt": f"p{i}", "cluster": f"c{i % 10}"} for i in range(40)]
    maker = maker_of(tmp_path, *rows)
    clusters = [item.cluster for item in items(maker, "stratum=all")]
    assert maker.cluster_items("stratum=all") == 4
    assert all(len(set(clusters[at : at + 4])) == 1 for at in range(0, 40, 4))


def test_index_beyond_the_end_is_an_error(tmp_path):
    maker = maker_of(tmp_path, ROWS[0])
    for index in (1, -1):
        with pytest.raises(SliceError, match="has 1 items"):
            maker.item(stratum="stratum=short", seed=1, index=index, tokens=None)


def test_version_carries_the_hash_of_the_file(tmp_path):
    one, two = maker_of(tmp_path, ROWS[0]).version, maker_of(tmp_path, ROWS[1]).version
    assert one != two
    assert one.startswith("2+")
    assert len(one) == 10


def test_item_of_another_file_is_an_error(tmp_path):
    foreign = only_item(maker_of(tmp_path, ROWS[0]))
    with pytest.raises(SliceError, match="give the data it was drawn from"):
        maker_of(tmp_path, ROWS[1]).grade(foreign, Answer(text="x", finish_reason="stop"))


def test_context_is_an_upper_estimate_with_the_answer(tmp_path):
    maker = maker_of(tmp_path, {"prompt": "\u1200" * 100, "max_new_tokens": 50})
    assert maker.min_context("stratum=all") >= 300 + 50


def test_card_is_complete_and_lists_the_modes_of_the_graders_used(tmp_path):
    maker = maker_of(tmp_path, *ROWS)
    assert card_problems(maker, date(2026, 12, 1)) == ()
    assert {"more_text", "missing", "no_match", "wrong_number", "empty"} <= set(maker.card.failure_modes)


def test_csv_says_the_same_as_json_lines(tmp_path):
    path = tmp_path / "prompts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "references", "grader", "max_new_tokens", "stratum", "pattern"])
        writer.writerow(["Name,\na colour", '["red", "blue"]', "contains", "12", "", ""])
        writer.writerow(["Ticket?", "", "regex", "", "", "T-[0-9]"])
        writer.writerow(["Free", "", "", "", "", ""])
    maker = OwnPrompts("mine", path)
    found = {item.prompt: item for item in items(maker, "stratum=all")}
    assert found["Name,\na colour"].references == ("red", "blue")
    assert found["Name,\na colour"].max_new_tokens == 12
    assert found["Free"].attributes["grader"] == "none"


@pytest.mark.parametrize("text", ["Paris", " Paris\n"])
def test_exact_reference_is_right(tmp_path, text):
    assert grade(maker_of(tmp_path, ROWS[0]), text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("paris", "form"),
        ("Paris.", "form"),
        ("It is Paris", "more_text"),
        ("Rome", "wrong"),
        ("", "empty"),
        ("I'm sorry, but no", "refused"),
        ("zq, " * 40, "degenerate"),
    ],
)
def test_near_miss_of_an_exact_reference_fails_by_its_kind(tmp_path, text, mode):
    assert grade(maker_of(tmp_path, ROWS[0]), text).failure_mode == mode


def test_answer_that_contains_a_reference_is_right_whatever_the_case(tmp_path):
    maker = maker_of(tmp_path, ROWS[1])
    assert grade(maker, "I choose  BLUE!").score == 1.0
    assert grade(maker, "green").failure_mode == "missing"


def test_pattern_decides_with_the_grader_regex(tmp_path):
    maker = maker_of(tmp_path, ROWS[2])
    assert grade(maker, "T-1234").score == 1.0
    assert grade(maker, "T-12345").failure_mode == "no_match"


@pytest.mark.parametrize(("text", "mode"), [("so 4.0", None), ("5", "wrong_number"), ("four", "unparsable")])
def test_last_number_decides_with_the_grader_number(tmp_path, text, mode):
    assert grade(maker_of(tmp_path, ROWS[3]), text).failure_mode == mode


def test_row_without_a_reference_is_measured_and_right_if_not_empty(tmp_path):
    maker = maker_of(tmp_path, ROWS[4])
    assert maker.descriptive
    assert grade(maker, "Hi").score == 1.0
    assert grade(maker, " ").failure_mode == "empty"


def test_slice_with_a_judged_row_is_not_descriptive(tmp_path):
    assert not maker_of(tmp_path, *ROWS).descriptive


def test_system_prompt_of_a_row_is_asked_before_it(tmp_path):
    maker = maker_of(tmp_path, {"prompt": "Hi", "system": "Be brief."}, {"prompt": "Hi"})
    assert maker.uses_system
    assert {item.system for item in items(maker, "stratum=all")} == {"Be brief.", ""}
    assert maker.min_context("stratum=all") > maker_of(tmp_path, {"prompt": "Hi"}).min_context("stratum=all")
    assert not maker_of(tmp_path, *ROWS).uses_system


def test_same_prompt_under_another_system_prompt_is_no_repetition(tmp_path):
    rows = [{"prompt": "Hi", "system": system} for system in ("Be brief.", "Be kind.")]
    assert not any("repeats" in warning for warning in check_file(jsonl(tmp_path, rows)).warnings)


@pytest.mark.parametrize(("name", "message"), [("a.txt", "jsonl or .csv"), ("none.jsonl", "no file")])
def test_file_of_another_kind_is_an_error(tmp_path, name, message):
    with pytest.raises(SliceError, match=message):
        OwnPrompts("mine", tmp_path / name)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", "-x"])
def test_name_that_would_break_an_address_is_an_error(tmp_path, name):
    with pytest.raises(SliceError, match="no name for own prompts"):
        OwnPrompts(name, jsonl(tmp_path, ROWS))


def test_slice_opened_by_name_bears_that_name(tmp_path):
    assert open_source("own:mine", jsonl(tmp_path, ROWS)).name == "own:mine"


def test_own_prompts_without_a_file_are_an_error():
    with pytest.raises(SliceError, match="needs the file"):
        open_source("own:mine", None)


def test_report_counts_strata_and_graders(tmp_path):
    report = check_file(jsonl(tmp_path, ROWS))
    assert report.rows == 5
    assert report.strata == {"short": 2, "long form": 1, "all": 2}
    assert report.graders == {"exact": 1, "contains": 1, "regex": 1, "number": 1, "none": 1}


def test_report_warns_of_repeated_and_very_long_prompts_and_small_strata(tmp_path):
    rows = [{"prompt": "same", "reference": "x"}, {"prompt": "same", "reference": "x"}, {"prompt": "y" * 40_000}]
    warnings = check_file(jsonl(tmp_path, rows)).warnings
    assert "line 2 repeats the prompt of line 1" in warnings
    assert "line 3 has a very long prompt (40,000 characters)" in warnings
    assert any("stratum 'all' has 3 prompts" in warning for warning in warnings)


def test_report_warns_where_nothing_can_be_gated(tmp_path):
    assert "never gated" in check_file(jsonl(tmp_path, ROWS[4:])).warnings[-1]


def test_report_of_a_faulty_file_is_the_same_error(tmp_path):
    with pytest.raises(SliceError, match="line 1 has no prompt"):
        check_file(jsonl(tmp_path, [{"id": "x"}]))


HOSTILE = ["", "\x00", "\ud800", "(" * 100_000, "9" * 100_000, "a-" * 50_000, "\u0301" * 100_000, "`" * 5000]


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answer_gets_a_mode_of_the_card(tmp_path, row, text):
    maker = maker_of(tmp_path, ROWS[row])
    graded = grade(maker, text)
    assert graded.score == 0.0
    assert graded.failure_mode in maker.card.failure_modes


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=300), reason=st.sampled_from(["stop", "length"]), row=st.integers(0, 4))
def test_any_text_gets_a_score_or_a_failure_mode(tmp_path, text, reason, row):
    graded = grade(maker_of(tmp_path, ROWS[row]), text, reason)
    assert (graded.score, graded.failure_mode is None) in {(1.0, True), (0.0, False)}
