"""Which cells go on, and the decision on a candidate and on a run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tailgate.errors import IntegrityError, UsageError
from tailgate.gate import decide_run, open_cells
from tests.unit.gate.factory import EASY, LONG, SHORT, cell, decide, plan_of, scored

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


def test_candidate_is_invalid_where_a_cell_could_not_be_graded_and_blocked_where_another_regressed():
    plan = plan_of(cell(EASY), not_applicable={str(LONG): "no sandbox"}, ungraded=(str(LONG),))
    found = decide({EASY: scored(ties=100)}, plan)
    assert (found.decision, found.reasons[0]) == ("invalid", "long_context/len=4096: no sandbox")
    assert decide({EASY: scored(losses=90, ties=10)}, plan).decision == "regression"


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
