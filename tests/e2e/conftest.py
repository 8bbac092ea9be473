"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import SCENARIOS, Program, Simulator, serving
from tests.support.in_process import ProgramHere

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Program:
    """Return the program in an empty folder.

    What is started is another process; what is run to its end is one only for a test marked
    `own_process`, for which the process itself matters: a second each that is well spent.
    """
    if request.node.get_closest_marker("own_process"):
        return Program(tmp_path)
    return ProgramHere(tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Simulator]:
    """Serve the scenario of twelve instances over HTTPS."""
    with serving(tmp_path, SCENARIOS / "web-12.yaml") as simulator:
        yield simulator
