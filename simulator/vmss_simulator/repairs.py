"""Automatic repairs: unhealthy instances replaced, restarted or reimaged by the platform.

As documented: not before the grace period after the last change of the instance is over, at most
5 percent of the instances (at least one) at a time, not those protected from scale set actions,
and not while the service is suspended; it suspends itself when repairs do not help.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from vmss_simulator.errors import ArmError
from vmss_simulator.operations import end_step, start_operation
from vmss_simulator.policies import repairs_policy
from vmss_simulator.power import begin_machine_work
from vmss_simulator.scaling import add_instances
from vmss_simulator.tasks import RepairDue
from vmss_simulator.values import HealthState, Instance, OperationKind
from vmss_simulator.work import begin_delete, begin_work, current_target, job_of
from vmss_simulator.writes import target_of

if TYPE_CHECKING:
    from datetime import datetime

    from vmss_simulator.policies import RepairsPolicy
    from vmss_simulator.state import State
    from vmss_simulator.values import ScaleSet, ScaleSetKey

AUTOMATIC_REPAIRS = "AutomaticRepairs"
_LATER = timedelta(minutes=1)
_SHARE_AT_ONCE = 20


def watch(state: State, key: ScaleSetKey, instance: Instance) -> None:
    """Take note of an instance's health: a sick one is repaired when its grace period is over."""
    scale_set = state.scale_sets[key.folded()]
    if instance.health is HealthState.HEALTHY and not scale_set.repairs_in_vain:
        return
    policy = repairs_policy(scale_set.body)
    if policy is None or not policy.enabled:
        return
    if instance.health is HealthState.HEALTHY and scale_set.repairs_in_vain:
        state.store(replace(scale_set, repairs_in_vain=0))
    if instance.health is HealthState.UNHEALTHY:
        epoch = state.epochs.get((key.folded(), instance.instance_id), 0)
        due = RepairDue(scale_set.key, instance.instance_id, epoch)
        state.schedule(max(state.now, _ready_at(policy, instance)), due)


def watch_all(state: State, key: ScaleSetKey) -> None:
    """Look at every instance: the policy is new, or its service runs again."""
    for instance in state.scale_sets[key.folded()].instances.values():
        if instance.health is HealthState.UNHEALTHY:
            watch(state, key, instance)


def repair(state: State, task: RepairDue) -> None:
    """Repair the instance, with others that are due, unless something stands against it."""
    scale_set = state.scale_sets.get(task.key.folded())
    policy = repairs_policy(scale_set.body) if scale_set is not None else None
    if scale_set is None or policy is None or not _may_repair(state, scale_set, policy, task):
        return
    folded = scale_set.key.folded()
    if any(state.operations[each].key.folded() == folded for each in state.running):
        state.schedule(state.now + _LATER, task)
        return
    if scale_set.repairs_in_vain >= state.options.repairs_before_suspension:
        set_service(state, scale_set, AUTOMATIC_REPAIRS, suspended=True, by="platform")
        return
    first = scale_set.instances[task.instance_id]
    others = [each for each in scale_set.instances.values() if _is_due(state, policy, each)]
    others = [each for each in others if each is not first]
    most = max(1, len(scale_set.instances) // _SHARE_AT_ONCE)
    _begin(state, scale_set, policy, [first, *others][:most])


def set_service(
    state: State, scale_set: ScaleSet, service: str, *, suspended: bool, by: str
) -> ScaleSet:
    """Suspend or resume one of the set's orchestration services."""
    services = scale_set.suspended_services - {service}
    if suspended:
        services |= {service}
    changed = replace(scale_set, suspended_services=services, repairs_in_vain=0)
    state.store(changed)
    state.emit(
        "serviceStateSet",
        scale_set.key,
        service=service,
        state="Suspended" if suspended else "Running",
        by=by,
    )
    return changed


def _may_repair(state: State, scale_set: ScaleSet, policy: RepairsPolicy, task: RepairDue) -> bool:
    instance = scale_set.instances.get(task.instance_id)
    epoch = state.epochs.get((task.key.folded(), task.instance_id), 0)
    return (
        policy.enabled
        and AUTOMATIC_REPAIRS not in scale_set.suspended_services
        and instance is not None
        and epoch == task.epoch
        and _is_due(state, policy, instance)
    )


def _is_due(state: State, policy: RepairsPolicy, instance: Instance) -> bool:
    return (
        instance.health is HealthState.UNHEALTHY
        and instance.busy_with is None
        and not instance.protection.from_scale_set_actions
        and _ready_at(policy, instance) <= state.now
    )


def _ready_at(policy: RepairsPolicy, instance: Instance) -> datetime:
    return (instance.settled_at or instance.time_created) + policy.grace


def _begin(
    state: State, scale_set: ScaleSet, policy: RepairsPolicy, instances: list[Instance]
) -> None:
    try:
        model = current_target(state, scale_set)
        kind = OperationKind.REIMAGE
        targets = [target_of(state, kind, scale_set, each, model) for each in instances]
    except ArmError as refused:
        # The image is gone: nothing can be made of it, and nothing is tried.
        state.emit("repairRefused", scale_set.key, code=refused.code)
        return
    scale_set = replace(scale_set, repairs_in_vain=scale_set.repairs_in_vain + 1)
    ids = [each.instance_id for each in instances]
    operation = start_operation(state, scale_set, OperationKind.REPAIR, ids)
    for instance, target in zip(instances, targets, strict=True):
        match policy.action:
            case "Restart":
                begin_machine_work(state, operation, instance, "restart")
            case "Reimage":
                begin_work(state, job_of(operation, "reimage", target), instance)
            case _:
                begin_delete(state, operation, instance)
    if policy.action == "Replace":
        now = state.scale_sets[scale_set.key.folded()]
        add_instances(state, operation, now, len(instances))
    end_step(state, operation.operation_id)
