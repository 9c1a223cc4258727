"""The gate's rules, one test each: planning, collecting, stopping, deciding."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from math import log

import numpy as np
import pytest

from tailgate.config import GateConfig
from tailgate.errors import ConfigError, IntegrityError, UsageError
from tailgate.gate import CellData, CellSpec, collect, decide_candidate, decide_run, open_cells, plan_gate
from tailgate.records import Calibration, CellKey, CellPlan, GatePlan, PairedOutcome

EASY = CellKey(slice="general", stratum="kind=capital")
SHORT = CellKey(slice="long_context", stratum="len=512")
LONG = CellKey(slice="long_context", stratum="len=4096")
SPECS = [CellSpec(key=key, chance=0.0, clustered=False) for key in (EASY, SHORT, LONG)]
GOOD = Calibration(n=40, correct=36)


def outcome(index: int = 0, key: CellKey = EASY, **changes) -> PairedOutcome:
    fields = {
        "candidate": "cand",
        "item_id": f"{key}/{index}",
        "slice": key.slice,
        "stratum": key.stratum,
        "index": index,
        "cluster": None,
        "prompt": "q",
        "reference": "a",
        "baseline_score": 1.0,
        "candidate_score": 1.0,
        "baseline_text": "a",
        "candidate_text": "a",
        "baseline_failure": None,
        "candidate_failure": None,
        "baseline_finish": "stop",
        "candidate_finish": "stop",
        "baseline_tokens": 5,
        "candidate_tokens": 5,
        "prompt_tokens": 10,
        "divergence_token": None,
        "baseline_divergence_char": None,
        "candidate_divergence_char": None,
        "invalid": None,
        "attributes": "{}",
    }
    return PairedOutcome(**{**fields, **changes})


def cell(key: CellKey = EASY, **changes) -> CellPlan:
    fields = {
        "key": key,
        "margin": 0.05,
        "chance": 0.0,
        "min_items": 20,
        "max_items": 1000,
        "calibration": GOOD,
        "informative": True,
    }
    return CellPlan(**{**fields, **changes})


def plan_of(*cells: CellPlan, **changes) -> GatePlan:
    return GatePlan(**{"alpha": 0.05, "cells": cells, "gate_sha256": "0" * 64, "batch_items": 20, **changes})


def scored(wins: int = 0, ties: int = 0, losses: int = 0, **changes) -> CellData:
    """Items with 0/1 scores; ties are right on both sides."""
    n = wins + ties + losses
    return CellData(
        **{
            "item_ids": tuple(f"i{i}" for i in range(n)),
            "baseline": np.array([0.0] * wins + [1.0] * (ties + losses)),
            "candidate": np.array([1.0] * (wins + ties) + [0.0] * losses),
            "clusters": np.arange(n),
            "baseline_tokens": np.full(n, 5.0),
            "candidate_tokens": np.full(n, 5.0),
            **changes,
        }
    )


def decide(data, plan, **changes):
    return decide_candidate(data, plan, **{"candidate": "cand", "baseline": "base", **changes})


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


def test_plan_gate_with_a_margin_of_everything_is_an_error():
    with pytest.raises(ConfigError, match="lose everything"):
        plan_gate(GateConfig(margin=1.0), SPECS, {}, {})


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


# --- stopping -----------------------------------------------------------------------------------------------------


def test_open_cells_without_any_outcome_are_all_in_plan_order():
    assert open_cells({}, plan_of(cell(LONG), cell(EASY))) == (LONG, EASY)


def test_open_cells_drop_a_cell_that_passed():
    assert open_cells({EASY: scored(ties=81)}, plan_of(cell())) == ()
    assert open_cells({EASY: scored(ties=80)}, plan_of(cell())) == (EASY,)


def test_open_cells_keep_a_passing_cell_below_its_minimum():
    assert open_cells({EASY: scored(ties=90)}, plan_of(cell(min_items=100))) == (EASY,)


def test_open_cells_drop_a_cell_that_failed():
    assert open_cells({EASY: scored(ties=10, losses=15)}, plan_of(cell())) == ()


def test_open_cells_keep_a_failing_cell_below_its_minimum():
    assert open_cells({EASY: scored(losses=15)}, plan_of(cell())) == (EASY,)


def test_open_cells_weigh_a_failure_over_all_gated_cells():
    data = {EASY: scored(ties=15, losses=10)}
    alone = open_cells(data, plan_of(cell()))
    among_many = open_cells(data, plan_of(cell(), *(cell(replace(LONG, stratum=f"len={i}")) for i in range(20))))
    assert EASY not in alone
    assert EASY in among_many


def test_open_cells_drop_a_cell_at_its_cap():
    assert open_cells({EASY: scored(ties=30)}, plan_of(cell(max_items=30))) == ()


def test_open_cells_drop_an_invalid_cell():
    assert open_cells({EASY: scored(ties=3, invalid="item 'x': nan")}, plan_of(cell())) == ()


def test_open_cells_keep_an_uninformative_cell_only_while_it_leans_towards_a_regression():
    plan = plan_of(cell(informative=False, reason="low"))
    assert open_cells({EASY: scored(ties=10)}, plan) == (EASY,)
    assert open_cells({EASY: scored(ties=25)}, plan) == ()
    assert open_cells({EASY: scored(ties=22, losses=5)}, plan) == (EASY,)


def test_open_cells_with_outcomes_outside_the_plan_is_an_error():
    with pytest.raises(IntegrityError, match="no such cell"):
        open_cells({SHORT: scored(ties=3)}, plan_of(cell()))


def test_open_cells_with_a_shared_text_in_an_unclustered_cell_names_the_item():
    data = {EASY: scored(ties=3, clusters=np.array([0, 1, 1]))}
    with pytest.raises(IntegrityError, match="item 'i2' is number 2 of its cluster"):
        open_cells(data, plan_of(cell()))


# --- deciding a cell ----------------------------------------------------------------------------------------------


def verdict_of(data: CellData, **changes):
    return decide({EASY: data}, plan_of(cell(**changes))).cells[0]


def test_cell_with_enough_ties_passes():
    found = verdict_of(scored(ties=81))
    assert (found.verdict, found.reason, found.n_needed) == ("pass", None, None)
    assert found.low > -found.margin


def test_cell_without_items_is_inconclusive_with_the_reason():
    found = decide({}, plan_of(cell())).cells[0]
    assert (found.verdict, found.reason, found.n) == ("inconclusive", "no items were asked", 0)
    assert (found.low, found.high, found.delta, found.baseline_score) == (-1.0, 1.0, None, None)
    assert found.tango_low is found.mcnemar_p is found.harm_rate is None


def test_cell_below_its_minimum_is_inconclusive_although_the_evidence_suffices():
    found = verdict_of(scored(ties=90), min_items=100)
    assert (found.verdict, found.reason) == ("inconclusive", "90 items, a verdict takes at least 100")
    assert found.n_needed == 100


def test_cell_at_its_cap_is_inconclusive_with_the_items_needed():
    found = verdict_of(scored(wins=2, ties=94, losses=4), max_items=100)
    assert (found.verdict, found.reason) == ("inconclusive", "no verdict on its cap of 100 items")
    assert found.n_needed > 100


def test_cell_with_a_cap_too_small_to_pass_says_so():
    found = verdict_of(scored(ties=60), max_items=60)
    assert found.reason == "no verdict on 60 items: margin 0.05 takes 81 items without a single flip"
    assert found.n_needed == 81


def test_cell_leaning_to_a_regression_has_no_items_needed():
    found = verdict_of(scored(ties=36, losses=4))
    assert (found.verdict, found.n_needed) == ("inconclusive", None)


def test_cell_with_an_established_loss_is_a_regression():
    found = verdict_of(scored(ties=30, losses=15))
    assert found.verdict == "regression"
    assert found.log_e_fail_adjusted >= log(20)
    assert found.high < -found.margin


def test_cell_is_a_regression_exactly_where_the_adjusted_evidence_reaches_the_bar():
    plan = plan_of(*(cell(replace(LONG, stratum=f"len={i}")) for i in range(4)))
    found = [decide({plan.cells[0].key: scored(ties=20, losses=n)}, plan).cells[0] for n in range(2, 14)]
    assert [c.verdict == "regression" for c in found] == [c.log_e_fail_adjusted >= log(20) for c in found]
    assert {c.verdict for c in found} == {"inconclusive", "regression"}


def test_uninformative_cell_never_passes():
    found = verdict_of(scored(ties=500), informative=False, reason="the baseline is at chance")
    assert (found.verdict, found.reason) == ("uninformative", "the baseline is at chance")


def test_uninformative_cell_still_blocks():
    assert verdict_of(scored(ties=30, losses=15), informative=False, reason="low").verdict == "regression"


def test_invalid_cell_names_the_first_invalid_outcome():
    found = verdict_of(scored(ties=200, invalid="item 'x': prompt_truncated"))
    assert (found.verdict, found.reason) == ("invalid", "item 'x': prompt_truncated")


def test_regression_before_an_invalid_outcome_stands():
    found = verdict_of(scored(ties=30, losses=15, invalid="item 'x': candidate_nonfinite"))
    assert found.verdict == "regression"
    assert "candidate_nonfinite" in found.reason


def test_cell_counts_and_scores_are_those_of_its_items():
    found = verdict_of(scored(wins=3, ties=88, losses=9, failure_modes={"wrong_script": 4}))
    assert (found.n, found.wins, found.ties, found.losses, found.n_clusters) == (100, 3, 88, 9, 100)
    assert (found.baseline_score, found.candidate_score) == pytest.approx((0.97, 0.91))
    assert found.delta == pytest.approx(-0.06)
    assert found.failure_modes == {"wrong_script": 4}


def test_cell_reports_the_relative_loss_that_could_pass():
    found = verdict_of(scored(ties=81), calibration=Calibration(n=40, correct=30), chance=0.25)
    assert found.relative_margin == pytest.approx(0.05 / 0.5)
    assert (found.calibration_score, found.calibration_n) == (0.75, 40)


def test_cell_reports_harm_among_the_right_answers_of_the_baseline():
    found = verdict_of(scored(wins=10, ties=80, losses=10))
    assert found.harm_rate == pytest.approx(10 / 90)
    assert found.harm_low < found.harm_rate < found.harm_high


def test_graded_cell_has_no_figures_for_binary_scores():
    data = scored(ties=60, candidate=np.full(60, 0.9))
    found = verdict_of(data)
    assert found.tango_low is found.mcnemar_p is None
    assert found.delta == pytest.approx(-0.1)


def test_clustered_cell_bets_on_whole_clusters():
    data = scored(ties=200, clusters=np.repeat(np.arange(50), 4))
    found = verdict_of(data, clustered=True, cluster_items=4)
    assert (found.verdict, found.n, found.n_clusters) == ("inconclusive", 200, 50)
    assert found.n_needed == 81 * 4
    assert found.tango_low is None


def test_clustered_cell_with_a_cap_too_small_counts_clusters():
    data = scored(ties=200, clusters=np.repeat(np.arange(50), 4))
    found = verdict_of(data, clustered=True, cluster_items=4, max_items=200)
    assert found.reason == "no verdict on 200 items: margin 0.05 takes 81 clusters of 4 without a single flip"


# --- flags --------------------------------------------------------------------------------------------------------


def test_flag_within_margin_regression_needs_an_upper_bound_below_zero():
    found = verdict_of(scored(ties=961, losses=39))
    assert found.high < 0
    assert "within_margin_regression" in found.flags
    assert found.verdict != "regression"


def test_flag_within_margin_regression_is_absent_from_a_regression():
    assert verdict_of(scored(ties=30, losses=15)).flags == ()


@pytest.mark.parametrize(("tokens", "flagged"), [(8.0, True), (7.5, False), (3.0, True), (3.5, False)])
def test_flag_length_drift_beyond_half_again_either_way(tokens, flagged):
    found = verdict_of(scored(ties=40, candidate_tokens=np.full(40, tokens)))
    assert ("length_drift" in found.flags) is flagged


def test_flag_length_drift_is_absent_where_nothing_was_counted():
    zeros = np.zeros(40)
    assert verdict_of(scored(ties=40, baseline_tokens=zeros, candidate_tokens=zeros)).flags == ()


@pytest.mark.parametrize(("refused", "flagged"), [(8, True), (7, False)])
def test_flag_refusal_drift_beyond_five_points_more(refused, flagged):
    data = scored(ties=100, baseline_failures={"refused": 2}, failure_modes={"refused": refused})
    assert ("refusal_drift" in verdict_of(data).flags) is flagged


# --- deciding a candidate -----------------------------------------------------------------------------------------


def test_candidate_identical_to_its_baseline_passes_in_every_cell():
    data = {key: scored(ties=100) for key in (EASY, SHORT, LONG)}
    found = decide(data, plan_of(cell(EASY), cell(SHORT), cell(LONG)))
    assert (found.decision, found.reasons) == ("pass", ())
    assert [c.key for c in found.cells] == [EASY, SHORT, LONG]


def test_candidate_with_an_uninformative_cell_passes_where_the_slice_has_another():
    plan = plan_of(cell(SHORT), cell(LONG, informative=False, reason="low"))
    assert decide({SHORT: scored(ties=100), LONG: scored(ties=40)}, plan).decision == "pass"


def test_candidate_without_an_informative_cell_in_some_slice_is_inconclusive():
    plan = plan_of(cell(EASY), cell(LONG, informative=False, reason="low"))
    found = decide({EASY: scored(ties=100), LONG: scored(ties=100)}, plan)
    assert found.decision == "inconclusive"
    assert "long_context: no informative cell in this slice" in found.reasons


def test_candidate_in_a_slice_that_is_wholly_not_applicable_is_inconclusive():
    plan = plan_of(cell(EASY), not_applicable={str(LONG): "beyond the context"})
    assert decide({EASY: scored(ties=100)}, plan).decision == "inconclusive"


def test_candidate_with_a_cell_undecided_is_inconclusive():
    plan = plan_of(cell(EASY), cell(SHORT))
    found = decide({EASY: scored(ties=100), SHORT: scored(ties=50)}, plan)
    assert found.decision == "inconclusive"
    assert found.reasons == ("long_context/len=512: no verdict on 50 items",)


def test_candidate_with_an_invalid_cell_outranks_an_undecided_one():
    plan = plan_of(cell(EASY), cell(SHORT))
    data = {EASY: scored(ties=100, invalid="item 'x': nan"), SHORT: scored(ties=50)}
    assert decide(data, plan).decision == "invalid"


def test_candidate_with_a_regression_outranks_everything():
    plan = plan_of(cell(EASY), cell(SHORT), cell(LONG))
    data = {EASY: scored(ties=50, invalid="item 'x': nan"), SHORT: scored(ties=30, losses=25)}
    found = decide(data, plan)
    assert found.decision == "regression"
    assert found.reasons[0].startswith("long_context/len=512: it loses more than its margin of 0.05")
    assert len(found.reasons) == 3


def test_candidate_that_is_lossless_never_passes():
    found = decide({EASY: scored(ties=100)}, plan_of(cell()), lossless=True)
    assert (found.decision, found.lossless) == ("inconclusive", True)
    assert found.reasons == ("lossless: the method changed no tensor of this checkpoint",)


def test_candidate_that_is_lossless_can_still_regress():
    assert decide({EASY: scored(ties=30, losses=15)}, plan_of(cell()), lossless=True).decision == "regression"


def test_candidate_without_any_gated_cell_is_inconclusive():
    found = decide({}, plan_of())
    assert (found.decision, found.reasons) == ("inconclusive", ("no cell is gated",))


def test_overall_shows_the_mean_the_median_and_the_worst_cell():
    data = {EASY: scored(wins=10, ties=290), SHORT: scored(ties=100), LONG: scored(ties=40, losses=10)}
    overall = decide(data, plan_of(cell(EASY), cell(SHORT), cell(LONG))).overall
    assert overall.delta == pytest.approx(0.0)
    assert overall.median_cell_delta == pytest.approx(0.0)
    assert overall.worst_cell == str(LONG)
    assert (overall.baseline_score, overall.candidate_score) == pytest.approx((440 / 450, 440 / 450))


def test_overall_without_items_is_unknown():
    overall = decide({}, plan_of(cell())).overall
    assert overall.delta is overall.baseline_score is overall.median_cell_delta is overall.worst_cell is None


# --- deciding a run -----------------------------------------------------------------------------------------------

LADDER = [
    ("pass", 0, scored(ties=100)),
    ("inconclusive", 3, scored(ties=30)),
    ("invalid", 4, scored(ties=30, invalid="item 'x': nan")),
    ("regression", 1, scored(ties=30, losses=15)),
]


@pytest.mark.parametrize("worst", range(4))
def test_run_takes_the_worst_decision_with_its_exit_code(worst):
    plan = plan_of(cell(), not_applicable={"general/x": "why"})
    run = decide_run([decide({EASY: data}, plan) for _, _, data in LADDER[: worst + 1]], plan)
    assert (run.decision, run.exit_code) == LADDER[worst][:2]
    assert (run.gate_sha256, run.not_applicable) == (plan.gate_sha256, plan.not_applicable)


def test_run_without_candidates_is_an_error():
    with pytest.raises(UsageError, match="at least one"):
        decide_run([], plan_of(cell()))


def test_gate_imports_neither_torch_nor_the_slow_parts_of_scipy():
    script = (
        "import sys, tailgate.gate, tailgate.stats.planning;"
        "print([m for m in ('torch', 'scipy.stats', 'scipy.optimize', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
