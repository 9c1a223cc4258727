"""Parts named by a search are tested on fresh items, and only on those that belong to them."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tailgate.gate.discover import Part, holds
from tailgate.pipeline import confirm
from tailgate.pipeline.options import Silent
from tailgate.pipeline.pairs import ItemSource
from tailgate.pipeline.rounds import Stopping
from tailgate.records import CellKey
from tailgate_slices.item import Item
from tests.unit.gate.factory import cell, outcome, plan_of

LEVELS = tuple(CellKey(slice="toy", stratum=f"level={i}") for i in (1, 2))


def part(**changes):
    fields = {"slice": "toy", "attribute": "stratum", "value": "level=2", "n": 30, "raw": -0.5, "shrunk": -0.3,
              "low": -0.4, "high": -0.2}  # fmt: skip
    return Part(**{**fields, **changes})


@pytest.fixture
def asked(monkeypatch, toy_slice):
    """Items that were asked; a candidate that loses every item of level 2 and no other."""
    seen: list[Item] = []

    def answer(items, baseline, candidate, progress):
        seen.extend(items)
        lost = candidate == "lossy"
        return [
            outcome(i, CellKey(slice=x.slice, stratum=x.stratum), item_id=x.id, candidate_score=0.0 if lost else 1.0)
            for i, x in enumerate(items)
        ]

    monkeypatch.setattr(confirm, "answer_pair", answer)
    return seen


def confirmed(candidate, *parts, **rules):
    plan = plan_of(*(replace(cell(key), margin=0.10, max_items=120) for key in LEVELS))
    source = ItemSource(seed=7, side=None)
    return confirm.confirm_parts(parts, plan, source, candidate, confirm.Confirming(**rules), Silent())


def test_a_lossy_part_is_confirmed_on_fresh_items_of_its_own(asked):
    (found,) = confirmed("lossy", part())
    assert (found.verdict, found.delta) == ("lossy", -1.0)
    assert {item.stratum for item in asked} == {"level=2"}
    assert all(f"/s{found.seed}/" in item.id for item in asked)
    assert found.seed != 7


def test_a_part_that_only_looked_bad_is_fine(asked):
    (found,) = confirmed("equal", part())
    assert (found.verdict, found.n) == ("fine", 40)


def test_a_part_that_does_not_occur_again_is_undecided(asked):
    (found,) = confirmed("lossy", part(attribute="depth", value="9"))
    assert (found.verdict, found.n, found.delta) == ("undecided", 0, None)


def test_cells_of_a_part_take_turns_by_lot(asked):
    confirmed("equal", part(attribute="prompt_length", value="None"))
    strata = [item.stratum for item in asked]
    assert set(strata) == {"level=1", "level=2"}
    assert any(first == second for first, second in pairwise(strata))


def test_nothing_is_asked_once_the_time_budget_has_ended(asked):
    (found,) = confirmed("lossy", part(), stopping=Stopping(deadline=0.0))
    assert (found.verdict, found.n) == ("undecided", 0)


def test_the_baseline_leaves_memory_before_the_candidate_comes(asked, monkeypatch):
    order = []

    class Baseline:
        def unload(self):
            order.append("baseline leaves")

    monkeypatch.setattr(confirm, "answer_baseline", lambda items, *_: order.append(f"baseline answers {len(items)}"))
    plan = plan_of(*(replace(cell(key), margin=0.10, max_items=120) for key in LEVELS))
    source = ItemSource(seed=7, side=Baseline())
    confirm.confirm_parts([part()], plan, source, "equal", confirm.Confirming(one_at_a_time=True), Silent())
    assert order == ["baseline answers 120", "baseline leaves"]


def test_what_is_known_only_afterwards_and_more_than_three_parts_are_left_out(asked):
    many = [part(value=f"level={i % 2 + 1}") for i in range(5)]
    assert len(confirmed("equal", part(attribute="baseline_tokens"), *many)) == 3


@pytest.mark.parametrize(
    ("value", "label", "inside"),
    [(3, "3", True), ("sw", "sw", True), ("sw", "am", False), (250, "below 497.5", True), (497.5, "below 497.5", False),
     (497.5, "497.5 to below 800.0", True), (800, "497.5 to below 800.0", False), (800, "800.0 or more", True),
     ("right to left", "right to left", True), (True, "True", True)],
)  # fmt: skip
def test_a_value_belongs_to_its_label(value, label, inside):
    assert holds(value, label) is inside
