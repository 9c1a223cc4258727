"""The main pictures as files: on paper of their own, named after what they show."""

import pytest

from tailgate.report.pictures import on_paper, pictures, to_png
from tests.conftest import require_tool
from tests.unit.report.test_costs import run

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _tools():
    require_tool("altair")
    require_tool("vl_convert")


def test_every_candidate_has_its_own_and_costs_have_one_for_all():
    found = dict(pictures(run().view()))
    assert list(found) == ["forest-1", "forest-2", "memory", "speed"]
    assert all(svg.startswith("<svg") and 'fill="#ffffff"/>' in svg for svg in found.values())


def test_paper_lies_behind_everything_else():
    assert on_paper('<?xml version="1.0"?><svg a="b"><g/></svg>').endswith(
        '<svg a="b"><rect width="100%" height="100%" fill="#ffffff"/><g/></svg>'
    )


def test_a_png_shows_the_picture():
    svg = on_paper('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"><g/></svg>')
    png = to_png(svg)
    assert png.startswith(PNG)
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (16, 8)
