"""What the process answers with, for each way a command can end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.e2e.program import PLANS, SCENARIOS
from vmssplan.errors import ExitCode

if TYPE_CHECKING:
    from tests.e2e.program import Program

pytestmark = pytest.mark.own_process

WEB = PLANS / "web-jammy.yaml"
WEB_SET = ("--simulator", SCENARIOS / "web-12.yaml")
OLD = "22.04.202609010"
NEW = "22.04.202611010"


def scenario_with(program: Program, *, extra: str = "", instances: int = 4) -> Path:
    """Write a small scenario of our own into the program's folder."""
    path = program.folder / "scenario.yaml"
    path.write_text(
        f"""
apiVersion: vmss-simulator/v1
kind: Scenario
seed: 3
start: "2026-11-02T08:00:00Z"
images:
  platform:
    - publisher: Canonical
      offer: ubuntu-server
      sku: 22_04-lts-gen2
      versions: ["{OLD}", "{NEW}"]
scaleSets:
  - resourceGroup: myrg
    name: web
    vmSize: Standard_D2s_v5
    image: {{publisher: Canonical, offer: ubuntu-server, sku: 22_04-lts-gen2, version: "{OLD}"}}
    applicationHealth: true
    capacity: {instances}
{extra}
""",
        encoding="utf-8",
    )
    return path


def plan_with(program: Program, **changes: object) -> Path:
    """Write the everyday Plan with these keys changed into the program's folder."""
    document = yaml.safe_load(WEB.read_text("utf-8"))
    path = program.folder / "changed.yaml"
    path.write_text(yaml.safe_dump({**document, **changes}), encoding="utf-8")
    return path


def test_a_complete_apply_is_0_and_then_there_are_no_changes(program: Program) -> None:
    """Success, and no news afterwards."""
    applied = program.run("apply", WEB, *WEB_SET, "--auto-approve")
    again = program.run("apply", WEB, *WEB_SET, "--auto-approve")
    planned = program.run("plan", WEB, *WEB_SET, "--detailed-exitcode")

    assert (applied.code, again.code, planned.code) == (0, 0, 0), applied.text


def test_changes_found_is_2_only_when_asked_for(program: Program) -> None:
    """As in Terraform: without --detailed-exitcode, finding changes is success."""
    assert program.run("plan", WEB, *WEB_SET, "--detailed-exitcode").code == 2
    assert program.run("plan", WEB, *WEB_SET).code == 0


@pytest.mark.parametrize(
    "arguments",
    [("plan", "--no-such-option"), ("no-such-verb",), ("plan",), ("resume",)],
    ids=["option", "verb", "argument", "no run"],
)
def test_a_usage_error_is_1_and_never_2(program: Program, arguments: tuple[str, ...]) -> None:
    """A typo must not read as "there are changes"."""
    result = program.run(*arguments)

    assert result.code == 1
    assert "Error: " in result.err
    assert "Traceback" not in result.text


def test_an_unreadable_plan_is_1_with_its_place(program: Program) -> None:
    """A broken Plan names file, line and column."""
    (program.folder / "p.yaml").write_text("apiVersion: vmssplan/v1\nkind: Plann\n")

    result = program.run("validate", "p.yaml")

    assert result.code == 1
    assert "p.yaml:2:7" in result.err


def test_a_missing_scale_set_is_1(program: Program) -> None:
    """A target that does not exist is named."""
    result = program.run(
        "plan", PLANS / "gallery-image.yaml", "--simulator", SCENARIOS / "web-12.yaml"
    )

    assert (result.code, "shop" in result.err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "no-such.yaml"),
        ("plan", str(WEB), "--simulator", "no-such.yaml"),
        ("plan", str(WEB), "--simulator", str(WEB)),
        ("plan", str(WEB), *map(str, WEB_SET), "--state-dir", "/proc/no-such"),
        ("plan", str(WEB), *map(str, WEB_SET), "--out", "no/such/folder.json"),
        ("snapshot", str(WEB), *map(str, WEB_SET), "--out", "no/such/folder.yaml"),
        ("apply", "no-such.json", "--auto-approve", *map(str, WEB_SET)),
        ("apply", str(WEB), "--auto-approve", *map(str, WEB_SET), "--speed", "fast"),
        ("resume", "../../etc", *map(str, WEB_SET)),
        ("show", str(WEB)),
        ("simulator", "serve", "--scenario", str(WEB)),
        ("plan", str(WEB), "--endpoint", "http://127.0.0.1:1"),
        ("schema", "no-such"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_used_is_1_with_a_message(
    program: Program, arguments: tuple[str, ...]
) -> None:
    """A wrong name or place is an error of one or two lines, never a traceback."""
    result = program.run(*arguments)

    assert result.code == 1, result.text
    assert result.err.startswith("Error: ")
    assert "bug in vmssplan" not in result.err
    assert len(result.err.splitlines()) <= 4


def test_applying_without_a_terminal_needs_auto_approve(program: Program) -> None:
    """Where nobody can answer, apply refuses and says which option to add."""
    result = program.run("apply", WEB, *WEB_SET)

    assert (result.code, "--auto-approve" in result.err) == (1, True)
    assert program.run("status").out.count("web-jammy") == 0


def test_a_missing_permission_is_3_with_what_to_ask_for(program: Program) -> None:
    """Refused by Azure at the first upgrade; with the permission, resume goes on."""
    result = program.run(
        "apply", WEB, "--simulator", SCENARIOS / "faults" / "not-permitted.yaml", "--auto-approve"
    )

    assert result.code == 3, result.text
    assert "AuthorizationFailed" in result.out
    assert "virtualMachineScaleSets/manualupgrade/action" in result.out


def test_an_instance_that_fails_is_4_and_resume_goes_on(program: Program) -> None:
    """The failed instance is named with Azure's code; once mended, resume completes."""
    scenario = scenario_with(
        program,
        extra="""
faults:
  - name: broken-once
    match: {operations: [upgrade], instanceIds: ["2"]}
    when: {times: 1}
    effect: {operationFailed: {code: OSProvisioningTimedOut, message: "It did not finish."}}
""",
    )

    halted = program.run("apply", WEB, "--simulator", scenario, "--auto-approve")
    resumed = program.run("resume", "--simulator", scenario)

    assert (halted.code, resumed.code) == (4, 0), halted.text + resumed.text
    assert "OSProvisioningTimedOut" in halted.out
    assert "vmssplan resume web-jammy-1 --simulator" in halted.out


def test_a_plan_the_floor_forbids_is_5(program: Program) -> None:
    """A minInService of everything leaves no room for any instance."""
    text = WEB.read_text("utf-8").replace("maxUnavailable: 20%", "minInService: 100%")
    (program.folder / "p.yaml").write_text(text)
    assert text != WEB.read_text("utf-8")

    assert program.run("plan", "p.yaml", *WEB_SET).code == 5


def test_upgrade_policy_automatic_is_5_unless_the_plan_owns_it(program: Program) -> None:
    """Azure would replace every instance at once, so apply refuses until the Plan sets Manual."""
    scenario = scenario_with(program, extra="    upgradePolicy: Automatic")
    service = ("--simulator", scenario)
    text = WEB.read_text("utf-8").replace("model:", "model:\n  upgradePolicy: Manual", 1)
    (program.folder / "owned.yaml").write_text(text)

    refused = program.run("apply", WEB, *service, "--auto-approve")
    applied = program.run("apply", "owned.yaml", *service, "--auto-approve")

    assert (refused.code, applied.code) == (5, 0), refused.text + applied.text
    assert "upgradePolicy: Manual" in refused.err


def test_a_set_that_never_gets_room_above_its_floor_is_5(program: Program) -> None:
    """Half of the set is sick and skipped, so nothing may start; the reason is the floor."""
    scenario = scenario_with(
        program, extra='    overrides: {"0": {health: unhealthy}, "1": {health: unhealthy}}'
    )
    text = WEB.read_text("utf-8").replace(
        "pauseTime", 'exclude: {instanceIds: ["0", "1"]}\n  pauseTime'
    )
    (program.folder / "p.yaml").write_text(text)

    result = program.run("apply", "p.yaml", "--simulator", scenario, "--auto-approve")

    assert result.code == 5, result.text
    assert "floor" in result.text


def test_drift_and_a_broken_expectation_are_7(program: Program) -> None:
    """What differs from the last Run, or from nothing to do; after an apply neither."""
    drifted = program.run("drift", WEB, *WEB_SET)
    unexpected = program.run("plan", WEB, *WEB_SET, "--expect-no-changes")
    program.run("apply", WEB, *WEB_SET, "--auto-approve")

    assert (drifted.code, unexpected.code) == (7, 7), drifted.text + unexpected.text
    assert program.run("drift", WEB, *WEB_SET).code == 0
    assert program.run("plan", WEB, *WEB_SET, "--expect-no-changes").code == 0


def test_a_request_that_never_gets_through_is_9(program: Program) -> None:
    """Throttled for longer than the deadline, the Run ends and can be resumed."""
    scenario = scenario_with(
        program,
        extra="""
faults:
  - name: throttled
    match: {operations: [upgrade]}
    effect: {throttle: {retryAfter: PT1M}}
""",
    )

    result = program.run("apply", WEB, "--simulator", scenario, "--auto-approve")

    assert result.code == 9, result.text
    assert "TooManyRequests" in result.out or "OperationNotAllowed" in result.out


def test_an_image_that_never_gets_healthy_is_11(program: Program) -> None:
    """The health gate stops the Run after the first batch."""
    result = program.run(
        "apply", WEB, "--simulator", SCENARIOS / "bad-image.yaml", "--auto-approve"
    )

    assert result.code == 11, result.text


def test_waiting_for_an_approval_is_10_and_approved_it_goes_on(program: Program) -> None:
    """The process ends and says what to type; later another one goes on from there."""
    asking = plan_with(program, gates=[{"after": "batch 1", "approval": {"message": "All well?"}}])

    paused = program.run("apply", asking, *WEB_SET, "--auto-approve")
    still = program.run("resume", *WEB_SET)
    approved = program.run("approve", "web-jammy-1")
    resumed = program.run("resume", *WEB_SET)

    assert (paused.code, still.code) == (10, 10), paused.text + still.text
    assert "vmssplan approve web-jammy-1" in paused.out
    assert (approved.code, resumed.code) == (0, 0), approved.text + resumed.text


@pytest.mark.parametrize("answer", ["reject", "check"])
def test_a_gate_that_says_no_is_11(program: Program, answer: str) -> None:
    """Somebody rejects, or the application is not well: nothing more is upgraded."""
    failing = {"run": [sys.executable, "-c", "raise SystemExit(1)"]}
    check = {"approval": {"message": "?"}} if answer == "reject" else {"command": failing}
    gated = plan_with(program, gates=[{"after": "batch 1", **check}])

    halted = program.run("apply", gated, *WEB_SET, "--auto-approve")
    if answer == "reject":
        rejected = program.run("reject", "web-jammy-1", "--reason", "too many errors")
        assert (halted.code, rejected.code) == (10, 0), halted.text + rejected.text
        halted = program.run("resume", *WEB_SET)
        assert "too many errors" in halted.out

    assert halted.code == 11, halted.text
    journal = [event["type"] for event in program.journal("web-jammy-1")]
    assert journal.count("UpgradeIntended") == 1


def test_a_failure_that_was_rolled_back_is_12(program: Program) -> None:
    """With onFailure: rollback everything is as it was, model and instances."""
    scenario = SCENARIOS / "bad-image.yaml"
    going_back = plan_with(program, failure={"maxFailedInstances": 0, "onFailure": "rollback"})

    applied = program.run("apply", going_back, "--simulator", scenario, "--auto-approve")
    planned = program.run("plan", WEB, "--simulator", scenario)

    assert applied.code == 12, applied.text
    assert f"model.image.version: {OLD} -> {NEW}" in planned.out
    assert " 0 current." in planned.out


def test_a_rollout_that_the_live_set_outran_is_13(program: Program) -> None:
    """The saved Rollout is refused after somebody changed the model, with both values named."""
    program.run("plan", WEB, *WEB_SET, "--out", "r.json")
    other = WEB.read_text("utf-8").replace(NEW, "22.04.202608040")
    (program.folder / "other.yaml").write_text(other)
    program.run("apply", "other.yaml", *WEB_SET, "--auto-approve")

    result = program.run("apply", "r.json", *WEB_SET, "--auto-approve")

    assert result.code == 13, result.text
    assert OLD in result.err
    assert "22.04.202608040" in result.err


def test_a_changed_rollout_file_is_refused(program: Program) -> None:
    """A Rollout whose content does not have its digest is not what was reviewed."""
    program.run("plan", WEB, *WEB_SET, "--out", "r.json")
    document = json.loads((program.folder / "r.json").read_text("utf-8"))
    document["rollout"]["bounds"]["floor"] = 0
    (program.folder / "r.json").write_text(json.dumps(document))

    result = program.run("apply", "r.json", *WEB_SET, "--auto-approve")

    assert (result.code, "digest" in result.err) == (1, True)


def test_the_second_of_two_applies_is_14(program: Program) -> None:
    """While one apply holds the scale set, another one is told who holds it."""
    first = program.start("apply", WEB, *WEB_SET, "--auto-approve", "--speed", "60x")
    program.wait_for("web-jammy-1", 3, first)

    second = program.run("apply", WEB, *WEB_SET, "--auto-approve")

    first.send_signal(signal.SIGINT)
    first.communicate()
    assert second.code == 14, second.text


def test_interrupted_once_it_finishes_what_is_in_flight_and_is_8(program: Program) -> None:
    """Ctrl-C lets the operation end, writes that down, and resume completes the Run."""
    applying = program.start("apply", WEB, *WEB_SET, "--auto-approve", "--speed", "600x")
    program.wait_for("web-jammy-1", 10, applying)
    applying.send_signal(signal.SIGINT)
    output, _ = applying.communicate()

    resumed = program.run("resume", *WEB_SET)

    journal = [event["type"] for event in program.journal("web-jammy-1")]
    assert (applying.returncode, resumed.code) == (8, 0), output + resumed.text
    assert journal.count("UpgradeIntended") == 6
    halted = journal.index("RunHalted")
    assert journal[:halted].count("UpgradeIntended") == journal[:halted].count("OperationEnded") - 1


def test_interrupted_twice_it_stops_at_once_and_can_be_resumed(program: Program) -> None:
    """The second Ctrl-C does not wait for Azure."""
    applying = program.start("apply", WEB, *WEB_SET, "--auto-approve", "--speed", "20x")
    program.wait_for("web-jammy-1", 8, applying)
    applying.send_signal(signal.SIGINT)
    assert applying.stdout is not None
    while "Stopping" not in applying.stdout.readline():
        assert applying.poll() is None
    applying.send_signal(signal.SIGINT)
    output, _ = applying.communicate()

    resumed = program.run("resume", *WEB_SET)

    assert (applying.returncode, resumed.code) == (8, 0), output + resumed.text


def test_the_same_rollout_is_not_started_a_second_time(program: Program) -> None:
    """An unfinished Run of the very same Rollout is to be resumed, not begun again."""
    program.run("plan", WEB, *WEB_SET, "--out", "r.json")
    applying = program.start("apply", "r.json", *WEB_SET, "--auto-approve", "--speed", "60x")
    program.wait_for("web-jammy-1", 1, applying)
    applying.kill()
    applying.communicate()

    again = program.run("apply", "r.json", *WEB_SET, "--auto-approve")

    assert again.code == 5, again.text
    assert "vmssplan resume web-jammy-1" in again.err


def test_a_bug_is_255_with_a_message_instead_of_a_traceback(program: Program) -> None:
    """Whatever nobody thought of, here a package that breaks when it is used, ends as a message."""
    (program.folder / "deepdiff.py").write_text("raise ZeroDivisionError('out of nowhere')\n")
    here = os.pathsep.join([str(program.folder), os.environ.get("PYTHONPATH", "")]).rstrip(":;")

    broken = program.run("plan", WEB, *WEB_SET, PYTHONPATH=here)
    debugged = program.run("plan", WEB, *WEB_SET, PYTHONPATH=here, VMSSPLAN_DEBUG="1")

    assert broken.code == 255, broken.text
    assert "a bug in vmssplan: ZeroDivisionError: out of nowhere" in broken.err
    assert "Traceback" not in broken.text
    assert "Traceback" in debugged.err


def test_every_exit_code_is_met_above() -> None:
    """Each has a test here that says so in its name, and none is named that does not exist."""
    named = re.findall(r"def test_\w*_(?:is|are)_(\d+)", Path(__file__).read_text("utf-8"))

    assert {int(number) for number in named} == {int(code) for code in ExitCode}


def test_version_needs_none_of_the_heavy_packages(program: Program) -> None:
    """The program starts without azure, deepdiff, jsonschema, yaml and the like."""
    code = (
        "import sys\n"
        "from vmssplan.cli import run\n"
        "run(['--version'])\n"
        "heavy = {'azure', 'deepdiff', 'jsonschema', 'yaml', 'cattrs', 'starlette'}\n"
        "heavy.add('opentelemetry')\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=program.folder
    )

    assert done.stdout.splitlines()[-1] == "[]"
