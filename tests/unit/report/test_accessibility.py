"""What axe-core, the checker that browsers' own tools use, has to say about the pages: nothing serious."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tailgate.report.trends import TrendPage, render
from tests.conftest import require_tool
from tests.unit.report.test_browser import browser, open_items, report_file
from tests.unit.report.test_trends import line, point

__all__ = ["browser", "report_file"]  # fixtures

SERIOUS = ("serious", "critical")
ASK = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations));
"""


@pytest.fixture(scope="module")
def axe():
    require_tool("axe_playwright_python")
    [folder] = find_spec("axe_playwright_python").submodule_search_locations
    return (Path(folder) / "axe.min.js").read_text(encoding="utf-8")


def serious(browser, axe):
    """Violations that keep somebody from reading: rule, and the elements it is about."""
    browser.execute_script(axe)
    return {
        each["id"]: [node["html"][:200] for node in each["nodes"]]
        for each in browser.execute_async_script(ASK)
        if each["impact"] in SERIOUS
    }


@pytest.fixture(params=["light", "dark"])
def theme(request, browser):
    features = [{"name": "prefers-color-scheme", "value": request.param}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    yield request.param
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_report_with_everything_open_has_no_serious_violation(browser, report_file, axe, theme):
    open_items(browser, report_file, change="lost")
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert serious(browser, axe) == {}


def test_the_history_has_no_serious_violation(browser, axe, theme, tmp_path):
    nights = [point(night, decision="regression" if night == 3 else "pass") for night in range(1, 5)]
    page = render(TrendPage(runs=4, lines=(line(*nights), line(*nights[:2], cell="code/task=read"))))
    (tmp_path / "history.html").write_text(page, encoding="utf-8")
    browser.get((tmp_path / "history.html").as_uri())
    assert serious(browser, axe) == {}


def test_the_check_sees_a_violation(browser, report_file, axe):
    browser.get(report_file.as_uri())
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    assert "image-alt" in serious(browser, axe)
