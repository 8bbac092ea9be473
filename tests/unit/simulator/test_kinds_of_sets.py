"""Flexible sets, placement groups and how large a set may be."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.worlds import WEB, finish, make_world
from vmss_simulator import documents
from vmss_simulator.actions import act_on_instances
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind
from vmss_simulator.writes import find

MANAGED = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/app"
SURGE = {
    "mode": "Rolling",
    "rollingUpgradePolicy": {"maxSurge": True, "maxBatchInstancePercent": 50},
}


def resized(world: Any, capacity: int, **properties: Any) -> Any:
    """Write the capacity and these properties, and wait."""
    return finish(
        world,
        world.patch_scale_set(WEB, {"sku": {"capacity": capacity}, "properties": properties}),
    )


def test_flexible_instances_are_named() -> None:
    """Ids are names without update domain and placement group, found without regard to case."""
    world = make_world(orchestrationMode="Flexible", faultDomains=3)
    instances = world.scale_set(WEB).instances
    assert all(each == instance.name for each, instance in instances.items())
    assert all(each.startswith("web_") for each in instances)
    assert {each.update_domain for each in instances.values()} == {None}
    assert {each.placement_group_id for each in instances.values()} == {None}
    first = next(iter(instances))
    assert world.instance(WEB, first.upper()).instance_id == first


def test_reimage_all_is_not_for_flexible_sets() -> None:
    """The set refuses it, and nothing happens."""
    world = make_world(orchestrationMode="Flexible")
    state = world.snapshot()
    before = len(state.log)
    with pytest.raises(ArmError, match="reimageAll") as refused:
        act_on_instances(state, OperationKind.REIMAGE_ALL, WEB, ["*"])
    assert refused.value.status == 409
    assert len(state.log) == before
    assert find(state, WEB).provisioning.value == "Succeeded"


def test_fault_domains_of_a_flexible_set() -> None:
    """Three at most."""
    world = make_world(orchestrationMode="Flexible")
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard_D2s_v5", "capacity": 0},
        "properties": {
            **world.scale_set(WEB).body["properties"],
            "platformFaultDomainCount": 4,
        },
    }
    other = type(WEB)(WEB.subscription_id, "other", "set")
    with pytest.raises(ArmError, match="platformFaultDomainCount"):
        world.put_scale_set(other, body)


def test_one_placement_group_holds_a_hundred() -> None:
    """Beyond that the set has to give up being in a single one, and there is no way back."""
    world = make_world(model={"properties": {"overprovision": False}})
    with pytest.raises(ArmError, match="between 0 and 100"):
        resized(world, 101)
    resized(world, 230, singlePlacementGroup=False)
    groups = Counter(each.placement_group_id for each in world.scale_set(WEB).instances.values())
    assert sorted(groups.values()) == [30, 100, 100]
    with pytest.raises(ArmError, match="singlePlacementGroup"):
        resized(world, 50, singlePlacementGroup=True)
    with pytest.raises(ArmError, match="between 0 and 1000"):
        resized(world, 1001)


def test_each_placement_group_has_its_own_domains() -> None:
    """Update and fault domains go round anew in every group."""
    world = make_world(capacity=110, model={"properties": {"overprovision": False}})
    instances = world.scale_set(WEB).instances
    for number in range(100, 110):
        far, near = instances[str(number)], instances[str(number - 100)]
        assert (far.update_domain, far.fault_domain) == (near.update_domain, near.fault_domain)
        assert far.placement_group_id != near.placement_group_id


def test_a_managed_image_has_a_lower_limit() -> None:
    """A custom image that is in no gallery makes 600 at most."""
    document = make_world().scale_set(WEB).body
    large = documents.merge(
        document, {"sku": {"capacity": 601}, "properties": {"singlePlacementGroup": False}}
    )
    assert documents.capacity(large) == 601
    with pytest.raises(ArmError, match="between 0 and 600"):
        documents.capacity(documents.with_image(large, {"id": MANAGED}))


def test_a_single_group_stays_single() -> None:
    """Machines that are replaced by new ones stay in the one placement group there is."""
    world = make_world(capacity=60, upgradePolicy=SURGE)
    for version in ("1.10.0", "1.9.0"):
        reference = {"publisher": "Contoso", "offer": "server", "sku": "gen2", "version": version}
        profile = {"storageProfile": {"imageReference": reference}}
        finish(
            world, world.patch_scale_set(WEB, {"properties": {"virtualMachineProfile": profile}})
        )
    instances = world.scale_set(WEB).instances
    assert min(int(each) for each in instances) >= 100
    assert len({each.placement_group_id for each in instances.values()}) == 1
