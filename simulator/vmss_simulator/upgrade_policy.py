"""The `upgradePolicy` of a model: what it says, what the service fills in, what it refuses.

Ranges and defaults: azure-mgmt-compute's own client validation up to 2024-11-01, and the recorded
answers of the service. Errors about missing health sources have the texts users report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents
from vmss_simulator.durations import parse_duration
from vmss_simulator.errors import ArmError
from vmss_simulator.images import LATEST, split_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

_BAD_REQUEST = 400
_POLICY = ("properties", "upgradePolicy")
_ROLLING = (*_POLICY, "rollingUpgradePolicy")
_AUTOMATIC_OS = (*_POLICY, "automaticOSUpgradePolicy")
_DEFAULTS = {
    "maxBatchInstancePercent": 20,
    "maxUnhealthyInstancePercent": 20,
    "maxUnhealthyUpgradedInstancePercent": 20,
    "pauseTimeBetweenBatches": "PT0S",
}
_LOWEST = {
    "maxBatchInstancePercent": 5,
    "maxUnhealthyInstancePercent": 5,
    "maxUnhealthyUpgradedInstancePercent": 0,
}


@dataclass(frozen=True, slots=True)
class RollingPolicy:
    """`rollingUpgradePolicy`: percentages are of all instances, but for the upgraded ones."""

    max_batch: int = 20
    max_unhealthy: int = 20
    max_unhealthy_upgraded: int = 20
    pause: timedelta = timedelta(0)
    cross_zone: bool = False
    unhealthy_first: bool = False
    rollback_on_breach: bool = False
    max_surge: bool = False


@dataclass(frozen=True, slots=True)
class AutomaticOsPolicy:
    """`automaticOSUpgradePolicy`: whether the platform replaces OS disks by itself, and how."""

    enabled: bool = False
    rolls_back: bool = True
    uses_rolling_policy: bool = False
    deferred: bool = False


def rolling_policy(body: Mapping[str, Any]) -> RollingPolicy:
    """Return the model's rolling upgrade policy, the defaults where it has none.

    ArmError 400 for a value out of its range.
    """
    raw = documents.section(body, *_ROLLING)
    return RollingPolicy(
        max_batch=_percent(raw, "maxBatchInstancePercent"),
        max_unhealthy=_percent(raw, "maxUnhealthyInstancePercent"),
        max_unhealthy_upgraded=_percent(raw, "maxUnhealthyUpgradedInstancePercent"),
        pause=_pause(raw),
        cross_zone=_flag(raw, "enableCrossZoneUpgrade"),
        unhealthy_first=_flag(raw, "prioritizeUnhealthyInstances"),
        rollback_on_breach=_flag(raw, "rollbackFailedInstancesOnPolicyBreach"),
        max_surge=_flag(raw, "maxSurge"),
    )


def automatic_os_policy(body: Mapping[str, Any]) -> AutomaticOsPolicy:
    """Return the model's automatic OS upgrade policy; ArmError 400 when it makes no sense."""
    raw = documents.section(body, *_AUTOMATIC_OS)
    return AutomaticOsPolicy(
        enabled=_flag(raw, "enableAutomaticOSUpgrade"),
        rolls_back=not _flag(raw, "disableAutomaticRollback"),
        uses_rolling_policy=_flag(raw, "useRollingUpgradePolicy"),
        deferred=_flag(raw, "osRollingUpgradeDeferral"),
    )


def completed(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the defaults of the rolling upgrade policy, as recorded answers show them.

    They appear with mode Rolling, and where a policy was sent at all, be it an empty one.
    """
    policy = documents.section(body, *_POLICY)
    is_rolling = documents.upgrade_mode(body) == "Rolling"
    if not is_rolling and policy.get("rollingUpgradePolicy") is None:
        return body
    written = documents.section(body, *_ROLLING)
    filled = {**_DEFAULTS, **{key: value for key, value in written.items() if value is not None}}
    if filled == written:
        return body
    return documents.merge(
        body, {"properties": {"upgradePolicy": {"rollingUpgradePolicy": filled}}}
    )


def check(body: Mapping[str, Any]) -> None:
    """Raise ArmError 400 for an upgrade policy the service would not take with this model."""
    rolling, automatic = rolling_policy(body), automatic_os_policy(body)
    flexible = documents.is_flexible(body)
    if documents.upgrade_mode(body) == "Rolling":
        check_health_source(body)
    if flexible and rolling.rollback_on_breach:
        raise _refused(
            "rollbackFailedInstancesOnPolicyBreach is only supported for Virtual Machine Scale"
            " Sets with Uniform orchestration.",
            "rollbackFailedInstancesOnPolicyBreach",
        )
    if automatic.enabled:
        _check_automatic(body)
        if flexible and rolling.max_surge:
            raise _refused(
                "Automatic OS Upgrade with maxSurge is not supported for Virtual Machine Scale"
                " Sets with Flexible orchestration.",
                "maxSurge",
            )


def check_health_source(body: Mapping[str, Any]) -> None:
    """Raise ArmError 400 when the model has no health source that a rolling upgrade may ask."""
    flexible = documents.is_flexible(body)
    found = _has_extension(body) if flexible else documents.has_application_health(body)
    if not found:
        raise _refused(
            "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a"
            " health probe or health extension was not provided."
        )


def _check_automatic(body: Mapping[str, Any]) -> None:
    unsupported = "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because"
    if not documents.has_application_health(body):
        raise _refused(f"{unsupported} a health probe or health extension was not specified.")
    if _has_extension(body) and _has_probe(body):
        raise _refused(
            f"{unsupported} both a health probe and a health extension were provided. Remove the"
            " health probe or health extension prior to enabling automatic OS upgrade."
        )
    reference = documents.image_reference(body)
    if "uri" in reference or split_reference(reference)[1] != LATEST:
        raise _refused(f"{unsupported} the version of its image is not 'latest'.")
    os_profile = ("properties", "virtualMachineProfile", "osProfile")
    for system in ("linuxConfiguration", "windowsConfiguration"):
        patching = documents.text(body, *os_profile, system, "patchSettings", "patchMode")
        if patching == "AutomaticByPlatform":
            raise _refused(f"{unsupported} its patch mode is AutomaticByPlatform.")
    if documents.section(body, *os_profile, "windowsConfiguration").get("enableAutomaticUpdates"):
        raise _refused(f"{unsupported} windowsConfiguration.enableAutomaticUpdates is true.")


def _has_probe(body: Mapping[str, Any]) -> bool:
    profile = ("properties", "virtualMachineProfile", "networkProfile", "healthProbe")
    return bool(documents.section(body, *profile))


def _has_extension(body: Mapping[str, Any]) -> bool:
    without_probe = {"properties": {"virtualMachineProfile": {"networkProfile": None}}}
    return documents.has_application_health(documents.merge(body, without_probe))


def _percent(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    if value is None:
        value = _DEFAULTS[name]
    lowest = _LOWEST[name]
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= 100:  # noqa: PLR2004
        raise ArmError(
            _BAD_REQUEST,
            "InvalidParameter",
            f"The value of parameter rollingUpgradePolicy.{name} is invalid: {value!r}."
            f" It must be between {lowest} and 100, inclusive.",
            target=f"rollingUpgradePolicy.{name}",
        )
    return value


def _pause(raw: Mapping[str, Any]) -> timedelta:
    name = "pauseTimeBetweenBatches"
    try:
        return parse_duration(documents.text(raw, name) or "PT0S")
    except (ValueError, OverflowError):
        raise documents.invalid_parameter(f"rollingUpgradePolicy.{name}", raw[name]) from None


def _flag(raw: Mapping[str, Any], name: str) -> bool:
    value = raw.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise documents.invalid_parameter(name, value)


def _refused(message: str, target: str | None = None) -> ArmError:
    return ArmError(_BAD_REQUEST, "BadRequest", message, target=target)
