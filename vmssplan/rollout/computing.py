"""Plan x live scale set -> Rollout: which instances, in which batches, with what between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmssplan import batching
from vmssplan.diff import diff_model
from vmssplan.errors import Refused
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    AutoscaleSetting,
    Gate,
    HealthSource,
    ModelFields,
    OnFailure,
    Plan,
    ScaleSet,
    StrategyType,
    image_text,
)
from vmssplan.rollout.notes import decisions
from vmssplan.rollout.rollback import way_back
from vmssplan.rollout.steps import (
    Approval,
    AwaitHealth,
    Check,
    HookTime,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    SetModel,
    Step,
    UpgradeBatch,
    UpgradeWindow,
)
from vmssplan.rollout.values import Bounds, Disposition, Fingerprint, PlannedInstance, Rollout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import Instance


def compute_rollout(
    plan: Plan,
    live: ScaleSet,
    wanted: ModelFields,
    autoscale: Sequence[AutoscaleSetting] = (),
    missing_image: str | None = None,
) -> Rollout:
    """Return the whole Rollout; `wanted` is `plan.model` with `latest` already pinned.

    `autoscale` are the settings that scale the set, as far as the Plan wants them seen;
    `missing_image` says that the image to go back to is no longer there, None that it is.
    Raises Refused when the availability floor leaves no room for a single instance, when the Plan
    refuses autoscale and there is a setting, and when it wants a rollback that cannot be.
    """
    source = live.health_source if plan.health.source is HealthSource.AUTO else plan.health.source
    planned = tuple(_planned(plan, live, wanted, source))
    outdated = to_upgrade(plan, live, wanted)
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
    window = min(limit, batching.window_size(plan.strategy, total))
    batches = list(batching.split(raw, window if is_window else limit))
    floor = total - limit
    bounds = Bounds(
        total=total,
        in_service=live.in_service_count(source),
        max_unavailable=limit,
        floor=floor,
        lowest_in_service=batching.lowest_in_service(live.instances, batches, source, floor),
        max_concurrent_operations=plan.availability.max_concurrent_operations,
    )
    settings = tuple(one for one in autoscale if one.enabled)
    _refuse_autoscale(plan, settings)
    work = _work(plan, batches, window)
    back, no_way_back = way_back(plan, live, wanted, outdated, work, settings, missing_image)
    _refuse_without_way_back(plan, no_way_back)
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
        steps=tuple(
            _pinned(
                plan, settings, [*_model_steps(live.model, wanted, no_way_back), *work], batches
            )
        ),
        instances=planned,
        notes=tuple(decisions(plan, live, wanted, raw, bounds, settings)),
        on_scale=plan.on_scale,
        rollback=back,
        no_way_back=no_way_back,
    )


def to_upgrade(plan: Plan, live: ScaleSet, wanted: ModelFields) -> Sequence[Instance]:
    """Return the instances that the Plan is to bring to what is wanted, as the set lists them."""
    return [
        one
        for one in live.instances
        if not one.is_current(wanted) and not batching.skip_reason(one, plan.strategy)
    ]


def _refuse_autoscale(plan: Plan, settings: Sequence[AutoscaleSetting]) -> None:
    if plan.autoscale is Autoscale.REFUSE and settings:
        names = ", ".join(one.name for one in settings)
        raise Refused(
            f"autoscale setting {names} scales {plan.target}, and the Plan says autoscale: refuse",
            hint="disable it, or let the Plan say autoscale: pin",
        )


def _refuse_without_way_back(plan: Plan, no_way_back: str | None) -> None:
    if plan.failure.on_failure is OnFailure.ROLLBACK and no_way_back is not None:
        raise Refused(
            f"failure.onFailure is rollback, but there is no way back: {no_way_back}",
            hint="let the Plan say failure.onFailure: freeze, or make that image available again",
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


def _work(plan: Plan, batches: Sequence[batching.Batch], window: int) -> Sequence[Step]:
    """Return the Steps that bring the instances to the model, with all that goes between."""
    if plan.strategy.type is StrategyType.SLIDING_WINDOW:
        ids = tuple(one.instance_id for batch in batches for one in batch.instances)
        if not ids:
            return []
        gates = [gate for gate in plan.gates if gate.after_batch is None]
        return [UpgradeWindow(ids, window), *(_gate_step(gate, None, ids) for gate in gates)]
    steps: list[Step] = []
    for number, batch in enumerate(batches, start=1):
        steps.extend(_batch_steps(plan, number, batch))
        if plan.strategy.pause_time_between_batches and number < len(batches):
            steps.append(Pause(plan.strategy.pause_time_between_batches))
    return steps


def _batch_steps(plan: Plan, number: int, batch: batching.Batch) -> Sequence[Step]:
    """Order matters: drain, operate, be healthy, undrain, and only then ask the application."""
    ids = tuple(one.instance_id for one in batch.instances)
    steps: list[Step] = [UpgradeBatch(number, ids, batch.label), AwaitHealth(number)]
    hooks = plan.hooks
    if hooks.before_batch is not None:
        steps.insert(0, RunHook(HookTime.BEFORE_BATCH, hooks.before_batch, number, ids))
    if hooks.after_batch is not None:
        steps.append(RunHook(HookTime.AFTER_BATCH, hooks.after_batch, number, ids))
    return steps + [
        _gate_step(gate, number, ids) for gate in plan.gates if gate.after_batch in (None, number)
    ]


def _gate_step(gate: Gate, batch: int | None, ids: tuple[str, ...]) -> Step:
    if isinstance(gate.check, ApprovalGate):
        return Approval(gate.check.message)
    return Check(gate.check, gate.counting, batch, ids)


def _pinned(
    plan: Plan,
    settings: tuple[AutoscaleSetting, ...],
    steps: Sequence[Step],
    batches: Sequence[batching.Batch],
) -> Sequence[Step]:
    """Hold the count around everything: an instance made before the model is written is old."""
    if plan.autoscale is not Autoscale.PIN or not settings or not batches:
        return steps
    return [PinAutoscale(settings), *steps, RestoreAutoscale()]


def _model_steps(live: ModelFields, wanted: ModelFields, no_way_back: str | None) -> Sequence[Step]:
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
        is_final = fields is rest and bool(changes)
        steps.append(SetModel(fields, changes, reason, no_way_back if is_final else None))
    return steps
