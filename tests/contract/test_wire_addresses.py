"""Where each instance can be reached is told alike at every door."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.backends import TARGET, every_door
from tests.simulator_worlds import KEY, model, small_world
from vmss_simulator.commands import DeleteInstances
from vmss_simulator.effects import LoseReply, RefuseRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.values import OperationKind
from vmssplan.errors import NotPermitted, ServiceUnavailable
from vmssplan.model import ScaleSetId

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.backends import OpenDoor

FLEXIBLE = """
apiVersion: vmss-simulator/v1
kind: Scenario
images: {platform: [{publisher: C, offer: o, sku: s, versions: ["1.0.0"]}]}
scaleSets:
  - {resourceGroup: myrg, name: web, orchestrationMode: Flexible, capacity: 2,
     image: {publisher: C, offer: o, sku: s, version: "1.0.0"}}
"""


@pytest.fixture(params=["direct", "in-process", "https"])
def open_door(request: pytest.FixtureRequest, tmp_path: Path) -> OpenDoor:
    """Return how to open the backend on a world, one door after the other."""
    return every_door(tmp_path)[request.param]


async def test_each_instance_has_an_address_of_its_own(open_door: OpenDoor) -> None:
    """The addresses of all pages come together, by instance id."""
    async with open_door(small_world(5)) as backend:
        found = await backend.addresses(TARGET)
        live, _ = await backend.observe(TARGET)
    assert found == {str(n): f"10.0.0.{4 + n}" for n in range(5)}
    assert found.keys() == live.by_id().keys()


async def test_an_address_stays_until_the_instance_is_replaced(open_door: OpenDoor) -> None:
    """Others come and go without touching it; a new instance has a new one."""
    world = small_world(3)
    world.perform(DeleteInstances(OperationKind.DELETE_INSTANCES, KEY, ("1",)))
    world.advance_to(world.now + timedelta(hours=1))
    world.patch_scale_set(KEY, {"sku": {"capacity": 3}})
    world.advance_to(world.now + timedelta(hours=1))
    async with open_door(world) as backend:
        assert await backend.addresses(TARGET) == {
            "0": "10.0.0.4",
            "2": "10.0.0.6",
            "3": "10.0.0.7",
        }


async def test_the_primary_interface_counts(open_door: OpenDoor) -> None:
    """Of several interfaces, and of several addresses on one, the primary one is told."""
    world = small_world(1)

    def nic(name: str, primary: bool | None, *configurations: dict[str, Any]) -> dict[str, Any]:  # noqa: FBT001 - a flag of the model
        flag = {} if primary is None else {"primary": primary}
        named = [{"name": f"ip{i}", "properties": each} for i, each in enumerate(configurations)]
        return {"name": name, "properties": {**flag, "ipConfigurations": named}}

    nics = [nic("back", False, {}), nic("front", True, {"primary": False}, {"primary": True})]
    body = model(1)
    body["properties"]["virtualMachineProfile"]["networkProfile"] = {
        "networkInterfaceConfigurations": nics
    }
    world.put_scale_set(KEY, body)
    async with open_door(world) as backend:
        assert await backend.addresses(TARGET) == {"0": "10.17.0.4"}


async def test_a_flexible_set_has_none_to_list(open_door: OpenDoor) -> None:
    """The machines of a Flexible set have names, and their addresses are not the set's to tell."""
    world = parse_scenario(FLEXIBLE).world()
    (subscription,) = world.subscription_ids()
    target = ScaleSetId(subscription, "myrg", "web")
    async with open_door(world) as backend:
        live, _ = await backend.observe(target)
        assert await backend.addresses(target) == {}
    assert all((each.computer_name or "").startswith("web") for each in live.instances)


async def test_instances_tell_their_host_names(open_door: OpenDoor) -> None:
    """The computer name is the prefix of the model and the number in base 36."""
    async with open_door(small_world(2)) as backend:
        live, _ = await backend.observe(TARGET)
    assert [each.computer_name for each in live.instances] == ["web000000", "web000001"]


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        pytest.param(RefuseRequest(403, "AuthorizationFailed", "no"), NotPermitted, id="403"),
        pytest.param(LoseReply(), ServiceUnavailable, id="reply lost"),
    ],
)
async def test_failures_are_ours(
    open_door: OpenDoor, effect: RefuseRequest | LoseReply, expected: type[Exception]
) -> None:
    """A list that cannot be had is an error, not an empty list."""
    world = small_world(faults=[FaultRule("f", effect, operations=("listNetworkInterfaces",))])
    async with open_door(world) as backend:
        with pytest.raises(expected):
            await backend.addresses(TARGET)


@pytest.mark.parametrize(
    "profile",
    [
        None,
        {"networkInterfaceConfigurations": []},
        {"networkInterfaceConfigurations": [{"name": "nic", "properties": {}}]},
        {"networkInterfaceConfigurations": [{"properties": {"ipConfigurations": "ip"}}]},
    ],
)
async def test_an_interface_without_an_address_is_left_out(
    open_door: OpenDoor, profile: dict[str, Any] | None
) -> None:
    """A model that says too little of its network has no addresses, and no failure either."""
    world = small_world(1)
    written = {"properties": {"virtualMachineProfile": {"networkProfile": profile}}}
    world.patch_scale_set(KEY, written)
    async with open_door(world) as backend:
        assert await backend.addresses(TARGET) == {}
