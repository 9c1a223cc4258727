import json
import math
from dataclasses import replace

import pytest

from tailgate.errors import RunFolderError
from tailgate.report import verdict_from_dict, verdict_to_dict
from tailgate.report.json import dump, load
from tests.unit.report.factory import candidate, cell, small_run, tail_run, undecided_cell, verdict


@pytest.mark.parametrize("run", [small_run(), tail_run()], ids=["small", "tail"])
def test_verdict_round_trip_through_text_is_exact(run):
    assert load(dump(run.verdict)) == run.verdict


def test_verdict_round_trip_hostile_names_is_exact():
    hostile = verdict(candidate(cell(reason="\ud800\x00</script>"), candidate="a\u202eb"))
    assert load(dump(hostile)) == hostile


def test_verdict_round_trip_every_float_is_exact():
    exact = verdict(candidate(cell(delta=0.1 + 0.2, low=-1 / 3, high=5e-324)))
    assert load(dump(exact)) == exact


def test_verdict_infinite_number_becomes_null_with_a_reason():
    data = verdict_to_dict(verdict(candidate(cell(log_e_fail=-math.inf))))
    found = data["candidates"][0]["cells"][0]
    assert found["log_e_fail"] is None
    assert found["nonfinite_reason"] == {"log_e_fail": "-inf"}


def test_verdict_round_trip_infinities_come_back():
    unbounded = verdict(candidate(cell(low=-math.inf, high=math.inf)))
    assert load(dump(unbounded)) == unbounded


def test_verdict_nan_comes_back_as_nan():
    back = load(dump(verdict(candidate(cell(low=math.nan)))))
    assert math.isnan(back.candidates[0].cells[0].low)


def test_dump_no_infinity_or_nan_literal():
    text = dump(verdict(candidate(cell(low=-math.inf, high=math.nan))))
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_dump_order_of_mappings_does_not_matter():
    one = verdict(candidate(cell(failure_modes={"a": 1, "b": 2})), not_applicable={"x/1": "r", "y/2": "s"})
    other = verdict(candidate(cell(failure_modes={"b": 2, "a": 1})), not_applicable={"y/2": "s", "x/1": "r"})
    assert dump(one) == dump(other)


def test_verdict_undecided_cell_keeps_null_scores():
    data = verdict_to_dict(verdict(candidate(undecided_cell())))
    assert data["candidates"][0]["cells"][0]["delta"] is None


def test_verdict_from_dict_unknown_key_is_ignored():
    run = small_run()
    data = verdict_to_dict(run.verdict) | {"added_later": 1}
    assert verdict_from_dict(data) == run.verdict


def test_verdict_from_dict_newer_schema_asks_for_an_upgrade():
    data = verdict_to_dict(replace(small_run().verdict, schema_version=2))
    with pytest.raises(RunFolderError, match=r"schema_version 2.*upgrade"):
        verdict_from_dict(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "maybe"}, "verdict.decision must be one of pass, .*'maybe'"),
        ({"exit_code": "0"}, "verdict.exit_code must be a value of type int, found '0'"),
        ({"exit_code": True}, "verdict.exit_code must be a value of type int, found True"),
        ({"candidates": {}}, "verdict.candidates must be a list"),
        ({"candidates": [3]}, r"verdict.candidates\[0\] must be an object"),
        ({"not_applicable": []}, "verdict.not_applicable must be an object"),
        ({"schema_version": None}, "schema_version None"),
    ],
)
def test_verdict_from_dict_wrong_value_is_named(change, message):
    with pytest.raises(RunFolderError, match=message):
        verdict_from_dict(verdict_to_dict(small_run().verdict) | change)


def test_verdict_from_dict_null_number_without_reason_is_an_error():
    data = verdict_to_dict(small_run().verdict)
    data["candidates"][0]["cells"][0]["low"] = None
    with pytest.raises(RunFolderError, match=r"cells\[0\].low must be a value of type float, found None"):
        verdict_from_dict(data)


def test_verdict_from_dict_missing_key_is_named():
    data = verdict_to_dict(small_run().verdict)
    del data["candidates"][0]["overall"]["delta"]
    with pytest.raises(RunFolderError, match=r"overall\.delta is missing"):
        verdict_from_dict(data)


@pytest.mark.parametrize("text", ["", "[1", "[" * 100_000])
def test_load_damaged_text_is_one_line(text):
    with pytest.raises(RunFolderError) as caught:
        load(text)
    assert "\n" not in str(caught.value)


def test_load_other_json_is_refused():
    with pytest.raises(RunFolderError, match="must be a JSON object"):
        load("[]")
