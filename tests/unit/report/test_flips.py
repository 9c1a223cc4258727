import pytest

from tailgate.report.flips import MAX_FAILURE_ROWS, MAX_FLIPS_PER_CELL, failure_table, flip_groups, snippet
from tests.unit.report.factory import cell, outcome, win


def losses(n):
    return [outcome(index=i, item_id=f"loss-{i}") for i in range(n)]


def wins(n):
    return [win(index=100 + i, item_id=f"win-{i}") for i in range(n)]


def flip_of(one):
    return flip_groups([cell()], [one])[0].flips[0]


def test_flip_groups_losses_come_before_wins():
    large_wins = [win(index=i, item_id=f"win-{i}") for i in range(2)]
    small_losses = [outcome(index=9, item_id="loss", candidate_score=0.9)]
    group = flip_groups([cell()], large_wins + small_losses)[0]
    assert [flip.kind for flip in group.flips] == ["loss", "win", "win"]


def test_flip_groups_larger_graded_losses_come_first():
    mild = outcome(index=1, item_id="mild", candidate_score=0.75)
    severe = outcome(index=2, item_id="severe", candidate_score=0.25)
    group = flip_groups([cell()], [mild, severe])[0]
    assert [flip.item_id for flip in group.flips] == ["severe", "mild"]


def test_flip_groups_cap_says_how_many_are_left_out():
    group = flip_groups([cell()], losses(MAX_FLIPS_PER_CELL + 2) + wins(1))[0]
    assert len(group.flips) == MAX_FLIPS_PER_CELL
    assert (group.n_losses, group.n_wins) == (MAX_FLIPS_PER_CELL + 2, 1)
    assert group.left_out is not None
    assert group.left_out.startswith("2 losses and 1 win of this cell not shown here")


def test_flip_groups_at_the_cap_leave_nothing_out():
    assert flip_groups([cell()], losses(MAX_FLIPS_PER_CELL))[0].left_out is None


def test_flip_groups_follow_the_order_of_cells():
    other = {"slice": "code", "stratum": "lines=2"}
    groups = flip_groups([cell(), cell(**other)], [outcome(**other), outcome()])
    assert [group.cell for group in groups] == ["long_context/len=2048", "code/lines=2"]


def test_flip_groups_ties_and_invalid_items_are_no_flips():
    assert flip_groups([cell()], [outcome(candidate_score=1.0), outcome(invalid="candidate_nonfinite")]) == ()


def test_flip_marks_where_each_answer_leaves_the_other():
    flip = flip_of(outcome())
    assert (flip.baseline.same, flip.baseline.mark, flip.baseline.rest) == ("The value is 482", "13", ".")
    assert (flip.candidate.same, flip.candidate.mark, flip.candidate.rest) == ("The value is 482", "71", ".")
    assert flip.divergence == "the answers agree for 6 tokens, then part"


def test_flip_without_token_offsets_compares_characters_and_says_so():
    flip = flip_of(outcome(divergence_token=None, baseline_divergence_char=None, candidate_divergence_char=None))
    assert flip.baseline.same == "The value is 482"
    assert flip.divergence == "the answers agree for 16 characters, then part (no token offsets recorded)"


def test_flip_without_texts_says_so():
    bare = {"divergence_token": None, "baseline_divergence_char": None, "candidate_divergence_char": None}
    flip = flip_of(outcome(baseline_text="", candidate_text="", **bare))
    assert flip.divergence == "no text recorded, or both answers empty"


def test_flip_of_equal_texts_marks_nothing():
    same = {"divergence_token": None, "baseline_divergence_char": None, "candidate_divergence_char": None}
    flip = flip_of(outcome(candidate_text="The value is 48213.", **same))
    assert (flip.baseline.mark, flip.divergence) == ("", "the same text, graded differently")


def test_flip_names_the_failure_of_the_side_that_failed():
    assert flip_of(outcome()).failure == "candidate failed: wrong_value"
    assert flip_of(win()).failure == "baseline failed: wrong_value"


def test_snippet_answer_that_ends_early_marks_its_end():
    assert snippet("Paris", 5).mark == "⟨end of answer⟩"


@pytest.mark.parametrize("start", [-3, 10**9])
def test_snippet_offset_outside_the_text_is_clamped(start):
    cut = snippet("Paris", start)
    assert "Paris" in cut.same + cut.mark + cut.rest


def test_snippet_white_space_difference_is_marked():
    assert snippet("a  \n", 1).mark == "  \n"


def test_snippet_single_token_of_100_kb_is_shortened():
    cut = snippet("ok " + "x" * 100_000, 3)
    assert len(cut.mark) <= 40
    assert "99,640 characters left out" in cut.rest


def test_snippet_long_common_part_keeps_what_is_next_to_the_difference():
    cut = snippet("a" * 1000 + "BC", 1000)
    assert cut.same == "[… 840 characters left out …] " + "a" * 160


def test_failure_table_counts_both_sides_with_the_largest_increase_first():
    rows = failure_table([cell()], [*losses(3), *wins(1), outcome(candidate_failure="empty")]).rows
    assert [(row.mode, row.baseline, row.candidate, row.change) for row in rows] == [
        ("wrong_value", "1", "3", "+2"),
        ("empty", "0", "1", "+1"),
    ]


def test_failure_table_without_outcomes_leaves_the_baseline_unknown():
    rows = failure_table([cell()], []).rows
    assert [(row.mode, row.baseline, row.candidate) for row in rows] == [
        ("wrong_value", "n/a", "90"),
        ("empty", "n/a", "3"),
    ]


def test_failure_table_cap_says_how_many_are_left_out():
    many = [outcome(index=i, candidate_failure=f"mode-{i:02}") for i in range(MAX_FAILURE_ROWS + 3)]
    table = failure_table([cell()], many)
    assert len(table.rows) == MAX_FAILURE_ROWS
    assert table.left_out is not None
    assert table.left_out.startswith("3 rows not shown")
