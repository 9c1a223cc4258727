"""Which undecided cells are asked next: by evidence per token, a pure function of plan and outcomes."""

import numpy as np

from tailgate.gate import next_cells
from tailgate.gate.allocate import ROUND_CELLS, rank_cells
from tailgate.records import CellKey
from tests.unit.gate.factory import EASY, LONG, SHORT, cell, plan_of, scored

TOKENS = {EASY: 100, SHORT: 600, LONG: 5000}


def test_cheap_cells_come_first_where_nothing_is_known():
    plan = plan_of(cell(LONG), cell(EASY), cell(SHORT))
    assert next_cells({}, plan, TOKENS) == (EASY, SHORT, LONG)


def test_decided_cells_are_not_asked_again():
    plan = plan_of(cell(EASY), cell(SHORT))
    assert next_cells({EASY: scored(ties=100)}, plan, TOKENS) == (SHORT,)


def test_a_cell_near_its_verdict_overtakes_one_that_wavers():
    plan = plan_of(cell(EASY), cell(SHORT))
    same = {EASY: 100, SHORT: 100}
    data = {EASY: scored(wins=20, ties=40, losses=20), SHORT: scored(ties=60)}
    assert next_cells(data, plan, same) == (SHORT, EASY)


def test_graded_scores_count_by_their_parts():
    graded = scored(ties=40, candidate=np.full(40, 0.7))
    plan = plan_of(cell(EASY), cell(SHORT))
    assert [each.key for each in rank_cells(plan.cells, {EASY: graded, SHORT: scored(ties=40)}, TOKENS)] == [
        EASY,
        SHORT,
    ]


def test_a_round_asks_at_most_eight_cells():
    keys = [CellKey(slice="s", stratum=f"a={i}") for i in range(12)]
    plan = plan_of(*map(cell, keys))
    assert next_cells({}, plan, dict.fromkeys(keys, 100)) == tuple(keys[:ROUND_CELLS])


def test_no_cell_left_is_no_cell_asked():
    assert next_cells({EASY: scored(ties=100)}, plan_of(cell(EASY)), TOKENS) == ()
