"""Discovery names the part of a slice that lost most, and how many parts it looked at."""

import json

from tailgate.gate.discover import FEWEST_ITEMS, _groups, discover, holds
from tests.unit.gate.factory import EASY, LONG, outcome


def made(n, key, attributes, lost):
    return [
        outcome(
            i, key, attributes=json.dumps(attributes(i)), candidate_score=0.0 if lost(i) else 1.0, prompt_tokens=100 + i
        )
        for i in range(n)
    ]


def test_the_planted_part_comes_first_and_is_shrunk():
    rows = made(200, LONG, lambda i: {"depth": i % 4, "language": "sw" if i % 2 else "am"}, lambda i: i % 4 == 3)
    found = discover(rows, 0.05)
    worst = found.parts[0]
    assert (worst.slice, worst.attribute, worst.value, worst.n) == ("long_context", "depth", "3", 50)
    assert worst.raw == -1.0
    assert worst.raw < worst.shrunk
    assert worst.low < worst.shrunk < worst.high
    assert {"long_context: depth", "long_context: language"} <= set(found.attributes)
    assert found.searched >= 6


def test_a_number_with_many_values_is_cut_into_quarters():
    rows = made(200, LONG, lambda i: {"distance": i * 10}, lambda i: i < 50)
    worst = next(part for part in discover(rows, 0.05).parts if part.attribute == "distance")
    assert (worst.value, worst.n) == ("below 497.5", 50)


def test_every_item_lies_in_exactly_one_quarter():
    rows = made(203, LONG, lambda i: {"distance": (i * i) % 97 / 7}, lambda i: i % 2)
    labels = sorted({label for _, attribute, label in dict(_groups(rows)) if attribute == "distance"})
    for row in rows:
        value = json.loads(row.attributes)["distance"]
        assert sum(holds(value, label) for label in labels) == 1
    assert any(holds(-1e9, label) for label in labels)
    assert any(holds(1e9, label) for label in labels)


def test_parts_that_hold_the_same_items_are_named_once():
    rows = made(
        200, LONG, lambda i: {"lang": "ka" if i % 4 == 3 else "sw", "script": "G" if i % 4 == 3 else "L"},
        lambda i: i % 4 == 3,
    )  # fmt: skip
    found = discover(rows, 0.05)
    assert [(part.attribute, part.value) for part in found.parts if part.raw == -1.0] == [("lang", "ka")]
    assert all(-1.0 <= part.low <= part.high <= 1.0 for part in found.parts)


def test_names_that_differ_for_every_item_are_no_parts():
    rows = made(100, LONG, lambda i: {"city": f"c{i}"}, lambda i: False)
    assert "long_context: city" not in discover(rows, 0.05).attributes


def test_an_equal_candidate_has_no_worst_part():
    assert discover(made(100, EASY, lambda i: {"kind": i % 3}, lambda i: False), 0.05).parts == ()


def test_parts_with_few_items_and_invalid_ones_are_left_out():
    few = made(FEWEST_ITEMS - 1, EASY, lambda i: {"kind": "a"}, lambda i: True)
    void = [outcome(i + 100, EASY, invalid="prompt_too_long") for i in range(50)]
    found = discover([*few, *void], 0.05)
    assert (found.parts, found.searched) == ((), 0)


def test_nothing_asked_is_nothing_found():
    assert discover([], 0.05).parts == ()
