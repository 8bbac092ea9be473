"""Install Azurite; without npm say so, and fail only where CI is set."""

from __future__ import annotations

import os
import sys

from tests.azurite import CannotInstallError, install

try:
    install()
except CannotInstallError as missing:
    sys.stderr.write(f"The tests of the shared state will be skipped: {missing}.\n")
    sys.exit(1 if os.environ.get("CI") else 0)
