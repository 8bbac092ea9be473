"""One simulator and one login for all the tests with az: every call costs about a second."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.az.client import CLOUD, PROGRAM, ROOT, Az, clean_environment
from tests.e2e.program import Simulator, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEED = "1800x"


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Serve the world of these tests, half an hour a second."""
    if not PROGRAM.exists():
        # A CI that leaves these tests out must not be green.
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"there is no {PROGRAM.relative_to(ROOT)}: make test-az installs it")
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, ROOT / "tests" / "az" / "world.yaml", "--speed", SPEED) as running:
        yield running


@pytest.fixture(scope="session")
def az(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """Return az with the cloud registered and a service principal logged in."""
    client = Az(clean_environment(simulator, tmp_path_factory.mktemp("azure")))
    ready = simulator.ready
    client("cloud", "register", "--name", CLOUD, "--endpoint-resource-manager", ready["endpoint"])
    client("cloud", "set", "--name", CLOUD)
    client(
        "login",
        "--service-principal",
        *("--username", ready["clientId"]),
        *("--password", ready["clientSecret"]),
        *("--tenant", ready["tenantId"]),
    )
    return client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for documents."""
    return tmp_path
