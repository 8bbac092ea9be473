"""Autoscale settings over azure-mgmt-monitor's client: found by what they scale, written small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vmssplan.backends.autoscale_documents import (
    MAY_NOT_READ,
    MAY_NOT_WRITE,
    place_of,
    read_settings,
    write_capacities,
)
from vmssplan.backends.azure.answers import Heard
from vmssplan.backends.azure.failures import translated

if TYPE_CHECKING:
    from azure.mgmt.monitor.aio import MonitorManagementClient

    from vmssplan.model import AutoscaleSetting, ScaleSetId


async def find_settings(
    client: MonitorManagementClient, target: ScaleSetId
) -> tuple[AutoscaleSetting, ...]:
    """List the settings that scale this set, wherever in its subscription they are."""
    heard = Heard()
    listed: list[dict[str, Any]] = []
    with translated(is_read=True, when_forbidden=MAY_NOT_READ):
        pages = client.autoscale_settings.list_by_subscription(raw_response_hook=heard).by_page()
        async for _ in pages:
            listed += heard.last_document().get("value") or []
    return read_settings(listed, target)


async def write_setting(client: MonitorManagementClient, setting: AutoscaleSetting) -> None:
    """Read the setting as it is now, and change the capacities of these profiles in it.

    The service has no etag for a setting: what somebody writes between the two is lost.
    """
    _, group, name = place_of(setting)
    heard = Heard()
    with translated(is_read=True, when_forbidden=MAY_NOT_READ):
        await client.autoscale_settings.get(group, name, raw_response_hook=heard)
    patch = write_capacities(heard.last_document(), setting)
    if patch is None:
        return
    # As bytes: the SDK's own model of a patch says enabled: false unless told otherwise.
    body: Any = json.dumps(patch).encode()
    with translated(is_read=False, when_forbidden=MAY_NOT_WRITE):
        await client.autoscale_settings.update(group, name, body)
