"""The regions of the simulated cloud: a few of the real ones, and whatever is in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmss_simulator.images import fold_location

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class _Region:
    display_name: str
    geography: str
    zones: int = 3


_REGIONS = (
    _Region("Australia East", "Asia Pacific"),
    _Region("Canada Central", "Canada"),
    _Region("Central US", "US"),
    _Region("East US", "US"),
    _Region("East US 2", "US"),
    _Region("France Central", "Europe"),
    _Region("Germany West Central", "Europe"),
    _Region("Japan East", "Asia Pacific"),
    _Region("North Europe", "Europe"),
    _Region("South Central US", "US"),
    _Region("Southeast Asia", "Asia Pacific"),
    _Region("Sweden Central", "Europe"),
    _Region("Switzerland North", "Europe"),
    _Region("UK South", "UK"),
    _Region("West Central US", "US", zones=0),
    _Region("West Europe", "Europe"),
    _Region("West US", "US", zones=0),
    _Region("West US 2", "US"),
    _Region("West US 3", "US"),
)
NAMES = tuple(each.display_name for each in _REGIONS)


def region_documents(subscription_id: str, in_use: Iterable[str]) -> list[dict[str, Any]]:
    """Return the regions as a subscription lists them, by name, those in use added."""
    known = {fold_location(each.display_name): each for each in _REGIONS}
    for location in in_use:
        if location:
            known.setdefault(fold_location(location), _Region(location, "Other", zones=0))
    return [_document(subscription_id, name, known[name]) for name in sorted(known)]


def _document(subscription_id: str, name: str, region: _Region) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": f"/subscriptions/{subscription_id}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": region.display_name,
        "regionalDisplayName": f"({region.geography}) {region.display_name}",
        "metadata": {
            "regionType": "Physical",
            "regionCategory": "Recommended" if region.zones else "Other",
            "geography": region.geography,
            "geographyGroup": region.geography,
        },
    }
    if region.zones:
        document["availabilityZoneMappings"] = [
            {"logicalZone": str(zone), "physicalZone": f"{name}-az{zone}"}
            for zone in range(1, region.zones + 1)
        ]
    return document
