"""Native rolling upgrades through the real Azure SDK: start, cancel, latest, history, approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ODataV4Format,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.mgmt.compute.models import (
    RollingUpgradeStatusInfo,
    UpgradeOperationHistoricalStatusInfo,
)

from tests.contract.sdk_shapes import mismatches
from tests.contract.wire_clients import SPEED, clock_for, in_process, synchronous
from tests.simulator_worlds import JAMMY, KEY, NEW, OLD, small_world
from vmss_simulator.arm import Settings
from vmss_simulator.door import Door
from vmss_simulator.effects import NeverHealthy
from vmss_simulator.faults import FaultRule

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.contract.wire_clients import Sdk
    from vmss_simulator.world import World

GROUP, NAME = KEY.resource_group, KEY.name
NEW_IMAGE = {
    "properties": {
        "virtualMachineProfile": {"storageProfile": {"imageReference": {**JAMMY, "version": NEW}}}
    }
}
FILLED = {
    "maxBatchInstancePercent": 20,
    "maxUnhealthyInstancePercent": 20,
    "maxUnhealthyUpgradedInstancePercent": 20,
    "pauseTimeBetweenBatches": "PT0S",
}


@pytest.fixture(params=[in_process, synchronous], ids=["in-process", "https-sync"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return how to open a client on a world."""

    def open_door(world: World) -> AbstractAsyncContextManager[Sdk]:
        clock = clock_for(request.param)
        settings = Settings(page_size=2, speed=None if clock is None else SPEED)
        door: AbstractAsyncContextManager[Sdk] = request.param(
            Door(world, settings, clock=clock), tmp_path
        )
        return door

    return open_door


def policy(mode: str = "Rolling", **members: Any) -> dict[str, Any]:
    """Return a PATCH of the upgrade policy."""
    return {"properties": {"upgradePolicy": {"mode": mode, **members}}}


async def patch(sdk: Sdk, body: dict[str, Any]) -> Any:
    """Patch the set and let the SDK poll it to its end."""
    return await sdk.run(sdk.client.virtual_machine_scale_sets.begin_update, GROUP, NAME, body)


async def latest(sdk: Sdk) -> Any:
    """Return the latest rolling upgrade, held against the SDK's model."""
    operations = sdk.client.virtual_machine_scale_set_rolling_upgrades
    found = await sdk.call(operations.get_latest, GROUP, NAME)
    assert list(mismatches(found, RollingUpgradeStatusInfo)) == []
    return found


async def history(sdk: Sdk) -> list[Any]:
    """Return the history of OS upgrades, held against the SDK's model."""
    method = sdk.client.virtual_machine_scale_sets.get_os_upgrade_history
    found = await sdk.items(method, GROUP, NAME)
    for each in found:
        assert list(mismatches(each, UpgradeOperationHistoricalStatusInfo)) == []
    return found


async def versions(sdk: Sdk) -> list[str]:
    """Return what the instances are on."""
    listed = await sdk.items(sdk.client.virtual_machine_scale_set_vms.list, GROUP, NAME)
    return [each.properties.storage_profile.image_reference.exact_version for each in listed]


def coded(error: HttpResponseError) -> str | None:
    """Return the ARM code of an error."""
    return error.error.code if isinstance(error.error, ODataV4Format) else None


async def test_a_model_change_under_rolling_is_one_operation(opened: Any) -> None:
    """The write ends when the upgrade has, and `latest` says how it went."""
    async with opened(small_world()) as sdk:
        await patch(sdk, policy())
        stored = await sdk.call(sdk.client.virtual_machine_scale_sets.get, GROUP, NAME)
        written = await patch(sdk, NEW_IMAGE)
        found = await latest(sdk)
        assert await versions(sdk) == [NEW] * 3
    rolling = stored.properties.upgrade_policy.rolling_upgrade_policy
    assert rolling.as_dict() == FILLED
    assert written.properties.provisioning_state == "Succeeded"
    assert found.properties.running_status.code == "Completed"
    assert found.properties.running_status.last_action == "Start"
    assert found.properties.progress.as_dict() == {
        "successfulInstanceCount": 3,
        "failedInstanceCount": 0,
        "inProgressInstanceCount": 0,
        "pendingInstanceCount": 0,
    }
    assert found.properties.policy.as_dict() == FILLED


async def test_a_breach_reaches_the_client(opened: Any) -> None:
    """The SDK raises the breach, and `latest` carries it with its instances."""
    world = small_world(faults=[FaultRule("sick", NeverHealthy(), operations=("patchScaleSet",))])
    async with opened(world) as sdk:
        await patch(sdk, policy())
        with pytest.raises(HttpResponseError) as failed:
            await patch(sdk, NEW_IMAGE)
        found = await latest(sdk)
    code = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert coded(failed.value) == code
    assert found.properties.running_status.code == "Faulted"
    assert found.properties.error.code == code
    (detail,) = found.properties.error.details
    assert (detail.code, detail.target) == (
        "RollingUpgradeInstanceUnhealthyError",
        f"{NAME}/virtualMachines/0",
    )


async def test_an_os_upgrade_and_its_history(opened: Any) -> None:
    """It is accepted, polled to its end, and leaves an entry in the history."""
    world = small_world()
    async with opened(world) as sdk:
        assert await history(sdk) == []
        await patch(sdk, NEW_IMAGE)
        operations = sdk.client.virtual_machine_scale_set_rolling_upgrades
        await sdk.run(operations.begin_start_os_upgrade, GROUP, NAME)
        assert await versions(sdk) == [NEW] * 3
        (entry,) = await history(sdk)
        await sdk.run(operations.begin_start_extension_upgrade, GROUP, NAME)
        found = await latest(sdk)
    assert entry.properties.started_by == "User"
    assert entry.properties.running_status.code == "Completed"
    assert entry.properties.running_status.end_time > entry.properties.running_status.start_time
    assert entry.properties.target_image_reference.as_dict() == {**JAMMY, "version": NEW}
    assert entry.properties.rollback_info.successfully_rolledback_instance_count == 0
    assert found.properties.running_status.code == "Completed"


async def test_cancelling(opened: Any) -> None:
    """Nothing to cancel is a 409 with the recorded text; otherwise the rest stays as it is."""
    async with opened(small_world()) as sdk:
        operations = sdk.client.virtual_machine_scale_set_rolling_upgrades
        with pytest.raises(HttpResponseError) as refused:
            await sdk.run(operations.begin_cancel, GROUP, NAME)
        assert refused.value.status_code == 409
        assert coded(refused.value) == "OperationNotAllowed"
        assert "There is no ongoing Rolling Upgrade to cancel." in str(refused.value)
        with pytest.raises(ResourceNotFoundError):
            await latest(sdk)
        await patch(sdk, policy(rollingUpgradePolicy={"pauseTimeBetweenBatches": "P1D"}))
        begin = sdk.client.virtual_machine_scale_sets.begin_update
        await sdk.call(begin, GROUP, NAME, NEW_IMAGE, polling=False)
        while not sdk.door.world.rolling_upgrade(KEY):
            await sdk.call(sdk.client.virtual_machine_scale_sets.get, GROUP, NAME)
            if sdk.door.is_manual:
                due = sdk.door.world.next_event_at()
                assert due is not None
                sdk.door.advance(due)
        with pytest.raises(HttpResponseError) as second:
            await sdk.run(operations.begin_start_os_upgrade, GROUP, NAME)
        assert (second.value.status_code, coded(second.value)) == (409, "OperationNotAllowed")
        await sdk.run(operations.begin_cancel, GROUP, NAME)
        found = await latest(sdk)
        assert await versions(sdk) == [NEW, OLD, OLD]
    assert found.properties.running_status.code == "Cancelled"
    assert found.properties.running_status.last_action == "Cancel"
    assert found.properties.progress.pending_instance_count == 2


async def test_approvals_are_accepted(opened: Any) -> None:
    """A set and an instance can be approved: always 202, as the SDK expects."""
    async with opened(small_world()) as sdk:
        sets, vms = (
            sdk.client.virtual_machine_scale_sets,
            sdk.client.virtual_machine_scale_set_vms,
        )
        body = {"instanceIds": ["1"]}
        await sdk.run(sets.begin_approve_rolling_upgrade, GROUP, NAME, body)
        await sdk.run(vms.begin_approve_rolling_upgrade, GROUP, NAME, "1")
        with pytest.raises(HttpResponseError, match="77"):
            await sdk.run(vms.begin_approve_rolling_upgrade, GROUP, NAME, "77")


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"maxBatchInstancePercent": 4}, id="batch below 5"),
        pytest.param({"maxUnhealthyInstancePercent": 101}, id="unhealthy above 100"),
        pytest.param({"maxUnhealthyUpgradedInstancePercent": -1}, id="upgraded below 0"),
        pytest.param({"pauseTimeBetweenBatches": "soon"}, id="no duration"),
        pytest.param({"maxSurge": "true"}, id="no boolean"),
    ],
)
async def test_a_bad_policy_is_refused(tmp_path: Path, bad: dict[str, Any]) -> None:
    """The SDK sends what its user wrote; the service says what is wrong with it."""
    async with in_process(Door(small_world()), tmp_path) as sdk:
        with pytest.raises(HttpResponseError) as refused:
            await patch(sdk, policy(rollingUpgradePolicy=bad))
    assert refused.value.status_code == 400
    assert not isinstance(refused.value, ResourceExistsError)
