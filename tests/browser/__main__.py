"""Install axe-core; without npm or Chromium say so, and fail only where CI is set."""

from __future__ import annotations

import os
import sys

from tests.browser import NoBrowserError, find_chromium, install
from tests.support.npm import CannotInstallError

try:
    install()
    find_chromium()
except (CannotInstallError, NoBrowserError) as missing:
    sys.stderr.write(f"Tests in the browser will be skipped: {missing}.\n")
    sys.exit(1 if os.environ.get("CI") else 0)
