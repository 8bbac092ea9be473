"""kill -9 of apply, at many instants, against a server that goes on: exactly once, floor kept."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.door import Door, plan_with
from tests.e2e.program import PLANS, SCENARIOS, serving, wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.e2e.program import Program, Simulator

RUN = "web-jammy-1"
WEB = PLANS / "web-jammy.yaml"


@pytest.mark.parametrize("lines", [1, 6, 9, 34])
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
    for lines in range(5, 200, 22):
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


def kill(applying: subprocess.Popen[str]) -> None:
    """End it as a power failure does."""
    applying.send_signal(signal.SIGKILL)
    applying.communicate()


def test_a_hook_that_was_cut_short_runs_again(program: Program, web: Simulator) -> None:
    """Killed while a program of the user's runs: it runs from its beginning, never not at all."""
    drain = program.folder / "drain.sh"
    # Its output goes nowhere, so that nobody waits for what outlives the kill.
    drain.write_text(
        "#!/bin/sh\nexec >/dev/null 2>&1\necho begun >>hooks\n"
        "test -e once || { touch once; exec sleep 5; }\necho ended >>hooks\n"
    )
    drain.chmod(0o755)
    door = Door(program, web.arguments, web)
    plan = plan_with(program, hooks={"beforeBatch": {"run": ["./drain.sh"], "timeout": "PT1M"}})
    applying = door.program.start("apply", plan, *web.arguments, "--auto-approve")
    wait_until((program.folder / "once").exists, applying)
    kill(applying)
    told = door.happened()

    resumed = program.run("resume", *web.arguments)

    assert told[-1] == "HookStarted"
    assert resumed.code == 0, resumed.text
    ran = (program.folder / "hooks").read_text().split()
    batches = door.happened().count("UpgradeIntended")
    assert (ran.count("begun"), ran.count("ended")) == (batches + 1, batches)
    assert len(web.upgrades()) == len(set(web.upgrades())) == 11


def test_killed_as_it_turns_round_it_goes_back(program: Program, tmp_path: Path) -> None:
    """The first line of the way back is enough: resumed, everything touched is taken back."""
    with serving(tmp_path, SCENARIOS / "bad-image.yaml") as simulator:
        door = Door(program, simulator.arguments, simulator)
        plan = plan_with(program, failure={"onFailure": "rollback"})
        applying = program.start("apply", plan, *simulator.arguments, "--auto-approve")
        wait_until(lambda: "RollbackStarted" in door.happened(), applying)
        kill(applying)

        resumed = program.run("resume", *simulator.arguments)

        assert resumed.code == 12, resumed.text
        assert door.happened().count("RollbackStarted") == 1
        assert simulator.lowest_in_service() >= 8
        assert door.versions() == {"22.04.202609010"}


def test_the_next_apply_gives_autoscale_back(program: Program, tmp_path: Path) -> None:
    """Killed while autoscale is held, and never resumed: another apply needs no recover."""
    with serving(tmp_path, SCENARIOS / "autoscale.yaml") as simulator:
        door = Door(program, simulator.arguments, simulator)
        plan = PLANS / "autoscale-pin.yaml"
        applying = door.start("apply", plan, "--auto-approve", slowly=True)
        wait_until(lambda: "AutoscalePinned" in door.happened("autoscale-pin-1"), applying)
        kill(applying)
        simulator.ask("/clock", {"mode": "manual"}, method="PUT")
        simulator.ask("/clock/advance", {"seconds": 600})

        applied = door.run("apply", plan, "--auto-approve")

        assert applied.code == 0, applied.text
        assert "has its bounds back, which autoscale-pin-1 had left pinned" in applied.err
        [pinned] = [
            event
            for event in program.journal("autoscale-pin-2")
            if event["type"] == "AutoscalePinIntended"
        ]
        bounds = [profile for one in pinned["settings"] for profile in one["profiles"]]
        assert [(one["minimum"], one["maximum"]) for one in bounds] == [(4, 12)]
