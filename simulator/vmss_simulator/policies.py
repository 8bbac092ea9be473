"""The policies in a scale set's document that decide what happens to single machines.

Scale-in, automatic repairs, spot eviction; ranges and defaults from the client library's models.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.durations import parse_duration
from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_SCALE_IN = ("Default", "NewestVM", "OldestVM")
_REPAIRS = ("Replace", "Restart", "Reimage")
_EVICTIONS = ("Deallocate", "Delete")
_PRIORITIES = ("Regular", "Low", "Spot")
_PROFILE = ("properties", "virtualMachineProfile")
_GRACE = (timedelta(minutes=10), timedelta(minutes=90))


@dataclass(frozen=True, slots=True)
class RepairsPolicy:
    """An `automaticRepairsPolicy`; `action` is Replace, Restart or Reimage."""

    enabled: bool
    grace: timedelta
    action: str


def check_policies(body: Mapping[str, Any]) -> None:
    """Raise ArmError 400 for a policy that has no such value."""
    scale_in_rule(body)
    repairs_policy(body)
    eviction_policy(body)


def scale_in_rule(body: Mapping[str, Any]) -> str:
    """Return Default, NewestVM or OldestVM: how a scale-in chooses; ArmError 400."""
    rules = documents.section(body, "properties", "scaleInPolicy").get("rules") or ["Default"]
    if not isinstance(rules, list):
        raise documents.invalid_parameter("scaleInPolicy.rules", rules)
    chosen = [_one_of(_SCALE_IN, "scaleInPolicy.rules", rule) for rule in rules]
    return chosen[0]


def repairs_policy(body: Mapping[str, Any]) -> RepairsPolicy | None:
    """Return how unhealthy machines are repaired, None where nothing says so; ArmError 400.

    An enabled one needs a health source.
    """
    raw = documents.section(body, "properties", "automaticRepairsPolicy")
    if not raw:
        return None
    name = "automaticRepairsPolicy"
    enabled = raw.get("enabled", False)
    if not isinstance(enabled, bool):
        raise documents.invalid_parameter(f"{name}.enabled", enabled)
    text = documents.text(raw, "gracePeriod") or "PT10M"
    try:
        grace = parse_duration(text)
    except ValueError:
        raise documents.invalid_parameter(f"{name}.gracePeriod", text) from None
    if not _GRACE[0] <= grace <= _GRACE[1]:
        raise documents.invalid_parameter(f"{name}.gracePeriod", text)
    action = _one_of(_REPAIRS, f"{name}.repairAction", raw.get("repairAction") or "Replace")
    if enabled and not documents.has_application_health(body):
        raise ArmError(
            400,
            "InvalidParameter",
            "Automatic repairs need an application health extension or a health probe in the"
            " model of the scale set.",
            target=name,
        )
    return RepairsPolicy(enabled, grace, action)


def eviction_policy(body: Mapping[str, Any]) -> str | None:
    """Return Deallocate or Delete, None for a set that is not of spot machines; ArmError 400."""
    profile = documents.section(body, *_PROFILE)
    given = profile.get("evictionPolicy")
    priority = _one_of(_PRIORITIES, "priority", profile.get("priority") or "Regular")
    policy = _one_of(_EVICTIONS, "evictionPolicy", given or "Deallocate")
    if priority != "Regular":
        return policy
    if given is not None:
        message = "Eviction policy can be set only on Azure Spot Virtual Machines."
        raise ArmError(400, "InvalidParameter", message, target="evictionPolicy")
    return None


def _one_of(known: tuple[str, ...], name: str, value: object) -> str:
    for each in known:
        if isinstance(value, str) and value.casefold() == each.casefold():
            return each
    raise documents.invalid_parameter(name, value)
