"""The Rollout: everything apply will do, in order, naming every instance.

`plan` prints it, reviewers approve its digest, `apply` executes it: one list of Steps for all.
Steps that do nothing stay in the list with the reason. Nothing in it depends on when it was
computed, so equal inputs give equal bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from vmssplan import batching
from vmssplan.diff import Change, diff_model
from vmssplan.documents import canonical_json, to_document
from vmssplan.errors import Refused
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    CommandProbe,
    Failure,
    GateCheck,
    Health,
    HealthSource,
    HttpProbe,
    Method,
    ModelFields,
    Plan,
    ScaleSet,
    ScaleSetId,
    StrategyType,
    image_text,
    image_version,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

API_VERSION = "vmssplan/v1"


# --- steps: a closed union ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetModel:
    """Write these fields of the model; `skip_reason` when there is nothing to write."""

    fields: ModelFields
    changes: tuple[Change, ...]
    skip_reason: str | None = None


@dataclass(frozen=True, slots=True)
class UpgradeBatch:
    """Bring these instances to the model, together; `label` names the domain they share."""

    batch: int
    instance_ids: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class UpgradeWindow:
    """Bring these instances to the model, in order, at most `window` at a time not yet healthy."""

    instance_ids: tuple[str, ...]
    window: int


@dataclass(frozen=True, slots=True)
class AwaitHealth:
    """Wait until every instance of the batch has been healthy long enough."""

    batch: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this long before the next batch."""

    duration: timedelta


@dataclass(frozen=True, slots=True)
class Approval:
    """Wait for a person."""

    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """Ask the application."""

    probe: HttpProbe | CommandProbe


@dataclass(frozen=True, slots=True)
class PinAutoscale:
    """Hold the instance count."""


@dataclass(frozen=True, slots=True)
class RestoreAutoscale:
    """Give the autoscale setting its bounds back."""


Step = (
    SetModel
    | UpgradeBatch
    | UpgradeWindow
    | AwaitHealth
    | Pause
    | Approval
    | Check
    | PinAutoscale
    | RestoreAutoscale
)


# --- the Rollout ----------------------------------------------------------------------------


class Disposition(StrEnum):
    """What happens to an instance. For machines; the reason beside it is for people only."""

    UPGRADE = "upgrade"
    CURRENT = "current"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class PlannedInstance:
    """One instance of the set as it was seen, and what happens to it."""

    instance_id: str
    vm_id: str
    disposition: Disposition
    reason: str
    version: str
    in_service: bool
    update_domain: int | None = None
    fault_domain: int | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """The Plan's availability in integers, for the set as it was seen."""

    total: int
    in_service: int
    max_unavailable: int
    floor: int
    lowest_in_service: int
    max_concurrent_operations: int = 1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the Rollout was computed for; with the instances, what staleness is judged by."""

    etag: str
    model: ModelFields


@dataclass(frozen=True, slots=True)
class Rollout:
    """Header, steps, instances and fingerprint; `notes` are the decisions taken, for people."""

    plan: str
    target: ScaleSetId
    location: str
    model: ModelFields
    strategy: StrategyType
    method: Method
    health: Health
    failure: Failure
    autoscale: Autoscale
    bounds: Bounds
    fingerprint: Fingerprint
    steps: tuple[Step, ...]
    instances: tuple[PlannedInstance, ...]
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes of the model, over all steps."""
        return tuple(c for step in self.steps if isinstance(step, SetModel) for c in step.changes)

    @property
    def has_changes(self) -> bool:
        """True when apply would change anything."""
        return bool(self.changes) or bool(self.count(Disposition.UPGRADE))

    def count(self, disposition: Disposition) -> int:
        """Return how many instances have that disposition."""
        return Counter(one.disposition for one in self.instances)[disposition]

    @property
    def batch_count(self) -> int:
        """Return how many batches there are; a sliding window counts as one."""
        return sum(isinstance(step, UpgradeBatch | UpgradeWindow) for step in self.steps)


def digest(rollout: Rollout) -> str:
    """Return `sha256:...` over the canonical JSON of the whole Rollout."""
    text = canonical_json(to_document(rollout))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def rollout_document(rollout: Rollout, *, tool: str) -> dict[str, Any]:
    """Return the saved form (`schemas/rollout.v1.schema.json`); only `rollout` is digested."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "tool": tool,
        "digest": digest(rollout),
        "rollout": to_document(rollout),
    }


def compute_rollout(plan: Plan, live: ScaleSet, wanted: ModelFields) -> Rollout:
    """Return the whole Rollout; `wanted` is `plan.model` with `latest` already pinned.

    Raises Refused when the availability floor leaves no room for a single instance.
    """
    source = live.health_source if plan.health.source is HealthSource.AUTO else plan.health.source
    planned = tuple(_planned(plan, live, wanted, source))
    upgrades = {one.instance_id for one in planned if one.disposition is Disposition.UPGRADE}
    outdated = [one for one in live.instances if one.instance_id in upgrades]
    total = len(live.instances)
    raw = batching.raw_batches(
        batching.ordered(outdated, plan.strategy, source), plan.strategy, total
    )
    limit = batching.max_unavailable(plan.availability, plan.strategy, raw, total)
    if outdated and limit < 1:
        raise Refused(
            f"the availability floor is {total} of {total}: no instance may ever be out of service",
            hint="raise availability.maxUnavailable to at least 1, or lower minInService",
        )
    is_window = plan.strategy.type is StrategyType.SLIDING_WINDOW
    batches = raw if is_window else list(batching.split(raw, max(1, limit)))
    window = min(max(1, limit), batching.window_size(plan.strategy, total))
    bounds = Bounds(
        total=total,
        in_service=live.in_service_count(source),
        max_unavailable=limit,
        floor=max(0, total - limit),
        lowest_in_service=batching.lowest_in_service(
            live.instances,
            list(batching.split(raw, window)) if is_window else batches,
            source,
            max(0, total - limit),
        ),
        max_concurrent_operations=plan.availability.max_concurrent_operations,
    )
    return Rollout(
        plan=plan.name,
        target=plan.target,
        location=live.location,
        model=wanted,
        strategy=plan.strategy.type,
        method=plan.strategy.method,
        health=replace(plan.health, source=source),
        failure=plan.failure,
        autoscale=plan.autoscale,
        bounds=bounds,
        fingerprint=Fingerprint(live.etag, live.model),
        steps=tuple(_steps(plan, live, wanted, batches, window)),
        instances=planned,
        notes=tuple(_notes(plan, live, wanted, raw, bounds)),
    )


def _planned(
    plan: Plan, live: ScaleSet, wanted: ModelFields, source: HealthSource
) -> Sequence[PlannedInstance]:
    planned = []
    for one in sorted(live.instances, key=lambda one: batching.natural_order(one.instance_id)):
        if one.is_current(wanted):
            disposition, reason = Disposition.CURRENT, "runs it already"
        elif skip := batching.skip_reason(one, plan.strategy):
            disposition, reason = Disposition.SKIPPED, skip
        else:
            disposition, reason = Disposition.UPGRADE, batching.upgrade_reason(one, wanted)
        planned.append(
            PlannedInstance(
                one.instance_id,
                one.vm_id,
                disposition,
                reason,
                one.exact_version or image_text(one.image),
                one.is_in_service(source),
                one.update_domain,
                one.fault_domain,
                one.zone,
            )
        )
    return planned


def _steps(
    plan: Plan,
    live: ScaleSet,
    wanted: ModelFields,
    batches: Sequence[batching.Batch],
    window: int,
) -> Sequence[Step]:
    steps = [*_model_steps(live.model, wanted)]
    if plan.autoscale is Autoscale.PIN and batches:
        steps.append(PinAutoscale())
    if plan.strategy.type is StrategyType.SLIDING_WINDOW:
        steps.extend(
            UpgradeWindow(tuple(one.instance_id for one in batch.instances), window)
            for batch in batches
        )
    else:
        for number, batch in enumerate(batches, start=1):
            ids = tuple(one.instance_id for one in batch.instances)
            steps += [UpgradeBatch(number, ids, batch.label), AwaitHealth(number)]
            steps.extend(
                _gate_step(gate.check) for gate in plan.gates if gate.after_batch in (None, number)
            )
            if plan.strategy.pause_time_between_batches and number < len(batches):
                steps.append(Pause(plan.strategy.pause_time_between_batches))
    if plan.autoscale is Autoscale.PIN and batches:
        steps.append(RestoreAutoscale())
    return steps


def _model_steps(live: ModelFields, wanted: ModelFields) -> Sequence[Step]:
    """Write the upgrade policy in a step of its own, before the image.

    Order matters: under the old policy Azure itself would roll every instance at the image write.
    """
    policy = ModelFields(upgrade_policy=wanted.upgrade_policy)
    rest = replace(wanted, upgrade_policy=None)
    steps: list[Step] = []
    for fields in (policy, rest):
        if fields == ModelFields():
            continue
        changes = diff_model(live, fields)
        reason = None if changes else "the model says so already"
        steps.append(SetModel(fields, changes, reason))
    return steps


def _gate_step(check: GateCheck) -> Step:
    return Approval(check.message) if isinstance(check, ApprovalGate) else Check(check)


def _notes(
    plan: Plan,
    live: ScaleSet,
    wanted: ModelFields,
    raw: Sequence[batching.Batch],
    bounds: Bounds,
) -> Sequence[str]:
    """Name every decision that the Plan left to us, with its integer."""
    notes = []
    total, limit = bounds.total, bounds.max_unavailable
    if wanted.image is not None and plan.model.image != wanted.image:
        notes.append(f"latest is {image_version(wanted.image)} today, and pinned there")
    notes.extend(
        f"batch size {size} of {total} is {size.of(total)} (rounded down, at least 1)"
        for size in plan.strategy.batch_sizes
        if size.percent
    )
    given = plan.availability.max_unavailable or plan.availability.min_in_service
    if given is None:
        notes.append(f"availability is left out: at most the largest batch, {limit} of {total}")
    elif given.percent:
        key = "maxUnavailable" if plan.availability.max_unavailable else "minInService"
        notes.append(f"{key} {given} of {total} is {given.of(total)}")
    if plan.strategy.type is StrategyType.SLIDING_WINDOW:
        size = batching.window_size(plan.strategy, total)
        if size > limit:
            notes.append(f"window {size} is larger than maxUnavailable: {limit} at a time")
    else:
        notes.extend(
            f"{batch.label or 'a batch'} has {len(batch.instances)} instances,"
            f" maxUnavailable is {limit}: split"
            for batch in raw
            if len(batch.instances) > limit
        )
    if plan.health.source is HealthSource.AUTO:
        notes.append(f"health source auto is {live.health_source} here")
    if plan.autoscale is Autoscale.IGNORE:
        notes.append("autoscale settings are not looked at")
    return notes
