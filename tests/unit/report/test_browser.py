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
    own = "return [...document.scripts].map(each => each.type)"
    assert desktop.execute_script(own) == ["application/octet-stream", ""]


def open_items(browser, report_file, **filters):
    """The page at a link into its items, once they are shown."""
    from urllib.parse import urlencode

    from selenium.webdriver.support.ui import WebDriverWait

    browser.get("about:blank")  # a change of the fragment alone would load nothing
    browser.get(f"{report_file.as_uri()}#browse&{urlencode(filters)}")
    status = "return document.querySelector('#browse [role=status]').textContent"
    WebDriverWait(browser, 30).until(lambda page: "items" in page.execute_script(status))
    return browser.execute_script(status)


def wait_for_text_of_items(browser, text):
    """An item is filled when the browser says that it was opened, a moment later."""
    from selenium.webdriver.support.ui import WebDriverWait

    shown = "return document.querySelector('#browse .list').textContent"
    WebDriverWait(browser, 30).until(lambda page: text in page.execute_script(shown))


def test_items_unpack_when_they_are_asked_for(desktop):
    assert desktop.execute_script("return document.querySelector('#browse .list').childElementCount") == 0
    desktop.execute_script("document.querySelector('#browse').open = true")
    from selenium.webdriver.support.ui import WebDriverWait

    shown = "return document.querySelector('#browse .list').childElementCount"
    WebDriverWait(desktop, 30).until(lambda page: page.execute_script(shown) == 25)


def test_a_link_filters_items(browser, report_file):
    lost = [each for each in tail_run().outcomes if each.candidate_score < each.baseline_score]
    here = [each for each in lost if str(each.key) == "long_context/len=4096"]
    assert open_items(browser, report_file, change="lost") == f"1 to 25 of {len(lost)} items"
    assert open_items(browser, report_file, change="lost", cell="long_context/len=4096", page=2).endswith(
        f"of {len(here)} items"
    )
    assert open_items(browser, report_file, failed="wrong_script") == "1 to 1 of 1 items"
    assert open_items(browser, report_file, find="the BALL in the field") == "1 to 1 of 1 items"
    assert browser.get_log("browser") == []


def test_filters_turn_into_a_link(browser, report_file):
    open_items(browser, report_file)
    choose = """
        const select = document.querySelector('[data-filter=change]');
        select.value = 'gained';
        select.dispatchEvent(new Event('change'));
        document.querySelectorAll('.turn')[1].click();
        return location.hash"""
    assert browser.execute_script(choose) == "#browse&change=gained&page=2"


def test_a_link_to_one_item_opens_it_side_by_side(browser, report_file):
    item = next(each for each in tail_run().outcomes if each.candidate_failure == "wrong_script")
    open_items(browser, report_file, candidate=INT4, item=item.item_id)
    wait_for_text_of_items(browser, item.prompt)
    marks = "return [...document.querySelectorAll('#browse mark')].map(each => each.textContent)"
    assert browser.execute_script(marks) == [" mpira", " the"]


def test_tokens_of_the_baseline_are_shaded_by_what_the_candidate_makes_of_them(browser, report_file):
    item = next(each for each in tail_run().outcomes if each.candidate_failure == "wrong_script")
    open_items(browser, report_file, candidate=INT4, item=item.item_id)
    wait_for_text_of_items(browser, "as the candidate finds it")
    shaded = "[...document.querySelectorAll('#browse [class^=shade]')].map(each => [each.className, each.textContent])"
    assert browser.execute_script(f"return {shaded}") == [["shade-1", "nacheza"], ["shade-3", " mpira"]]


def test_items_show_hostile_text_as_text(browser, report_file):
    hostile = next(each for each in tail_run().outcomes if "<script>" in each.candidate_text)
    open_items(browser, report_file, item=hostile.item_id, cell=str(hostile.key))
    wait_for_text_of_items(browser, '<script>alert("x")</script>&⟨U+001B⟩[31mred⟨U+202E⟩evil')
    assert browser.execute_script("return document.querySelectorAll('#browse script').length") == 0
    assert browser.get_log("browser") == []


def test_an_item_can_be_opened_with_the_keyboard(browser, report_file):
    from selenium.webdriver.common.keys import Keys

    open_items(browser, report_file, change="lost")
    browser.execute_script("document.querySelector('#browse .list summary').focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait_for_text_of_items(browser, "expected")
    assert browser.execute_script("return document.querySelector('#browse .list details').open")


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
