"""kill -9 of apply, at many instants, against a server that goes on: exactly once, floor kept."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS

if TYPE_CHECKING:
    from tests.e2e.program import Program, Simulator

RUN = "web-jammy-1"
WEB = PLANS / "web-jammy.yaml"


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 6, 7, 9, 20, 34, 62])
def test_a_killed_apply_goes_on_where_it_was(program: Program, web: Simulator, lines: int) -> None:
    """Killed once its journal has that many lines and resumed, every instance is upgraded once."""
    applying = program.start("apply", WEB, *web.arguments, "--auto-approve")
    program.wait_for(RUN, lines, applying)
    applying.send_signal(signal.SIGKILL)
    applying.communicate()

    resumed = program.run("resume", *web.arguments)

    assert resumed.code == 0, resumed.text
    assert applying.returncode == -signal.SIGKILL
    assert sorted(web.upgrades()) == sorted(set(web.upgrades()))
    assert len(web.upgrades()) == 11
    assert web.lowest_in_service() >= 10


def test_killed_again_and_again_it_still_ends_well(program: Program, web: Simulator) -> None:
    """A Run that is killed at every few lines of its journal ends as one that never was."""
    process = program.start("apply", WEB, *web.arguments, "--auto-approve")
    kills = 0
    for lines in range(5, 200, 14):
        program.wait_for(RUN, lines, process)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
        process = program.start("resume", RUN, *web.arguments)
    output, _ = process.communicate()

    assert process.returncode == 0, output
    assert kills >= 5
    assert len(web.upgrades()) == len(set(web.upgrades())) == 11
    assert web.lowest_in_service() >= 10
