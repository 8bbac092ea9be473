"""Tenants, subscriptions and their locations.

There is one tenant. Its subscriptions are those a door was told of, and those that own a scale
set.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.call import SUBSCRIPTION, ApiVersions, Route
from vmss_simulator.arm.messages import json_response
from vmss_simulator.arm.regions import region_documents
from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.arm.settings import Settings
    from vmss_simulator.world import World

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def check_subscription(world: World, settings: Settings, subscription_id: str) -> None:
    """Refuse a subscription id that is malformed or that there is not.

    Raises:
        ArmError: 400 InvalidSubscriptionId, 404 SubscriptionNotFound.

    """
    if subscription_id in settings.subscription_ids:
        return
    if not _GUID.fullmatch(subscription_id):
        raise ArmError(
            400,
            "InvalidSubscriptionId",
            f"The provided subscription identifier '{subscription_id}' is malformed or invalid.",
        )
    known = {each.casefold() for each in settings.subscription_ids}
    if subscription_id.casefold() not in known and not world.scale_sets(subscription_id):
        raise ArmError(
            404,
            "SubscriptionNotFound",
            f"The subscription '{subscription_id}' could not be found.",
        )


def list_subscriptions(call: Call) -> Response:
    """Answer the subscriptions of the simulated tenant."""
    ids = {each.casefold(): each for each in call.world.subscription_ids()}
    ids |= {each.casefold(): each for each in call.settings.subscription_ids}
    return json_response(
        {
            "value": [_subscription(call, each) for _, each in sorted(ids.items())],
            "count": {"type": "Total", "value": len(ids)},
        }
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
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def list_tenants(call: Call) -> Response:
    """Answer the one tenant."""
    tenant_id = call.settings.tenant_id
    return json_response(
        {
            "value": [
                {
                    "id": f"/tenants/{tenant_id}",
                    "tenantId": tenant_id,
                    "displayName": "Simulator",
                    "tenantCategory": "Home",
                    "countryCode": "US",
                    "domains": [],
                }
            ]
        }
    )


def list_locations(call: Call) -> Response:
    """Answer the locations a subscription may use: the well-known ones, and those in use."""
    in_use = [
        str(each.body.get("location", "")) for each in call.world.scale_sets(call.subscription_id)
    ]
    return json_response({"value": region_documents(call.subscription_id, in_use)})


_SUBSCRIPTIONS = ApiVersions("subscriptions", first="2014-04-01")
_TENANTS = ApiVersions("tenants", first="2014-04-01")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/tenants", list_tenants, None, _TENANTS),
    Route("GET", "/subscriptions", list_subscriptions, None, _SUBSCRIPTIONS),
    Route("GET", SUBSCRIPTION, get_subscription, None, _SUBSCRIPTIONS),
    Route("GET", SUBSCRIPTION + "/locations", list_locations, None, _SUBSCRIPTIONS),
)
