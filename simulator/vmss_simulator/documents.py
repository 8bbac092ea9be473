"""The ARM document of a scale set: merging writes into it, and reading what the world acts on.

Everything a client sends passes through here, so every accessor refuses what has the wrong
shape with ArmError 400 instead of trusting it.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vmss_simulator.errors import ArmError
from vmss_simulator.values import ExtensionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

_READ_ONLY = frozenset({"id", "name", "type", "etag"})
_READ_ONLY_PROPERTIES = frozenset({"provisioningState", "uniqueId", "timeCreated"})
# Azure takes these and never gives them back.
WRITE_ONLY = frozenset({"adminPassword", "customData", "protectedSettings"})
# Replaced as a whole by a write: tags are one value to ARM, and so is a disk image.
_ATOMIC = frozenset({"tags", "image"})
_PLATFORM_IMAGE = frozenset({"publisher", "offer", "sku", "version"})
_PROFILE = ("properties", "virtualMachineProfile")
_MAX_DEPTH = 64


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a write into a document: objects recursively, arrays replaced, null removes."""
    merged = dict(old)
    for key, value in new.items():
        current = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif key == "imageReference" and not _completes(current, value):
            merged[key] = value
        elif isinstance(value, dict) and key not in _ATOMIC:
            merged[key] = merge(current if isinstance(current, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _completes(current: Any, value: Any) -> bool:
    """Whether part of a platform image is written over another one; other forms must not mix.

    `az vmss update --set ...imageReference.version=X` sends the version only, and relies on a
    write leaving alone what it leaves out (learn.microsoft.com, "PUT calls for creation or
    updates on compute resources").
    """
    return (
        isinstance(current, dict)
        and isinstance(value, dict)
        and current.keys() <= _PLATFORM_IMAGE
        and value.keys() <= _PLATFORM_IMAGE
    )


def accepted(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a client's write is stored: no read-only and no write-only field.

    ArmError 400 `InvalidRequestContent` when it is no document at all.
    """
    if not isinstance(body, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content is not a JSON object.")
    clean = {key: value for key, value in body.items() if key not in _READ_ONLY}
    properties = clean.get("properties")
    if isinstance(properties, dict):
        kept = {k: v for k, v in properties.items() if k not in _READ_ONLY_PROPERTIES}
        profile = kept.get("virtualMachineProfile")
        if isinstance(profile, dict):
            kept["virtualMachineProfile"] = {k: v for k, v in profile.items() if k != "timeCreated"}
        clean["properties"] = kept
    stored: dict[str, Any] = _without_secrets(clean, 0)
    reference = section(stored, *_PROFILE, "storageProfile").get("imageReference")
    if isinstance(reference, dict):
        reference.pop("exactVersion", None)
    return stored


def section(body: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the object at the path, empty when it is absent; ArmError 400 when it is none."""
    current: Any = body
    for name in path:
        current = current.get(name)
        if current is None:
            return {}
        if not isinstance(current, dict):
            raise invalid_parameter(name, current)
    found: Mapping[str, Any] = current
    return found


def text(body: Mapping[str, Any], *path: str) -> str | None:
    """Return the text at the path, None when it is absent; ArmError 400 when it is not text."""
    value = section(body, *path[:-1]).get(path[-1])
    if value is None or isinstance(value, str):
        return value
    raise invalid_parameter(path[-1], value)


def image_reference(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the model's image: its `imageReference`, or `{"uri": ...}` of a legacy disk image.

    ArmError 400 when there is neither, or both.
    """
    storage = section(body, *_PROFILE, "storageProfile")
    reference = section(storage, "imageReference")
    image = section(storage, "osDisk", "image")
    if reference and image:
        message = "Parameters 'imageReference' and 'osDisk.image' cannot be set at the same time."
        raise ArmError(400, "InvalidParameter", message, target="imageReference")
    if not reference and not image:
        message = "Required parameter 'storageProfile.imageReference' is missing (null)."
        raise ArmError(400, "InvalidParameter", message, target="storageProfile.imageReference")
    return reference or image


def vm_size(body: Mapping[str, Any]) -> str:
    """Return the size of the set's machines; ArmError 400 when it names none."""
    name = text(body, "sku", "name")
    if not name:
        raise ArmError(
            400,
            "InvalidParameter",
            "Required parameter 'sku.name' is missing (null).",
            target="sku",
        )
    return name


def capacity(body: Mapping[str, Any]) -> int:
    """Return how many machines the set shall have; ArmError 400 when out of its range.

    At most 100 in a single placement group, 600 of a managed image, else 1000 (placement groups
    page).
    """
    value = section(body, "sku").get("capacity", 0)
    single = section(body, "properties").get("singlePlacementGroup", True) is True
    limit = 100 if single else 600 if _is_managed_image(body) else 1000
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        message = (
            f"The value of parameter sku.capacity is invalid: {value!r}."
            f" The capacity must be between 0 and {limit}, inclusive."
        )
        raise ArmError(400, "InvalidParameter", message, target="sku.capacity")
    return value


def _is_managed_image(body: Mapping[str, Any]) -> bool:
    image_id = text(body, *_PROFILE, "storageProfile", "imageReference", "id") or ""
    return "/providers/microsoft.compute/images/" in image_id.casefold()


def upgrade_mode(body: Mapping[str, Any]) -> str:
    """Return `Manual`, `Automatic` or `Rolling`; ArmError 400 for anything else."""
    mode = text(body, "properties", "upgradePolicy", "mode")
    for known in ("Manual", "Automatic", "Rolling"):
        if mode is None or mode.casefold() == known.casefold():
            return known
    raise invalid_parameter("upgradePolicy.mode", mode)


def is_flexible(body: Mapping[str, Any]) -> bool:
    """Whether the orchestration mode is Flexible."""
    return (text(body, "properties", "orchestrationMode") or "Uniform").casefold() == "flexible"


def fingerprint(body: Mapping[str, Any]) -> str:
    """Return a stable hash of what an upgrade applies: the machine profile and the size."""
    model = {"profile": section(body, *_PROFILE), "size": section(body, "sku").get("name")}
    canonical = json.dumps(model, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(canonical.encode()).hexdigest()[:16]


def with_image(body: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with another image in its model."""
    storage: dict[str, Any]
    if "uri" in reference:
        storage = {"osDisk": {"image": dict(reference)}, "imageReference": None}
    else:
        storage = {"osDisk": {"image": None}, "imageReference": dict(reference)}
    return merge(body, {"properties": {"virtualMachineProfile": {"storageProfile": storage}}})


def extensions(body: Mapping[str, Any]) -> tuple[ExtensionStatus, ...]:
    """Return the model's extensions, as an instance that has them shows them."""
    listed = section(body, *_PROFILE, "extensionProfile").get("extensions", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise invalid_parameter("extensionProfile.extensions", listed)
    return tuple(
        ExtensionStatus(
            name=text(each, "name") or "",
            publisher=text(each, "properties", "publisher") or "",
            type=text(each, "properties", "type") or "",
            version=text(each, "properties", "typeHandlerVersion") or "1.0",
            settings=section(each, "properties", "settings"),
            auto_upgrade=section(each, "properties").get("autoUpgradeMinorVersion") is not False,
        )
        for each in listed
    )


def has_application_health(body: Mapping[str, Any]) -> bool:
    """Whether the model has a health source: the extension, or a load balancer probe."""
    if health_probe(body):
        return True
    return any(
        each.publisher.casefold() == "microsoft.managedservices"
        and each.type.casefold().startswith("applicationhealth")
        for each in extensions(body)
    )


def health_probe(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the model's load balancer probe, empty when it has none."""
    return section(body, *_PROFILE, "networkProfile", "healthProbe")


def zones(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the set's availability zones; ArmError 400 when they are not a list of texts."""
    listed = body.get("zones") or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise invalid_parameter("zones", listed)
    return tuple(listed)


def fault_domain_count(body: Mapping[str, Any]) -> int:
    """Return the set's fault domains; ArmError 400 when that is no number from 1 to 5.

    A Flexible set has at most three (orchestration modes page).
    """
    default, most = (1, 3) if is_flexible(body) else (5, 5)
    value = section(body, "properties").get("platformFaultDomainCount", default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise invalid_parameter("platformFaultDomainCount", value)
    return value


def invalid_parameter(name: str, value: object) -> ArmError:
    """Return the error for a field that has the wrong type or value."""
    return ArmError(
        400,
        "InvalidParameter",
        f"The value of parameter {name} is invalid: {value!r}.",
        target=name,
    )


def _without_secrets(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ArmError(400, "InvalidRequestContent", "The request content is nested too deeply.")
    if isinstance(value, dict):
        return {
            str(key): _without_secrets(item, depth + 1)
            for key, item in value.items()
            if key not in WRITE_ONLY
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(item, depth + 1) for item in value]
    return value
