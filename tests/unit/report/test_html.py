import base64
import hashlib
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from tailgate.report import build_view, forest, html, render
from tests.unit.report.factory import HOSTILE, INT8, Run, candidate, cell, outcome, small_run, tail_run, verdict

VOID = {"meta", "source", "img", "wbr", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, document):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def values(self, name):
        return [value for _, found, value in self.attributes if found == name]


@pytest.fixture(scope="module")
def document():
    return render(tail_run().view(), "html")


@pytest.fixture(scope="module")
def page(document):
    return Page(document)


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr(html, "plot", lambda candidate: html.Plot(missing="not drawn in this test"))


def test_html_tags_are_balanced(page):
    assert page.open == []


def test_html_policy_forbids_requests_and_all_scripts_but_the_page_s_own(page, document):
    policy = next(value for value in page.values("content") if "default-src" in value)
    script = re.search(r"<script>(.*?)</script>", document, re.DOTALL)[1]
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(
        f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data:"
    )


def test_html_without_items_has_no_script(no_plots):
    document = render(build_view(verdict(candidate(cell())), {}, ()), "html")
    assert "script" not in Page(document).tags
    assert "script-src" not in document


def test_html_has_no_handler_and_no_link(page):
    assert page.tags.count("script") == 2
    assert not {"iframe", "link", "a", "object", "embed", "form", "base"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_html_and_its_pictures_name_no_address(document):
    pictures = [base64.b64decode(code).decode() for code in re.findall(r"base64,([A-Za-z0-9+/=]+)", document)]
    assert len(pictures) == 6
    words = re.sub(r"base64,[A-Za-z0-9+/=]+|(?<=id=\"item-block\">)[A-Za-z0-9+/=]+", "", document)
    for text in (words, *pictures):
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+[^\"'\s<]*|url\([^)]*\)|@import", text))
        # XML namespaces are names: nothing is loaded from them.
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_html_hostile_texts_are_shown_not_run(no_plots):
    bad = cell(slice=HOSTILE, stratum='" onload="x', reason=HOSTILE, flags=(HOSTILE,))
    flip = outcome(slice=HOSTILE, stratum='" onload="x', candidate=HOSTILE, prompt=HOSTILE, candidate_text=HOSTILE)
    decided = verdict(candidate(bad, candidate=HOSTILE, reasons=(HOSTILE,)), not_applicable={HOSTILE: HOSTILE})
    run = Run(verdict=decided, manifest={"notes": [HOSTILE], "argv": [HOSTILE]}, outcomes=[flip])
    page = Page(render(run.view(), "html"))
    assert page.tags.count("script") == 2
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert '<script>alert("x")</script>&⟨U+001B⟩[31mred⟨U+202E⟩evil⟨U+0000⟩⟨U+D800⟩`| ]]>' in "".join(page.words)


def test_html_encodes_to_utf8(document):
    assert document.encode("utf-8")


def test_html_bounds_are_labelled_one_sided(page):
    words = " ".join(page.words)
    assert "lower bound (one-sided 95\u00a0%)" in words
    assert "valid at any stopping time" in words


def test_html_pictures_have_a_description_and_tables_a_caption(page):
    assert [value for value in page.values("alt") if value.startswith("Forest plot of the change in score")]
    assert page.tags.count("caption") == page.tags.count("table")


def test_html_divergence_is_marked(page):
    assert "mark" in page.tags


def test_html_several_candidates_get_a_section_each(no_plots):
    decided = verdict(candidate(cell(verdict="pass"), candidate=INT8), candidate(cell()))
    page = Page(render(build_view(decided, {}, ()), "html"))
    assert {"candidate-1", "candidate-2"} <= set(page.values("id"))


def test_html_same_view_gives_the_same_bytes(document):
    assert render(tail_run().view(), "html") == document


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_html_without_a_plot_package_says_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    words = "".join(Page(render(small_run().view(), "html")).words)
    assert f"the forest plot needs {package}, which is not installed; run: pip install 'tailgate[report]'" in words


def test_html_plot_that_cannot_be_converted_is_said(monkeypatch):
    import vl_convert

    def refuse(*args, **options):
        raise ValueError("no such mark")

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", refuse)
    words = "".join(Page(render(small_run().view(), "html")).words)
    assert "the forest plot could not be drawn: no such mark" in words


def test_html_no_cell_is_said_in_place_of_the_plot():
    words = "".join(Page(render(build_view(verdict(candidate()), {}, ()), "html")).words)
    assert "There is nothing to plot: no cell was decided." in words


def test_frame_keeps_the_report_apart_from_the_notebook(no_plots):
    page = Page(html.frame(small_run().view()))
    assert page.tags == ["iframe"]
    assert page.values("sandbox") == [""]
    assert page.values("srcdoc")[0].lstrip().startswith("<!doctype html>")


@pytest.mark.parametrize("layout", [forest.WIDE, forest.NARROW])
def test_forest_draws_a_name_and_a_mark_per_cell(layout):
    rows = tail_run().view().candidates[0].forest
    words = [node.text for node in ET.fromstring(forest.draw(rows, layout, forest.LIGHT)).iter() if node.text]
    assert {row.name for row in rows} <= set(words)


def test_forest_verdicts_differ_in_shape_and_colour():
    rows = tail_run().view().candidates[0].forest
    root = ET.fromstring(forest.draw(rows, forest.WIDE, forest.LIGHT))
    symbols = [node for node in root.iter() if node.get("aria-roledescription") == "point"]
    assert len(symbols) == len(rows)
    assert len({node.get("d") for node in symbols}) >= 3
    assert len({node.get("stroke") for node in symbols}) == 4


def test_forest_hostile_name_stays_text():
    rows = build_view(verdict(candidate(cell(slice="<script>x</script>", stratum='"&'))), {}, ()).candidates[0].forest
    root = ET.fromstring(forest.draw(rows, forest.WIDE, forest.LIGHT))
    assert not [node for node in root.iter() if node.tag.endswith(("script", "image", "foreignObject", "}a"))]
    assert '<script>x</script>/"&' in [node.text for node in root.iter()]


def test_forest_cell_without_items_has_a_line_but_no_mark():
    from tests.unit.report.factory import undecided_cell

    rows = build_view(verdict(candidate(undecided_cell())), {}, ()).candidates[0].forest
    root = ET.fromstring(forest.draw(rows, forest.WIDE, forest.LIGHT))
    assert not [node for node in root.iter() if node.get("aria-roledescription") == "point"]


def test_forest_names_that_are_equal_when_cut_keep_their_own_rows():
    cells = [cell(slice="s" * 80, stratum=name) for name in ("a", "b")]
    rows = build_view(verdict(candidate(*cells)), {}, ()).candidates[0].forest
    root = ET.fromstring(forest.draw(rows, forest.WIDE, forest.LIGHT))
    assert len([node for node in root.iter() if node.get("aria-roledescription") == "point"]) == 2
