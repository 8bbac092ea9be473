"""Autoscale settings as documents -> domain values, and the one change we write to them.

Source: the models of azure-mgmt-monitor 7, api-version 2022-10-01. Counts are texts on the wire.
Pure; imports nothing of Azure's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vmssplan.errors import NotFound
from vmssplan.model import AutoscaleProfile, AutoscaleSetting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmssplan.model import ScaleSetId

MAY_NOT_READ = (
    "this needs the permission Microsoft.Insights/autoscaleSettings/read on the subscription, for"
    " a setting may be in any resource group; or write autoscale: ignore in the Plan"
)
MAY_NOT_WRITE = (
    "this needs the permission Microsoft.Insights/autoscaleSettings/write on the autoscale"
    " setting; or write autoscale: ignore in the Plan"
)
_SETTING_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers"
    r"/Microsoft\.Insights/autoscaleSettings/(?P<name>[^/]+)",
    re.IGNORECASE,
)


def read_settings(
    raw: Iterable[Mapping[str, Any]], target: ScaleSetId
) -> tuple[AutoscaleSetting, ...]:
    """Return those of a list of settings that scale this set, by resource id."""
    about_it = (
        _read_setting(each)
        for each in raw
        if str(_properties(each).get("targetResourceUri") or "").rstrip("/").casefold()
        == target.resource_id.casefold()
    )
    return tuple(sorted(about_it, key=lambda setting: setting.resource_id.casefold()))


def _read_setting(raw: Mapping[str, Any]) -> AutoscaleSetting:
    properties = _properties(raw)
    return AutoscaleSetting(
        resource_id=str(raw.get("id") or ""),
        name=str(raw.get("name") or ""),
        # What does not say that it is off may scale.
        enabled=properties.get("enabled") is not False,
        profiles=tuple(_read_profile(each) for each in properties.get("profiles") or []),
    )


def _read_profile(raw: Mapping[str, Any]) -> AutoscaleProfile:
    capacity = raw.get("capacity") or {}
    return AutoscaleProfile(
        name=str(raw.get("name") or ""),
        minimum=int(capacity.get("minimum") or 0),
        maximum=int(capacity.get("maximum") or 0),
        default=int(capacity.get("default") or 0),
    )


def write_capacities(
    raw: Mapping[str, Any], wanted: AutoscaleSetting
) -> dict[str, dict[str, Any]] | None:
    """Return the PATCH that gives the profiles named there these capacities; None for no change.

    A PATCH replaces the profiles as one value, so each goes back as it was read, and `enabled`
    with them: left out, the service's documents say that it is false. Raises NotFound when a
    profile is gone.
    """
    properties = _properties(raw)
    profiles = list(properties.get("profiles") or [])
    capacities = {each.name: _capacity(each) for each in wanted.profiles}
    missing = capacities.keys() - {str(each.get("name") or "") for each in profiles}
    if missing:
        names = ", ".join(sorted(missing))
        raise NotFound(
            f"the autoscale setting {wanted.name} no longer has the profile {names}",
            hint="somebody changed the setting; give it the instance counts it needs by hand",
        )
    written = [
        {**each, "capacity": capacities.get(str(each.get("name") or ""), each.get("capacity"))}
        for each in profiles
    ]
    if written == profiles:
        return None
    return {"properties": {"profiles": written, "enabled": properties.get("enabled") is not False}}


def _capacity(profile: AutoscaleProfile) -> dict[str, str]:
    return {
        "minimum": str(profile.minimum),
        "maximum": str(profile.maximum),
        "default": str(profile.default),
    }


def place_of(setting: AutoscaleSetting) -> tuple[str, str, str]:
    """Return subscription, resource group and name, as the setting's id has them.

    Raises NotFound for what is no such id.
    """
    found = _SETTING_ID.fullmatch(setting.resource_id.rstrip("/"))
    if found is None:
        raise NotFound(f"{setting.resource_id!r} is not the id of an autoscale setting")
    return found["subscription"], found["group"], found["name"]


def _properties(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = raw.get("properties") or {}
    return properties
