from dataclasses import replace

import pytest

from tailgate.report import build_view
from tests.unit.report.factory import (
    HOSTILE,
    INT4,
    INT8,
    candidate,
    cell,
    manifest,
    outcome,
    small_run,
    tail_run,
    undecided_cell,
    verdict,
)


def view_of(*candidates, outcomes=(), facts=None, **changes):
    return build_view(verdict(*candidates, **changes), manifest() if facts is None else facts, outcomes)


def test_banner_regression_counts_cells():
    banner = tail_run().view().banner
    assert banner.headline == "Do not ship"
    assert banner.sentence == "Regression in 3 of 10 cells (1 inconclusive, 1 uninformative)."


def test_banner_pass_names_the_cells_that_do_not_count():
    passed, weak = cell(verdict="pass"), undecided_cell(stratum="len=1", verdict="uninformative")
    banner = view_of(candidate(passed, weak)).banner
    assert banner.headline == "May ship"
    assert banner.sentence == "1 of 2 cells stayed within the margin (1 uninformative)."


def test_banner_inconclusive_is_not_a_pass():
    banner = view_of(candidate(cell(verdict="pass"), undecided_cell(stratum="len=1"))).banner
    assert banner.headline == "Undecided: do not ship yet"
    assert banner.sentence == "1 of 2 cells neither passed nor failed (1 inconclusive)."


def test_banner_inconclusive_with_all_cells_passed_points_to_the_reasons():
    undecided = candidate(cell(verdict="pass"), decision="inconclusive", reasons=("positive control did not fail",))
    view = view_of(undecided)
    assert view.banner.sentence == "Every cell passed, yet the release is not established: see the reasons."
    assert view.candidates[0].reasons == ("positive control did not fail",)


def test_banner_invalid_says_that_nothing_is_decided():
    banner = view_of(candidate(cell(verdict="invalid", reason="item 7: candidate_nonfinite"))).banner
    assert banner.headline == "Void: this run decides nothing"
    assert banner.sentence == "An integrity failure voids the decision (1 invalid)."


def test_banner_lossless_candidate_says_that_nothing_was_tested():
    banner = view_of(candidate(cell(verdict="pass"), decision="inconclusive", lossless=True)).banner
    assert "changes no tensor" in banner.sentence


def test_banner_several_candidates_names_the_worst():
    view = view_of(candidate(cell(verdict="pass"), candidate=INT8), candidate(cell()))
    assert view.banner.sentence == f"The run takes the worst decision of its 2 candidates: regression ({INT4})."


def test_cells_what_broke_comes_first():
    cells = tail_run().view().candidates[0].cells
    assert [each.decision for each in cells[:5]] == ["regression"] * 3 + ["inconclusive", "uninformative"]
    assert cells[0].name == "long_context/len=4096"


def test_contrast_sets_the_mean_against_the_worst_cell():
    contrast = tail_run().view().candidates[0].contrast
    assert contrast.sentence == "The mean moved −0.8 points; the worst cell, long_context/len=4096, moved −31.0."


def test_contrast_without_items_is_not_zero():
    contrast = view_of(candidate(undecided_cell())).candidates[0].contrast
    assert contrast.mean_delta == contrast.worst_delta == "n/a"


def test_bounds_are_labelled_one_sided_at_their_level():
    shown = view_of(candidate(cell(alpha=0.01))).candidates[0]
    assert shown.confidence == "99 %"
    assert "one-sided, each with 99 % confidence and valid at any stopping time" in shown.bounds_note
    assert "together they form a 98 % interval" in shown.bounds_note


def test_forest_row_unbounded_cell_ends_at_the_edge_of_the_scale():
    row = view_of(candidate(undecided_cell(low=float("-inf"), high=float("nan")))).candidates[0].forest[0]
    assert (row.delta, row.low, row.high) == (None, -100.0, 100.0)


def test_details_hold_the_fixed_n_figures():
    facts = {fact.label: fact.value for fact in view_of(candidate(cell())).candidates[0].cells[0].details}
    assert facts["Tango interval (90 %, if n were fixed)"] == "−13.3 to −6.7 points"
    assert facts["McNemar exact p (two-sided)"] == "5.3e-07"
    assert facts["margin / calibrated score above chance"] == "6.1 %"
    assert facts["calibration (baseline only)"] == "33 of 40 right"


def test_inconclusive_cell_says_how_many_items_it_needs():
    row = view_of(candidate(cell(verdict="inconclusive", reason="cap", n_needed=1850))).candidates[0].cells[0]
    assert row.reason == "cap; about 1,850 items would decide it"


def test_reasons_that_a_cell_gives_are_not_repeated():
    broken = cell(reason="it loses too much")
    view = view_of(candidate(broken, reasons=(f"{broken.key}: it loses too much", "no informative cell in code")))
    assert view.candidates[0].reasons == ("no informative cell in code",)


def test_not_applicable_strata_are_listed():
    assert [fact.label for fact in small_run().view().not_applicable] == ["long_context/len=16384"]


def test_controls_not_run_are_said():
    view = view_of(candidate(cell()), facts={})
    assert (view.controls, view.noise_floor) == ("not run", "not run")
    assert any("Controls were not run" in notice for notice in view.notices)


def test_noise_floor_is_put_in_words():
    floor = small_run().view().noise_floor
    assert floor == "1 of 200 items changed when the baseline ran against itself (0.5 %)"


def test_manifest_empty_shows_not_recorded():
    view = view_of(candidate(cell()), facts={})
    values = {(group.title, fact.label): fact.value for group in view.groups for fact in group.facts}
    assert values["Baseline", "fingerprint"] == "not recorded"
    assert values["Software", "software"] == "not recorded"
    assert values["Candidate 1", "compute dtype"] == "not recorded"


@pytest.mark.parametrize("junk", [None, 3, "text", [1, {"spec": [2]}], {"a": {"b": None}}])
def test_manifest_unexpected_kinds_never_raise(junk):
    keys = ("suite", "gate", "baseline", "candidates", "engine", "versions", "counters", "notes", "calibration",
            "sandboxes")  # fmt: skip
    view = view_of(candidate(cell()), facts=dict.fromkeys(keys, junk))
    assert view.banner.headline == "Do not ship"


@pytest.mark.parametrize(
    ("sandboxes", "said"),
    [({"python": "bubblewrap", "lua": "unsafe"}, ["python in bubblewrap, lua in unsafe"]), ({}, []), (None, [])],
)
def test_manifest_sandboxes_are_named_where_programs_were_run(sandboxes, said):
    view = view_of(candidate(cell()), facts=manifest(sandboxes=sandboxes))
    facts = [fact for group in view.groups for fact in group.facts if fact.label == "generated programs"]
    assert [fact.value for fact in facts] == said


def test_manifest_unfinished_run_is_said_first():
    view = view_of(candidate(cell()), facts=manifest(status="running"))
    assert view.notices[0] == "The run did not finish: its status is 'running'."


def test_manifest_other_gate_than_planned_is_said():
    view = view_of(candidate(cell()), gate_sha256="00" * 32)
    assert any("another gate" in notice for notice in view.notices)


def test_manifest_notes_of_both_sides_are_shown_once():
    note = "smollm2: the weights lie on an asymmetric 4-bit grid already"
    view = view_of(candidate(cell()), facts=manifest(notes=[note, "fell back to eager attention"]))
    assert view.notices.count(note) == 1
    assert "fell back to eager attention" in view.notices


def test_view_hostile_names_are_visible_everywhere_but_in_the_record():
    hostile = candidate(cell(slice=HOSTILE, reason=HOSTILE, flags=(HOSTILE,)), candidate=HOSTILE, reasons=(HOSTILE,))
    view = view_of(hostile, facts=manifest(notes=[HOSTILE], argv=[HOSTILE]), not_applicable={HOSTILE: HOSTILE})
    shown = repr(replace(view, verdict=None))
    assert "U+202E" in shown
    assert not any(char in shown for char in ("\\x1b", "\\u202e", "\\x00", "\\ud800"))


def test_invalid_items_are_counted_by_kind():
    spoiled = [outcome(index=i, item_id=f"i{i}", invalid="candidate_nonfinite") for i in range(3)]
    shown = view_of(candidate(cell()), outcomes=spoiled).candidates[0]
    assert shown.invalid_items == "3 items were spoiled by the harness or its input (candidate_nonfinite: 3)."
    assert shown.flips == ()
