"""What holds for every test: hypothesis draws the same examples every time; golden files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.azurite import Azurite, CannotInstallError, install, serving
from tests.support.golden import Golden
from tests.support.in_process import Here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `--update-golden` write the golden files anew."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return what compares a text with its golden file."""
    return Golden(update=bool(request.config.getoption("--update-golden")))


@pytest.fixture
def here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Here:
    """Return the program in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Serve an emulator of blob storage; skipped without npm, but not where CI is set."""
    try:
        install()
    except CannotInstallError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    with serving() as emulator:
        yield emulator
