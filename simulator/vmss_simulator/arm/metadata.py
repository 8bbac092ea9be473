"""What describes the cloud itself: its endpoints, and the subscriptions a caller may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm.call import SUBSCRIPTION, ApiVersions, Route
from vmss_simulator.arm.messages import json_response

if TYPE_CHECKING:
    from typing import Any

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

_AUDIENCES = ["https://management.core.windows.net/", "https://management.azure.com/"]


def endpoints(call: Call) -> Response:
    """Answer the cloud's endpoints, all of which are this door (`az cloud register` reads it)."""
    base = call.request.base_url
    return json_response(
        {
            "name": "VmssSimulator",
            "portal": base,
            "authentication": {
                "loginEndpoint": base,
                "audiences": _AUDIENCES,
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "graphAudience": base,
            "graph": base,
            "resourceManager": base,
            "gallery": base,
            "batch": base,
            "sqlManagement": base,
            "vmImageAliasDoc": f"{base}/aliases.json",
            "activeDirectoryDataLake": base,
            "media": base,
            "suffixes": {},
        }
    )


def list_subscriptions(call: Call) -> Response:
    """Answer the subscriptions of the simulated tenant."""
    return json_response(
        {"value": [_subscription(call, each) for each in call.settings.subscription_ids]}
    )


def get_subscription(call: Call) -> Response:
    """Answer one subscription."""
    return json_response(_subscription(call, call.subscription_id))


def _subscription(call: Call, subscription_id: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription_id}",
        "subscriptionId": subscription_id,
        "tenantId": call.settings.tenant_id,
        "displayName": "Simulator",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


_SUBSCRIPTIONS = ApiVersions("subscriptions", first="2014-04-01")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/metadata/endpoints", endpoints, None, None),
    Route("GET", "/subscriptions", list_subscriptions, None, _SUBSCRIPTIONS),
    Route("GET", SUBSCRIPTION, get_subscription, None, _SUBSCRIPTIONS),
)
