"""The HTML report in a real browser: nothing runs, nothing is loaded, nothing overflows a phone."""

import shutil
from dataclasses import replace

import pytest

from tailgate.report import render
from tests.conftest import require_tool
from tests.unit.report.factory import INT4, INT8, tail_run

PHONE_WIDTH = 360
CARD = {"files_bytes": 1e8, "memory_bytes": 5e8, "first_token_s": 0.27, "measured": "this run"}


@pytest.fixture(scope="module")
def report_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    run = tail_run()
    again = replace(run.verdict.candidates[0], candidate=INT8)  # a second candidate, so that costs are drawn
    both = replace(run.verdict, candidates=(*run.verdict.candidates, again))
    costs = {"conditions": "probes on this machine", "sides": dict.fromkeys(("baseline", INT4, INT8), CARD)}
    view = replace(run, verdict=both, manifest={**run.manifest, "cost": costs}).view()
    file.write_text(render(view, "html"), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    require_tool("chromium")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    profile = tmp_path_factory.mktemp("profile")
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "no-first-run"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def phone(browser, report_file):
    metrics = {"width": PHONE_WIDTH, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(report_file.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def desktop(browser, report_file):
    browser.get(report_file.as_uri())
    return browser


def test_browser_reports_no_violation_and_no_request(desktop):
    assert desktop.get_log("browser") == []
    loaded = desktop.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []


def test_browser_draws_the_plot(desktop):
    assert desktop.execute_script("return document.querySelector('figure img').naturalWidth") > 500


def test_browser_draws_cost_beside_loss(desktop):
    drawn = "return [...document.querySelectorAll('section[aria-labelledby=costs] img')].map(each => each.naturalWidth)"
    assert all(width > 400 for width in desktop.execute_script(drawn) or [0])


def test_browser_shows_hostile_text_as_text(desktop):
    text = desktop.execute_script("return document.body.textContent")
    assert '<script>alert("x")</script>&⟨U+001B⟩[31mred⟨U+202E⟩evil' in text
    assert desktop.execute_script("return document.scripts.length") == 0


def test_browser_phone_has_no_sideways_scroll(phone):
    assert phone.execute_script("return document.documentElement.scrollWidth") <= PHONE_WIDTH


def test_browser_phone_shows_the_narrow_plot(phone):
    shown = phone.execute_script("return document.querySelector('figure img').getBoundingClientRect().width")
    natural = phone.execute_script("return document.querySelector('figure img').naturalWidth")
    assert natural == pytest.approx(shown, rel=0.1)


def test_browser_phone_keeps_the_table_a_table_for_assistive_technology(phone):
    tree = phone.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [node.get("role", {}).get("value") for node in tree]
    assert roles.count("rowheader") >= 10
    assert roles.count("columnheader") >= 10
