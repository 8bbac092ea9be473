"""What rules have happen at a time: other people's changes, outages, sickness, images taken back.

`befall` carries out every task that only faults put on the timetable.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from msgspec import structs

from vmss_simulator import documents
from vmss_simulator.actions import delete_instances
from vmss_simulator.afflictions import covers, is_out, report_health
from vmss_simulator.effects import (
    Act,
    ChangeModel,
    DeleteInstances,
    Outage,
    ProtectInstances,
    ReimageInstances,
    SetCapacity,
    Sicken,
    StartRollingUpgrade,
    UpgradeInstances,
    WithdrawImage,
)
from vmss_simulator.errors import ArmError, ErrorDetail
from vmss_simulator.fault_texts import NO_HOST
from vmss_simulator.instance_writes import write_instance
from vmss_simulator.operations import end_operation, end_step
from vmss_simulator.rolling_upgrades import start_rolling_upgrade
from vmss_simulator.tasks import (
    ActorActs,
    ActorWrites,
    AgentReports,
    FaultStrikes,
    HealthTurns,
    HostsReturn,
    InstanceSettles,
    OperationCut,
    ScaleSetSettles,
)
from vmss_simulator.values import (
    HealthState,
    InstanceView,
    OperationKind,
    PowerState,
    ProvisioningState,
)
from vmss_simulator.writes import find, work_on_instances, write_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_simulator.effects import Action
    from vmss_simulator.faults import FaultRule
    from vmss_simulator.state import State
    from vmss_simulator.tasks import FaultTask
    from vmss_simulator.values import Instance, ScaleSetKey

_CONFLICT_STATUS = 409
_ACTOR_RETRY = timedelta(seconds=30)
_OFF = (PowerState.STOPPED, PowerState.DEALLOCATED, PowerState.DEALLOCATING)


def schedule_faults(state: State, key: ScaleSetKey, *, only: str | None = None) -> None:
    """Put on the timetable what rules have happen to this set; `only` names a single rule."""
    for rule, effect in state.faults.timed():
        if only in (None, rule.name) and covers(state, rule, key):
            strikes_at = state.faults.begins(rule) + effect.at
            state.schedule(strikes_at, FaultStrikes(rule.name, key))


def befall(state: State, task: FaultTask) -> None:
    """Carry out one task that has come due; one about a set that is gone does nothing."""
    if isinstance(task, OperationCut):
        _cut(state, task)
        return
    if task.key.folded() not in state.scale_sets:
        return
    match task:
        case ActorWrites() | ActorActs():
            _let_act(state, task)
        case FaultStrikes() | HostsReturn():
            rule = next((each for each in state.faults.rules if each.name == task.rule), None)
            if rule is not None and isinstance(task, FaultStrikes):
                _strike(state, rule, task.key)
            elif rule is not None:
                _return_hosts(state, rule, task.key)
        case AgentReports() | InstanceSettles():
            _settle_instance(state, task)
        case ScaleSetSettles(key):
            _settle_scale_set(state, key)
        case _:
            assert_never(task)


def _strike(state: State, rule: FaultRule, key: ScaleSetKey) -> None:
    effect = rule.effect
    match effect:
        case ChangeModel(actor, _, body):
            _let_act(state, ActorWrites(actor, key, body))
        case Act(actor, _, action):
            _let_act(state, ActorActs(actor, key, action))
        case Outage():
            _lose_hosts(state, rule, key, effect)
        case Sicken():
            _sicken(state, rule, key, effect)
        case WithdrawImage(version=glob):
            state.emit("imageWithdrawn", key, rule=rule.name, version=glob)
            state.images = state.images.without(glob)
        case _:
            # No other effect is at a time: the rule has changed since it was put there.
            return


# --- other people -----------------------------------------------------------------------------


def _let_act(state: State, task: ActorWrites | ActorActs) -> None:
    try:
        if isinstance(task, ActorWrites):
            body, kind = documents.accepted(task.body), OperationKind.PATCH_SCALE_SET
            write_model(state, kind, task.key, body, if_match=None, actor=task.actor)
        else:
            state.emit("actorActs", task.key, by=task.actor, does=type(task.action).__name__)
            _carry_out(state, task.key, task.actor, task.action)
    except ArmError as refused:
        state.emit("actorRefused", task.key, by=task.actor, code=refused.code)
        if refused.status == _CONFLICT_STATUS:
            state.schedule(state.now + _ACTOR_RETRY, task)


def _carry_out(state: State, key: ScaleSetKey, actor: str, action: Action) -> None:
    match action:
        case SetCapacity(capacity):
            sku, kind = {"sku": {"capacity": capacity}}, OperationKind.PUT_SCALE_SET
            write_model(state, kind, key, sku, if_match=None, actor=actor)
        case DeleteInstances(ids):
            delete_instances(state, OperationKind.DELETE_INSTANCES, key, ids)
        case ProtectInstances(ids, protection):
            policy = {"protectFromScaleSetActions": protection.from_scale_set_actions}
            if not protection.from_scale_set_actions:
                # The one implies the other, and must not be denied beside it.
                policy["protectFromScaleIn"] = protection.from_scale_in
            body = {"properties": {"protectionPolicy": policy}}
            for instance_id in ids:
                write_instance(state, key, instance_id, body)
        case UpgradeInstances(ids):
            work_on_instances(state, OperationKind.UPGRADE, key, ids)
        case ReimageInstances(ids):
            work_on_instances(state, OperationKind.REIMAGE, key, ids)
        case StartRollingUpgrade():
            start_rolling_upgrade(state, OperationKind.START_OS_UPGRADE, key)
        case _:
            assert_never(action)


# --- hosts and health -------------------------------------------------------------------------


def _picked(state: State, rule: FaultRule, key: ScaleSetKey) -> Iterator[Instance]:
    for each in tuple(find(state, key).instances.values()):
        if rule.picks(each):
            yield each


def _lose_hosts(state: State, rule: FaultRule, key: ScaleSetKey, outage: Outage) -> None:
    for instance in _picked(state, rule, key):
        if instance.power in _OFF and instance.busy_with is None:
            continue
        if instance.provisioning is ProvisioningState.DELETING:
            continue
        given_up = instance.busy_with
        _next_epoch(state, key, instance)
        error = ErrorDetail(NO_HOST.code, NO_HOST.message, instance.instance_id)
        lost = structs.replace(
            instance,
            busy_with=None,
            power=PowerState.UNKNOWN,
            health=None if instance.health is None else HealthState.UNKNOWN,
            health_since=None if instance.health is None else state.now,
            view=InstanceView.AGENT_SILENT,
        )
        if given_up is not None:
            lost = structs.replace(lost, provisioning=ProvisioningState.FAILED, error=error)
        state.change(key, lost, "hostLost", rule=rule.name)
        if given_up is not None:
            end_step(state, given_up, error)
    if outage.lasting is not None:
        state.schedule(state.now + outage.lasting, HostsReturn(rule.name, key))


def _return_hosts(state: State, rule: FaultRule, key: ScaleSetKey) -> None:
    for instance in _picked(state, rule, key):
        others = (each for each, _ in state.faults.timed() if each is not rule)
        if instance.power is not PowerState.UNKNOWN or any(
            is_out(state, each, key, instance) for each in others
        ):
            continue
        reporting = instance.health is not None
        back = structs.replace(
            instance,
            power=PowerState.RUNNING,
            health=HealthState.INITIALIZING if reporting else None,
            health_since=state.now if reporting else None,
            view=InstanceView.COMPLETE,
        )
        state.change(key, back, "hostReturned", rule=rule.name)
        if reporting:
            report_health(state, key, instance.instance_id)


def _sicken(state: State, rule: FaultRule, key: ScaleSetKey, effect: Sicken) -> None:
    for instance in _picked(state, rule, key):
        if instance.health is not HealthState.HEALTHY or instance.busy_with is not None:
            continue
        epoch = state.epochs.setdefault((key.folded(), instance.instance_id), 0)
        turns = [HealthState.UNHEALTHY]
        if effect.lasting is not None:
            turns = [HealthState.UNHEALTHY, HealthState.HEALTHY] * effect.times
        for number, health in enumerate(turns):
            at = state.now + number * (effect.lasting or timedelta(0))
            state.schedule(at, HealthTurns(key, instance.instance_id, epoch, health))


# --- what ends, or settles, in its own way ------------------------------------------------------


def _cut(state: State, task: OperationCut) -> None:
    """End the operation; what has no new disk yet keeps the old one, and comes up again."""
    if task.operation_id not in state.running:
        return
    operation = state.operations[task.operation_id]
    for instance in tuple(find(state, operation.key).instances.values()):
        if instance.busy_with == task.operation_id and instance.power is PowerState.STOPPING:
            _next_epoch(state, operation.key, instance)
            reporting = instance.health is not None
            spared = structs.replace(
                instance,
                busy_with=None,
                provisioning=ProvisioningState.SUCCEEDED,
                power=PowerState.RUNNING,
                health=HealthState.INITIALIZING if reporting else None,
                health_since=state.now if reporting else None,
            )
            state.change(operation.key, spared, "workGivenUp", operationId=task.operation_id)
            if reporting:
                report_health(state, operation.key, instance.instance_id)
    error = ErrorDetail(task.end.code, task.end.message)
    end_operation(state, task.operation_id, task.end.status, error)


def _settle_instance(state: State, task: AgentReports | InstanceSettles) -> None:
    instance = find(state, task.key).instances.get(task.instance_id)
    if instance is None or state.epochs.get((task.key.folded(), task.instance_id)) != task.epoch:
        return
    if isinstance(task, InstanceSettles):
        settled = structs.replace(instance, provisioning=ProvisioningState.SUCCEEDED)
        state.change(task.key, settled, "updatingSettled")
        return
    state.change(task.key, structs.replace(instance, view=InstanceView.COMPLETE), "agentReported")
    if instance.health is not None:
        report_health(state, task.key, task.instance_id)


def _settle_scale_set(state: State, key: ScaleSetKey) -> None:
    scale_set = find(state, key)
    if any(state.operations[each].key.folded() == key.folded() for each in state.running):
        return
    if scale_set.provisioning is ProvisioningState.UPDATING:
        state.store(replace(scale_set, provisioning=ProvisioningState.SUCCEEDED))
        state.emit("updatingSettled", scale_set.key)


def _next_epoch(state: State, key: ScaleSetKey, instance: Instance) -> None:
    place = (key.folded(), instance.instance_id)
    state.epochs[place] = state.epochs.get(place, 0) + 1
