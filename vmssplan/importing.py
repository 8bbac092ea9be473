"""Rollout policies of other tools -> ours, with everything said that cannot be carried over. Pure.

Rounding is not portable: Kubernetes rounds maxUnavailable down, AWS the healthy minimum up, ours
rounds down and never below one. So the integers are printed beside what was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from vmssplan.durations import format_duration, parse_duration
from vmssplan.errors import DocumentInvalid, Problem
from vmssplan.model import Amount

NANOSECONDS = 1_000_000_000
_GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
_GO_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}


class Tool(StrEnum):
    """Whose policy it is."""

    AZURE = "azure"
    ASG = "asg"
    MIG = "mig"
    KUBERNETES = "kubernetes"
    NOMAD = "nomad"
    ARGO = "argo"
    ANSIBLE = "ansible"


@dataclass(frozen=True, slots=True)
class Imported:
    """A part of a Plan, as its YAML has it, and what was decided or lost on the way."""

    plan: Mapping[str, Any]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Draft:
    """A policy on its way."""

    plan: dict[str, dict[str, Any]] = field(default_factory=dict)
    gates: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def put(self, section: str, **values: Any) -> None:
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            self.plan.setdefault(section, {}).update(given)

    def lost(self, key: str, why: str) -> None:
        self.notes.append(f"{key} is not carried over: {why}")


def import_strategy(tool: Tool, document: Mapping[str, Any]) -> Imported:
    """Return our words for a policy; raises DocumentInvalid for a value that makes no sense."""
    draft = _Draft()
    try:
        _READERS[tool](_policy_in(tool, document), draft)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DocumentInvalid(
            [Problem(f"no policy of {tool}: {error}")], hint=f"expected {_EXPECTED[tool]}"
        ) from error
    plan: dict[str, Any] = dict(draft.plan)
    if draft.gates:
        plan["gates"] = draft.gates
    return Imported(plan, tuple(draft.notes))


def integers(plan: Mapping[str, Any], total: int) -> list[tuple[str, str, int]]:
    """Return key, what is written and the integer it means, for a set of that many instances."""
    strategy, availability = plan.get("strategy", {}), plan.get("availability", {})
    sizes = strategy.get("batchSize", [])
    written = [
        ("strategy.batchSize", size) for size in (sizes if isinstance(sizes, list) else [sizes])
    ]
    written += [(f"availability.{key}", availability[key]) for key in availability]
    return [(key, str(value), _amount(value).of(total)) for key, value in written]


def _amount(value: int | str) -> Amount:
    if isinstance(value, str):
        return Amount(int(value.removesuffix("%")), percent=True)
    return Amount(value)


def _policy_in(tool: Tool, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the policy inside the document it usually comes in."""
    found: Any = document
    for path in _HOMES[tool]:
        inner: Any = document
        for key in path:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping):
            return inner
    if not isinstance(found, Mapping):
        raise TypeError("not a mapping")
    return found


def _azure(policy: Mapping[str, Any], draft: _Draft) -> None:
    batch = int(policy.get("maxBatchInstancePercent", 20))
    unhealthy = int(policy.get("maxUnhealthyInstancePercent", 20))
    draft.put("strategy", type="fixedBatch", batchSize=f"{batch}%")
    draft.put("availability", maxUnavailable=f"{max(batch, unhealthy)}%")
    if policy.get("pauseTimeBetweenBatches") is not None:
        draft.put("strategy", pauseTimeBetweenBatches=str(policy["pauseTimeBetweenBatches"]))
    if policy.get("prioritizeUnhealthyInstances"):
        draft.put("strategy", order={"unhealthyFirst": True})
    if policy.get("rollbackFailedInstancesOnPolicyBreach"):
        draft.put("failure", onFailure="rollback")
    draft.notes.append(
        f"maxUnhealthyInstancePercent {unhealthy} stops Azure's upgrade; here it is how many may be"
        " out of service, and one failed instance stops (failure.maxFailedInstances)"
    )
    if "maxUnhealthyUpgradedInstancePercent" in policy:
        draft.lost(
            "maxUnhealthyUpgradedInstancePercent", "set failure.maxFailedInstances, a number"
        )
    if policy.get("maxSurge"):
        draft.lost("maxSurge", "instances are upgraded in place, none is added")
    if policy.get("enableCrossZoneUpgrade"):
        draft.lost("enableCrossZoneUpgrade", "use strategy.order.by without zone, or perZone")


def _asg(policy: Mapping[str, Any], draft: _Draft) -> None:
    healthy = int(policy.get("MinHealthyPercentage", 90))
    draft.put("strategy", type="slidingWindow", batchSize=f"{max(1, 100 - healthy)}%")
    draft.put("availability", maxUnavailable=f"{max(1, 100 - healthy)}%")
    draft.notes.append(
        f"MinHealthyPercentage {healthy} is rounded up by AWS, maxUnavailable"
        f" {max(1, 100 - healthy)}% down by us: never fewer in service, bar the one that must go"
    )
    if policy.get("InstanceWarmup"):
        draft.put("health", minHealthyTime=_seconds(policy["InstanceWarmup"]))
    if policy.get("AutoRollback"):
        draft.put("failure", onFailure="rollback")
    checkpoints = [int(each) for each in policy.get("CheckpointPercentages", ())]
    if checkpoints:
        sizes = [b - a for a, b in zip([0, *checkpoints], checkpoints, strict=False)]
        draft.put("strategy", type="fixedBatch", batchSize=[f"{size}%" for size in sizes])
        delay = policy.get("CheckpointDelay", 3600)
        draft.put("strategy", pauseTimeBetweenBatches=_seconds(delay))
        draft.notes.append("checkpoints are batches here; maxUnavailable splits those too large")
    for key, why in (
        ("MaxHealthyPercentage", "none is launched beside the old ones"),
        ("BakeTime", "use health.minHealthyTime, or a gate after each batch"),
        ("AlarmSpecification", "use a gate with a command that asks your metrics"),
        ("StandbyInstances", "exclude them with strategy.exclude"),
        ("ScaleInProtectedInstances", "protection from scale set actions is honoured"),
    ):
        if policy.get(key) not in (None, 100):
            draft.lost(key, why)


def _mig(policy: Mapping[str, Any], draft: _Draft) -> None:
    unavailable = _fixed_or_percent(policy.get("maxUnavailable", {"fixed": 1}))
    if unavailable in (0, "0%"):
        draft.notes.append("maxUnavailable 0 needs a surge, which there is none of: 1 is taken")
        unavailable = 1
    draft.put("strategy", type="slidingWindow", batchSize=unavailable)
    draft.put("availability", maxUnavailable=unavailable)
    if policy.get("minReadySec"):
        draft.put("health", minHealthyTime=_seconds(policy["minReadySec"]))
    if policy.get("maxSurge") and _fixed_or_percent(policy["maxSurge"]) not in (0, "0%"):
        draft.lost("maxSurge", "instances are upgraded in place, none is added")
    if str(policy.get("type", "PROACTIVE")).upper() == "OPPORTUNISTIC":
        draft.notes.append("type OPPORTUNISTIC: here nothing happens but by `vmssplan apply`")
    if policy.get("minimalAction") or policy.get("mostDisruptiveAllowedAction"):
        draft.lost("minimalAction", "strategy.method says upgrade or reimage")


def _kubernetes(policy: Mapping[str, Any], draft: _Draft) -> None:
    if policy.get("strategy", {}).get("type") == "Recreate":
        raise ValueError("strategy Recreate takes everything out of service at once")
    rolling = policy.get("strategy", {}).get("rollingUpdate") or policy.get("rollingUpdate") or {}
    unavailable = rolling.get("maxUnavailable", "25%")
    if unavailable in (0, "0", "0%"):
        draft.notes.append("maxUnavailable 0 needs a surge, which there is none of: 1 is taken")
        unavailable = 1
    draft.put("strategy", type="slidingWindow", batchSize=unavailable)
    draft.put("availability", maxUnavailable=unavailable)
    if rolling.get("maxSurge", "25%") not in (0, "0", "0%"):
        draft.lost("maxSurge", "instances are upgraded in place, none is added")
    if policy.get("minReadySeconds"):
        draft.put("health", minHealthyTime=_seconds(policy["minReadySeconds"]))
    deadline = int(policy.get("progressDeadlineSeconds", 600))
    draft.put("health", deadline=_seconds(deadline))
    draft.notes.append(
        "progressDeadlineSeconds only marks a Deployment as failed; here it stops the rollout"
    )


def _nomad(policy: Mapping[str, Any], draft: _Draft) -> None:
    read = {_snake(key): value for key, value in policy.items()}
    parallel, canaries = int(read.get("max_parallel", 1)), int(read.get("canary", 0))
    draft.put("strategy", type="slidingWindow", batchSize=parallel)
    draft.put("availability", maxUnavailable=max(parallel, canaries))
    if canaries:
        draft.put("strategy", type="fixedBatch", batchSize=[canaries, parallel])
        draft.notes.append("canaries are the first batch: upgraded in place, none is added")
        if not read.get("auto_promote"):
            message = "promote the canaries?"
            draft.gates.append({"after": "batch 1", "approval": {"message": message}})
    draft.put(
        "health",
        minHealthyTime=_go_duration(read.get("min_healthy_time", "10s")),
        deadline=_go_duration(read.get("healthy_deadline", "5m")),
    )
    if read.get("auto_revert"):
        draft.put("failure", onFailure="rollback")
    if read.get("stagger"):
        draft.lost("stagger", "health gates the next ones; use pauseTimeBetweenBatches to wait")
    if read.get("progress_deadline"):
        draft.lost("progress_deadline", "health.deadline holds for each instance")


def _argo(policy: Mapping[str, Any], draft: _Draft) -> None:
    canary = policy.get("strategy", {}).get("canary") or policy.get("canary") or policy
    weights: list[int] = []
    pauses: list[timedelta] = []
    for step in canary.get("steps", ()):
        match step:
            case {"setWeight": weight}:
                weights.append(int(weight))
            case {"pause": {"duration": span}}:
                pauses.append(timedelta(seconds=_go_seconds(span)))
            case {"pause": _}:
                after = f"batch {max(1, len(weights))}"
                draft.gates.append({"after": after, "approval": {"message": "go on?"}})
            case {"analysis": _}:
                after = f"batch {max(1, len(weights))}"
                draft.lost(f"analysis {after}", "write a gate with http or command")
            case _:
                draft.lost(next(iter(step)), "it is about traffic, not about instances")
    steps = [w for w in weights if w > 0]
    sizes = [b - a for a, b in zip([0, *steps], steps, strict=False) if b > a]
    if sum(sizes) < 100:  # noqa: PLR2004 - per cent
        sizes.append(100 - sum(sizes))
    draft.put("strategy", type="fixedBatch", batchSize=[f"{size}%" for size in sizes])
    draft.put("availability", maxUnavailable=canary.get("maxUnavailable", "25%"))
    if pauses:
        draft.put("strategy", pauseTimeBetweenBatches=format_duration(max(pauses)))
        if len(set(pauses)) > 1 or len(pauses) < len(sizes) - 1:
            draft.notes.append("there is one pause between all batches: the longest is taken")
    if policy.get("minReadySeconds"):
        draft.put("health", minHealthyTime=_seconds(policy["minReadySeconds"]))
    if policy.get("progressDeadlineSeconds"):
        draft.put("health", deadline=_seconds(policy["progressDeadlineSeconds"]))
    draft.notes.append("a weight is a share of traffic there, and of the instances here")


def _ansible(policy: Mapping[str, Any], draft: _Draft) -> None:
    serial = policy.get("serial")
    if serial is None:
        raise ValueError("without serial, a play is for all hosts at once")
    sizes = serial if isinstance(serial, list) else [serial]
    read = [size if isinstance(size, int) or "%" in str(size) else int(size) for size in sizes]
    draft.put("strategy", type="fixedBatch", batchSize=read[0] if len(read) == 1 else read)
    if "max_fail_percentage" in policy:
        draft.lost(
            "max_fail_percentage", "it counts by batch there; set failure.maxFailedInstances"
        )
    if policy.get("throttle"):
        draft.lost("throttle", "availability.maxUnavailable bounds what is out of service")
    if policy.get("order") not in (None, "inventory"):
        draft.lost("order", "use strategy.order.by")


def _fixed_or_percent(value: Any) -> int | str:
    if isinstance(value, Mapping):
        return f"{int(value['percent'])}%" if "percent" in value else int(value["fixed"])
    return value if isinstance(value, str) else int(value)


def _seconds(value: Any) -> str:
    return format_duration(timedelta(seconds=int(value)))


def _go_duration(value: Any) -> str:
    if isinstance(value, str) and value.startswith("P"):
        return format_duration(parse_duration(value))
    return format_duration(timedelta(seconds=round(_go_seconds(value))))


def _go_seconds(value: Any) -> float:
    """Read `1h30m`, or the nanoseconds of Nomad's API, or Argo's plain seconds."""
    if isinstance(value, int | float):
        return value / NANOSECONDS if value >= NANOSECONDS / 1000 else float(value)
    found = _GO_DURATION.findall(str(value))
    if not found or "".join(number + unit for number, unit in found) != str(value):
        if str(value).isdecimal():
            return float(value)
        raise ValueError(f"{value!r} is no duration such as 1h30m")
    return sum(float(number) * _GO_SECONDS[unit] for number, unit in found)


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()


_READERS: Mapping[Tool, Callable[[Mapping[str, Any], _Draft], None]] = {
    Tool.AZURE: _azure,
    Tool.ASG: _asg,
    Tool.MIG: _mig,
    Tool.KUBERNETES: _kubernetes,
    Tool.NOMAD: _nomad,
    Tool.ARGO: _argo,
    Tool.ANSIBLE: _ansible,
}
_HOMES: Mapping[Tool, tuple[tuple[str, ...], ...]] = {
    Tool.AZURE: (
        ("properties", "upgradePolicy", "rollingUpgradePolicy"),
        ("upgradePolicy", "rollingUpgradePolicy"),
        ("rollingUpgradePolicy",),
    ),
    Tool.ASG: (("Preferences",), ("preferences",)),
    Tool.MIG: (("updatePolicy",),),
    Tool.KUBERNETES: (("spec",),),
    Tool.NOMAD: (("Job", "Update"), ("update",), ("Update",)),
    Tool.ARGO: (("spec",),),
    Tool.ANSIBLE: (),
}
_EXPECTED: Mapping[Tool, str] = {
    Tool.AZURE: "a scale set's JSON, or its rollingUpgradePolicy",
    Tool.ASG: "the input of start-instance-refresh, or its Preferences",
    Tool.MIG: "an instance group manager's JSON, or its updatePolicy",
    Tool.KUBERNETES: "a Deployment, or its spec",
    Tool.NOMAD: "a job's JSON, or its update block",
    Tool.ARGO: "a Rollout, or its spec",
    Tool.ANSIBLE: "a play with serial",
}
