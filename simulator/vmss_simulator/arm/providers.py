"""The resource providers of a subscription, and the operations of Microsoft.Compute.

Clients look here whether a provider is registered, and which api-version a type has. All that
the simulator has is registered, always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.call import SUBSCRIPTION, ApiVersions, Route
from vmss_simulator.arm.messages import json_response
from vmss_simulator.arm.regions import NAMES
from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

_COMPUTE_VERSIONS = (
    "2026-04-01",
    "2025-11-01",
    "2025-04-01",
    "2024-11-01",
    "2024-07-01",
    "2024-03-01",
    "2023-09-01",
    "2023-07-01",
    "2023-03-01",
    "2022-11-01",
    "2022-08-01",
    "2022-03-01",
    "2021-11-01",
    "2021-07-01",
    "2021-04-01",
    "2021-03-01",
    "2020-12-01",
    "2020-06-01",
    "2019-12-01",
    "2019-07-01",
    "2019-03-01",
    "2018-10-01",
)
_COMPUTE_TYPES = (
    "virtualMachineScaleSets",
    "virtualMachineScaleSets/extensions",
    "virtualMachineScaleSets/networkInterfaces",
    "virtualMachineScaleSets/virtualMachines",
    "virtualMachineScaleSets/virtualMachines/extensions",
    "locations",
    "locations/operations",
    "locations/publishers",
    "locations/virtualMachineScaleSets",
    "images",
    "galleries",
    "galleries/images",
    "galleries/images/versions",
    "operations",
)
_TYPES: dict[str, dict[str, tuple[str, ...]]] = {
    "Microsoft.Compute": dict.fromkeys(_COMPUTE_TYPES, _COMPUTE_VERSIONS),
    "Microsoft.Insights": {"autoscaleSettings": ("2022-10-01", "2015-04-01")},
    "Microsoft.Authorization": {"permissions": ("2022-04-01", "2015-07-01")},
    "Microsoft.Resources": {
        "subscriptions": ("2022-12-01", "2020-01-01"),
        "resourceGroups": ("2024-11-01", "2021-04-01"),
        "tenants": ("2022-12-01", "2020-01-01"),
    },
}
_VERBS = {
    "read": "Get {what}",
    "write": "Create or update {what}",
    "delete": "Delete {what}",
    "start/action": "Start {what}",
    "powerOff/action": "Power off {what}",
    "restart/action": "Restart {what}",
    "deallocate/action": "Deallocate {what}",
    "redeploy/action": "Redeploy {what}",
    "reapply/action": "Reapply {what}",
    "reimage/action": "Reimage {what}",
    "reimageAll/action": "Reimage all disks of {what}",
    "manualUpgrade/action": "Upgrade instances of {what}",
    "delete/action": "Delete instances of {what}",
    "performMaintenance/action": "Perform maintenance on {what}",
    "osRollingUpgrade/action": "Start a rolling upgrade of {what}",
    "setOrchestrationServiceState/action": "Set the state of an orchestration service of {what}",
    "simulateEviction/action": "Simulate the eviction of {what}",
}
_ON_SETS_ONLY = frozenset(
    {
        "manualUpgrade/action",
        "delete/action",
        "osRollingUpgrade/action",
        "setOrchestrationServiceState/action",
    }
)


def list_providers(call: Call) -> Response:
    """Answer all providers there are, with their types."""
    return json_response({"value": [_provider(call, namespace) for namespace in _TYPES]})


def get_provider(call: Call) -> Response:
    """Answer one provider; also to its registration, which has no other effect.

    Raises:
        ArmError: 404 InvalidResourceNamespace.

    """
    wanted = call.parameters["namespace"]
    for namespace in _TYPES:
        if namespace.casefold() == wanted.casefold():
            return json_response(_provider(call, namespace))
    raise ArmError(
        404, "InvalidResourceNamespace", f"The resource namespace '{wanted}' is invalid."
    )


def _provider(call: Call, namespace: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{call.subscription_id}/providers/{namespace}",
        "namespace": namespace,
        "resourceTypes": [
            {
                "resourceType": name,
                "locations": list(NAMES),
                "apiVersions": list(versions),
                "capabilities": "None",
            }
            for name, versions in _TYPES[namespace].items()
        ],
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
    }


def list_operations(_call: Call) -> Response:
    """Answer what can be permitted on scale sets and their instances, as roles name it."""
    operations = [
        *_operations("virtualMachineScaleSets", "Virtual Machine Scale Sets", _VERBS),
        *_operations(
            "virtualMachineScaleSets/virtualMachines",
            "Virtual Machine in Virtual Machine Scale Set",
            {verb: text for verb, text in _VERBS.items() if verb not in _ON_SETS_ONLY},
        ),
    ]
    return json_response({"value": operations})


def _operations(resource: str, title: str, verbs: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"Microsoft.Compute/{resource}/{verb}",
            "origin": "user,system",
            "display": {
                "provider": "Microsoft Compute",
                "resource": title,
                "operation": text.format(what=title),
                "description": text.format(what=title),
            },
        }
        for verb, text in verbs.items()
    ]


_PROVIDERS = ApiVersions("providers", first="2014-04-01")
_PROVIDER = SUBSCRIPTION + "/providers/{namespace}"

ROUTES: tuple[Route, ...] = (
    Route("GET", SUBSCRIPTION + "/providers", list_providers, None, _PROVIDERS),
    Route("GET", _PROVIDER, get_provider, None, _PROVIDERS),
    Route("POST", _PROVIDER + "/register", get_provider, None, _PROVIDERS),
    Route(
        "GET",
        "/providers/Microsoft.Compute/operations",
        list_operations,
        None,
        ApiVersions("operations"),
    ),
)
