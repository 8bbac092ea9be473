"""A browser for the tests, and pages in it that tell of every error.

The browser lives for one module: while Playwright runs, its thread has an event loop, and tests of
other modules want one of their own.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser import AXE, OPTIONS, NoBrowserError, find_chromium, install
from tests.browser.tab import Tab
from tests.support.npm import CannotInstallError

Scheme = Literal["light", "dark"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from playwright.sync_api import Browser, ConsoleMessage

    from tests.browser.serving import Served

    OpenTab = Callable[..., AbstractContextManager[Tab]]

PATIENCE_MILLISECONDS = 30_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the Chromium of the system; skipped where there is none, but not where CI is set."""
    try:
        program = find_chromium()
    except NoBrowserError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the program that audits; skipped without npm, but not where CI is set."""
    try:
        install()
    except CannotInstallError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    return AXE.read_text("utf-8")


@pytest.fixture(scope="module")
def open_tab(browser: Browser) -> OpenTab:
    """Return what opens a tab as somebody does who follows the link on the terminal."""

    @contextmanager
    def opened(
        served: Served, *, scheme: Scheme = "light", width: int = 1440, height: int = 900
    ) -> Iterator[Tab]:
        context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        page = context.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if _is_bad(said) else None)
        page.goto(served.url)
        yield Tab(page)
        context.close()
        assert troubles == []

    return opened


def _is_bad(said: ConsoleMessage) -> bool:
    """Tell whether the browser complains; of a refusal that the page shows it tells, too."""
    is_refusal = "status of 400" in said.text or "status of 409" in said.text
    return said.type in ("error", "warning") and not is_refusal
