"""What faults have happen at a time: other people, outages, sickness, images taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import NEW, OLD, WEB, event_types, finish, make_world, model, run
from tests.worlds import with_new_model as updated
from vmss_simulator.errors import ArmError
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


def instance(world: World, instance_id: str) -> Instance:
    """Return one instance as it is now."""
    return world.instance(WEB, instance_id)


def pass_minutes(world: World, number: float) -> None:
    """Let that much time pass."""
    world.advance_to(world.now + timedelta(minutes=number))


def act(does: dict[str, Any], **changes: Any) -> World:
    """Return a world ten minutes after another actor did this, at minute five."""
    effect = {"changedBy": {"actor": "somebody", "at": "PT5M", "does": does}}
    world = make_world(faults=[{"name": "somebody", "effect": effect}], **changes)
    pass_minutes(world, 20)
    run(world)
    return world


def test_somebody_changes_the_capacity() -> None:
    """Up or down, as by a request of theirs."""
    assert len(act({"setCapacity": 6}).scale_set(WEB).instances) == 6
    assert len(act({"setCapacity": 2}).scale_set(WEB).instances) == 2


def test_somebody_deletes_instances() -> None:
    """The named ones are gone."""
    left = act({"deleteInstances": ["1", "2"]}).scale_set(WEB).instances
    assert sorted(left) == ["0", "3"]


def test_somebody_protects_instances() -> None:
    """And takes the protection away again."""
    assert instance(act({"protectInstances": ["1"]}), "1").protection.from_scale_set_actions
    protected = {"1": {"protection": {"fromScaleSetActions": True}}}
    freed = act({"unprotectInstances": ["1"]}, overrides=protected)
    assert not instance(freed, "1").protection.from_scale_set_actions


@pytest.mark.parametrize("verb", ["upgradeInstances", "reimageInstances"])
def test_somebody_works_on_instances(verb: str) -> None:
    """On all that are behind, or on those named."""
    behind = {"1": {"latestModelApplied": False}, "2": {"latestModelApplied": False}}
    types = event_types(act({verb: ["1"]}, overrides=behind), "1")
    assert verb.removesuffix("Instances") + "Started" in types
    assert "osDiskReplaced" in event_types(act({verb: ["*"]}, overrides=behind), "2")


def test_somebody_starts_a_rolling_upgrade() -> None:
    """Azure's own, of the operating system."""
    world = act({"startRollingUpgrade": {}})
    assert world.rolling_upgrade(WEB) is not None


def test_somebody_refused_tries_again_only_after_a_conflict() -> None:
    """What can never be done is not tried forever."""
    never = act({"deleteInstances": ["77"]})
    refusals = [each.data["code"] for each in never.log if each.type == "actorRefused"]
    assert refusals == ["InvalidParameter"]
    world = make_world(
        faults=[
            {
                "name": "s",
                "effect": {"changedBy": {"actor": "s", "at": "PT10S", "does": {"setCapacity": 5}}},
            }
        ]
    )
    world.patch_scale_set(WEB, model())
    run(world)
    assert len(world.scale_set(WEB).instances) == 5


def test_an_outage_takes_hosts_and_gives_them_back() -> None:
    """Instances in the zone report nothing and cannot be worked on; afterwards they are well."""
    outage = {
        "name": "zone 1",
        "match": {"zones": ["1"]},
        "effect": {"outage": {"at": "PT5M", "for": "PT30M"}},
    }
    off = {"2": {"power": "deallocated"}}
    world = updated(make_world(capacity=4, zones=["1", "2"], faults=[outage], overrides=off))
    pass_minutes(world, 6)
    lost = instance(world, "0")
    assert (lost.power, lost.health, lost.in_service) == (
        PowerState.UNKNOWN,
        HealthState.UNKNOWN,
        False,
    )
    assert instance(world, "2").power is PowerState.DEALLOCATED
    assert instance(world, "1").in_service
    failed = finish(world, world.upgrade(WEB, ["0", "1"]))
    assert [(each.code, each.target) for each in failed.details] == [("ZonalAllocationFailed", "0")]
    run(world)
    assert instance(world, "0").provisioning is ProvisioningState.FAILED
    finish(world, world.upgrade(WEB, ["0"]))
    run(world)
    assert instance(world, "0").in_service
    assert instance(world, "2").power is PowerState.DEALLOCATED


def test_an_outage_ends_what_is_under_way() -> None:
    """An operation on a machine whose host goes fails; one that nobody works on comes back."""
    outage = {"name": "o", "effect": {"outage": {"at": "PT1M", "for": "PT10M"}}}
    world = updated(make_world(faults=[outage]))
    operation = finish(world, world.upgrade(WEB, ["0"]))
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert operation.error.code == "ZonalAllocationFailed"
    run(world)
    assert [instance(world, each).in_service for each in "123"] == [True] * 3
    assert instance(world, "1").view is InstanceView.COMPLETE


def test_sickness_comes_and_goes() -> None:
    """As often as the rule says; who is being worked on, or sick already, is left out."""
    sick = {
        "name": "s",
        "match": {"instanceIds": ["0", "1"]},
        "effect": {"sick": {"at": "PT5M", "for": "PT1M", "times": 2}},
    }
    world = make_world(faults=[sick], overrides={"1": {"health": "unknown"}})
    run(world)
    turns = [(each.instance_id, each.data["to"]) for each in world.log if "to" in each.data]
    assert turns == [("0", "unhealthy"), ("0", "healthy")] * 2


def test_sickness_for_good() -> None:
    """Until somebody does something about it."""
    world = make_world(faults=[{"name": "s", "effect": {"sick": {"at": "PT5M"}}}])
    run(world)
    assert world.scale_set(WEB).in_service_count == 0
    finish(world, world.reimage(WEB, ["*"]))
    run(world)
    assert world.scale_set(WEB).in_service_count == 4


def test_an_image_is_taken_back() -> None:
    """It is in no list any more, and what needs it is refused; what runs it runs on."""
    gone = {"name": "g", "effect": {"imageWithdrawn": {"at": "PT10M", "version": NEW}}}
    world = updated(make_world(faults=[gone]))
    finish(world, world.upgrade(WEB, ["0"]))
    pass_minutes(world, 10)
    reference = {"publisher": "Contoso", "offer": "server", "sku": "gen2", "version": NEW}
    assert world.image_versions(reference, "westeurope") == (OLD,)
    with pytest.raises(ArmError, match="PlatformImageNotFound"):
        world.upgrade(WEB, ["1"])
    assert instance(world, "0").in_service


def test_an_image_with_no_version_left_is_no_image_without_versions() -> None:
    """It cannot be resolved to nothing in particular."""
    gone = {"name": "g", "effect": {"imageWithdrawn": {"at": "PT1M", "version": "*"}}}
    world = make_world(faults=[gone])
    pass_minutes(world, 2)
    with pytest.raises(ArmError, match="404"):
        world.reimage(WEB, ["0"])


@pytest.mark.parametrize("policy", ["Manual", "Automatic", "Rolling"])
def test_an_image_taken_back_under_way_fails_the_operation(policy: str) -> None:
    """A write that was let in, and finds its image gone when it needs it, ends Failed."""
    gone = {"name": "g", "effect": {"imageWithdrawn": {"at": "PT1S", "version": NEW}}}
    world = make_world(faults=[gone], upgradePolicy=policy)
    body = {**model(), "sku": {"capacity": 6}}
    operation = finish(world, world.patch_scale_set(WEB, body))
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert operation.error.code == "PlatformImageNotFound"
