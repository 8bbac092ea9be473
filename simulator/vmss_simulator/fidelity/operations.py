"""What each route rests on: one line each.

Names are short: `{vmss}` is a scale set, `{vm}` one of its instances, `{sub}` a subscription,
`{group}` a resource group, `{compute}` and `{insights}` the providers below either. A level is
that of the request and the form of its answer; what it does to the world is in `behaviours.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.fidelity.entry import Entry, Level, operation

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Route

_SHORT = (
    ("/subscriptions/{subscriptionId}", "{sub}"),
    ("/resourceGroups/{resourceGroup}", "{group}"),
    ("/providers/Microsoft.Compute", "{compute}"),
    ("/providers/Microsoft.Insights", "{insights}"),
    ("/providers/Microsoft.Authorization", "{authorization}"),
    ("{sub}{group}{compute}/virtualMachineScaleSets/{scaleSet}", "{vmss}"),
    ("{vmss}/virtualMachines/{instanceId}", "{vm}"),
    ("{sub}{group}", "{group}"),
)

_SPEC = "azure-rest-api-specs, ComputeRP 2026-04-01; azure-mgmt-compute 39"
_SDK = "azure-mgmt-compute 39"
_MODIFY = "azure-cli recording test_vmss_create_and_modify (2024)"
_ROLLING = "azure-cli recording test_vmss_rolling_upgrade"
_REIMAGE = "azure-cli recording test_vmss_reimage"
_EVICTION = "azure-cli recording test_vmss_simulate_eviction"
_RESOURCES = "azure-rest-api-specs, Microsoft.Resources"
_INSIGHTS = "azure-rest-api-specs, Microsoft.Insights autoscale; azure-mgmt-monitor"
_NETWORK = "azure-rest-api-specs, Microsoft.Network vmssNetworkInterface 2018-10-01"
_CLI = "azure-cli 2.91, as it reads the answer"
_MSAL = "msal and azure-identity, as they read the answer"
_UNSUPPORTED = "answered as not supported: there is no guest"


def short_name(route: Route) -> str:
    """Return the name a route has in the ledger, such as `POST {vmss}/manualupgrade`."""
    path = route.template
    for long, short in _SHORT:
        path = path.replace(long, short)
    return f"{route.method} {path}"


def _spec(subject: str, note: str = "") -> Entry:
    return operation(subject, Level.SPEC, _SPEC, note)


def _recorded(subject: str, source: str, note: str = "") -> Entry:
    return operation(subject, Level.RECORDED, source, note)


_SETS = (
    _recorded("GET {vmss}", _MODIFY),
    _recorded("PUT {vmss}", _MODIFY, "200 with Azure-AsyncOperation and no Location; merges"),
    _spec("PATCH {vmss}"),
    _recorded("DELETE {vmss}", _MODIFY),
    _recorded("GET {group}{compute}/virtualMachineScaleSets", _MODIFY),
    _recorded("GET {sub}{compute}/virtualMachineScaleSets", _MODIFY, "group upper-case in ids"),
    _spec("GET {sub}{compute}/locations/{location}/virtualMachineScaleSets"),
    _recorded("GET {vmss}/instanceView", _MODIFY),
    _recorded("GET {vmss}/skus", _MODIFY),
    _recorded("POST {vmss}/manualupgrade", _MODIFY, "202; Location with monitor=true"),
    _recorded("POST {vmss}/reimage", _REIMAGE),
    _spec("POST {vmss}/reimageall", "what `az vmss reimage --instance-ids` sends"),
    _recorded("POST {vmss}/start", _MODIFY),
    _recorded("POST {vmss}/restart", _MODIFY),
    _recorded("POST {vmss}/poweroff", _MODIFY),
    _spec("POST {vmss}/deallocate"),
    _spec("POST {vmss}/redeploy"),
    _spec("POST {vmss}/reapply"),
    _spec("POST {vmss}/performMaintenance"),
    _spec("POST {vmss}/delete"),
    _spec("POST {vmss}/scaleOut"),
    _spec("POST {vmss}/convertToSinglePlacementGroup"),
    _spec("POST {vmss}/forceRecoveryServiceFabricPlatformUpdateDomainWalk"),
    _spec("POST {vmss}/setOrchestrationServiceState"),
    _spec("GET {vmss}/lifecycleHookEvents", "always empty"),
    _spec("GET {vmss}/lifecycleHookEvents/{event}", "always 404"),
    _spec("PATCH {vmss}/lifecycleHookEvents/{event}", "always 404"),
)
_INSTANCES = (
    _recorded("GET {vmss}/virtualMachines", _EVICTION, "instance views by documentation only"),
    _spec("GET {vm}"),
    _spec("GET {vm}/instanceView"),
    _spec("PUT {vm}"),
    _spec("DELETE {vm}"),
    _spec("POST {vm}/start"),
    _spec("POST {vm}/restart"),
    _spec("POST {vm}/powerOff"),
    _spec("POST {vm}/deallocate"),
    _spec("POST {vm}/redeploy"),
    _spec("POST {vm}/performMaintenance"),
    _spec("POST {vm}/reimage"),
    _spec("POST {vm}/reimageall"),
    _recorded("POST {vm}/simulateEviction", _EVICTION, "204"),
    _spec("POST {vm}/attachDetachDataDisks"),
    _spec("POST {vm}/retrieveBootDiagnosticsData"),
    _spec("POST {vm}/runCommand", _UNSUPPORTED),
    _spec("GET {vm}/runCommands", "always empty"),
    _spec("GET {vm}/runCommands/{runCommand}", "always 404"),
    _spec("PUT {vm}/runCommands/{runCommand}", _UNSUPPORTED),
    _spec("PATCH {vm}/runCommands/{runCommand}", _UNSUPPORTED),
    _spec("DELETE {vm}/runCommands/{runCommand}", _UNSUPPORTED),
    _spec("GET {vm}/diagnosticRunCommands", "always empty"),
    _spec("GET {vm}/diagnosticRunCommands/{runCommand}", "always 404"),
    _spec("PUT {vm}/diagnosticRunCommands/{runCommand}", _UNSUPPORTED),
    _spec("PATCH {vm}/diagnosticRunCommands/{runCommand}", _UNSUPPORTED),
    _spec("DELETE {vm}/diagnosticRunCommands/{runCommand}", _UNSUPPORTED),
)
_EXTENSIONS = (
    _spec("GET {vmss}/extensions"),
    _spec("GET {vmss}/extensions/{extension}"),
    _spec("PUT {vmss}/extensions/{extension}"),
    _spec("PATCH {vmss}/extensions/{extension}"),
    _spec("DELETE {vmss}/extensions/{extension}"),
    _spec("GET {vm}/extensions"),
    _spec("GET {vm}/extensions/{extension}"),
    _spec("PUT {vm}/extensions/{extension}"),
    _spec("PATCH {vm}/extensions/{extension}"),
    _spec("DELETE {vm}/extensions/{extension}"),
)
_ROLLING_UPGRADES = (
    _recorded("GET {vmss}/rollingUpgrades/latest", _ROLLING),
    _recorded("POST {vmss}/osRollingUpgrade", _ROLLING),
    _spec("POST {vmss}/extensionRollingUpgrade"),
    _recorded("POST {vmss}/rollingUpgrades/cancel", _ROLLING, "409 with nothing to cancel"),
    _spec("POST {vmss}/approveRollingUpgrade", "202 only"),
    _spec("POST {vm}/approveRollingUpgrade", "202 only"),
    _spec("GET {vmss}/osUpgradeHistory", "endTime as in the client library, not completedTime"),
)
_NETWORK_INTERFACES = (
    operation(
        "GET {vmss}/networkInterfaces",
        Level.SPEC,
        _NETWORK,
        "404 for a Flexible set, as users report (azure-cli#27341); addresses from the number",
    ),
)
_IMAGES = (
    _spec(
        "GET {sub}{compute}/locations/{location}/publishers/{publisher}/artifacttypes/vmimage"
        "/offers/{offer}/skus/{sku}/versions"
    ),
    _spec(
        "GET {sub}{compute}/locations/{location}/publishers/{publisher}/artifacttypes/vmimage"
        "/offers/{offer}/skus/{sku}/versions/{version}"
    ),
    _spec(
        "GET {sub}{compute}/locations/{location}/sharedGalleries/{gallery}/images/{image}/versions"
    ),
    _spec(
        "GET {sub}{compute}/locations/{location}/communityGalleries/{gallery}/images/{image}"
        "/versions"
    ),
    _spec("GET {group}{compute}/images/{image}"),
    _spec("GET {group}{compute}/galleries/{gallery}/images/{image}"),
    _spec("GET {group}{compute}/galleries/{gallery}/images/{image}/versions"),
    _spec("GET {group}{compute}/galleries/{gallery}/images/{image}/versions/{version}"),
)
_AUTOSCALE = tuple(
    operation(subject, Level.SPEC, _INSIGHTS)
    for subject in (
        "GET {sub}{insights}/autoscalesettings",
        "GET {group}{insights}/autoscalesettings",
        "GET {group}{insights}/autoscalesettings/{setting}",
        "PUT {group}{insights}/autoscalesettings/{setting}",
        "PATCH {group}{insights}/autoscalesettings/{setting}",
        "DELETE {group}{insights}/autoscalesettings/{setting}",
    )
)
_AUTHORIZATION = (
    operation(
        "GET {sub}{authorization}/permissions",
        Level.DOCUMENTED,
        "azure-docs, resource-manager-api-authentication",
        "by example; the reference has only the two below",
    ),
    *(
        operation(subject, Level.SPEC, "learn.microsoft.com, REST: Permissions 2022-04-01")
        for subject in (
            "GET {group}{authorization}/permissions",
            "GET {group}{compute}/{resourceType}/{resourceName}{authorization}/permissions",
        )
    ),
)
_RESOURCE_MANAGER = (
    _recorded("GET {sub}{compute}/locations/{location}/operations/{operationId}", _ROLLING),
    *(
        operation(subject, Level.SPEC, _RESOURCES)
        for subject in (
            "GET /tenants",
            "GET /subscriptions",
            "GET {sub}",
            "GET {sub}/locations",
            "GET {sub}/resourceGroups",
            "GET {group}",
            "HEAD {group}",
            "PUT {group}",
            "PATCH {group}",
            "DELETE {group}",
            "GET {sub}/operationresults/{result}",
            "GET {sub}/providers",
            "GET {sub}/providers/{namespace}",
            "POST {sub}/providers/{namespace}/register",
        )
    ),
    _spec("GET {compute}/operations"),
)
_IDENTITY = (
    operation("GET /metadata/endpoints", Level.SPEC, _CLI, "the keys `az cloud register` needs"),
    *(
        operation(subject, Level.SPEC, _MSAL)
        for subject in (
            "GET /{tenant}/v2.0/.well-known/openid-configuration",
            "GET /{tenant}/.well-known/openid-configuration",
            "GET /{tenant}/discovery/v2.0/keys",
            "GET /{tenant}/discovery/keys",
            "GET /common/discovery/instance",
            "POST /{tenant}/oauth2/v2.0/token",
            "POST /{tenant}/oauth2/token",
            "GET /msi/token",
            "GET /metadata/identity/oauth2/token",
        )
    ),
)

OPERATIONS: tuple[Entry, ...] = (
    *_SETS,
    *_INSTANCES,
    *_EXTENSIONS,
    *_NETWORK_INTERFACES,
    *_ROLLING_UPGRADES,
    *_IMAGES,
    *_AUTOSCALE,
    *_AUTHORIZATION,
    *_RESOURCE_MANAGER,
    *_IDENTITY,
)
