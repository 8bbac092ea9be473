"""Azure Resource Manager documents -> domain values, and the one document we write.

Every backend reads scale sets through this file, so that a field means the same on every road.
Sources: the recorded answers of `az vmss show` and `az vmss list-instances`, and the models of
azure-mgmt-compute 39. Pure; imports nothing of Azure's.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vmssplan.durations import parse_duration
from vmssplan.model import (
    AutomaticRepairs,
    AzureError,
    CommunityGalleryImage,
    Deprecation,
    HealthState,
    ImageReference,
    Instance,
    ListedScaleSet,
    ModelFields,
    OperationReport,
    OperationStatus,
    OrchestrationMode,
    PlatformActions,
    PlatformImage,
    ResourceImage,
    ScaleSet,
    ScaleSetId,
    SharedGalleryImage,
    Told,
    UpgradeMode,
    UriImage,
    image_fields,
)
from vmssplan.redaction import address_without_secrets, redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmssplan.operating import Protection

Raw = dict[str, Any]

_PATCHED_BY_PLATFORM = "automaticbyplatform"
_DEFAULT_GRACE = "PT10M"
_MACHINE_ID = re.compile(r"/virtualMachines/([^/]+)/networkInterfaces/", re.IGNORECASE)
_SCALE_SET_ID = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)"
    r"/providers/Microsoft\.Compute/virtualMachineScaleSets/([^/]+)",
    re.IGNORECASE,
)
HEALTH_EXTENSIONS = frozenset({"applicationhealthlinux", "applicationhealthwindows"})


def read_scale_set(raw: Mapping[str, Any], target: ScaleSetId, vms: Iterable[Raw]) -> ScaleSet:
    """Build a ScaleSet from the answers to GET and to the instance list with instance views."""
    properties = _at(raw, "properties")
    mode = properties.get("orchestrationMode")
    return ScaleSet(
        id=target,
        location=raw.get("location") or "",
        etag=raw.get("etag") or "",
        model=read_model(raw),
        orchestration_mode=OrchestrationMode(mode) if mode else OrchestrationMode.UNIFORM,
        provisioning_state=properties.get("provisioningState") or "",
        has_application_health=has_application_health(raw),
        platform=read_platform_actions(raw),
        instances=tuple(read_instance(vm) for vm in vms),
    )


def read_model(raw: Mapping[str, Any]) -> ModelFields:
    """Return the fields of a scale set's model that a Plan can own."""
    properties = _at(raw, "properties")
    mode = _at(properties, "upgradePolicy").get("mode")
    return ModelFields(
        image=read_image(_at(properties, "virtualMachineProfile", "storageProfile")),
        vm_size=_at(raw, "sku").get("name"),
        upgrade_policy=UpgradeMode(mode) if mode else None,
    )


def read_platform_actions(raw: Mapping[str, Any]) -> PlatformActions:
    """Return what the model of a scale set lets Azure do by itself."""
    properties = _at(raw, "properties")
    profile = _at(properties, "virtualMachineProfile")
    os_policy = _at(properties, "upgradePolicy", "automaticOSUpgradePolicy")
    rebalancing = _at(properties, "resiliencyPolicy", "automaticZoneRebalancingPolicy")
    systems = (
        _at(profile, "osProfile", each) for each in ("linuxConfiguration", "windowsConfiguration")
    )
    patch_modes = [str(_at(each, "patchSettings").get("patchMode") or "") for each in systems]
    return PlatformActions(
        os_upgrades=bool(os_policy.get("enableAutomaticOSUpgrade")),
        repairs=_repairs(_at(properties, "automaticRepairsPolicy")),
        # Low is what Spot was called before.
        spot=str(profile.get("priority") or "").casefold() in ("spot", "low"),
        zone_rebalancing=bool(rebalancing.get("enabled")),
        guest_patching=_PATCHED_BY_PLATFORM in map(str.casefold, patch_modes),
    )


def _repairs(policy: Mapping[str, Any]) -> AutomaticRepairs | None:
    if not policy.get("enabled"):
        return None
    try:
        grace = parse_duration(str(policy.get("gracePeriod") or _DEFAULT_GRACE))
    except ValueError:
        # Azure checks it, so this is a form nobody has seen: say the least it can be.
        grace = parse_duration(_DEFAULT_GRACE)
    return AutomaticRepairs(grace, str(policy.get("repairAction") or "Replace"))


def has_application_health(raw: Mapping[str, Any]) -> bool:
    """Tell whether a health extension or a health probe reports `vmHealth` for the instances."""
    profile = _at(raw, "properties", "virtualMachineProfile")
    if _at(profile, "networkProfile").get("healthProbe"):
        return True
    extensions = _at(profile, "extensionProfile").get("extensions") or []
    types = (str(_at(each, "properties").get("type", "")).casefold() for each in extensions)
    return any(name in HEALTH_EXTENSIONS for name in types)


def read_image(storage: Mapping[str, Any]) -> ImageReference | None:
    """Return the image of a storage profile; None when it has none."""
    reference = storage.get("imageReference") or {}
    if reference.get("sharedGalleryImageId"):
        return SharedGalleryImage(reference["sharedGalleryImageId"])
    if reference.get("communityGalleryImageId"):
        return CommunityGalleryImage(reference["communityGalleryImageId"])
    if reference.get("id"):
        return ResourceImage(reference["id"])
    if reference.get("publisher"):
        names = ("publisher", "offer", "sku", "version")
        return PlatformImage(*(str(reference.get(name) or "") for name in names))
    uri = _at(storage, "osDisk", "image").get("uri")
    return UriImage(address_without_secrets(uri)) if uri else None


def read_deprecation(raw: Mapping[str, Any]) -> Deprecation | None:
    """Return what the document of one marketplace version says of its end; None for nothing."""
    status = _at(raw, "properties", "imageDeprecationStatus")
    state = str(status.get("imageState") or "").casefold()
    if state not in ("deprecated", "scheduledfordeprecation"):
        return None
    at = status.get("scheduledDeprecationTime")
    instead = _at(status, "alternativeOption").get("value")
    return Deprecation(
        is_over=state == "deprecated",
        at=datetime.fromisoformat(at) if at else None,
        instead=str(instead) if instead else None,
    )


def read_instance(raw: Mapping[str, Any]) -> Instance:
    """Build an Instance from one entry of the list with `$expand=instanceView`."""
    properties = _at(raw, "properties")
    view = _at(properties, "instanceView")
    storage = _at(properties, "storageProfile")
    protection = _at(properties, "protectionPolicy")
    statuses = view.get("statuses") or []
    health = _code(_at(view, "vmHealth", "status"), "HealthState/")
    return Instance(
        instance_id=str(raw.get("instanceId") or raw.get("name") or ""),
        vm_id=properties.get("vmId") or "",
        image=read_image(storage),
        exact_version=_at(storage, "imageReference").get("exactVersion"),
        vm_size=_at(raw, "sku").get("name") or _at(properties, "hardwareProfile").get("vmSize"),
        latest_model_applied=bool(properties.get("latestModelApplied")),
        provisioning_state=properties.get("provisioningState") or "",
        power_state=next((p for s in statuses if (p := _code(s, "PowerState/"))), "unknown"),
        application_health=_health(health),
        failed_extensions=tuple(_failed_extensions(view.get("extensions") or [])),
        update_domain=view.get("platformUpdateDomain"),
        fault_domain=view.get("platformFaultDomain"),
        zone=next(iter(raw.get("zones") or []), None),
        protected_from_scale_set_actions=bool(protection.get("protectFromScaleSetActions")),
        protected_from_scale_in=bool(protection.get("protectFromScaleIn")),
        error=_provisioning_error(statuses),
        computer_name=_at(properties, "osProfile").get("computerName"),
        placement_group=view.get("placementGroupId"),
    )


def read_listed(raw: Mapping[str, Any]) -> ListedScaleSet | None:
    """Build an entry of the list of a subscription; None where its id is none of a scale set."""
    target = read_id(str(raw.get("id") or ""))
    if target is None:
        return None
    properties = _at(raw, "properties")
    mode = properties.get("orchestrationMode")
    return ListedScaleSet(
        id=target,
        location=str(raw.get("location") or ""),
        model=read_model(raw),
        capacity=int(_at(raw, "sku").get("capacity") or 0),
        orchestration_mode=OrchestrationMode(mode) if mode else OrchestrationMode.UNIFORM,
        zones=tuple(str(each) for each in raw.get("zones") or []),
        provisioning_state=str(properties.get("provisioningState") or ""),
    )


def read_id(text: str) -> ScaleSetId | None:
    """Read the resource id of a scale set; None where it is none."""
    found = _SCALE_SET_ID.fullmatch(text)
    return None if found is None else ScaleSetId(found[1], found[2], found[3])


def read_told(view: Mapping[str, Any]) -> tuple[Told, ...]:
    """Read all statuses of an instance view: the machine's, its agent's, its extensions'."""
    agent, health = _at(view, "vmAgent"), _at(view, "vmHealth", "status")
    parts: list[tuple[str, Sequence[Mapping[str, Any]]]] = [
        ("", view.get("statuses") or []),
        ("agent", agent.get("statuses") or []),
        ("health", [health] if health else []),
    ]
    for each in view.get("extensions") or []:
        all_of_it = [*(each.get("statuses") or []), *(each.get("substatuses") or [])]
        parts.append((f"extensions/{each.get('name') or ''}", all_of_it))
    return tuple(_told(about, status) for about, statuses in parts for status in statuses)


def _told(about: str, status: Mapping[str, Any]) -> Told:
    return Told(
        about=about,
        code=redacted(str(status.get("code") or "")),
        message=redacted(str(status.get("message") or status.get("displayStatus") or "")),
        level=str(status.get("level") or "Info"),
        at=str(status.get("time") or ""),
    )


def read_addresses(interfaces: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the primary address of each machine's primary interface, by instance id.

    From the list of a scale set's network interfaces; what has no address yet is left out.
    """
    found = {}
    for interface in interfaces:
        properties = _at(interface, "properties")
        machine = _MACHINE_ID.search(str(interface.get("id") or ""))
        addresses = [_at(each, "properties") for each in properties.get("ipConfigurations") or []]
        # A lone interface, or configuration of one, need not say that it is the primary one.
        named = [each for each in addresses if each.get("primary")] or addresses[:1]
        address = named[0].get("privateIPAddress") if named else None
        if machine is not None and address and properties.get("primary") is not False:
            found[machine[1]] = str(address)
    return found


def read_operation(raw: Mapping[str, Any]) -> OperationReport:
    """Build a report from the body of an asynchronous operation resource.

    Unknown words mean: still running. The details' `target` is the instance id.
    """
    word = str(raw.get("status") or "").casefold()
    status = {
        "succeeded": OperationStatus.SUCCEEDED,
        "failed": OperationStatus.FAILED,
        "canceled": OperationStatus.CANCELED,
    }.get(word, OperationStatus.IN_PROGRESS)
    error = raw.get("error") or None
    return OperationReport(
        status,
        read_error(error) if error else None,
        {
            str(detail["target"]): read_error(detail)
            for detail in (error or {}).get("details") or []
            if detail.get("target") is not None
        },
    )


def read_error(raw: Mapping[str, Any]) -> AzureError:
    """Return code and message of an error body's inner object, without secrets in them."""
    code, message = str(raw.get("code") or "Unknown"), str(raw.get("message") or "")
    return AzureError(redacted(code), redacted(message))


def write_model(fields: ModelFields) -> Raw:
    """Return the minimal PATCH body: these fields and nothing that was read."""
    body: Raw = {}
    properties: Raw = {}
    if fields.vm_size is not None:
        body["sku"] = {"name": fields.vm_size}
    if fields.upgrade_policy is not None:
        properties["upgradePolicy"] = {"mode": fields.upgrade_policy.value}
    if fields.image is not None:
        storage: Raw = {"imageReference": image_fields(fields.image)}
        if isinstance(fields.image, UriImage):
            storage = {"osDisk": {"image": image_fields(fields.image)}}
        properties["virtualMachineProfile"] = {"storageProfile": storage}
    if properties:
        body["properties"] = properties
    return body


def write_protection(protection: Protection) -> Raw:
    """Return the minimal PUT body of an instance: its protection, both halves of it.

    More would make the instance's model its own (azure-cli#30708). Protection from scale set
    actions has the one from scale in within it, so nothing is said of that half then.
    """
    actions = bool(protection.scale_set_actions)
    policy: Raw = {"protectFromScaleSetActions": actions}
    if not actions:
        policy["protectFromScaleIn"] = bool(protection.scale_in)
    return {"properties": {"protectionPolicy": policy}}


def write_capacity(capacity: int) -> Raw:
    """Return the minimal PATCH body of a set that is to have so many instances."""
    return {"sku": {"capacity": capacity}}


def _at(raw: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return the object below these keys; empty where anything on the way is missing."""
    for key in keys:
        raw = raw.get(key) or {}
    return raw


def _code(status: Mapping[str, Any], prefix: str) -> str:
    code = str(status.get("code") or "")
    return code[len(prefix) :] if code.startswith(prefix) else ""


def _health(word: str) -> HealthState | None:
    if not word:
        return None
    known = {state.value for state in HealthState}
    return HealthState(word.casefold()) if word.casefold() in known else HealthState.UNKNOWN


def _failed_extensions(extensions: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for extension in extensions:
        codes = (str(s.get("code") or "").casefold() for s in extension.get("statuses") or [])
        if any(code.startswith("provisioningstate/failed") for code in codes):
            yield str(extension.get("name") or "")


def _provisioning_error(statuses: Sequence[Mapping[str, Any]]) -> AzureError | None:
    """Read `ProvisioningState/failed/<code>`, as the instance view of a failed instance has it."""
    for status in statuses:
        state, _, code = _code(status, "ProvisioningState/").partition("/")
        if state.casefold() == "failed":
            text = status.get("message") or status.get("displayStatus") or ""
            return read_error({"code": code or "ProvisioningFailed", "message": text})
    return None
