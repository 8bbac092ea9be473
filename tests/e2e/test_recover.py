"""A Run is killed while it holds autoscale: whoever comes next gives the bounds back."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.door import Door, ended
from tests.e2e.program import PLANS, SCENARIOS, serving, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.program import Program

PIN = PLANS / "autoscale-pin.yaml"
PINNED = "autoscale-pin-1"


@pytest.fixture
def scaled(program: Program, tmp_path: Path) -> Iterator[Door]:
    """Serve a set that autoscale scales."""
    with serving(tmp_path, SCENARIOS / "autoscale.yaml") as simulator:
        yield Door(program, simulator.arguments, simulator)


def bounds(door: Door) -> list[tuple[int, int]]:
    """Return what autoscale may do to the set now, by what a plan sees."""
    # With room to spare: instances that a killed Run was upgrading may still be on their way back.
    document = yaml.safe_load(PIN.read_text("utf-8"))
    roomy = door.program.folder / "roomy.yaml"
    roomy.write_text(yaml.safe_dump({**document, "availability": {"maxUnavailable": 7}}), "utf-8")
    planned = door.run("plan", roomy, "--json")
    assert planned.code == 0, planned.text
    steps: list[dict[str, Any]] = json.loads(planned.out)["rollout"]["steps"]
    [pin] = [step for step in steps if step["type"] == "PinAutoscale"]
    profiles = [one for setting in pin["settings"] for one in setting["profiles"]]
    return [(one["minimum"], one["maximum"]) for one in profiles]


def killed_while_pinned(scaled: Door) -> None:
    """Kill an apply once it holds the count and has begun to upgrade."""
    applying = scaled.start("apply", PIN, "--auto-approve", slowly=True)
    wait_until(lambda: "UpgradeIntended" in scaled.happened(PINNED), applying)
    applying.send_signal(signal.SIGKILL)
    applying.communicate()


def test_recover_gives_autoscale_back_what_a_killed_run_has_pinned(scaled: Door) -> None:
    """The bounds are as before, and nothing else has changed: the Run can still be resumed."""
    before = bounds(scaled)
    killed_while_pinned(scaled)

    status = scaled.program.run("status", PINNED)
    held = bounds(scaled)
    recovered = scaled.run("recover")
    after = bounds(scaled)
    again = scaled.run("recover")
    unknown = scaled.run("recover", "web-jammy-9")
    resumed = scaled.run("resume", PINNED)

    assert f"vmssplan recover {PINNED}" in status.out
    assert (before, held, after) == ([(4, 12)], [(8, 8)], [(4, 12)])
    assert recovered.code == 0, recovered.text
    assert f"web-autoscale has its bounds back, which {PINNED} had left pinned" in recovered.err
    assert (again.code, again.out) == (0, "No Run has left autoscale pinned.\n")
    assert (unknown.code, "there is no Run 'web-jammy-9'" in unknown.err) == (1, True)
    assert resumed.code == 0, resumed.text
    assert bounds_of_nothing_to_do(scaled)


def bounds_of_nothing_to_do(scaled: Door) -> bool:
    """Tell whether the set is what was wanted, so that nothing would be pinned."""
    return scaled.run("plan", PIN, "--detailed-exitcode").code == 0


def test_a_resumed_run_gives_autoscale_back_itself(scaled: Door) -> None:
    """Whoever goes on after a kill needs no recover."""
    killed_while_pinned(scaled)

    resumed = scaled.run("resume", PINNED)
    recovered = scaled.run("recover")

    assert resumed.code == 0, resumed.text
    assert recovered.out == "No Run has left autoscale pinned.\n"


def test_recover_leaves_a_run_alone_that_is_carried_out(scaled: Door) -> None:
    """It gives autoscale its bounds back itself when it ends."""
    applying = scaled.start("apply", PIN, "--auto-approve", slowly=True)
    wait_until(lambda: "AutoscalePinned" in scaled.happened(PINNED), applying)
    recovered = scaled.program.run("recover", *scaled.options)
    scaled.program.run("abort", PINNED)

    code, said = ended(applying)

    assert recovered.code == 0, recovered.text
    assert f"{PINNED} is being carried out, and gives it back itself" in recovered.err
    assert code == 8, said
    assert "autoscale has its bounds back" in said
    assert bounds(scaled) == [(4, 12)]
