"""The worked examples in plans/: each says what it does, and can be applied."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS
from tests.support.http_server import Server, answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.program import Program
    from tests.support.golden import Golden

EXAMPLES = {
    "autoscale-pin": "autoscale",
    "canary-ramp": "web-12",
    "custom-image-uri": "custom-uri",
    "explicit-list": "web-12",
    "gallery-image": "gallery",
    "single-instance": "web-12",
    "sliding-window": "web-12",
    "ubuntu-1404-by-update-domain": "ubuntu-1404",
    "ubuntu-sku-16.04": "ubuntu-sku",
    "vertical-scaling": "web-12",
    "web-jammy": "web-12",
    "windows-2012r2": "windows-2012r2",
}
WITH_GATES = "gates-and-hooks"
"""It asks an application and runs programs, so it needs these, and a person."""
TURNING_BACK = "rollback"
"""It is for an image that turns out bad, so it does not end with what was wanted."""


def test_every_example_is_tested() -> None:
    """A Plan in plans/ without a row here would be a promise nobody keeps."""
    assert {path.stem for path in PLANS.glob("*.yaml")} == {*EXAMPLES, WITH_GATES, TURNING_BACK}


@pytest.mark.parametrize(("plan", "scenario"), EXAMPLES.items(), ids=EXAMPLES)
def test_an_example_prints_its_rollout_and_can_be_applied(
    program: Program, golden: Golden, plan: str, scenario: str
) -> None:
    """The example's text is the golden one; applied, it leaves nothing to do."""
    service = ("--simulator", SCENARIOS / f"{scenario}.yaml")
    path = PLANS / f"{plan}.yaml"

    planned = program.run("plan", path, *service, "--detailed-exitcode")
    applied = program.run("apply", path, *service, "--auto-approve")
    again = program.run("plan", path, *service, "--detailed-exitcode")

    assert (planned.code, applied.code, again.code) == (2, 0, 0), applied.text
    golden.check(f"example-{plan}", planned.out.partition("\nTo apply:")[0])


def test_the_example_of_a_rollback_goes_back_by_itself(program: Program, golden: Golden) -> None:
    """The bad image stops it in its first batch; what was touched runs what it ran before."""
    service = ("--simulator", SCENARIOS / "bad-image.yaml")
    path = PLANS / f"{TURNING_BACK}.yaml"

    planned = program.run("plan", path, *service)
    applied = program.run("apply", path, *service, "--auto-approve")
    again = program.run("plan", path, *service, "--json")

    assert (planned.code, applied.code, again.code) == (0, 12, 0), applied.text
    golden.check(f"example-{TURNING_BACK}", planned.out.partition("\nTo apply:")[0])
    assert "Rollback complete: instance " in applied.out
    assert "HealthDeadlineExceeded" in applied.out
    assert "ok=2 upgraded=2 skipped=8 failed=0 pending=0" in applied.out
    rollout = json.loads(again.out)["rollout"]
    assert {one["version"] for one in rollout["instances"]} == {"22.04.202609010"}
    assert rollout["fingerprint"]["model"]["image"]["version"] == "22.04.202609010"


SCRIPT = """\
#!/bin/sh
echo "$VMSSPLAN_OCCASION of batch $VMSSPLAN_BATCH: $VMSSPLAN_INSTANCE_IDS"
"""


@pytest.fixture
def with_gates(program: Program) -> Iterator[tuple[Path, Server]]:
    """Return the example, asking a server that answers, with its programs beside it."""
    for name in ("drain.sh", "undrain.sh", "smoke.sh"):
        (program.folder / name).write_text(SCRIPT)
        (program.folder / name).chmod(0o700)
    with answering(Server()) as server:
        text = (PLANS / f"{WITH_GATES}.yaml").read_text("utf-8")
        path = program.folder / f"{WITH_GATES}.yaml"
        path.write_text(
            text.replace("https://status.example.com/ready", f"http://{server.address}/status/200")
        )
        yield path, server


@pytest.mark.skipif(os.name != "posix", reason="the programs of this test are #! scripts")
def test_the_example_with_gates_asks_before_it_goes_on(
    program: Program, golden: Golden, with_gates: tuple[Path, Server]
) -> None:
    """It waits for a person after the canary, and drains, restores and asks for every batch."""
    path, server = with_gates
    service = ("--simulator", SCENARIOS / "web-12.yaml")
    run = f"{WITH_GATES}-1"

    shown = program.run("plan", PLANS / f"{WITH_GATES}.yaml", *service)
    canary = program.run("apply", path, *service, "--auto-approve", NO_PROXY="127.0.0.1")
    approved = program.run("approve", run, "6")
    rest = program.run("resume", run, *service, NO_PROXY="127.0.0.1")
    again = program.run("plan", path, *service, "--detailed-exitcode")

    codes = (shown.code, canary.code, approved.code, rest.code, again.code)
    assert codes == (0, 10, 0, 0, 0), canary.text + approved.text + rest.text
    golden.check(f"example-{WITH_GATES}", shown.out.partition("\nTo apply:")[0])
    said = [line for line in (canary.err + rest.err).splitlines() if ".sh: " in line]
    batches = ("0", "5 10 1 6 11 2", "3 8 4 9")
    assert said == [
        f"{name}.sh: {occasion} of batch {number}: {ids}"
        for number, ids in enumerate(batches, start=1)
        for name, occasion in (
            ("drain", "beforeBatch"),
            ("undrain", "afterBatch"),
            ("smoke", "gate"),
        )
    ]
    assert len(server.asked) == 3 * len(batches)


@pytest.mark.skipif(os.name != "posix", reason="the programs of this test are #! scripts")
def test_a_gate_that_fails_stops_the_rollout(
    program: Program, with_gates: tuple[Path, Server]
) -> None:
    """What it said stays out of the journal; mended, the Run goes on from there."""
    path, _ = with_gates
    service = ("--simulator", SCENARIOS / "web-12.yaml")
    run = f"{WITH_GATES}-1"
    smoke = program.folder / "smoke.sh"
    smoke.write_text("#!/bin/sh\necho password=hunter2\nexit 3\n")

    program.run("apply", path, *service, "--auto-approve", NO_PROXY="127.0.0.1")
    program.run("approve", run, "6")
    failed = program.run("resume", run, *service, NO_PROXY="127.0.0.1")
    smoke.write_text(SCRIPT)
    mended = program.run("resume", run, *service, NO_PROXY="127.0.0.1")

    assert failed.code == 11, failed.text
    assert "1 failed, none tolerated: exit code 3" in failed.out
    assert "smoke.sh: password=hunter2" in failed.err
    assert "hunter2" not in failed.out + str(program.journal(run))
    assert mended.code == 0, mended.text
