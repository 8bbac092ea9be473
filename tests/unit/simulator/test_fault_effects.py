"""What faults do to the work on instances, and to operations."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import NEW, OLD, WEB, event_types, finish, make_world, run
from tests.worlds import with_new_model as updated
from vmss_simulator.scenario_build import build_fault
from vmss_simulator.values import (
    HealthState,
    Instance,
    InstanceView,
    OperationStatus,
    PowerState,
    ProvisioningState,
)

if TYPE_CHECKING:
    from vmss_simulator.world import World


def faulty(*effects: dict[str, Any], match: Any = None, when: Any = None, **changes: Any) -> World:
    """Return a world on the new model, with a rule for each effect."""
    rules = [
        {"name": f"rule {n}", "match": match or {}, "when": when or {}, "effect": each}
        for n, each in enumerate(effects)
    ]
    return updated(make_world(faults=rules, **changes))


def instance(world: World, instance_id: str) -> Instance:
    """Return one instance as it is now."""
    return world.instance(WEB, instance_id)


def sick_after_upgrade(world: World, *ids: str) -> set[str]:
    """Upgrade these instances, or all, and return which do not turn healthy."""
    finish(world, world.upgrade(WEB, ids or ["*"]))
    run(world)
    members = world.scale_set(WEB).instances.values()
    return {each.instance_id for each in members if each.health is not HealthState.HEALTHY}


def minutes(number: float) -> timedelta:
    """Return that many minutes."""
    return timedelta(minutes=number)


def pass_minutes(world: World, number: float) -> None:
    """Let that much time pass."""
    world.advance_to(world.now + minutes(number))


@pytest.mark.parametrize(
    ("effect", "code", "power"),
    [
        ({"allocationFailed": {}}, "AllocationFailed", "stopped"),
        ({"overconstrained": {}}, "OverconstrainedAllocationRequest", "stopped"),
        ({"overconstrained": {"zonal": True}}, "OverconstrainedZonalAllocationRequest", "stopped"),
        ({"diskError": {}}, "VMScaleSetDiskProcessingError", "stopped"),
        ({"osProvisioningTimeout": {"after": "PT1M"}}, "OSProvisioningTimedOut", "running"),
        ({"extensionFailed": {"extension": "x"}}, "VMExtensionHandlerNonTransientError", "running"),
        (
            {"extensionTimeout": {"extension": "HealthExtension"}},
            "VMExtensionProvisioningTimeout",
            "running",
        ),
        ({"operationFailed": {"code": "A", "message": "b", "diskReplaced": True}}, "A", "running"),
    ],
)
def test_work_fails_in_azures_words(effect: dict[str, Any], code: str, power: str) -> None:
    """The operation fails, its details name the instance, and the instance shows why."""
    world = faulty(effect, match={"instanceIds": ["1"]})
    operation = finish(world, world.upgrade(WEB, ["1", "2"]))
    assert operation.status is OperationStatus.FAILED
    assert [(each.code, each.target) for each in operation.details] == [(code, "1")]
    failed = instance(world, "1")
    assert failed.provisioning is ProvisioningState.FAILED
    assert failed.power is PowerState(power)
    assert failed.error is not None
    assert "{" not in failed.error.message
    assert instance(world, "2").provisioning is ProvisioningState.SUCCEEDED


def test_a_failed_extension_shows_and_the_machine_runs() -> None:
    """The instance view has the extension failed; health is what the application says."""
    world = faulty({"extensionTimeout": {"extension": "HealthExtension", "after": "PT90M"}})
    began = world.now
    finish(world, world.upgrade(WEB, ["0"]))
    assert world.now - began > minutes(90)
    run(world)
    failed = instance(world, "0")
    assert [(each.failed, each.message is not None) for each in failed.extensions] == [(True, True)]
    assert failed.health is HealthState.HEALTHY
    assert failed.in_service


def test_health_that_settles_elsewhere() -> None:
    """It stays unhealthy, unknown or initializing, as the rule says."""
    for health in ("unhealthy", "unknown", "initializing"):
        world = faulty({"neverHealthy": {"health": health}})
        assert sick_after_upgrade(world, "0") == {"0"}
        assert instance(world, "0").health is HealthState(health)


def test_health_that_flaps() -> None:
    """Healthy, then as often unhealthy and healthy again as the rule says, by its period."""
    world = faulty({"flapping": {"period": "PT1M", "count": 2}})
    assert sick_after_upgrade(world, "0") == set()
    turns = [each for each in world.log if each.type == "healthChanged"]
    assert [each.data["to"] for each in turns] == [
        "healthy",
        *["unhealthy", "healthy"] * 2,
    ]
    assert {b.at - a.at for a, b in itertools.pairwise(turns)} == {minutes(1)}


def test_an_upgrade_that_keeps_extensions() -> None:
    """The model is applied as far as anybody says, but the extensions are the old ones."""
    world = faulty({"keepsExtensions": {}}, match={"operations": ["upgrade"]})
    before = instance(world, "0").extensions
    extension = {
        "name": "new",
        "properties": {"publisher": "p", "type": "t", "typeHandlerVersion": "1.0"},
    }
    profile = {"extensionProfile": {"extensions": [extension]}}
    finish(world, world.patch_scale_set(WEB, {"properties": {"virtualMachineProfile": profile}}))
    finish(world, world.upgrade(WEB, ["0"]))
    assert world.latest_model_applied(world.scale_set(WEB), instance(world, "0"))
    assert instance(world, "0").extensions == before
    finish(world, world.reimage(WEB, ["0"]))
    assert [each.name for each in instance(world, "0").extensions] == ["new"]


@pytest.mark.parametrize(("given", "returns"), [({"for": "PT5M"}, True), ({}, False)])
def test_an_agent_that_is_silent(given: dict[str, str], returns: bool) -> None:  # noqa: FBT001 - a case
    """It reports neither itself nor health, for a while or for good."""
    world = faulty({"agentSilent": given})
    finish(world, world.upgrade(WEB, ["0"]))
    silent = instance(world, "0")
    assert silent.view is InstanceView.AGENT_SILENT
    assert silent.health is HealthState.UNKNOWN
    assert silent.power is PowerState.RUNNING
    run(world)
    assert (instance(world, "0").view is InstanceView.COMPLETE) is returns
    assert (instance(world, "0").health is HealthState.HEALTHY) is returns


def test_an_agent_that_was_silent_is_forgotten_with_the_next_work() -> None:
    """A reimage before the agent would report is another machine's matter."""
    world = faulty({"agentSilent": {"for": "PT30M"}}, when={"nth": 1})
    finish(world, world.upgrade(WEB, ["0"]))
    finish(world, world.reimage(WEB, ["0"]))
    assert instance(world, "0").view is InstanceView.COMPLETE
    run(world)
    assert "agentReported" not in event_types(world)


def test_an_instance_that_stays_updating() -> None:
    """Its operation is over, and it says `Updating` as long as the rule says."""
    world = faulty({"staysUpdating": {"what": "instance", "for": "PT10M"}})
    operation = finish(world, world.upgrade(WEB, ["0"]))
    assert operation.status is OperationStatus.SUCCEEDED
    assert instance(world, "0").provisioning is ProvisioningState.UPDATING
    assert not instance(world, "0").in_service
    run(world)
    assert instance(world, "0").in_service


# --- operations ---------------------------------------------------------------------------------


def test_a_scale_set_that_stays_updating() -> None:
    """The operation is over, and the set says `Updating` as long as the rule says."""
    world = faulty({"staysUpdating": {"for": "PT10M"}}, match={"operations": ["upgrade"]})
    finish(world, world.upgrade(WEB, ["0"]))
    assert world.scale_set(WEB).provisioning is ProvisioningState.UPDATING
    run(world)
    assert world.scale_set(WEB).provisioning is ProvisioningState.SUCCEEDED


@pytest.mark.parametrize(("given", "ends"), [({"for": "PT1H"}, True), ({}, False)])
def test_an_operation_that_goes_on(given: dict[str, str], ends: bool) -> None:  # noqa: FBT001 - a case
    """Its work is done, and it is in progress for an hour more, or for good."""
    world = faulty({"operationStuck": given}, match={"operations": ["upgrade"]})
    operation = world.upgrade(WEB, ["0"])
    pass_minutes(world, 50)
    assert instance(world, "0").in_service
    assert world.operation(operation.operation_id).status is OperationStatus.IN_PROGRESS
    pass_minutes(world, 60)
    status = world.operation(operation.operation_id).status
    assert (status is OperationStatus.SUCCEEDED) is ends


@pytest.mark.parametrize("status", ["Failed", "Canceled"])
def test_an_operation_that_ends_otherwise(status: str) -> None:
    """Its status and error are the rule's, though its instances are done."""
    end = {"status": status, "code": "InternalExecutionError", "message": "Oops."}
    world = faulty({"operationEnds": end}, match={"operations": ["upgrade"]})
    operation = finish(world, world.upgrade(WEB, ["0"]))
    assert operation.status is OperationStatus(status)
    assert operation.error is not None
    assert operation.error.code == "InternalExecutionError"
    assert operation.details == ()
    assert instance(world, "0").exact_version == NEW


def test_an_operation_that_is_preempted() -> None:
    """Who has no new disk yet keeps the old one and comes up again; nothing more is done."""
    world = faulty({"operationPreempted": {"after": "PT10S"}}, match={"operations": ["upgrade"]})
    operation = finish(world, world.upgrade(WEB, ["0", "1"]))
    assert operation.status is OperationStatus.CANCELED
    assert operation.error is not None
    assert operation.error.code == "OperationPreempted"
    run(world)
    assert [instance(world, each).exact_version for each in "01"] == [OLD, OLD]
    assert [instance(world, each).in_service for each in "01"] == [True, True]
    assert event_types(world, "0").count("workGivenUp") == 1


def test_what_has_its_disk_goes_on_after_its_operation_was_cut_off() -> None:
    """It boots and turns healthy with nobody waiting for it."""
    world = faulty({"operationPreempted": {"after": "PT1H"}}, match={"operations": ["upgrade"]})
    slow = build_fault(
        {"name": "slow", "match": {"instanceIds": ["1"]}, "effect": {"slow": {"factor": 25}}}
    )
    world.add_faults([slow])
    operation = world.upgrade(WEB, ["0", "1"])
    run(world)
    assert world.operation(operation.operation_id).status is OperationStatus.CANCELED
    assert instance(world, "0").in_service
    assert instance(world, "0").exact_version == NEW
    assert instance(world, "1").in_service


def test_an_old_failure_is_told_again_until_the_instance_is_upgraded() -> None:
    """Every later write of the model fails with it, and the model is written all the same."""
    old = {"code": "VMExtensionProvisioningError", "message": "Long ago."}
    rule = {
        "name": "old",
        "match": {"operations": ["patchScaleSet"], "instanceIds": ["3"]},
        "effect": {"staleFailure": old},
    }
    outdated = {"latestModelApplied": False}
    world = make_world(faults=[rule], overrides={"2": outdated, "3": outdated})
    told = finish(world, world.patch_scale_set(WEB, {"tags": {"a": "b"}}))
    assert told.status is OperationStatus.FAILED
    assert [(each.code, each.target) for each in told.details] == [(old["code"], "3")]
    assert world.scale_set(WEB).body["tags"] == {"a": "b"}
    finish(world, world.upgrade(WEB, ["3"]))
    again = finish(world, world.patch_scale_set(WEB, {"tags": {}}))
    assert again.status is OperationStatus.SUCCEEDED
