"""Power verbs, deletion, protection, disks and extensions of instances, in the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import NEW, OLD, WEB, event_types, finish, make_world, run, with_new_model
from vmss_simulator import commands
from vmss_simulator.errors import ArmError
from vmss_simulator.values import (
    HealthState,
    OperationKind,
    OperationStatus,
    PowerState,
    ProvisioningState,
)

if TYPE_CHECKING:
    from vmss_simulator.commands import Command
    from vmss_simulator.values import Operation
    from vmss_simulator.world import World

PROTECTED = {"overrides": {"1": {"protection": {"fromScaleSetActions": True}}}}
DISK = {"diskId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d"}


def act(kind: OperationKind, *ids: str, **more: Any) -> commands.ActOnInstances:
    """Return the command for a verb; without ids, for all."""
    return commands.ActOnInstances(kind, WEB, ids or ("*",), **more)


def started(world: World, command: Command) -> Operation:
    """Carry out a command that starts an operation."""
    operation = world.perform(command)
    assert operation is not None
    return operation


def done(world: World, command: Command) -> Operation:
    """Carry out a command and let its operation end."""
    return finish(world, started(world, command))


@pytest.mark.parametrize(
    ("kind", "during", "after"),
    [
        (OperationKind.POWER_OFF, PowerState.STOPPING, PowerState.STOPPED),
        (OperationKind.DEALLOCATE, PowerState.DEALLOCATING, PowerState.DEALLOCATED),
        (OperationKind.RESTART, PowerState.STOPPING, PowerState.RUNNING),
        (OperationKind.REDEPLOY, PowerState.STOPPING, PowerState.RUNNING),
        (OperationKind.POWER_OFF_INSTANCE, PowerState.STOPPING, PowerState.STOPPED),
        (OperationKind.RESTART_INSTANCE, PowerState.STOPPING, PowerState.RUNNING),
    ],
)
def test_a_power_verb_takes_a_machine_out_and_keeps_its_disk(
    kind: OperationKind, during: PowerState, after: PowerState
) -> None:
    """The machine is out of service meanwhile; its image stays what it is."""
    world = with_new_model(make_world())
    operation = started(world, act(kind, "2"))
    assert world.instance(WEB, "2").power is during
    assert world.scale_set(WEB).in_service_count == 3
    assert finish(world, operation).status is OperationStatus.SUCCEEDED
    run(world)
    instance = world.instance(WEB, "2")
    assert (instance.power, instance.exact_version) == (after, OLD)
    assert instance.in_service is (after is PowerState.RUNNING)
    assert instance.settled_at is not None


def test_what_was_stopped_starts_and_turns_healthy() -> None:
    """A start of all only touches what does not run."""
    world = make_world()
    done(world, act(OperationKind.DEALLOCATE, "0", "3"))
    assert world.instance(WEB, "0").health is HealthState.UNKNOWN
    done(world, act(OperationKind.START))
    run(world)
    assert world.scale_set(WEB).in_service_count == 4
    assert event_types(world).count("startSkipped") == 2
    assert event_types(world).count("startStarted") == 2


def test_a_verb_with_nothing_to_do_ends_soon() -> None:
    """Starting what runs, or stopping what is stopped, is no error."""
    world = make_world()
    assert done(world, act(OperationKind.START)).status is OperationStatus.SUCCEEDED
    done(world, act(OperationKind.POWER_OFF, "1"))
    done(world, act(OperationKind.POWER_OFF_INSTANCE, "1"))
    done(world, act(OperationKind.RESTART, "1"))
    assert world.instance(WEB, "1").power is PowerState.STOPPED


def test_protection_holds_off_the_set_but_not_the_instance() -> None:
    """A verb through the set passes a protected instance by; one on the instance does not."""
    world = make_world(**PROTECTED)
    done(world, act(OperationKind.DEALLOCATE))
    assert world.instance(WEB, "1").power is PowerState.RUNNING
    done(world, act(OperationKind.DEALLOCATE_INSTANCE, "1"))
    assert world.instance(WEB, "1").power is PowerState.DEALLOCATED
    strict = make_world(options={"protectedInstances": "refuse"}, **PROTECTED)
    with pytest.raises(ArmError) as refused:
        strict.perform(act(OperationKind.RESTART, "1"))
    assert refused.value.status == 409


def test_maintenance_is_refused_unless_eligible() -> None:
    """Nobody is eligible for maintenance, in Azure's words, unless an option says so."""
    with pytest.raises(ArmError, match="since the Subscription of this VM is not eligible") as no:
        make_world().perform(act(OperationKind.PERFORM_MAINTENANCE))
    assert (no.value.status, no.value.code) == (409, "OperationNotAllowed")
    world = make_world(options={"maintenanceEligible": True})
    done(world, act(OperationKind.PERFORM_MAINTENANCE, "0"))
    assert "maintenanceStarted" in event_types(world, "0")


def test_reapply_mends_a_failed_instance_that_runs_on() -> None:
    """Reapply changes no power state, and a failed instance is settled afterwards."""
    world = make_world(overrides={"0": {"provisioning": "Failed"}})
    done(world, act(OperationKind.REAPPLY))
    instance = world.instance(WEB, "0")
    assert instance.provisioning is ProvisioningState.SUCCEEDED
    assert instance.health is HealthState.HEALTHY


def test_hibernation_needs_the_capability() -> None:
    """Deallocating with hibernate is refused by a set that cannot."""
    with pytest.raises(ArmError, match="hibernationEnabled"):
        make_world().perform(act(OperationKind.DEALLOCATE, hibernate=True))
    able = {"properties": {"additionalCapabilities": {"hibernationEnabled": True}}}
    done(make_world(model=able), act(OperationKind.DEALLOCATE, hibernate=True))


@pytest.mark.parametrize("kind", [OperationKind.REIMAGE_ALL, OperationKind.REIMAGE_INSTANCE])
def test_a_reimage_replaces_the_disk(kind: OperationKind) -> None:
    """Both take the image of the model, as a reimage through the set does."""
    world = with_new_model(make_world())
    done(world, act(kind, "1"))
    assert world.instance(WEB, "1").exact_version == NEW
    assert world.instance(WEB, "0").exact_version == OLD


def test_deleted_instances_take_their_places_with_them() -> None:
    """The capacity falls at once, and an instance that is gone is not active any more."""
    world = make_world(**PROTECTED)
    before = world.scale_set(WEB).etag_number
    ids = ("1", "3")
    done(world, commands.DeleteInstances(OperationKind.DELETE_INSTANCES, WEB, ids))
    scale_set = world.scale_set(WEB)
    assert list(scale_set.instances) == ["0", "2"]
    assert (scale_set.body["sku"]["capacity"], scale_set.etag_number) == (2, before + 1)
    with pytest.raises(ArmError, match="instanceId 1 is not an active") as gone:
        world.perform(act(OperationKind.RESTART, "1"))
    assert (gone.value.status, gone.value.target) == (400, "instanceIds")


def test_a_deleted_set_is_marked_then_gone() -> None:
    """Writes meanwhile are refused in Azure's words; afterwards there is nothing to find."""
    world = make_world(**PROTECTED)
    operation = started(world, commands.DeleteScaleSet(WEB))
    assert world.scale_set(WEB).provisioning is ProvisioningState.DELETING
    with pytest.raises(ArmError, match="marked for deletion") as refused:
        world.upgrade(WEB, ["0"])
    assert (refused.value.status, refused.value.code) == (409, "OperationNotAllowed")
    again = started(world, commands.DeleteScaleSet(WEB))
    assert again.operation_id == operation.operation_id
    finish(world, operation)
    with pytest.raises(ArmError, match="ResourceNotFound"):
        world.scale_set(WEB)
    assert world.perform(commands.DeleteScaleSet(WEB)) is None
    run(world)


def test_a_set_may_come_again_under_its_name() -> None:
    """What was due for the old instances does not touch the new ones."""
    world = with_new_model(make_world())
    body = {**world.scale_set(WEB).body}
    world.perform(act(OperationKind.RESTART))
    run(world)
    done(world, commands.DeleteScaleSet(WEB, force=True))
    finish(world, world.put_scale_set(WEB, body))
    run(world)
    assert world.scale_set(WEB).in_service_count == 4


def test_two_operations_on_a_set_conflict() -> None:
    """A second verb meets a running one with 409, and changes nothing."""
    world = make_world()
    world.perform(act(OperationKind.RESTART, "0"))
    log = world.log.copy()
    for command in (
        act(OperationKind.POWER_OFF, "1"),
        commands.DeleteScaleSet(WEB),
        commands.DeleteInstances(OperationKind.DELETE_INSTANCE, WEB, ("1",)),
        commands.ScaleOut(WEB, 1),
        commands.WriteInstance(WEB, "2", {}),
    ):
        with pytest.raises(ArmError, match="concurrent request"):
            world.perform(command)
    assert world.log == log


FULL = {
    "location": "westeurope",
    "properties": {
        "protectionPolicy": {"protectFromScaleIn": True},
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
    },
}
MINIMAL = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
PROBE = {"id": "/subscriptions/s/providers/Microsoft.Network/loadBalancers/lb/probes/p"}


def probed_world() -> World:
    """Return a world whose health comes from a load balancer's probe."""
    network = {"virtualMachineProfile": {"networkProfile": {"healthProbe": PROBE}}}
    return make_world(applicationHealth=False, model={"properties": network})


def test_a_minimal_put_only_protects() -> None:
    """Only the protection and the etag change; the machine runs on."""
    world = probed_world()
    before = world.instance(WEB, "1")
    operation = started(world, commands.WriteInstance(WEB, "1", MINIMAL))
    assert world.instance(WEB, "1").power is PowerState.RUNNING
    finish(world, operation)
    after = world.instance(WEB, "1")
    assert (after.protection.from_scale_in, after.protection.from_scale_set_actions) == (
        True,
        False,
    )
    assert world.latest_model_applied(world.scale_set(WEB), after)
    assert after.model_definition_applied == "VirtualMachineScaleSet"
    assert (after.health, after.etag_number) == (before.health, before.etag_number + 1)
    assert after.in_service


def test_a_full_put_makes_the_model_its_own() -> None:
    """What a client read and wrote back flips the flags and drops the probe (azure-cli#30708)."""
    world = probed_world()
    done(world, commands.WriteInstance(WEB, "1", FULL))
    after = world.instance(WEB, "1")
    assert not world.latest_model_applied(world.scale_set(WEB), after)
    assert (after.model_definition_applied, after.health) == ("VirtualMachine", None)
    finish(world, world.upgrade(WEB, ["1"]))
    run(world)
    mended = world.instance(WEB, "1")
    assert world.latest_model_applied(world.scale_set(WEB), mended)
    assert (mended.model_definition_applied, mended.health) == (
        "VirtualMachineScaleSet",
        HealthState.HEALTHY,
    )
    assert mended.protection.from_scale_in


@pytest.mark.parametrize(
    "policy",
    [
        {"protectFromScaleSetActions": True, "protectFromScaleIn": False},
        {"protectFromScaleIn": "yes"},
    ],
)
def test_impossible_protection_is_refused(policy: dict[str, Any]) -> None:
    """Protection from scale set actions includes that from scale-in."""
    body = {"properties": {"protectionPolicy": policy}}
    with pytest.raises(ArmError) as refused:
        make_world().perform(commands.WriteInstance(WEB, "0", body))
    assert refused.value.status == 400


def test_conditions_on_an_instance_hold() -> None:
    """If-Match with another etag is 412; with the instance's own it goes through."""
    world = make_world()
    with pytest.raises(ArmError) as refused:
        world.perform(commands.WriteInstance(WEB, "0", MINIMAL, if_match='"9"'))
    assert refused.value.status == 412
    etag = world.instance(WEB, "0").etag
    done(world, commands.WriteInstance(WEB, "0", MINIMAL, if_match=etag))


def test_data_disks_come_and_go() -> None:
    """Attached disks get free numbers, and only what is attached can be detached."""
    world = make_world()
    done(world, commands.ChangeDisks(WEB, "0", attach=(DISK,)))
    assert [each["lun"] for each in world.instance(WEB, "0").data_disks] == [0]
    with pytest.raises(ArmError):
        world.perform(commands.ChangeDisks(WEB, "0", attach=(DISK,)))
    done(world, commands.ChangeDisks(WEB, "0", detach=(DISK,)))
    assert world.instance(WEB, "0").data_disks == ()
    for wrong in (
        commands.ChangeDisks(WEB, "0", detach=(DISK,)),
        commands.ChangeDisks(WEB, "0"),
        commands.ChangeDisks(WEB, "0", attach=({"diskId": 1},)),
        commands.ChangeDisks(WEB, "0", attach=({**DISK, "lun": 64},)),
    ):
        with pytest.raises(ArmError):
            world.perform(wrong)


SCRIPT = {
    "properties": {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "protectedSettings": {"token": "hunter2"},
    }
}


def test_an_extension_in_the_model_reaches_instances_by_an_upgrade() -> None:
    """The model changes, the instances are outdated, and the upgrade brings it to them."""
    world = make_world()
    done(world, commands.WriteExtension(WEB, "script", SCRIPT))
    scale_set = world.scale_set(WEB)
    assert not world.latest_model_applied(scale_set, scale_set.instances["0"])
    assert "hunter2" not in str(scale_set.body)
    finish(world, world.upgrade(WEB, ["0"]))
    names = [each.name for each in world.instance(WEB, "0").extensions]
    assert "script" in names
    done(world, commands.DeleteExtension(WEB, "SCRIPT"))
    assert world.perform(commands.DeleteExtension(WEB, "script")) is None
    with pytest.raises(ArmError):
        world.perform(commands.WriteExtension(WEB, "script", SCRIPT, merge=True))


def test_an_extension_on_one_instance_is_only_there() -> None:
    """The instance runs on while it is added, changed and removed."""
    world = make_world()
    done(world, commands.WriteInstanceExtension(WEB, "0", "script", SCRIPT))
    change = {"properties": {"typeHandlerVersion": "2.2"}}
    done(world, commands.WriteInstanceExtension(WEB, "0", "script", change, merge=True))
    (found,) = [each for each in world.instance(WEB, "0").extensions if each.name == "script"]
    assert (found.type, found.version) == ("CustomScript", "2.2")
    assert world.instance(WEB, "0").in_service
    assert len(world.instance(WEB, "1").extensions) == len(world.instance(WEB, "0").extensions) - 1
    done(world, commands.DeleteInstanceExtension(WEB, "0", "script"))
    assert world.perform(commands.DeleteInstanceExtension(WEB, "0", "script")) is None


@pytest.mark.parametrize("policy", ["Deallocate", "Delete"])
def test_spot_machines_are_evicted_by_their_policy(policy: str) -> None:
    """Within half an hour the machine is off, or gone with its place."""
    spot = {"virtualMachineProfile": {"priority": "Spot", "evictionPolicy": policy}}
    world = make_world(model={"properties": spot})
    assert world.perform(commands.SimulateEviction(WEB, "2")) is None
    run(world)
    scale_set = world.scale_set(WEB)
    if policy == "Delete":
        assert "2" not in scale_set.instances
        assert scale_set.body["sku"]["capacity"] == 3
    else:
        assert scale_set.instances["2"].power is PowerState.DEALLOCATED
    assert world.scale_set(WEB).in_service_count == 3


def test_only_spot_machines_are_evicted() -> None:
    """A regular machine is not, and an eviction policy needs spot machines."""
    with pytest.raises(ArmError, match="not an Azure Spot"):
        make_world().perform(commands.SimulateEviction(WEB, "2"))
    profile = {"virtualMachineProfile": {"evictionPolicy": "Delete"}}
    with pytest.raises(ArmError):
        make_world().patch_scale_set(WEB, {"properties": profile})


def test_work_that_fails_leaves_a_failed_instance() -> None:
    """A fault on a verb fails its operation, with Azure's code, about the instance."""
    fault = {
        "name": "no room",
        "match": {"operations": ["start"], "instanceIds": ["1"]},
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    }
    world = make_world(faults=[fault])
    done(world, act(OperationKind.DEALLOCATE))
    operation = done(world, act(OperationKind.START))
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert operation.error.code == "AllocationFailed"
    assert world.instance(WEB, "1").provisioning is ProvisioningState.FAILED
    assert world.instance(WEB, "1").power is PowerState.STOPPED
