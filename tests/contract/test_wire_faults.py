"""What faults do on the way, as the real SDK sees it through both wire doors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)

from tests.contract.wire_clients import (
    AsyncAnyToken,
    asynchronous,
    clock_for,
    in_process,
    synchronous,
)
from tests.simulator_worlds import KEY, SUBSCRIPTION, small_world
from vmss_simulator.arm import Settings
from vmss_simulator.door import Door
from vmss_simulator.scenario_build import build_fault
from vmss_simulator.server import make_door, serving
from vmss_simulator.transport import SimulatorTransport
from vmss_simulator.values import OperationKind
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.clocks import SimulatorClock
from vmssplan.errors import ServiceUnavailable
from vmssplan.model import ScaleSetId

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.wire_clients import Sdk
    from vmssplan.ports import Backend

ONCE = {"times": 1}
WIRES = pytest.mark.parametrize("opened", [in_process, synchronous, asynchronous])


def faulty_door(opened: Any, effect: dict[str, Any], *operations: str, **when: Any) -> Door:
    """Return a door whose requests of these kinds meet the effect."""
    rule = {"name": "f", "match": {"operations": list(operations)}, "when": when, "effect": effect}
    world = small_world(faults=[build_fault(rule)])
    clock = clock_for(opened)
    speed = None if clock is None else 3600.0
    return Door(world, Settings(speed=speed, subscription_ids=(SUBSCRIPTION,)), clock=clock)


async def listed(sdk: Sdk, **options: Any) -> list[Any]:
    """List the instances, without the SDK's own retries unless it is asked for them."""
    options = {"retry_total": 0, **options}
    vms = sdk.client.virtual_machine_scale_set_vms
    return await sdk.items(vms.list, "myrg", "web", expand="instanceView", **options)


@WIRES
async def test_a_reply_that_breaks_off_is_an_error_and_not_half_a_list(
    tmp_path: Path, opened: Any
) -> None:
    """The SDK never takes half a body for a whole one; asked again it has the whole."""
    door = faulty_door(opened, {"replyCut": {}}, "listInstances", times=1)
    async with opened(door, tmp_path) as sdk:
        with pytest.raises(AzureError):
            await listed(sdk)
        assert len(await listed(sdk)) == 3


@WIRES
async def test_a_lost_request_is_a_broken_connection(tmp_path: Path, opened: Any) -> None:
    """It looks like a lost reply, and nothing was done."""
    door = faulty_door(opened, {"requestLost": {}}, "upgrade")
    async with opened(door, tmp_path) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            await sdk.run(
                sets.begin_update_instances, "myrg", "web", {"instanceIds": ["0"]}, retry_total=0
            )
    assert not [
        each
        for each in door.world.log
        if each.type == "operationStarted" and each.data["kind"] == "upgrade"
    ]


@WIRES
async def test_a_doubled_request_conflicts_with_itself(tmp_path: Path, opened: Any) -> None:
    """The sender hears of the conflict, and the upgrade is under way."""
    door = faulty_door(opened, {"duplicate": {}}, "upgrade")
    finished = door.world.patch_scale_set(KEY, {"tags": {"a": "b"}})
    door.world.advance_to(door.world.now + timedelta(minutes=10))
    assert door.world.operation(finished.operation_id).ended_at is not None
    async with opened(door, tmp_path) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        with pytest.raises(ResourceExistsError, match="conflict with a concurrent request"):
            await sdk.run(
                sets.begin_update_instances, "myrg", "web", {"instanceIds": ["0"]}, retry_total=0
            )
    assert "upgrade" in [
        each.data["kind"] for each in door.world.log if each.type == "operationStarted"
    ]


@WIRES
async def test_an_expired_token_is_told_as_such(tmp_path: Path, opened: Any) -> None:
    """401, with a challenge that says where to log in."""
    door = faulty_door(opened, {"tokenExpired": {}}, "listInstances")
    async with opened(door, tmp_path) as sdk:
        with pytest.raises(ClientAuthenticationError, match="ExpiredAuthenticationToken") as raised:
            await listed(sdk)
    answer: Any = raised.value.response
    assert "Bearer" in answer.headers["WWW-Authenticate"]


@WIRES
async def test_lists_without_views(tmp_path: Path, opened: Any) -> None:
    """The instances are there, and what only their views tell is not."""
    door = faulty_door(opened, {"noInstanceView": {}}, "listInstances", times=1)
    async with opened(door, tmp_path) as sdk:
        assert [each.properties.instance_view for each in await listed(sdk)] == [None] * 3
        assert None not in [each.properties.instance_view for each in await listed(sdk)]


def test_the_date_is_virtual_and_can_be_wrong() -> None:
    """Every answer is dated by virtual time, or by how far off a fault has it."""
    skew = {"clockSkew": {"by": "PT1H", "behind": True}}
    door = faulty_door(in_process, skew, "getScaleSet", times=1)
    headers = {"authorization": "Bearer any.well-formed.token"}
    path = f"{KEY.resource_id}"
    dates = [
        door.respond("GET", path, "api-version=2024-11-01", headers).headers["date"]
        for _ in range(2)
    ]
    now = door.world.now
    assert dates == [
        f"{each:%a, %d %b %Y %H:%M:%S} GMT" for each in (now - timedelta(hours=1), now)
    ]


def test_a_late_reply_takes_virtual_time_at_every_door(tmp_path: Path) -> None:
    """Where time stands still a late reply moves it, and the clock of a client sees that."""
    late = {
        "name": "late",
        "match": {"operations": ["getScaleSet"]},
        "effect": {"latency": {"delay": "PT7S"}},
    }
    door = make_door(small_world(faults=[build_fault(late)]))
    began = door.world.now
    headers = {"authorization": "Bearer any.well-formed.token"}
    with serving(door, folder=tmp_path) as running:
        end = running.endpoint
        clock = SimulatorClock(end.endpoint, tmp_path / "ca.pem")
        assert clock.now() == began
        door.respond("GET", KEY.resource_id, "api-version=2024-11-01", headers)
        assert clock.now() == began + timedelta(seconds=7)
        clock.close()
    allowance = door.world.admit(OperationKind.GET_SCALE_SET, KEY, subscription_id=SUBSCRIPTION)
    assert allowance.reply_delay == timedelta(seconds=7)


def test_a_clock_whose_server_is_gone_stands_still(tmp_path: Path) -> None:
    """Asking for the time is never what fails."""
    door = make_door(small_world())
    with serving(door, folder=tmp_path) as running:
        clock = SimulatorClock(running.endpoint.endpoint, tmp_path / "ca.pem")
        before = clock.now()
    assert clock.now() == before
    clock.close()


@pytest.mark.parametrize("is_direct", [True, False], ids=["direct", "sdk"])
async def test_lists_of_image_versions_meet_faults_at_every_door(is_direct: bool) -> None:  # noqa: FBT001 - a case
    """A list of versions counts as a request: it can fail, and it can be late."""
    match = {"operations": ["listImageVersions"]}
    error = {"status": 503, "code": "ServiceUnavailable", "message": "Later."}
    rules = [
        {"name": "late", "match": match, "effect": {"latency": {"delay": "PT9S"}}},
        {"name": "refused", "match": match, "when": {"nth": 1}, "effect": {"error": error}},
    ]
    world = small_world(faults=[build_fault(each) for each in rules])
    backend: Backend = SimulatedBackend(world)
    if not is_direct:
        transport = SimulatorTransport(Door(world))
        url = "https://simulator.invalid"
        backend = AzureBackend(AsyncAnyToken(), endpoint=url, transport=transport)
    live, _ = await backend.observe(ScaleSetId(SUBSCRIPTION, "myrg", "web"))
    image, began = live.model.image, world.now
    assert image is not None
    with pytest.raises(ServiceUnavailable, match="Later"):
        await backend.image_versions(image, live.location)
    assert await backend.image_versions(image, live.location)
    assert world.now - began == timedelta(seconds=9)
    await backend.aclose()
