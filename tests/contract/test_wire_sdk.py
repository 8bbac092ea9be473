"""The real Azure SDK, unmodified, over every wire door of the simulator."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from tests.contract.wire_clients import SPEED, asynchronous, clock_for, in_process, synchronous
from tests.simulator_worlds import JAMMY, KEY, NEW, OLD, small_world
from vmss_simulator.arm import Settings
from vmss_simulator.door import Door
from vmss_simulator.effects import LoseReply
from vmss_simulator.faults import FaultRule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.contract.wire_clients import Sdk
    from vmss_simulator.world import World

    OpenSdk = Callable[[World], contextlib.AbstractAsyncContextManager[Sdk]]

GROUP, NAME = KEY.resource_group, KEY.name
NEW_IMAGE = {
    "properties": {
        "virtualMachineProfile": {"storageProfile": {"imageReference": {**JAMMY, "version": NEW}}}
    }
}


@pytest.fixture(
    params=[
        pytest.param(in_process, id="in-process"),
        pytest.param(asynchronous, id="https-async"),
        pytest.param(synchronous, id="https-sync"),
    ]
)
def open_sdk(request: pytest.FixtureRequest, tmp_path: Path) -> OpenSdk:
    """Return how to open a client on a world, one door after the other."""

    @contextlib.asynccontextmanager
    async def opened(world: World) -> AsyncIterator[Sdk]:
        clock = clock_for(request.param)
        settings = Settings(page_size=2, speed=None if clock is None else SPEED)
        async with request.param(Door(world, settings, clock=clock), tmp_path) as sdk:
            yield sdk

    return opened


async def test_scale_set_reads_as_the_model(open_sdk: OpenSdk) -> None:
    """A scale set deserialises with its image, etag and state."""
    async with open_sdk(small_world()) as sdk:
        found = await sdk.call(sdk.client.virtual_machine_scale_sets.get, GROUP, NAME)
    assert found.sku.capacity == 3
    assert found.properties.provisioning_state == "Succeeded"
    storage = found.properties.virtual_machine_profile.storage_profile
    assert storage.image_reference.version == OLD
    assert storage.image_reference.exact_version is None
    assert found.etag == '"1"'


async def test_lists_follow_their_pages(open_sdk: OpenSdk) -> None:
    """The client follows nextLink to the end, for sets and for instances with views."""
    async with open_sdk(small_world(5, others=["api", "batch"])) as sdk:
        sets = await sdk.items(sdk.client.virtual_machine_scale_sets.list_all)
        in_group = await sdk.items(sdk.client.virtual_machine_scale_sets.list, GROUP)
        instances = await sdk.items(
            sdk.client.virtual_machine_scale_set_vms.list, GROUP, NAME, expand="instanceView"
        )
    assert [each.name for each in sets] == ["api", "batch", "web"]
    assert [each.name for each in in_group] == ["api", "batch", "web"]
    assert len(instances) == 5
    assert all(each.properties.latest_model_applied for each in instances)
    views = [each.properties.instance_view for each in instances]
    assert {each.vm_health.status.code for each in views} == {"HealthState/healthy"}
    references = [each.properties.storage_profile.image_reference for each in instances]
    assert {each.exact_version for each in references} == {OLD}
    assert len([r for r in sdk.door.requests if r.operation == "listInstances"]) == 3


async def test_views_read_one_by_one(open_sdk: OpenSdk) -> None:
    """The views of the set and of an instance deserialise."""
    async with open_sdk(small_world()) as sdk:
        whole = await sdk.call(sdk.client.virtual_machine_scale_sets.get_instance_view, GROUP, NAME)
        one = await sdk.call(
            sdk.client.virtual_machine_scale_set_vms.get_instance_view, GROUP, NAME, "0"
        )
        vm = await sdk.call(sdk.client.virtual_machine_scale_set_vms.get, GROUP, NAME, "0")
    assert whole.virtual_machine.statuses_summary[0].count == 3
    assert one.statuses[1].display_status == "VM running"
    assert one.vm_health.status.time is not None
    assert vm.instance_id == "0"
    assert vm.properties.instance_view is None


async def test_patch_with_the_right_etag_is_polled_to_its_end(open_sdk: OpenSdk) -> None:
    """A conditional PATCH goes through, and the client's own poller sees it succeed."""
    async with open_sdk(small_world()) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        before = await sdk.call(sets.get, GROUP, NAME)
        after = await sdk.run(
            sets.begin_update,
            GROUP,
            NAME,
            NEW_IMAGE,
            etag=before.etag,
            match_condition=MatchConditions.IfNotModified,
        )
    assert after.properties.provisioning_state == "Succeeded"
    storage = after.properties.virtual_machine_profile.storage_profile
    assert storage.image_reference.version == NEW
    assert after.etag != before.etag


async def test_patch_with_an_outdated_etag_is_refused(open_sdk: OpenSdk) -> None:
    """A conditional PATCH against a changed set raises ResourceModifiedError."""
    async with open_sdk(small_world()) as sdk:
        with pytest.raises(ResourceModifiedError, match="PreconditionFailed"):
            await sdk.run(
                sdk.client.virtual_machine_scale_sets.begin_update,
                GROUP,
                NAME,
                NEW_IMAGE,
                etag='"99"',
                match_condition=MatchConditions.IfNotModified,
            )


@pytest.mark.parametrize("verb", ["update_instances", "reimage"])
async def test_instances_are_brought_to_the_model(open_sdk: OpenSdk, verb: str) -> None:
    """Upgrade and reimage are polled to their end, and the named instances have the image."""
    async with open_sdk(small_world()) as sdk:
        sets = sdk.client.virtual_machine_scale_sets
        await sdk.run(sets.begin_update, GROUP, NAME, NEW_IMAGE)
        named = {"instanceIds": ["0", "2"]}
        assert await sdk.run(getattr(sets, f"begin_{verb}"), GROUP, NAME, named) is None
        instances = await sdk.items(sdk.client.virtual_machine_scale_set_vms.list, GROUP, NAME)
    versions = {
        each.instance_id: each.properties.storage_profile.image_reference.exact_version
        for each in instances
    }
    assert versions == {"0": NEW, "1": OLD, "2": NEW}


async def test_put_scales_the_set(open_sdk: OpenSdk) -> None:
    """A PUT with only location and sku ends with more instances and the same model."""
    sku = {"name": "Standard_D2s_v5", "tier": "Standard", "capacity": 4}
    body: dict[str, Any] = {"location": "westeurope", "sku": sku}
    async with open_sdk(small_world()) as sdk:
        after = await sdk.run(
            sdk.client.virtual_machine_scale_sets.begin_create_or_update, GROUP, NAME, body
        )
        instances = await sdk.items(sdk.client.virtual_machine_scale_set_vms.list, GROUP, NAME)
    assert after.sku.capacity == len(instances) == 4
    assert after.properties.virtual_machine_profile is not None


async def test_what_is_not_there_is_not_found(open_sdk: OpenSdk) -> None:
    """A missing set, instance or rolling upgrade raises ResourceNotFoundError."""
    async with open_sdk(small_world()) as sdk:
        client = sdk.client
        for method, arguments in (
            (client.virtual_machine_scale_sets.get, (GROUP, "nope")),
            (client.virtual_machine_scale_set_vms.get, (GROUP, NAME, "99")),
            (client.virtual_machine_scale_set_rolling_upgrades.get_latest, (GROUP, NAME)),
        ):
            with pytest.raises(ResourceNotFoundError):
                await sdk.call(method, *arguments)


async def test_refusals_carry_azures_code(open_sdk: OpenSdk) -> None:
    """An upgrade of an instance that is not there says InvalidParameter, about instanceIds."""
    async with open_sdk(small_world()) as sdk:
        with pytest.raises(HttpResponseError) as raised:
            await sdk.run(
                sdk.client.virtual_machine_scale_sets.begin_update_instances,
                GROUP,
                NAME,
                {"instanceIds": ["99"]},
            )
    assert raised.value.status_code == 400
    assert raised.value.error is not None
    assert (raised.value.error.code, raised.value.error.target) == (
        "InvalidParameter",
        "instanceIds",
    )


async def test_image_catalogues_read(open_sdk: OpenSdk) -> None:
    """Platform image versions and gallery image versions deserialise."""
    names = ("westeurope", "Canonical", "ubuntu-server", "22_04-lts-gen2")
    async with open_sdk(small_world()) as sdk:
        listed = await sdk.call(sdk.client.virtual_machine_images.list, *names, top=5)
        one = await sdk.call(sdk.client.virtual_machine_images.get, *names, NEW)
        gallery = await sdk.items(
            sdk.client.gallery_image_versions.list_by_gallery_image, "images", "golden", "web"
        )
    assert [each.name for each in listed] == [OLD, NEW]
    assert one.properties.os_disk_image.operating_system == "Linux"
    profiles = [each.properties.publishing_profile for each in gallery]
    assert [each.exclude_from_latest for each in profiles] == [False, True]


async def test_lost_reply_breaks_the_connection(open_sdk: OpenSdk) -> None:
    """A reply that a fault loses is a broken connection, and the upgrade was started."""
    world = small_world(faults=[FaultRule("lost", LoseReply(), operations=("reimage",))])
    async with open_sdk(world) as sdk:
        # azure-core's own retries repeat no POST whose reply was lost.
        with pytest.raises((ServiceResponseError, ServiceRequestError)):
            await sdk.run(
                sdk.client.virtual_machine_scale_sets.begin_reimage,
                GROUP,
                NAME,
                {"instanceIds": ["1"]},
                retry_total=0,
            )
        record = next(each for each in sdk.door.requests if each.operation == "reimage")
    assert (record.status, record.instance_ids) == (None, ("1",))
    assert any(each.type.startswith("reimage") for each in world.log)
