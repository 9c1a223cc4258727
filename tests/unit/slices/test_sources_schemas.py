"""Answers that must be JSON of a given shape: graded in bounded time, whatever the schema and the answer."""

from __future__ import annotations

import json
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.sources import OwnPrompts

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
TENTHS = {"type": "object", "properties": {"x": {"multipleOf": 0.1}}}


def maker_of(folder, *rows):
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return OwnPrompts("mine", path)


def grade(maker, text, finish_reason="stop"):
    item = maker.item(stratum=maker.strata[0], seed=1, index=0, tokens=None)
    return maker.grade(item, Answer(text=text, finish_reason=finish_reason))


def schema_row(schema=SCHEMA, **more):
    return {"prompt": "Answer in JSON.", "grader": "json_schema", "schema": schema, **more}


@pytest.mark.parametrize("text", ['{"ok": true}', '```json\n{"ok": false}\n```', 'Here:\n```\n{"ok": true}'])
def test_json_of_the_right_shape_is_right(tmp_path, text):
    pytest.importorskip("jsonschema")
    assert grade(maker_of(tmp_path, schema_row()), text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [('{"ok": 1}', "wrong_shape"), ("{}", "wrong_shape"), ("ok", "not_json"), ("[" * 40_000, "degenerate")],
)
def test_other_text_fails_the_schema_by_its_kind(tmp_path, text, mode):
    pytest.importorskip("jsonschema")
    assert grade(maker_of(tmp_path, schema_row()), text).failure_mode == mode


def test_pattern_and_unique_items_of_a_schema_hold(tmp_path):
    pytest.importorskip("jsonschema")
    schema = {"type": "array", "items": {"type": "string", "pattern": "^(a+)+$"}, "uniqueItems": True}
    maker = maker_of(tmp_path, schema_row(schema))
    assert grade(maker, '["a", "aa"]').score == 1.0
    assert grade(maker, '["a", "a"]').score == 0.0
    assert grade(maker, json.dumps(["a" * 3000 + "!"])).score == 0.0


def test_local_references_of_a_schema_are_followed(tmp_path):
    pytest.importorskip("jsonschema")
    maker = maker_of(tmp_path, schema_row({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}))
    assert grade(maker, "[1]").score == 1.0
    assert grade(maker, '["x"]').failure_mode == "wrong_shape"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "nothing"}, "schema is invalid"),
        ({"$ref": "https://example.org/s.json"}, "refers to"),
        ({"$ref": "#/$defs/none"}, "does not define"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "from within itself"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "from within itself"),
        ({"patternProperties": {}}, "not supported"),
        ({"pattern": r"(a)\1"}, "refers to a group"),
        ("{", "not valid JSON"),
        (3, "is an object"),
    ],
)
def test_schema_that_could_run_away_is_refused(tmp_path, schema, message):
    pytest.importorskip("jsonschema")
    with pytest.raises(SliceError, match=message):
        maker_of(tmp_path, schema_row(schema))


def test_schema_without_the_package_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(SliceError, match=r"line 1: .*pip install 'tailgate\[slices\]'"):
        maker_of(tmp_path, schema_row())


def test_schema_in_a_csv_cell_is_read_strictly(tmp_path):
    pytest.importorskip("jsonschema")
    for schema, message in (
        ('{"type": "object", "type": "array"}', "names the key 'type' twice"),
        ("1" * 5000, "digits"),
    ):
        with pytest.raises(SliceError, match=message):
            maker_of(tmp_path, schema_row(schema))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"multipleOf": float("nan")}, "holds nan as 'multipleOf'"),
        ({"$schema": 5}, "cannot be used"),
        ({"$defs": {"a/b": {}}, "$ref": "#/$defs/a/b"}, "a plain name"),
        ({"$defs": {"a": {"$id": "http://x/y", "$ref": "#/$defs/b"}, "b": {}}, "$ref": "#/$defs/a"}, "'\\$id' within"),
    ],
)
def test_schema_that_fails_on_answers_only_is_refused_when_it_is_read(tmp_path, schema, message):
    pytest.importorskip("jsonschema")
    with pytest.raises(SliceError, match=message):
        maker_of(tmp_path, schema_row(schema))


@pytest.mark.parametrize("depth", [60, 900])
def test_deeply_nested_schema_is_used_or_refused_in_one_line(tmp_path, depth):
    pytest.importorskip("jsonschema")
    schema = '{"items": ' * depth + "{}" + "}" * depth
    path = tmp_path / "prompts.jsonl"
    path.write_text(f'{{"prompt": "x", "grader": "json_schema", "schema": {schema}}}\n')
    if depth == 900:
        with pytest.raises(SliceError, match="line 1 is nested deeper than 100 levels"):
            OwnPrompts("mine", path)
    else:
        assert grade(OwnPrompts("mine", path), "[[1]]").score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ('{"x": 0.3}', None),  # though 0.3 / 0.1 is no whole number in floats
        ('{"x": %s}' % ("1" * 400), None),
        ('{"x": 0.35}', "wrong_shape"),
        ('{"x": Infinity}', "not_json"),
        ('{"x": NaN}', "not_json"),
        ('{"x": 1e400}', "not_json"),
        ('{"x": ' + "".join(map(str, range(1000, 2200))) + "}", "not_json"),
    ],
)
def test_number_of_any_size_is_checked_exactly_or_is_no_json(tmp_path, text, mode):
    pytest.importorskip("jsonschema")
    assert grade(maker_of(tmp_path, schema_row(TENTHS)), text).failure_mode == mode


def test_pattern_of_a_schema_is_compiled_once(tmp_path, monkeypatch):
    pytest.importorskip("jsonschema")
    maker = maker_of(tmp_path, schema_row({"items": {"pattern": "^[a-z]{1,200}$"}}))
    monkeypatch.setattr("tailgate_slices.sources.json_schemas.LinearRegex", None)
    started = time.process_time()
    assert grade(maker, json.dumps(["abc", "xyz"] * 2500)[:39_990].rpartition(",")[0] + "]").score == 1.0
    assert time.process_time() - started < 3.0


WORDS = " ".join(f"a{n:x}" for n in range(9000))[:39_000]
DOUBLING = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"pattern": "(a?){240}b{5}"}}, [WORDS]),
        ({"items": {"pattern": "^(a?){240}[a-z0-9]{1,9}$"}}, WORDS.split()[:4000]),
        ({"$defs": {**DOUBLING, "d30": {"type": "integer"}}, "$ref": "#/$defs/d0"}, "x"),
    ],
    ids=["one text", "many texts", "references"],
)
def test_check_that_takes_too_many_steps_ends_with_a_mode_of_its_own(tmp_path, schema, value):
    pytest.importorskip("jsonschema")
    maker = maker_of(tmp_path, schema_row(schema))
    started = time.process_time()
    assert grade(maker, json.dumps(value)[:39_999]).failure_mode == "unchecked"
    assert time.process_time() - started < 8.0
    assert "unchecked" in maker.card.failure_modes


SCHEMAS = (
    SCHEMA,
    TENTHS,
    True,
    {"type": "array", "uniqueItems": True, "items": {"type": ["string", "number"], "pattern": "^a"}},
    {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "properties": {"x": {"minimum": 2, "exclusiveMinimum": True}},
    },
    {"anyOf": [{"enum": [1, "x", None]}, {"contains": {"const": 2.5}}], "not": {"maxLength": 2}},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "ok", "z"]), inner, max_size=3),
)


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(schema=st.sampled_from(SCHEMAS), value=JSON, cut=st.integers(0, 400))
def test_any_json_gets_a_score_or_a_mode_of_the_card(tmp_path, schema, value, cut):
    pytest.importorskip("jsonschema")
    maker = maker_of(tmp_path, schema_row(schema))
    graded = grade(maker, json.dumps(value)[: 400 - cut])
    assert (graded.failure_mode is None) == (graded.score == 1.0)
    assert graded.failure_mode is None or graded.failure_mode in maker.card.failure_modes
