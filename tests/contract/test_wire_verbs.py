"""Every verb of the real Azure SDK on scale sets and instances, beyond reading and upgrading."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

from tests.contract.wire_clients import SPEED, clock_for, in_process, synchronous
from tests.simulator_worlds import KEY, model, small_world
from vmss_simulator.arm import Settings
from vmss_simulator.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.contract.wire_clients import Sdk
    from vmss_simulator.world import World

GROUP, NAME = KEY.resource_group, KEY.name
ONE = {"instanceIds": ["1"]}
SCRIPT = {
    "properties": {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "autoUpgradeMinorVersion": True,
        "settings": {"commandToExecute": "true"},
    }
}
DISK_ID = f"{KEY.resource_id.partition('/providers/')[0]}/providers/Microsoft.Compute/disks/data"


@contextlib.asynccontextmanager
async def opened(world: World, folder: Path, door: Any = in_process) -> AsyncIterator[Sdk]:
    """Open a client on a world."""
    clock = clock_for(door)
    settings = Settings(page_size=2, speed=None if clock is None else SPEED)
    async with door(Door(world, settings, clock=clock), folder) as sdk:
        yield sdk


async def power_of(sdk: Sdk, instance_id: str) -> str:
    """Return the power state the instance view tells."""
    view = await sdk.call(
        sdk.client.virtual_machine_scale_set_vms.get_instance_view, GROUP, NAME, instance_id
    )
    return str(view.statuses[1].code)


@pytest.mark.parametrize("door", [in_process, synchronous])
async def test_instances_of_a_set_stop_and_start(tmp_path: Path, door: Any) -> None:
    """The verbs through the set are polled to their end, with their options."""
    async with opened(small_world(), tmp_path, door) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        await sdk.run(sets.begin_power_off, GROUP, NAME, ONE, skip_shutdown=True)
        assert await power_of(sdk, "1") == "PowerState/stopped"
        await sdk.run(sets.begin_deallocate, GROUP, NAME)
        assert await power_of(sdk, "0") == "PowerState/deallocated"
        await sdk.run(sets.begin_start, GROUP, NAME)
        assert await power_of(sdk, "2") == "PowerState/running"
        for verb in ("restart", "redeploy", "reimage_all"):
            await sdk.run(getattr(sets, f"begin_{verb}"), GROUP, NAME, ONE)
        await sdk.run(sets.begin_reapply, GROUP, NAME)
        assert await power_of(sdk, "1") == "PowerState/running"
        with pytest.raises(ResourceExistsError, match="is not eligible"):
            await sdk.run(sets.begin_perform_maintenance, GROUP, NAME)


@pytest.mark.parametrize("door", [in_process, synchronous])
async def test_one_instance_stops_and_starts(tmp_path: Path, door: Any) -> None:
    """The verbs on one instance."""
    async with opened(small_world(), tmp_path, door) as sdk:
        vms = sdk.client.virtual_machine_scale_set_vms
        await sdk.run(vms.begin_power_off, GROUP, NAME, "1", skip_shutdown=True)
        assert await power_of(sdk, "1") == "PowerState/stopped"
        await sdk.run(vms.begin_start, GROUP, NAME, "1")
        for verb in ("restart", "redeploy", "reimage", "reimage_all"):
            await sdk.run(getattr(vms, f"begin_{verb}"), GROUP, NAME, "1")
        assert await power_of(sdk, "1") == "PowerState/running"
        await sdk.run(vms.begin_deallocate, GROUP, NAME, "1")
        assert await power_of(sdk, "1") == "PowerState/deallocated"
        assert await power_of(sdk, "0") == "PowerState/running"
        with pytest.raises(ResourceExistsError, match="is not eligible"):
            await sdk.run(vms.begin_perform_maintenance, GROUP, NAME, "1")


@pytest.mark.parametrize("door", [in_process, synchronous])
async def test_instances_and_sets_are_deleted(tmp_path: Path, door: Any) -> None:
    """Instances through the set and one by one, then the set; deleting nothing is no error."""
    async with opened(small_world(4), tmp_path, door) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        vms = sdk.client.virtual_machine_scale_set_vms
        await sdk.run(sets.begin_delete_instances, GROUP, NAME, ONE, force_deletion=True)
        await sdk.run(vms.begin_delete, GROUP, NAME, "2")
        await sdk.run(vms.begin_delete, GROUP, NAME, "2")
        left = await sdk.items(vms.list, GROUP, NAME)
        assert [each.instance_id for each in left] == ["0", "3"]
        assert (await sdk.call(sets.get, GROUP, NAME)).sku.capacity == 2
        await sdk.run(sets.begin_delete, GROUP, NAME, force_deletion=True)
        with pytest.raises(ResourceNotFoundError):
            await sdk.call(sets.get, GROUP, NAME)
        await sdk.run(sets.begin_delete, GROUP, NAME)


async def test_a_vanished_instance_is_azures_400(tmp_path: Path) -> None:
    """A verb on an instance that is not there says InvalidParameter, about instanceIds."""
    async with opened(small_world(), tmp_path) as sdk:
        for begun in (
            sdk.run(
                sdk.client.virtual_machine_scale_sets.begin_restart,
                GROUP,
                NAME,
                {"instanceIds": ["77"]},
            ),
            sdk.run(sdk.client.virtual_machine_scale_set_vms.begin_restart, GROUP, NAME, "77"),
        ):
            with pytest.raises(HttpResponseError, match="is not an active") as raised:
                await begun
            assert raised.value.status_code == 400
            assert raised.value.error is not None
            assert raised.value.error.target == "instanceIds"


async def test_a_conflict_is_409(tmp_path: Path) -> None:
    """A second verb while one runs raises ResourceExistsError, the SDK's word for a 409."""
    async with opened(small_world(), tmp_path) as sdk:
        vms = sdk.client.virtual_machine_scale_set_vms
        running = await vms.begin_restart(GROUP, NAME, "0")
        with pytest.raises(ResourceExistsError, match="conflict with a concurrent request"):
            await sdk.run(vms.begin_restart, GROUP, NAME, "1")
        await running.result()


@pytest.mark.parametrize("door", [in_process, synchronous])
async def test_the_trap_of_reading_and_writing_an_instance_back(tmp_path: Path, door: Any) -> None:
    """A minimal PUT only protects; a whole document makes the instance's model its own."""
    minimal = {
        "location": "westeurope",
        "properties": {"protectionPolicy": {"protectFromScaleIn": True}},
    }
    async with opened(small_world(), tmp_path, door) as sdk:
        vms = sdk.client.virtual_machine_scale_set_vms
        after = await sdk.run(vms.begin_update, GROUP, NAME, "0", minimal)
        assert after.properties.protection_policy.protect_from_scale_in is True
        assert after.properties.latest_model_applied is True
        assert after.properties.model_definition_applied == "VirtualMachineScaleSet"
        whole = await sdk.call(vms.get, GROUP, NAME, "1")
        whole.properties.protection_policy = {"protectFromScaleIn": True}
        flipped = await sdk.run(vms.begin_update, GROUP, NAME, "1", whole)
        assert flipped.properties.latest_model_applied is False
        assert flipped.properties.model_definition_applied == "VirtualMachine"
        assert flipped.etag != whole.etag


async def test_data_disks_attach_and_detach(tmp_path: Path) -> None:
    """The outcome of the operation is the storage profile."""
    async with opened(small_world(), tmp_path) as sdk:
        change = sdk.client.virtual_machine_scale_set_vms.begin_attach_detach_data_disks
        disk = {"diskId": DISK_ID}
        profile = await sdk.run(change, GROUP, NAME, "1", {"dataDisksToAttach": [disk]})
        assert [each.managed_disk.id for each in profile.data_disks] == [DISK_ID]
        assert profile.data_disks[0].lun == 0
        profile = await sdk.run(change, GROUP, NAME, "1", {"dataDisksToDetach": [disk]})
        assert profile.data_disks == []


async def test_eviction_is_for_spot_machines(tmp_path: Path) -> None:
    """204 on a spot set, and the machine goes; ARM's error on another."""
    async with opened(small_world(), tmp_path) as sdk:
        evict = sdk.client.virtual_machine_scale_set_vms.simulate_eviction
        with pytest.raises(ResourceExistsError, match="Spot"):
            await sdk.call(evict, GROUP, NAME, "0")
        spot = {"properties": {"virtualMachineProfile": {"priority": "Spot"}}}
        sets = sdk.client.virtual_machine_scale_sets
        await sdk.run(sets.begin_create_or_update, GROUP, NAME, {"location": "westeurope", **spot})
        assert await sdk.call(evict, GROUP, NAME, "0") is None
        while (due := sdk.door.world.next_event_at()) is not None:
            sdk.door.advance(due)
        assert await power_of(sdk, "0") == "PowerState/deallocated"


async def test_what_is_not_simulated_says_so(tmp_path: Path) -> None:
    """A run command and boot diagnostics answer ARM's errors, never something made up."""
    async with opened(small_world(), tmp_path) as sdk:
        vms = sdk.client.virtual_machine_scale_set_vms
        with pytest.raises(HttpResponseError, match="NotImplemented") as raised:
            await sdk.run(vms.begin_run_command, GROUP, NAME, "0", {"commandId": "RunShellScript"})
        assert raised.value.status_code == 501
        with pytest.raises(ResourceExistsError, match="Boot diagnostics"):
            await sdk.call(vms.retrieve_boot_diagnostics_data, GROUP, NAME, "0")
        on = {"diagnosticsProfile": {"bootDiagnostics": {"enabled": True}}}
        sets = sdk.client.virtual_machine_scale_sets
        await sdk.run(sets.begin_update, GROUP, NAME, {"properties": {"virtualMachineProfile": on}})
        found = await sdk.call(vms.retrieve_boot_diagnostics_data, GROUP, NAME, "0")
        assert found.serial_console_log_blob_uri.startswith("https://")
        commands = sdk.client.virtual_machine_scale_set_vm_run_commands
        assert await sdk.items(commands.list, GROUP, NAME, "0") == []
        with pytest.raises(ResourceNotFoundError):
            await sdk.call(commands.get, GROUP, NAME, "0", "script")
        events = sdk.client.virtual_machine_scale_set_life_cycle_hook_events
        assert await sdk.items(events.list, GROUP, NAME) == []
        with pytest.raises(ResourceNotFoundError):
            await sdk.call(events.get, GROUP, NAME, "event")


@pytest.mark.parametrize("door", [in_process, synchronous])
async def test_extensions_of_a_set(tmp_path: Path, door: Any) -> None:
    """Created, listed, changed, brought to an instance, removed."""
    async with opened(small_world(), tmp_path, door) as sdk:
        extensions = sdk.client.virtual_machine_scale_set_extensions
        made = await sdk.run(extensions.begin_create_or_update, GROUP, NAME, "script", SCRIPT)
        assert (made.name, made.properties.provisioning_state) == ("script", "Succeeded")
        listed = await sdk.items(extensions.list, GROUP, NAME)
        assert [each.name for each in listed] == ["health", "script"]
        change = {"properties": {"typeHandlerVersion": "2.2"}}
        after = await sdk.run(extensions.begin_update, GROUP, NAME, "script", change)
        assert after.properties.type_handler_version == "2.2"
        sets = sdk.client.virtual_machine_scale_sets
        await sdk.run(sets.begin_update_instances, GROUP, NAME, ONE)
        view = await sdk.call(sets.get_instance_view, GROUP, NAME)
        counts = {each.name: each.statuses_summary[0].count for each in view.extensions}
        assert counts == {"health": 3, "script": 1}
        await sdk.run(extensions.begin_delete, GROUP, NAME, "script")
        await sdk.run(extensions.begin_delete, GROUP, NAME, "script")
        with pytest.raises(ResourceNotFoundError):
            await sdk.call(extensions.get, GROUP, NAME, "script")


async def test_extensions_of_an_instance(tmp_path: Path) -> None:
    """The same on one instance, and its view shows them."""
    async with opened(small_world(), tmp_path) as sdk:
        extensions = sdk.client.virtual_machine_scale_set_vm_extensions
        where = (GROUP, NAME, "1", "script")
        made = await sdk.run(extensions.begin_create_or_update, *where, SCRIPT)
        assert made.properties.settings == {"commandToExecute": "true"}
        change = {"properties": {"typeHandlerVersion": "2.2"}}
        await sdk.run(extensions.begin_update, *where, change)
        found = await sdk.call(extensions.get, *where)
        assert found.properties.type_handler_version == "2.2"
        listed = await sdk.call(extensions.list, GROUP, NAME, "1")
        assert [each.name for each in listed.value] == ["health", "script"]
        vms = sdk.client.virtual_machine_scale_set_vms
        view = await sdk.call(vms.get_instance_view, GROUP, NAME, "1")
        statuses = {each.name: each.statuses[0].code for each in view.extensions}
        assert statuses["script"] == "ProvisioningState/succeeded"
        await sdk.run(extensions.begin_delete, *where)
        with pytest.raises(ResourceNotFoundError):
            await sdk.call(extensions.get, *where)


async def test_a_set_is_made_scaled_and_read(tmp_path: Path) -> None:
    """A PUT creates it with 201, a scale-out adds to it; skus and its region list it."""
    body = model(2, overprovision=True)
    async with opened(small_world(), tmp_path) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        made = await sdk.run(sets.begin_create_or_update, GROUP, "fresh", body)
        assert made.properties.provisioning_state == "Succeeded"
        await sdk.run(sets.begin_scale_out, GROUP, "fresh", {"capacity": 1})
        assert (await sdk.call(sets.get, GROUP, "fresh")).sku.capacity == 3
        here = await sdk.items(sets.list_by_location, "West Europe")
        assert [each.name for each in here] == ["fresh", "web"]
        assert await sdk.items(sets.list_by_location, "eastus") == []
        sku, *others = await sdk.items(sets.list_skus, GROUP, "fresh")
        assert "Standard_D4s_v5" in [each.sku.name for each in others]
        assert (sku.sku.name, sku.capacity.maximum) == ("Standard_D2s_v5", 100)
        assert await sdk.call(sets.convert_to_single_placement_group, GROUP, NAME, {}) is None
        walk = sets.force_recovery_service_fabric_platform_update_domain_walk
        walked = await sdk.call(walk, GROUP, NAME, platform_update_domain=0)
        assert walked.walk_performed is False


async def test_services_are_suspended_and_resumed(tmp_path: Path) -> None:
    """The instance view tells the state of automatic repairs."""
    policy = {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT10M"}}
    async with opened(small_world(), tmp_path) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        await sdk.run(sets.begin_update, GROUP, NAME, {"properties": policy})
        seen = []
        for action in ("Suspend", "Resume"):
            order = {"serviceName": "AutomaticRepairs", "action": action}
            await sdk.run(sets.begin_set_orchestration_service_state, GROUP, NAME, order)
            view = await sdk.call(sets.get_instance_view, GROUP, NAME)
            seen += [
                (each.service_name, each.service_state) for each in view.orchestration_services
            ]
    assert seen == [("AutomaticRepairs", "Suspended"), ("AutomaticRepairs", "Running")]
