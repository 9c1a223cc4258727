"""Where in two axes a candidate loses."""

import json

from tailgate.report.heatmaps import heat_maps
from tests.unit.report.factory import outcome


def items(slice_name, squares):
    """Items of squares {(attribute values): (losses, items)}."""
    found = []
    for attributes, (losses, n) in squares:
        for index in range(n):
            score = 0.0 if index < losses else 1.0
            found.append(outcome(slice=slice_name, candidate_score=score, attributes=json.dumps(attributes)))
    return found


def test_a_map_has_a_square_for_every_pair_and_shades_by_change():
    squares = [
        ({"lang": "am", "task": "copy"}, (5, 10)),
        ({"lang": "am", "task": "sort"}, (0, 10)),
        ({"lang": "sw", "task": "copy"}, (1, 10)),
    ]
    [found] = heat_maps(items("low_resource", squares))
    assert (found.down, found.across) == (("am", "sw"), ("copy", "sort"))
    assert [[(heat.text, heat.shade) for heat in row] for row in found.rows] == [
        [("−50", "lost-3"), ("0", "even")],
        [("−10", "lost-2"), ("", "none")],
    ]


def test_a_few_items_are_shown_without_a_shade():
    squares = [({"lang": lang, "task": task}, (4, 4)) for lang in ("am", "sw") for task in ("copy", "sort")]
    [found] = heat_maps(items("low_resource", squares))
    assert {heat.shade for row in found.rows for heat in row} == {"even"}


def test_lengths_are_those_that_prompts_were_made_for_in_their_order():
    squares = [
        ({"prompt_tokens": tokens, "depth_decile": depth}, (0, 5)) for tokens in (2040, 511, 16400) for depth in (0, 9)
    ]
    [found] = heat_maps(items("long_context", squares))
    assert (found.down, found.across) == (("512", "2048", "16384"), ("0", "9"))


def test_one_line_of_squares_is_no_map():
    squares = [({"lang": "am", "task": task}, (0, 5)) for task in ("copy", "sort")]
    assert heat_maps(items("low_resource", squares)) == ()
    assert heat_maps(items("general", squares)) == ()
