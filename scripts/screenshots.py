#!/usr/bin/env python3
"""Pictures of a run's report for the README: docs/site/images/report.png and items.png.

Usage: python scripts/screenshots.py RUN_DIR [WORDS OF AN ITEM'S ID]. Needs Chromium and its driver on the PATH.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

IMAGES = Path(__file__).resolve().parent.parent / "docs/site/images"
WIDTH, HEIGHT = 1080, 860


def browser() -> Any:
    """Chromium without a window."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        sys.exit("screenshots need chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in ("headless", "no-sandbox", "disable-gpu", "hide-scrollbars", f"window-size={WIDTH},{HEIGHT}"):
        options.add_argument(f"--{flag}")
    return webdriver.Chrome(options=options, service=Service(driver))


def main() -> None:
    """Open the page twice: at its top, and at one item."""
    from selenium.webdriver.support.ui import WebDriverWait

    page, words = Path(sys.argv[1]).resolve() / "report.html", " ".join(sys.argv[2:])
    IMAGES.mkdir(parents=True, exist_ok=True)
    opened = browser()
    try:
        opened.get(page.as_uri())
        opened.save_screenshot(str(IMAGES / "report.png"))
        opened.get("about:blank")
        opened.get(f"{page.as_uri()}#browse&{urlencode({'change': 'lost', 'find': words})}")
        status = "return document.querySelector('#browse [role=status]').textContent"
        WebDriverWait(opened, 30).until(lambda found: "items" in found.execute_script(status))
        opened.execute_script("document.querySelector('#browse .list details').open = true")
        opened.save_screenshot(str(IMAGES / "items.png"))
    finally:
        opened.quit()


if __name__ == "__main__":
    main()
