"""Every ready-made failure: how a Run ends in it, what a client sees of it, the same everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.failures import (
    FOLDER,
    NAMES,
    ListeningDoor,
    ask,
    run_directly,
    run_in_process,
    run_over_https,
    scenario,
    settle,
)
from tests.support.runs import floor_breaches, upgrades
from vmss_simulator.door import Door
from vmssplan.errors import ExitCode

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Case:
    """How a Run ends in a scenario, and texts that some answer over ARM must hold.

    `before` and `after` make requests of their own, for what no Run of ours ever asks for.
    """

    exit_code: ExitCode
    evidence: tuple[str, ...] = ()
    before: Callable[[Door], None] | None = None
    after: Callable[[Door], None] | None = None


def _delete(door: Door) -> None:
    ask(door, "DELETE", "")


def _cancel(door: Door) -> None:
    ask(door, "POST", "/rollingUpgrades/cancel")


def _read_latest_rolling_upgrade(door: Door) -> None:
    ask(door, "GET", "/rollingUpgrades/latest")


def _read_views(door: Door) -> None:
    ask(door, "GET", "/instanceView")


def _change_an_extension(door: Door) -> None:
    """Change the extensions of the model, upgrade one instance and reimage another."""
    settle(door)
    extension = {
        "name": "setup",
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": "9.9",
        },
    }
    profile = {"extensionProfile": {"extensions": [extension]}}
    ask(door, "PATCH", "", {"properties": {"virtualMachineProfile": profile}})
    settle(door)
    for verb, instance_id in (("manualupgrade", "0"), ("reimage", "1")):
        ask(door, "POST", f"/{verb}", {"instanceIds": [instance_id]})
        settle(door)
    world = door.world
    scale_set = world.scale_set(world.scale_sets("00000000-0000-0000-0000-000000000001")[0].key)
    kept, renewed = scale_set.instances["0"], scale_set.instances["1"]
    assert world.latest_model_applied(scale_set, kept)
    assert "9.9" not in [each.version for each in kept.extensions]
    assert "9.9" in [each.version for each in renewed.extensions]


def _write_back_whole(door: Door) -> None:
    """Read a protected instance and write all of it back, as some clients do."""
    settle(door)
    whole = ask(door, "GET", "/virtualMachines/3")
    assert b'"latestModelApplied":false' in whole.body
    others = ask(door, "GET", "/virtualMachines/2")
    assert b'"modelDefinitionApplied":"VirtualMachineScaleSet"' in others.body
    ask(door, "PUT", "/virtualMachines/2", json.loads(others.body))
    settle(door)
    ask(door, "GET", "/virtualMachines/2")


CONFLICT = "409", '"Conflict"', "The request failed due to conflict with a concurrent request."
CASES: dict[str, Case] = {
    # What the field reports.
    "upgraded-instances-unhealthy": Case(
        ExitCode.GATE,
        (
            '"MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"',
            "Instance found to be unhealthy or unreachable",
            '"Faulted"',
        ),
        after=_read_latest_rolling_upgrade,
    ),
    "too-many-unhealthy-to-roll": Case(
        ExitCode.SUCCESS,
        ('"MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"', "before any batch"),
        after=_read_latest_rolling_upgrade,
    ),
    "too-many-unhealthy-while-rolling": Case(
        ExitCode.REFUSED,
        (
            '"MaxUnhealthyInstancePercentExceededInRollingUpgrade"',
            "consider increasing the MaxUnhealthyInstancePercent value.",
        ),
        after=_read_latest_rolling_upgrade,
    ),
    "protection-trap": Case(
        ExitCode.SUCCESS,
        ('"modelDefinitionApplied":"VirtualMachine"', '"latestModelApplied":false'),
        after=_write_back_whole,
    ),
    "nothing-to-cancel": Case(
        ExitCode.SUCCESS,
        (" 409 ", '"OperationNotAllowed"', "There is no ongoing Rolling Upgrade to cancel."),
        after=_cancel,
    ),
    "delete-during-rolling-upgrade": Case(ExitCode.SUCCESS, CONFLICT, before=_delete),
    "upgrade-keeps-extensions": Case(ExitCode.SUCCESS, after=_change_an_extension),
    "allocation-failed": Case(
        ExitCode.INSTANCE_FAILED,
        ('"AllocationFailed"', "aka.ms/allocation-guidance", '"target":"3"'),
    ),
    "overconstrained": Case(
        ExitCode.INSTANCE_FAILED,
        ('"OverconstrainedAllocationRequest"', "too restrictive", '"target":"2"'),
    ),
    "overconstrained-zonal": Case(
        ExitCode.INSTANCE_FAILED,
        (
            '"OverconstrainedZonalAllocationRequest"',
            r"Constraints applied are:\n  - Availability Zone\n  - Differencing",
            '"target":"1"',
        ),
    ),
    "extension-timeout": Case(
        ExitCode.INSTANCE_FAILED,
        (
            '"VMExtensionProvisioningTimeout"',
            r"The extension last reported \"Plugin enabled\".",
            '"ProvisioningState/failed"',
        ),
    ),
    "extension-failed": Case(
        ExitCode.INSTANCE_FAILED,
        (
            '"VMExtensionHandlerNonTransientError"',
            '"ProvisioningState/failed/VMExtensionHandlerNonTransientError"',
            '"provisioningState":"Failed"',
        ),
        after=_read_views,
    ),
    "os-provisioning-timeout": Case(ExitCode.INSTANCE_FAILED, ('"OSProvisioningTimedOut"',)),
    "stale-failure": Case(
        ExitCode.SUCCESS, ('"status":"Failed"', '"VMExtensionProvisioningError"', '"target":"5"')
    ),
    "stuck-updating": Case(ExitCode.DEADLINE, ('"status":"Succeeded"', '"Updating"')),
    "instance-stuck-updating": Case(ExitCode.SUCCESS, ('"status":"Succeeded"', '"Updating"')),
    "disk-error": Case(
        ExitCode.INSTANCE_FAILED,
        ("halted because of one or more disk processing errors encountered by VM 'web_0'",),
    ),
    "concurrent-request": Case(ExitCode.SUCCESS, CONFLICT),
    "vanished-instance": Case(
        ExitCode.SUCCESS,
        (
            " 400 ",
            "The provided instanceId 4 is not an active Virtual Machine Scale Set VM instanceId.",
            '"target":"instanceIds"',
        ),
    ),
    "model-write-rejected": Case(ExitCode.DEADLINE, (" 409 ", "Max price change is not allowed.")),
    "everything-upgraded-by-another": Case(ExitCode.SUCCESS),
    "instance-view-missing": Case(ExitCode.SUCCESS),
    "agent-silent": Case(
        ExitCode.SUCCESS,
        ('"Not Ready"', "VM status blob is found but not yet populated.", '"HealthState/unknown"'),
    ),
    # Limits, conflicts, and what is refused.
    "throttled": Case(
        ExitCode.SUCCESS, (" 429 ", '"TooManyRequests"', "Retry-After: 30", "operationGroup")
    ),
    "marked-for-deletion": Case(ExitCode.DEADLINE, (" 409 ", "since it is marked for deletion")),
    "scale-set-gone": Case(ExitCode.ERROR, (" 404 ", '"ResourceNotFound"')),
    "etag-changed": Case(ExitCode.SUCCESS, (" 412 ", '"PreconditionFailed"')),
    "quota-exceeded": Case(
        ExitCode.DEADLINE, (" 409 ", '"OperationNotAllowed"', "exceeding approved", "Cores quota")
    ),
    "not-permitted": Case(ExitCode.NOT_PERMITTED, (" 403 ", '"AuthorizationFailed"')),
    "token-expired": Case(
        ExitCode.NOT_PERMITTED,
        (" 401 ", '"ExpiredAuthenticationToken"', "WWW-Authenticate: Bearer"),
    ),
    "server-error": Case(
        ExitCode.SUCCESS, (" 500 ", '"InternalServerError"', " 503 ", '"ServiceUnavailable"')
    ),
    "image-withdrawn": Case(ExitCode.ERROR, (" 404 ", '"PlatformImageNotFound"')),
    # Operations that end in their own way, or do not.
    "instance-stuck": Case(ExitCode.DEADLINE, ('"InProgress"',)),
    "operation-stuck": Case(ExitCode.SUCCESS, ('"InProgress"',)),
    "operation-failed": Case(ExitCode.SUCCESS, ('"status":"Failed"', '"InternalExecutionError"')),
    "operation-preempted": Case(
        ExitCode.INSTANCE_FAILED,
        ('"status":"Canceled"', '"OperationPreempted"', "preempted by a more recent operation"),
    ),
    "operation-lost": Case(ExitCode.SUCCESS, (" 404 ", "The operation was not found.")),
    "slow-instance": Case(ExitCode.SUCCESS),
    # Health.
    "bad-image": Case(ExitCode.GATE, ('"HealthState/unhealthy"',)),
    "never-healthy": Case(ExitCode.GATE, ('"HealthState/unhealthy"',)),
    "initializing-for-good": Case(ExitCode.GATE, ('"HealthState/initializing"',)),
    "sick-after-the-soak": Case(ExitCode.GATE, ('"HealthState/unhealthy"',)),
    "flapping-health": Case(ExitCode.SUCCESS, ('"HealthState/unhealthy"',)),
    "others-fall-sick": Case(ExitCode.SUCCESS, ('"HealthState/unhealthy"',)),
    "zone-outage": Case(
        ExitCode.INSTANCE_FAILED, ('"ZonalAllocationFailed"', '"PowerState/unknown"')
    ),
    # The way there and back.
    "reply-lost": Case(ExitCode.SUCCESS, ("/manualupgrade lost ",)),
    "request-lost": Case(ExitCode.SUCCESS, ("/manualupgrade lost ",)),
    "reply-cut": Case(ExitCode.SUCCESS, ("/virtualMachines cut ",)),
    "duplicate-delivery": Case(ExitCode.SUCCESS, CONFLICT),
    "stale-list": Case(ExitCode.SUCCESS),
    "slow-replies": Case(ExitCode.SUCCESS),
    "clock-skew": Case(ExitCode.SUCCESS, ("date: Mon, 02 Nov 2026 08:10:00 GMT",)),
    # Somebody else.
    "rolling-upgrade-by-another": Case(
        ExitCode.SUCCESS, ('"Completed"',), after=_read_latest_rolling_upgrade
    ),
    "scaled-out": Case(ExitCode.SUCCESS),
    "scaled-in": Case(ExitCode.REFUSED),
    "instance-deleted": Case(ExitCode.SUCCESS),
    "protected-meanwhile": Case(ExitCode.SUCCESS, ('"protectFromScaleSetActions":true',)),
    "model-changed": Case(ExitCode.STALE),
}
FEW = {
    "bad-image",
    "clock-skew",
    "concurrent-request",
    "reply-cut",
    "reply-lost",
    "server-error",
    "zone-outage",
}
"""Over HTTPS some take minutes, because they last for hours; all of them have their turn in CI."""
OTHERS_GO_BELOW = {"everything-upgraded-by-another", "upgraded-instances-unhealthy"}
"""Where somebody else takes down more than our floor allows."""


def test_every_scenario_is_expected_to_end_somehow() -> None:
    """The table knows each file of the folder, and no other."""
    assert sorted(CASES) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_says_what_it_shows(name: str) -> None:
    """Each is named as its file, small, and begins with what a client sees and who reported it."""
    described = scenario(name)
    assert described.name == name
    assert described.description
    assert [4 <= len(each.instances) <= 10 for each in described.scale_sets] == [True]
    comment = [
        line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line[:1] == "#"
    ]
    assert any("Source:" in line for line in comment)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_ends_as_it_should_and_shows_the_evidence(name: str) -> None:
    """The exit code is right, the floor held, and the failure is seen over ARM in Azure's words."""
    case = CASES[name]
    door = ListeningDoor(scenario(name).world())
    if case.before is not None:
        case.before(door)
    ended = run_in_process(name, door)
    if case.after is not None:
        case.after(door)

    assert ended.state.outcome is not None
    assert ended.state.outcome.exit_code is case.exit_code
    if name not in OTHERS_GO_BELOW:
        assert floor_breaches(ended.world, ended.rollout) == []
    heard = "\n".join(door.heard)
    assert [text for text in case.evidence if text not in heard] == []


@pytest.mark.parametrize("name", ["reply-lost", "request-lost", "duplicate-delivery"])
def test_what_was_lost_or_doubled_is_upgraded_once(name: str) -> None:
    """Whatever the network does, each instance is upgraded exactly once."""
    assert set(upgrades(run_directly(name).world).values()) == {1}


@pytest.mark.parametrize("name", NAMES)
def test_every_door_in_process_has_the_same_history(name: str) -> None:
    """The world's log has one hash through the direct door and the SDK in process."""
    direct, sdk = run_directly(name), run_in_process(name)
    assert direct.world.log
    assert sdk.log_hash == direct.log_hash
    codes = {each.state.outcome.exit_code for each in (direct, sdk) if each.state.outcome}
    assert codes == {CASES[name].exit_code}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FEW else pytest.mark.long) for name in NAMES]
)
def test_https_has_the_same_history(tmp_path: Path, name: str) -> None:
    """The world's log has that hash over HTTPS too."""
    direct, https = run_directly(name), run_over_https(name, tmp_path)
    assert https.log_hash == direct.log_hash
    codes = {each.state.outcome.exit_code for each in (direct, https) if each.state.outcome}
    assert codes == {CASES[name].exit_code}


_PROGRAM = """
from tests.support.failures import NAMES, run_directly
for name in NAMES:
    print(name, run_directly(name).log_hash)
"""


def test_the_logs_are_the_same_in_every_process() -> None:
    """Neither hash randomisation nor anything else of a process shows in any log."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "simulator")])
    seen = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4242")
    }
    assert len(seen) == 1
    assert len(seen.pop().splitlines()) == len(NAMES)
