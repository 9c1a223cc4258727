"""Cost cards in the reports: what is saved beside what is lost."""

import base64
import re
from dataclasses import replace

import pytest

from tailgate.report.costs import cost_table
from tailgate.report.forest import LIGHT
from tailgate.report.html import Picture, picture
from tailgate.report.html import render as html
from tailgate.report.markdown import render as markdown
from tailgate.report.scatter import MEMORY, SPEED, draw, drawable
from tailgate.report.view import CostPoint
from tests.conftest import require_tool
from tests.unit.report.factory import HOSTILE, INT4, INT8, Run, candidate, cell, manifest, verdict

MIB = 2**20


def card(mib, **changes):
    return {
        "files_bytes": 98 * MIB,
        "memory_bytes": mib * MIB,
        "peak_bytes": (mib + 200) * MIB,
        "first_token_s": 0.2731,
        "prefill_tokens_per_s": 470.4,
        "decode_tokens_per_s": 101.6,
        "busy_s": 12.5,
        "measured": "this run",
        "notes": [],
        **changes,
    }


def two_candidates():
    """Four bits lose ten points in their worst cell, eight bits one."""
    mild = cell(delta=-0.01, low=-0.03, high=0.01, verdict="pass")
    return Run(verdict=verdict(candidate(cell()), candidate(mild, candidate=INT8)), manifest=manifest(), outcomes=[])


def run(**sides):
    found = two_candidates()
    cards = {"baseline": card(513), INT4: card(513), INT8: card(160), **sides}
    return replace(found, manifest={**found.manifest, "cost": {"conditions": "engine native on cpu", "sides": cards}})


def test_every_side_has_a_row_with_its_worst_cell_beside_its_bytes():
    found = run()
    table = cost_table(found.manifest, found.verdict)
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["smollm2", INT4, INT8]
    assert rows[INT8].memory == "160.0 MiB"
    assert (rows[INT8].first_token, rows[INT8].prefill, rows[INT8].decode) == (
        "0.273 s",
        "470 tokens/s",
        "102 tokens/s",
    )
    assert [rows[name].worst for name in ("smollm2", INT4, INT8)] == ["n/a", "−10.0", "−1.0"]


def test_the_picture_holds_the_baseline_at_no_change_and_every_candidate_at_its_worst_cell():
    found = run()
    points = {point.name: point for point in cost_table(found.manifest, found.verdict).points}
    assert points["smollm2"].delta == 0
    assert points["smollm2"].decision is None
    assert points[INT8].mib == 160
    assert points[INT4].delta == pytest.approx(-10)


def test_what_was_not_measured_says_so_and_draws_nothing_false():
    nothing = {"files_bytes": None, "memory_bytes": None, "measured": "not measured in this run"}
    found = run(**{INT8: nothing})
    row = next(row for row in cost_table(found.manifest, found.verdict).rows if row.name == INT8)
    assert row.memory == row.peak == row.prefill == row.decode == row.first_token == "not measured"
    assert row.measured == "not measured in this run"
    points = cost_table(found.manifest, found.verdict).points
    for across in (MEMORY, SPEED):
        assert INT8 not in [point.name for point in drawable(points, across)]


def test_a_manifest_without_costs_has_no_section():
    found = two_candidates()
    assert cost_table(found.manifest, found.verdict) is None
    assert "What it costs" not in markdown(found.view())
    assert "What it costs" not in html(found.view())


def test_one_candidate_has_a_table_and_no_picture():
    found = run()
    alone = replace(found, verdict=replace(found.verdict, candidates=found.verdict.candidates[:1]))
    assert cost_table(alone.manifest, alone.verdict).points == ()
    assert picture(alone.view().costs.points, draw) == Picture()


def test_both_reports_show_the_table():
    view = run().view()
    assert re.search(r"\| `smollm2@bnb-int8` \| 98\.0 MiB \| 160\.0 MiB \| 360\.0 MiB \|", markdown(view))
    assert '<td class="number">160.0 MiB</td>' in html(view)


def test_the_picture_is_an_image_of_marks_and_names():
    require_tool("altair")
    require_tool("vl_convert")
    svg = draw(run().view().costs.points, LIGHT)
    for name in ("smollm2", INT4, INT8, "change of the worst cell, points", "memory of the tensors, MiB"):
        assert name in svg
    uri = picture(run().view().costs.points, draw).light
    assert base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode().startswith("<svg")


def test_speed_has_a_picture_of_its_own():
    require_tool("altair")
    require_tool("vl_convert")
    points = run(**{INT8: card(160, decode_tokens_per_s=250.0)}).view().costs.points
    assert "tokens decoded a second" in draw(points, LIGHT, SPEED)
    assert html(run().view()).count("Change of the worst cell against") == 2
    unknown = run(**{name: card(160, decode_tokens_per_s=None) for name in ("baseline", INT8)})
    assert drawable(unknown.view().costs.points, SPEED) == ()
    assert html(unknown.view()).count("Change of the worst cell against") == 1


def test_a_picture_of_no_change_has_a_scale_of_points():
    require_tool("altair")
    require_tool("vl_convert")
    still = [CostPoint(name=name, mib=100, decode=None, delta=0.0, decision=None) for name in "ab"]
    assert "−4" in draw(still, LIGHT)


@pytest.mark.parametrize("hurt", [{"sides": HOSTILE}, HOSTILE, {"sides": {"baseline": HOSTILE}}, None])
def test_a_damaged_cost_is_left_out(hurt):
    found = two_candidates()
    damaged = replace(found, manifest={**found.manifest, "cost": hurt})
    assert "<script" not in html(damaged.view())


def test_hostile_text_in_a_card_is_escaped():
    view = run(**{HOSTILE: card(1, measured=HOSTILE, notes=[HOSTILE])}).view()
    assert "<script" not in html(view)
    assert not re.search(r"(?<![\\`])<script", markdown(view))  # escaped, or inside code
