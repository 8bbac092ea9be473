"""From the effect of a fault as a scenario writes it to the value the world acts on.

Several names may stand for one effect: a failure that Azure is known for needs no words.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from vmss_simulator import effects, fault_texts
from vmss_simulator.durations import parse_duration
from vmss_simulator.errors import ErrorDetail
from vmss_simulator.randomness import Latency
from vmss_simulator.values import HealthState, OperationStatus, Protection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Raw = Mapping[str, Any]
    Builder = Callable[[Raw], effects.Effect]

Kind = TypeVar("Kind")
_EXTENSION_PATIENCE = "PT90M"
_BOOT_PATIENCE = "PT40M"
_PREEMPTED = "Operation execution has been preempted by a more recent operation."


def build_effect(name: str, raw: Raw) -> effects.Effect:
    """Build the effect of this name; ValueError when there is none, or it makes no sense."""
    builder = _BUILDERS.get(name)
    if builder is None:
        raise ValueError(f"{name!r} is no effect")
    return builder(raw)


def _error(raw: Raw) -> effects.RefuseRequest:
    details = tuple(
        ErrorDetail(each["code"], each["message"], each.get("target"))
        for each in raw.get("details", ())
    )
    return effects.RefuseRequest(
        raw["status"],
        raw["code"],
        raw["message"],
        retry_after=_span(raw, "retryAfter"),
        target=raw.get("target"),
        details=details,
    )


def _operation_failed(raw: Raw) -> effects.FailWork:
    return effects.FailWork(
        raw["code"],
        raw["message"],
        disk_replaced=raw.get("diskReplaced", False),
        after=_span(raw, "after") or timedelta(0),
    )


def _quota_exceeded(raw: Raw) -> effects.RefuseRequest:
    return fault_texts.quota_exceeded(
        raw.get("family", "standardDSv5Family"),
        raw.get("limit", 10),
        raw.get("location", "westeurope"),
    )


def _overconstrained(raw: Raw) -> effects.FailWork:
    zonal = raw.get("zonal", False)
    usual = ["Availability Zone"] if zonal else []
    constraints = raw.get("constraints", [*usual, "Networking Constraints", "VM Size"])
    return fault_texts.overconstrained(constraints, zonal=zonal)


def _clock_skew(raw: Raw) -> effects.SkewDate:
    by = parse_duration(raw["by"])
    return effects.SkewDate(-by if raw.get("behind", False) else by)


def _extension_failed(raw: Raw) -> effects.FailWork:
    code = raw.get("code", "VMExtensionHandlerNonTransientError")
    return fault_texts.extension_failed(raw["extension"], code)


def _extension_timeout(raw: Raw) -> effects.FailWork:
    after = parse_duration(raw.get("after", _EXTENSION_PATIENCE))
    return fault_texts.extension_timed_out(raw["extension"], after)


def _operation_ends(raw: Raw) -> effects.EndOperation:
    status = OperationStatus(raw["status"])
    return effects.EndOperation(status, raw["code"], raw["message"], _span(raw, "after"))


def _preempted(raw: Raw) -> effects.EndOperation:
    after = parse_duration(raw.get("after", "PT30S"))
    return effects.EndOperation(OperationStatus.CANCELED, "OperationPreempted", _PREEMPTED, after)


def _stays_updating(raw: Raw) -> effects.Effect:
    lasting = _span(raw, "for")
    if raw.get("what", "scaleSet") == "instance":
        return effects.KeepInstanceUpdating(lasting)
    return effects.KeepScaleSetUpdating(lasting)


def _changed_by(raw: Raw) -> effects.Act:
    ((name, given),) = raw["does"].items()
    return effects.Act(raw["actor"], parse_duration(raw["at"]), _ACTIONS[name](given))


def _model_changed_by(raw: Raw) -> effects.ChangeModel:
    return effects.ChangeModel(raw["actor"], parse_duration(raw["at"]), raw["patch"])


def _sick(raw: Raw) -> effects.Sicken:
    return effects.Sicken(parse_duration(raw["at"]), _span(raw, "for"), raw.get("times", 1))


def _span(raw: Raw, name: str) -> timedelta | None:
    return parse_duration(raw[name]) if name in raw else None


def _always(kind: Callable[[], effects.Effect]) -> Builder:
    return lambda _raw: kind()


_PROTECTED = Protection(from_scale_set_actions=True)
_ACTIONS: dict[str, Callable[[Any], effects.Action]] = {
    "setCapacity": effects.SetCapacity,
    "deleteInstances": lambda ids: effects.DeleteInstances(tuple(ids)),
    "protectInstances": lambda ids: effects.ProtectInstances(tuple(ids), _PROTECTED),
    "unprotectInstances": lambda ids: effects.ProtectInstances(tuple(ids), Protection()),
    "upgradeInstances": lambda ids: effects.UpgradeInstances(tuple(ids)),
    "reimageInstances": lambda ids: effects.ReimageInstances(tuple(ids)),
    "startRollingUpgrade": lambda _raw: effects.StartRollingUpgrade(),
}
_BUILDERS: dict[str, Builder] = {
    "error": _error,
    "throttle": lambda raw: effects.ThrottleRequest(parse_duration(raw["retryAfter"])),
    "tokenExpired": _always(effects.ExpireToken),
    "quotaExceeded": _quota_exceeded,
    "requestLost": _always(effects.LoseRequest),
    "replyLost": _always(effects.LoseReply),
    "replyCut": _always(effects.CutReply),
    "duplicate": _always(effects.DuplicateRequest),
    "latency": lambda raw: effects.DelayReply(Latency.from_document(raw["delay"])),
    "stale": lambda raw: effects.StaleRead(parse_duration(raw["by"])),
    "noInstanceView": _always(effects.HideViews),
    "clockSkew": _clock_skew,
    "slow": lambda raw: effects.SlowWork(raw["factor"]),
    "operationFailed": _operation_failed,
    "allocationFailed": _always(fault_texts.allocation_failed),
    "overconstrained": _overconstrained,
    "extensionTimeout": _extension_timeout,
    "extensionFailed": _extension_failed,
    "osProvisioningTimeout": lambda raw: fault_texts.os_provisioning_timed_out(
        parse_duration(raw.get("after", _BOOT_PATIENCE))
    ),
    "diskError": _always(fault_texts.disk_error),
    "stuck": _always(effects.NeverEnd),
    "operationStuck": lambda raw: effects.HoldOperation(_span(raw, "for")),
    "operationEnds": _operation_ends,
    "operationPreempted": _preempted,
    "staleFailure": lambda raw: effects.FailAgain(raw["code"], raw["message"]),
    "staysUpdating": _stays_updating,
    "keepsExtensions": _always(effects.KeepExtensions),
    "agentSilent": lambda raw: effects.SilenceAgent(_span(raw, "for")),
    "neverHealthy": lambda raw: effects.NeverHealthy(HealthState(raw.get("health", "unhealthy"))),
    "unhealthyAfter": lambda raw: effects.UnhealthyAfter(parse_duration(raw["after"])),
    "flapping": lambda raw: effects.Flap(parse_duration(raw["period"]), raw["count"]),
    "badImage": lambda raw: effects.BadImage(raw["version"]),
    "modelChangedBy": _model_changed_by,
    "changedBy": _changed_by,
    "outage": lambda raw: effects.Outage(parse_duration(raw["at"]), _span(raw, "for")),
    "sick": _sick,
    "imageWithdrawn": lambda raw: effects.WithdrawImage(parse_duration(raw["at"]), raw["version"]),
}
"""The names a scenario knows; the schema describes each of them."""

EFFECT_NAMES = frozenset(_BUILDERS)
