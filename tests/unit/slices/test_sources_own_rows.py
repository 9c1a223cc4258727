"""Rows of own prompts are read strictly: a fault is named with its line, and nothing else is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.sources import OwnPrompts
from tailgate_slices.sources.own_rows import COLUMNS, GRADERS


def jsonl(folder, rows):
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def maker_of(folder, *rows):
    return OwnPrompts("mine", jsonl(folder, rows))


def only_item(maker):
    return maker.item(stratum=maker.strata[0], seed=1, index=0, tokens=None)


def grade(maker, text):
    return maker.grade(only_item(maker), Answer(text=text, finish_reason="stop"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "x", "refernce": "y"}, "line 2: unknown column 'refernce'; known columns: prompt, system, id"),
        ({"prompt": "x", "sytem": "y"}, "unknown column 'sytem'"),
        ({"prompt": "x", "y" * 30_000: "y"}, r"unknown column 'y+\.\.\.; known"),
        ({"prompt": "x", "system": 3}, "system is int"),
        ({"prompt": "x", "system": "  "}, "system prompt of white space alone"),
        ({"reference": "y"}, "line 2 has no prompt"),
        ({"prompt": "  "}, "has no prompt"),
        ({"prompt": 3}, "prompt is int"),
        ({"prompt": "x", "grader": "exact"}, "line 2: the grader exact needs a reference"),
        ({"prompt": "x", "grader": "number"}, "needs a reference"),
        ({"prompt": "x", "grader": "number", "reference": "two"}, "needs one number"),
        ({"prompt": "x", "grader": "regex"}, "needs a pattern"),
        ({"prompt": "x", "grader": "regex", "pattern": "("}, "line 2: pattern '\\(' does not compile"),
        ({"prompt": "x", "grader": "regex", "pattern": r"(a)\1"}, "linear time"),
        ({"prompt": "x", "grader": "regex", "pattern": 3}, "pattern is int"),
        ({"prompt": "x", "grader": "regex", "pattern": "(" * 20_000}, r"line 2: pattern '\(+\.\.\. does not compile"),
        ({"prompt": "x", "grader": "regex", "pattern": "b", "reference": "a"}, "rejects the reference 'a'"),
        ({"prompt": "x", "pattern": "b"}, "only the grader regex reads"),
        ({"prompt": "x", "grader": "json_schema"}, "needs a schema"),
        ({"prompt": "x", "grader": "judge"}, "unknown grader 'judge'; choose from exact"),
        ({"prompt": "x", "grader": ["exact"]}, "unknown grader"),
        ({"prompt": "x", "reference": "a", "references": ["b"]}, "both reference and references"),
        ({"prompt": "x", "reference": " "}, "white space alone"),
        ({"prompt": "x", "reference": True}, "reference is bool"),
        ({"prompt": "x", "reference": float("nan")}, "reference is nan"),
        ({"prompt": "x", "grader": "number", "reference": float("inf")}, "reference is inf"),
        ({"prompt": "x", "grader": "number", "reference": "9" * 41}, "needs one number as reference"),
        ({"prompt": "x", "references": [float("nan")]}, "no text"),
        ({"prompt": "x", "references": '["a", "\\ud800"]'}, "half of a character"),
        ({"prompt": "x", "references": {"a": 1}}, "references is dict"),
        ({"prompt": "x", "references": [None]}, "no text"),
        ({"prompt": "x", "references": "[broken"}, "no JSON list"),
        ({"prompt": "x", "max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"prompt": "x", "max_new_tokens": "many"}, "max_new_tokens is 'many'"),
        ({"prompt": "x", "max_new_tokens": 1.5}, "whole number"),
        ({"prompt": "x", "id": 1.5}, "id is float"),
        ({"prompt": "x", "id": "first"}, "line 2 repeats the id 'first' of line 1"),
        ({"prompt": "x", "stratum": "a,b"}, "rename it"),
        ({"prompt": "x", "stratum": "a=b"}, "rename it"),
        ({"prompt": "x", "stratum": ["a"]}, "stratum is list"),
        ({"prompt": "x", "stratum": "\ud800"}, "half of a character"),
        ({"prompt": "x \udc00"}, "line 2 holds .*half of a character"),
        ({"prompt": "x", "cluster": ["a"]}, "cluster is list"),
    ],
)
def test_fault_of_a_row_is_named_with_its_line(tmp_path, row, message):
    with pytest.raises(SliceError, match=message) as caught:
        maker_of(tmp_path, {"prompt": "sound", "id": "first"}, row)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("reference", [0.5, 1e-7, 1e16, ".5", "1e-7", -2])
def test_number_as_json_or_a_table_writes_it_is_a_reference(tmp_path, reference):
    maker = maker_of(tmp_path, {"prompt": "x", "grader": "number", "reference": reference})
    assert grade(maker, f"It is {float(reference):.10f}").score == 1.0
    assert grade(maker, "It is 5").score == 0.0


FIELDS = st.sampled_from([*COLUMNS, "other"])
CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(GRADERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(row=st.dictionaries(FIELDS, CELLS, max_size=6))
def test_any_row_becomes_an_item_or_an_error_of_one_line(tmp_path, row):
    path = jsonl(tmp_path, [{"prompt": "x", **row}])
    message = ""
    try:
        maker = OwnPrompts("mine", path)
    except SliceError as error:
        message = str(error)
    else:
        assert grade(maker, "some answer").score in (0.0, 1.0)
        assert only_item(maker).id.encode()
    assert len(message) < 500
    assert "\n" not in message
