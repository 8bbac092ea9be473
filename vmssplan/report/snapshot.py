"""A live scale set as a scenario file of the simulator.

Only what the domain knows is written: nothing read from Azure is copied wholesale, so that no
secret can come along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmssplan.durations import format_duration
from vmssplan.model import (
    HealthState,
    Instance,
    PlatformImage,
    ResourceImage,
    ScaleSet,
    image_fields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vmssplan.model import ImageReference, PlatformActions

SCHEMA_LINE = "# yaml-language-server: $schema=../../schemas/scenario.v1.schema.json\n"
POWER_STATES = frozenset(
    {"starting", "running", "stopping", "stopped", "deallocating", "deallocated"}
)


def snapshot_text(
    live: ScaleSet,
    image_versions: Sequence[str],
    taken_at: datetime,
    wanted: ImageReference | None = None,
    further: Mapping[str, Any] | None = None,
) -> str:
    """Return the scenario as YAML; `image_versions` are those known of the set's image.

    `further` are keys of the scenario besides, such as its seed.
    """
    import yaml  # noqa: PLC0415 - only a snapshot needs it

    document = {**snapshot_document(live, image_versions, taken_at, wanted), **(further or {})}
    body = yaml.safe_dump(document, sort_keys=False, width=100)
    return f"{SCHEMA_LINE}# {live.id}, as it was at {taken_at:%Y-%m-%d %H:%M:%S} UTC.\n{body}"


def snapshot_document(
    live: ScaleSet,
    image_versions: Sequence[str],
    taken_at: datetime,
    wanted: ImageReference | None = None,
) -> dict[str, Any]:
    """Return the scenario document (`schemas/scenario.v1.schema.json`).

    `wanted` is an image that is to be had there too, which nothing runs yet.
    """
    document: dict[str, Any] = {
        "apiVersion": "vmss-simulator/v1",
        "kind": "Scenario",
        "name": live.id.name,
        "start": taken_at.isoformat(),
        "images": _images(live, image_versions, wanted),
        "scaleSets": [_scale_set(live)],
    }
    return {key: value for key, value in document.items() if value}


def _images(
    live: ScaleSet, image_versions: Sequence[str], wanted: ImageReference | None
) -> dict[str, Any]:
    """Return a catalogue that knows every image and version named, wanted or run."""
    platform: dict[tuple[str, str, str], set[str]] = {}
    galleries: dict[str, set[str]] = {}
    managed: set[str] = set()
    for image in (live.model.image, wanted, *(one.image for one in live.instances)):
        match image:
            case PlatformImage(publisher, offer, sku, version):
                platform.setdefault((publisher, offer, sku), set()).add(version)
            case ResourceImage(text) if "/galleries/" in text.casefold():
                definition, _, version = _split_version(text)
                galleries.setdefault(definition, set()).add(version)
            case ResourceImage(text):
                managed.add(text)
            case _:
                continue
    for one in live.instances:
        if isinstance(one.image, PlatformImage) and one.exact_version:
            names = (one.image.publisher, one.image.offer, one.image.sku)
            platform[names].add(one.exact_version)
        elif isinstance(one.image, ResourceImage) and one.exact_version:
            galleries.setdefault(_split_version(one.image.id)[0], set()).add(one.exact_version)
    match live.model.image:
        case PlatformImage(publisher, offer, sku, _):
            platform[publisher, offer, sku].update(image_versions)
        case ResourceImage(text) if "/galleries/" in text.casefold():
            galleries[_split_version(text)[0]].update(image_versions)
    found: dict[str, Any] = {
        "platform": [
            {"publisher": p, "offer": o, "sku": s, "versions": _named(versions)}
            for (p, o, s), versions in sorted(platform.items())
        ],
        "galleries": [
            {"id": name, "versions": _named(versions)}
            for name, versions in sorted(galleries.items())
        ],
        "managed": [{"id": name} for name in sorted(managed)],
    }
    return {key: value for key, value in found.items() if value}


def _scale_set(live: ScaleSet) -> dict[str, Any]:
    document: dict[str, Any] = {
        "subscriptionId": live.id.subscription_id,
        "resourceGroup": live.id.resource_group,
        "name": live.id.name,
        "location": live.location,
        "orchestrationMode": live.orchestration_mode.value,
        "vmSize": live.model.vm_size,
        "image": image_fields(live.model.image) if live.model.image else None,
        "upgradePolicy": live.model.upgrade_policy.value if live.model.upgrade_policy else None,
        "applicationHealth": live.has_application_health,
        "zones": sorted({one.zone for one in live.instances if one.zone}),
        "singlePlacementGroup": len(live.instances) <= 100,  # noqa: PLR2004 - Azure's own limit
        "model": _model(live.platform),
        "instances": [_instance(one) for one in live.instances],
    }
    return {key: value for key, value in document.items() if value not in (None, [], {})}


def _model(actions: PlatformActions) -> dict[str, Any]:
    """Return what of the set's model lets the simulator act by itself, as Azure does."""
    properties: dict[str, Any] = {}
    if actions.repairs is not None:
        properties["automaticRepairsPolicy"] = {
            "enabled": True,
            "gracePeriod": format_duration(actions.repairs.grace_period),
            "repairAction": actions.repairs.action,
        }
    if actions.spot:
        properties["virtualMachineProfile"] = {"priority": "Spot"}
    return {"properties": properties} if properties else {}


def _instance(one: Instance) -> dict[str, Any]:
    protection = {
        "fromScaleIn": one.protected_from_scale_in,
        "fromScaleSetActions": one.protected_from_scale_set_actions,
    }
    document: dict[str, Any] = {
        "instanceId": one.instance_id,
        "vmId": one.vm_id,
        "updateDomain": one.update_domain,
        "faultDomain": one.fault_domain,
        "zone": one.zone,
        "image": image_fields(one.image) if one.image else None,
        "exactVersion": one.exact_version,
        "vmSize": one.vm_size,
        "power": one.power_state if one.power_state in POWER_STATES else "stopped",
        "provisioning": one.provisioning_state,
        "health": _health(one.application_health),
        "protection": {key: value for key, value in protection.items() if value},
        "latestModelApplied": one.latest_model_applied,
    }
    if one.error is not None:
        document["error"] = {"code": one.error.code, "message": one.error.message}
    return {key: value for key, value in document.items() if value not in (None, {})}


def _health(state: HealthState | None) -> str | None:
    return state.value if state else None


def _split_version(text: str) -> tuple[str, str, str]:
    position = text.casefold().find("/versions/")
    if position < 0:
        return text, "", "latest"
    return text[:position], "/versions/", text[position + len("/versions/") :]


def _named(versions: set[str]) -> list[str]:
    """Return the exact versions, in their own order."""
    exact = [version for version in versions if version != "latest"]
    return sorted(exact, key=lambda v: [int(p) if p.isdecimal() else 0 for p in v.split(".")])
