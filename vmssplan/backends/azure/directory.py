"""What there is in a subscription, and what Azure tells of one instance, for those who look on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.backends.arm_documents import read_listed, read_told
from vmssplan.backends.azure.answers import Heard
from vmssplan.backends.azure.failures import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.mgmt.compute.aio import ComputeManagementClient

    from vmssplan.model import ListedScaleSet, ScaleSetId, Told

_MAY_NOT_LIST = (
    "listing needs the permission Microsoft.Compute/virtualMachineScaleSets/read on the"
    " subscription; sets that Plans name are shown without it"
)


async def list_scale_sets(client: ComputeManagementClient) -> Sequence[ListedScaleSet]:
    """List the scale sets of the client's subscription."""
    heard = Heard()
    found: list[ListedScaleSet] = []
    with translated(is_read=True, when_forbidden=_MAY_NOT_LIST):
        pages = client.virtual_machine_scale_sets.list_all(raw_response_hook=heard).by_page()
        async for _ in pages:
            listed = (read_listed(each) for each in heard.last_document().get("value") or [])
            found += [each for each in listed if each is not None]
    return found


async def read_view(
    client: ComputeManagementClient, target: ScaleSetId, instance_id: str
) -> Sequence[Told]:
    """Read the instance view of one instance, with what the list of instances asks for too."""
    heard = Heard()
    with translated(is_read=True):
        await client.virtual_machine_scale_set_vms.get(
            target.resource_group,
            target.name,
            instance_id,
            expand="instanceView",
            raw_response_hook=heard,
        )
    properties = heard.last_document().get("properties") or {}
    return read_told(properties.get("instanceView") or {})
