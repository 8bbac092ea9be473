"""What another strategy would have done to the same failure: a past Run turned into a rehearsal.

The set as it was seen is in the Rollout, what went wrong is in the journal. Both together make a
scenario in which the same instances fail the same way, whoever upgrades them.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmssplan.batching import PROTECTED
from vmssplan.durations import format_duration
from vmssplan.engine import events as ev
from vmssplan.errors import UsageInvalid
from vmssplan.model import (
    RUNNING,
    HealthSource,
    HealthState,
    Instance,
    ModelFields,
    OrchestrationMode,
    ScaleSet,
    StrategyType,
    image_fields,
)
from vmssplan.rollout import Disposition, UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmssplan.model import ImageReference
    from vmssplan.rollout import PlannedInstance, Rollout


@dataclass(frozen=True, slots=True)
class Override:
    """One value put in the place of the Plan's: its key path, and what it is to be."""

    path: tuple[str, ...]
    value: Any


def read_override(text: str) -> Override:
    """Read `strategy.type=slidingWindow`; raises UsageInvalid."""
    path, equals, value = text.partition("=")
    keys = tuple(path.split("."))
    if not equals or not all(keys):
        raise UsageInvalid(
            f"{text!r} replaces nothing; expected KEY=VALUE, such as strategy.type=perUpdateDomain"
        )
    try:
        return Override(keys, json.loads(value))
    except ValueError:
        return Override(keys, value)


def plan_document(rollout: Rollout, overrides: Iterable[Override] = ()) -> dict[str, Any]:
    """Return a Plan that this Rollout could have come from, with these values in place of its own.

    A Rollout has integers where the Plan may have had percentages: it is those that are kept.
    Another type of strategy starts without the batch sizes of the first.
    """
    document = overridden(_document(rollout), overrides)
    strategy = document["strategy"]
    if strategy["type"] not in (StrategyType.FIXED_BATCH, StrategyType.SLIDING_WINDOW):
        strategy.pop("batchSize", None)
    if strategy["type"] == StrategyType.SLIDING_WINDOW and isinstance(
        strategy.get("batchSize"), list
    ):
        strategy["batchSize"] = max(strategy["batchSize"])
    return document


def overridden(document: Mapping[str, Any], overrides: Iterable[Override]) -> dict[str, Any]:
    """Return the document of a Plan with these values in place of its own."""
    changed: dict[str, Any] = copy.deepcopy(dict(document))
    for override in overrides:
        home = changed
        for key in override.path[:-1]:
            home = home.setdefault(key, {})
            if not isinstance(home, dict):
                raise UsageInvalid(f"{'.'.join(override.path)} is no key of a Plan")
        home[override.path[-1]] = override.value
    return changed


def _document(rollout: Rollout) -> dict[str, Any]:
    target, health, bounds = rollout.target, rollout.health, rollout.bounds
    return {
        "apiVersion": "vmssplan/v1",
        "kind": "Plan",
        "metadata": {"name": rollout.plan},
        "target": {
            "subscriptionId": target.subscription_id,
            "resourceGroup": target.resource_group,
            "scaleSet": target.name,
        },
        "model": _model_document(rollout.model),
        "strategy": {
            "type": rollout.strategy.value,
            "method": rollout.method.value,
            **_batch_sizes(rollout),
        },
        "availability": {
            "maxUnavailable": max(1, bounds.max_unavailable),
            "maxConcurrentOperations": bounds.max_concurrent_operations,
        },
        "health": {
            "source": _simulated_source(health.source).value,
            "minHealthyTime": format_duration(health.min_healthy_time),
            "deadline": format_duration(health.deadline),
        },
        "failure": {
            "maxFailedInstances": rollout.failure.max_failed_instances,
            "onFailure": rollout.failure.on_failure.value,
        },
        "autoscale": "ignore",
    }


def _model_document(model: ModelFields) -> dict[str, Any]:
    fields = {
        "image": image_fields(model.image) if model.image else None,
        "vmSize": model.vm_size,
        "upgradePolicy": model.upgrade_policy.value if model.upgrade_policy else None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _batch_sizes(rollout: Rollout) -> dict[str, Any]:
    for step in rollout.steps:
        if isinstance(step, UpgradeWindow):
            return {"batchSize": step.window}
    sizes = [len(s.instance_ids) for s in rollout.steps if isinstance(s, UpgradeBatch)]
    return {"batchSize": sizes} if sizes else {}


def _simulated_source(source: HealthSource) -> HealthSource:
    """Take the extension's word where the application was asked: a twin has no application."""
    is_view = source is HealthSource.INSTANCE_VIEW
    return source if is_view else HealthSource.APPLICATION_HEALTH


def set_as_planned(rollout: Rollout) -> ScaleSet:
    """Return the scale set as it was when planned, as far as the Rollout has kept it."""
    before = rollout.rollback.model.image if rollout.rollback else None
    old = before or rollout.fingerprint.model.image
    instances = tuple(_instance(one, rollout, old) for one in rollout.instances)
    has_domains = any(one.update_domain is not None for one in rollout.instances)
    source = _simulated_source(rollout.health.source)
    return ScaleSet(
        id=rollout.target,
        location=rollout.location,
        etag='"1"',
        model=rollout.fingerprint.model,
        orchestration_mode=(
            OrchestrationMode.UNIFORM if has_domains else OrchestrationMode.FLEXIBLE
        ),
        has_application_health=source is HealthSource.APPLICATION_HEALTH,
        instances=instances,
    )


def _instance(one: PlannedInstance, rollout: Rollout, old: ImageReference | None) -> Instance:
    is_current = one.disposition is Disposition.CURRENT
    image = rollout.model.image if is_current and rollout.model.image else old
    return Instance(
        instance_id=one.instance_id,
        vm_id=one.vm_id,
        image=image,
        exact_version=one.version if one.version and ":" not in one.version else None,
        vm_size=rollout.fingerprint.model.vm_size,
        latest_model_applied=is_current,
        power_state=RUNNING,
        application_health=HealthState.HEALTHY if one.in_service else HealthState.UNHEALTHY,
        update_domain=one.update_domain,
        fault_domain=one.fault_domain,
        zone=one.zone,
        protected_from_scale_set_actions=(
            one.disposition is Disposition.SKIPPED and one.reason == PROTECTED
        ),
    )


def same_failures(events: Sequence[ev.Event]) -> list[dict[str, Any]]:
    """Return the faults of a scenario in which the same instances fail the same way, as often."""
    failures = [event for event in events if isinstance(event, ev.InstanceFailed)]
    counted = Counter((one.instance_id, one.phase) for one in failures)
    return [_fault(instance_id, phase, times) for (instance_id, phase), times in counted.items()]


def _fault(instance_id: str, phase: ev.FailurePhase, times: int) -> dict[str, Any]:
    is_health = phase is ev.FailurePhase.HEALTH
    return {
        "name": f"instance {instance_id} fails as it did: {phase}",
        "match": {"operations": ["upgrade", "reimage"], "instanceIds": [instance_id]},
        "when": {"times": times},
        "effect": {"neverHealthy": {}} if is_health else {"osProvisioningTimeout": {}},
    }


def with_faults(document: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the scenario with these faults too."""
    return (
        {**document, "faults": [*document.get("faults", ()), *faults]} if faults else {**document}
    )
