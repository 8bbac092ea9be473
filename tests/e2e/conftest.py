"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import SCENARIOS, Program, Simulator, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program in an empty folder."""
    return Program(tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Simulator]:
    """Serve the scenario of twelve instances over HTTPS."""
    with serving(tmp_path, SCENARIOS / "web-12.yaml") as simulator:
        yield simulator
