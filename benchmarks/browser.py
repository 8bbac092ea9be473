"""The page on a thousand instances in Chromium: from the address to every instance drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from benchmarks.measuring import Measure
from tests.browser import OPTIONS, NoBrowserError, find_chromium
from tests.browser.serving import SET_ID, plan, scenario, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COUNT = 1000
LOAD_GOAL_SECONDS = 1.0
FILTER_GOAL_SECONDS = 0.2
REPEATS = 5
DRAWN = f"() => document.querySelectorAll('.mark').length === {COUNT} && performance.now()"
SELECT_ALL = """() => new Promise((resolve) => {
  const began = performance.now();
  document.querySelector('[data-domain="updateDomain 0"]').click();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
})"""


def measures() -> list[Measure]:
    """Measure; nothing where there is no Chromium, and say so."""
    try:
        program = find_chromium()
    except NoBrowserError as missing:
        sys.stderr.write(f"not measured: {missing}\n")
        return []
    world = scenario(COUNT, singlePlacementGroup=False)
    with (
        TemporaryDirectory() as folder,
        serving(Path(folder), world, "--speed", "manual", plans={"web": plan()}) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        address = f"{served.url}#/set/{quote(SET_ID, safe='')}"
        first = _loaded(browser, address)
        again = median(_loaded(browser, address) for _ in range(REPEATS))
        page = browser.new_page()
        _open(page, address)
        selecting = median(page.evaluate(SELECT_ALL) / 1000 for _ in range(REPEATS))
        browser.close()
    return [
        Measure("1,000 instances drawn in Chromium, first look at the set", first),
        Measure("  opened again, wall", again, LOAD_GOAL_SECONDS),
        Measure("  a domain of 200 selected and drawn, wall", selecting, FILTER_GOAL_SECONDS),
    ]


def _loaded(browser: Browser, address: str) -> float:
    """Open a page with an empty cache; return the seconds until every instance is drawn."""
    context = browser.new_context()
    seconds = _open(context.new_page(), address)
    context.close()
    return seconds


def _open(page: Page, address: str) -> float:
    page.goto(address)
    drawn: float = page.wait_for_function(DRAWN).json_value()
    return drawn / 1000
