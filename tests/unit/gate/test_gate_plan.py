"""What the gate fixes beforehand, and how it arranges outcomes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tailgate.config import GateConfig
from tailgate.errors import ConfigError, IntegrityError
from tailgate.gate import collect, plan_gate
from tailgate.records import Calibration
from tests.unit.gate.factory import EASY, GOOD, LONG, SHORT, SPECS, cell, outcome, plan_of

# --- planning -----------------------------------------------------------------------------------------------------


def test_plan_gate_with_calibration_takes_a_tenth_of_the_score_above_chance():
    plan = plan_gate(GateConfig(), SPECS[:1], {EASY: Calibration(n=40, correct=16)}, {})
    assert plan.cells[0].margin == pytest.approx(0.04)


def test_plan_gate_with_a_stated_margin_uses_the_most_specific():
    config = GateConfig(margin={"default": 0.04, "long_context": 0.06, str(LONG): 0.08})
    plan = plan_gate(config, SPECS, {}, {})
    assert [c.margin for c in plan.cells] == [0.04, 0.06, 0.08]


def test_plan_gate_with_a_low_baseline_marks_the_cell_uninformative_with_the_reason():
    plan = plan_gate(GateConfig(), SPECS[:1], {EASY: Calibration(n=40, correct=4)}, {})
    assert not plan.cells[0].informative
    assert "the baseline scores 0.100 on 40 calibration items" in plan.cells[0].reason


def test_plan_gate_with_a_high_baseline_marks_the_cell_informative():
    plan = plan_gate(GateConfig(), SPECS[:1], {EASY: GOOD}, {})
    assert plan.cells[0].informative
    assert plan.cells[0].reason is None


def test_plan_gate_marks_a_descriptive_cell_as_never_gated():
    spec = replace(SPECS[0], descriptive=True)
    (planned,) = plan_gate(GateConfig(), [spec], {EASY: GOOD}, {}).cells
    assert (planned.informative, planned.reason, planned.min_items) == (False, "descriptive: measured, never gated", 40)


def test_plan_gate_caps_a_cell_at_the_items_there_are():
    (planned,) = plan_gate(GateConfig(), [replace(SPECS[0], size=210)], {EASY: GOOD}, {}).cells
    assert planned.max_items == 210
    with pytest.raises(ConfigError, match="has 12 items, min_items asks for 20"):
        plan_gate(GateConfig(), [replace(SPECS[0], size=12)], {EASY: GOOD}, {})


def test_plan_gate_takes_chance_from_the_gate_before_the_suite():
    plan = plan_gate(GateConfig(chance={str(SHORT): 0.25}), SPECS, {}, {})
    assert [c.chance for c in plan.cells] == [0.0, 0.25, 0.0]


def test_plan_gate_without_calibration_takes_five_points_and_reports_informativeness():
    plan = plan_gate(GateConfig(), SPECS[:1], {}, {})
    assert plan.cells[0].margin == 0.05
    assert plan.cells[0].informative
    assert "was not applied" in plan.cells[0].reason


def test_plan_gate_with_some_cells_uncalibrated_is_an_error():
    with pytest.raises(IntegrityError, match="no calibration for long_context/len=512, long_context/len=4096"):
        plan_gate(GateConfig(), SPECS, {EASY: GOOD}, {})


@pytest.mark.parametrize("calibration", [Calibration(n=0, correct=0), Calibration(n=40, correct=41)])
def test_plan_gate_with_an_impossible_calibration_is_an_error(calibration):
    with pytest.raises(IntegrityError, match="calibrate again"):
        plan_gate(GateConfig(), SPECS[:1], {EASY: calibration}, {})


@pytest.mark.parametrize("name", ["codex", "long_context/len=9999"])
def test_plan_gate_naming_an_unknown_target_lists_what_the_suite_has(name):
    with pytest.raises(ConfigError, match=f"names '{name}'.*general, general/kind=capital, long_context"):
        plan_gate(GateConfig(margin={name: 0.1}), SPECS, {}, {})


def test_plan_gate_naming_a_cell_that_is_not_applicable_is_accepted():
    outside = {"long_context/len=65536": "needs 65,600 tokens of context"}
    plan = plan_gate(GateConfig(margin={"long_context/len=65536": 0.1}), SPECS, {}, outside)
    assert plan.not_applicable == outside


def test_plan_gate_with_more_items_required_than_allowed_is_an_error():
    with pytest.raises(ConfigError, match="min_items 50 of general/kind=capital exceeds its max_items 40"):
        plan_gate(GateConfig(min_items=50, max_items=40), SPECS, {}, {})


def test_plan_gate_with_limits_for_one_slice_keeps_the_defaults_elsewhere():
    plan = plan_gate(GateConfig(max_items={"general": 60}), SPECS, {}, {})
    assert [c.max_items for c in plan.cells] == [60, 1000, 1000]


def test_plan_gate_with_a_cell_given_twice_is_an_error():
    with pytest.raises(ConfigError, match="twice"):
        plan_gate(GateConfig(), [SPECS[0], SPECS[0]], {}, {})


def test_plan_gate_carries_the_hash_of_the_gate():
    config = GateConfig(alpha=0.01)
    assert plan_gate(config, SPECS, {}, {}).gate_sha256 == config.sha256


# --- collecting ---------------------------------------------------------------------------------------------------


def test_collect_arranges_scores_by_cell_in_item_order():
    rows = [outcome(1, candidate_score=0.25), outcome(0, SHORT), outcome(0, baseline_score=0.5)]
    data = collect(rows)
    assert data[EASY].baseline.tolist() == [0.5, 1.0]
    assert data[EASY].candidate.tolist() == [1.0, 0.25]
    assert data[SHORT].n == 1


def test_collect_counts_the_failure_modes_of_both_sides():
    rows = [outcome(0, candidate_failure="wrong_script", candidate_score=0.0), outcome(1, baseline_failure="refused")]
    data = collect(rows)[EASY]
    assert data.failure_modes == {"wrong_script": 1}
    assert data.baseline_failures == {"refused": 1}


def test_collect_with_an_id_given_twice_names_it():
    with pytest.raises(IntegrityError, match="item 'x' comes twice"):
        collect([outcome(0, item_id="x"), outcome(0, SHORT, item_id="x")])


@pytest.mark.parametrize("score", [float("nan"), -0.01, 1.01, float("inf")])
@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_collect_with_a_score_outside_its_range_names_the_item(side, score):
    with pytest.raises(IntegrityError, match=f"item 'bad' has the {side} score"):
        collect([outcome(0), outcome(1, item_id="bad", **{f"{side}_score": score})])


def test_collect_with_several_candidates_mixed_is_an_error():
    with pytest.raises(IntegrityError, match="'other'"):
        collect([outcome(0), outcome(1, candidate="other")])


def test_collect_with_a_cell_outside_the_plan_names_the_item():
    with pytest.raises(IntegrityError, match=r"outcomes of long_context/len=512, first item 'long_context/len=512/0'"):
        collect([outcome(0, SHORT)], plan_of(cell()))


def test_collect_ends_the_evidence_at_the_first_invalid_outcome():
    nan = float("nan")
    rows = [outcome(2), outcome(0), outcome(1, candidate_score=nan, invalid="candidate_nonfinite")]
    data = collect(rows)[EASY]
    assert data.n == 1
    assert data.invalid == "item 'general/kind=capital/1': candidate_nonfinite"


def test_collect_gives_items_without_a_cluster_one_each():
    data = collect([outcome(0), outcome(1, cluster="a"), outcome(2, cluster="a"), outcome(3)])[EASY]
    assert len(set(data.clusters.tolist())) == 3
    assert data.clusters[1] == data.clusters[2]


def test_collect_of_an_id_with_a_line_break_stays_on_one_line():
    with pytest.raises(IntegrityError) as caught:
        collect([outcome(0, item_id="a\nb"), outcome(1, item_id="a\nb")])
    assert "\n" not in str(caught.value)
