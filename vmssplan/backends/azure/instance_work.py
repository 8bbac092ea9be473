"""Work on instances beside rollouts, through the SDK: power, deletion, protection, capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions

from vmssplan.backends.arm_documents import write_capacity, write_protection
from vmssplan.backends.azure.starting import started
from vmssplan.operating import Switch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from azure.mgmt.compute.aio import ComputeManagementClient

    from vmssplan.model import ScaleSetId
    from vmssplan.operating import Protection
    from vmssplan.ports import OperationHandle


async def switch_instances(
    client: ComputeManagementClient, target: ScaleSetId, switch: Switch, ids: Sequence[str]
) -> OperationHandle | None:
    """Turn these instances on or off, in one call."""
    sets = client.virtual_machine_scale_sets
    begins: dict[Switch, Callable[..., Awaitable[Any]]] = {
        Switch.START: sets.begin_start,
        Switch.STOP: sets.begin_power_off,
        Switch.RESTART: sets.begin_restart,
        Switch.DEALLOCATE: sets.begin_deallocate,
    }
    return await started(
        begins[switch], target.resource_group, target.name, {"instanceIds": [*ids]}
    )


async def delete_instances(
    client: ComputeManagementClient, target: ScaleSetId, ids: Sequence[str]
) -> OperationHandle | None:
    """Delete these instances, in one call."""
    begin = client.virtual_machine_scale_sets.begin_delete_instances
    return await started(begin, target.resource_group, target.name, {"instanceIds": [*ids]})


async def protect_instance(
    client: ComputeManagementClient, target: ScaleSetId, instance_id: str, protection: Protection
) -> OperationHandle | None:
    """Write the whole protection policy of one instance, and nothing else of it."""
    begin = client.virtual_machine_scale_set_vms.begin_update
    body: Any = write_protection(protection)
    return await started(begin, target.resource_group, target.name, instance_id, body)


async def set_capacity(
    client: ComputeManagementClient, target: ScaleSetId, capacity: int, etag: str
) -> OperationHandle | None:
    """PATCH only the capacity, with If-Match."""
    body: Any = write_capacity(capacity)
    return await started(
        client.virtual_machine_scale_sets.begin_update,
        target.resource_group,
        target.name,
        body,
        etag=etag,
        match_condition=MatchConditions.IfNotModified,
    )
