"""The page in a real Chromium, and axe-core, which audits how accessible it is.

`python -m tests.browser` installs axe-core, as `make test` does first. The browser is the one of
the system. Where either is missing its tests say that they are skipped, but never where CI is set.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import npm

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".axe"
AXE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowserError(Exception):
    """There is no Chromium; says so."""


def find_chromium() -> str:
    """Return the browser of the system; raises NoBrowserError."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoBrowserError(f"the page is tested in Chromium: none of {', '.join(NAMES)} is here")
    return found


def install() -> None:
    """Install axe-core, unless it is there; raises CannotInstallError."""
    npm.install("axe-core", HERE, FOLDER)
