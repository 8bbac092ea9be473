"""The caller's effective permissions: Permissions - List For Resource (2022-04-01).

The address is the same below a resource, a resource group and a subscription.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.core.rest import HttpRequest

from vmssplan.backends.azure.failures import translated
from vmssplan.permissions import SEE_PERMISSIONS, Permission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azure.mgmt.compute.aio import ComputeManagementClient

_VERSION = "2022-04-01"
_HINT = f"this needs the permission {SEE_PERMISSIONS.action}, which the role of init has"


async def list_permissions(client: ComputeManagementClient, scope: str) -> tuple[Permission, ...]:
    """List what the caller may do there, page by page."""
    address = f"{quote(scope)}/providers/Microsoft.Authorization/permissions"
    request = HttpRequest("GET", address, params={"api-version": _VERSION})
    found: list[Permission] = []
    with translated(is_read=True, when_forbidden=_HINT):
        while True:
            response = await client.send_request(request)
            response.raise_for_status()
            page = response.json()
            found += read_permissions(page.get("value") or [])
            if not page.get("nextLink"):
                return tuple(found)
            request = HttpRequest("GET", page["nextLink"])


def read_permissions(raw: Iterable[dict[str, Any]]) -> Iterable[Permission]:
    """Yield the permissions of a page."""
    for each in raw:
        yield Permission(tuple(each.get("actions") or ()), tuple(each.get("notActions") or ()))
