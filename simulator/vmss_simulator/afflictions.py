"""What faults do to the work on one instance: decided when it starts, shown when it has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from msgspec import structs

from vmss_simulator import documents
from vmss_simulator.admission import subject_of
from vmss_simulator.effects import (
    BadImage,
    FailWork,
    Flap,
    KeepExtensions,
    KeepInstanceUpdating,
    NeverEnd,
    NeverHealthy,
    Outage,
    SilenceAgent,
    SlowWork,
    UnhealthyAfter,
)
from vmss_simulator.fault_texts import NO_HOST, os_provisioning_timed_out
from vmss_simulator.tasks import (
    UNAFFLICTED,
    Affliction,
    AgentReports,
    HealthTurns,
    InstanceSettles,
)
from vmss_simulator.values import HealthState, InstanceView, ProvisioningState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.effects import WorkEffect
    from vmss_simulator.faults import FaultRule
    from vmss_simulator.state import State
    from vmss_simulator.tasks import Job, Target, Work
    from vmss_simulator.values import Instance, ScaleSetKey


def affliction_of(state: State, job: Job, instance: Instance) -> Affliction:
    """Return everything that is to go wrong with the work, and log which rules did it."""
    if not state.faults.rules:
        return UNAFFLICTED
    affliction = UNAFFLICTED
    subject = subject_of(state, job.kind, job.key)
    found = state.faults.on_work(subject, instance, job.target.exact_version, state.now)
    for rule, effect in found:
        affliction = _affected(affliction, effect, job.target)
        state.emit("faultApplied", job.key, instance.instance_id, rule=rule.name)
    if any(is_out(state, rule, job.key, instance) for rule, _ in state.faults.timed()):
        affliction = replace(affliction, failure=NO_HOST)
    if affliction.failure is not None:
        affliction = replace(affliction, failure=_worded(affliction.failure, instance))
    return affliction


def is_out(state: State, rule: FaultRule, key: ScaleSetKey, instance: Instance) -> bool:
    """Whether the rule is an outage that has the instance's host at the moment."""
    outage = rule.effect
    if not isinstance(outage, Outage) or not rule.picks(instance):
        return False
    began = state.faults.begins(rule) + outage.at
    over = outage.lasting is not None and state.now >= began + outage.lasting
    return began <= state.now and not over and covers(state, rule, key)


def covers(state: State, rule: FaultRule, key: ScaleSetKey) -> bool:
    """Whether the rule is about this scale set."""
    found = state.scale_sets.get(key.folded())
    location = documents.text(found.body, "location") if found else None
    return rule.covers(key, key.subscription_id, location or "")


def settle(state: State, work: Work, instance: Instance) -> Instance:
    """Return an instance whose work has ended as the faults decided for it let it be."""
    silence, stays_updating = work.affliction.silence, work.affliction.stays_updating
    if silence is None and stays_updating is None:
        return instance
    place = (work.job.key, work.instance_id, work.epoch)
    if silence is not None:
        unknown = None if instance.health is None else HealthState.UNKNOWN
        instance = structs.replace(instance, view=InstanceView.AGENT_SILENT, health=unknown)
        if silence.lasting is not None:
            state.schedule(state.now + silence.lasting, AgentReports(*place))
    if stays_updating is not None:
        instance = structs.replace(instance, provisioning=ProvisioningState.UPDATING)
        if stays_updating.lasting is not None:
            state.schedule(state.now + stays_updating.lasting, InstanceSettles(*place))
    return instance


def await_health(state: State, work: Work) -> None:
    """Put on the timetable what the instance's health will be."""
    # A silent agent reports no health; when it speaks again, it does.
    affliction = work.affliction
    if affliction.silence is None:
        report_health(
            state, work.job.key, work.instance_id, affliction.settles_as, affliction.turns
        )


def report_health(
    state: State,
    key: ScaleSetKey,
    instance_id: str,
    settles_as: HealthState = HealthState.HEALTHY,
    turns: Sequence[tuple[timedelta, HealthState]] = (),
) -> None:
    """Let the instance's health settle a while from now, and then take its turns."""
    epoch = state.epochs.setdefault((key.folded(), instance_id), 0)
    share = state.share(key.machines, "health", instance_id)
    settled_at = state.now + state.latencies.health.at(share)
    state.schedule(settled_at, HealthTurns(key, instance_id, epoch, settles_as))
    if settles_as is HealthState.HEALTHY:
        for after, health in turns:
            state.schedule(settled_at + after, HealthTurns(key, instance_id, epoch, health))


def with_failed_extension(instance: Instance, failure: FailWork) -> Instance:
    """Return the instance with the extension marked that made its operation fail, if one did."""
    marked = tuple(
        replace(each, failed=True, message=failure.message)
        if each.name == failure.extension
        else each
        for each in instance.extensions
    )
    return structs.replace(instance, extensions=marked)


def _affected(affliction: Affliction, effect: WorkEffect, target: Target) -> Affliction:
    match effect:
        case SlowWork(factor):
            changes: dict[str, Any] = {"factor": affliction.factor * factor}
        case FailWork():
            changes = {"failure": effect}
        case NeverEnd():
            changes = {"never_ends": True}
        case NeverHealthy(health):
            changes = {"settles_as": health}
        case UnhealthyAfter(after):
            changes = {"turns": (*affliction.turns, (after, HealthState.UNHEALTHY))}
        case Flap():
            changes = {"turns": (*affliction.turns, *_flaps(effect))}
        case BadImage() if target.has_health:
            changes = {"settles_as": HealthState.UNHEALTHY}
        case BadImage():
            changes = {"failure": os_provisioning_timed_out(timedelta(0))}
        case KeepExtensions():
            changes = {"keeps_extensions": True}
        case SilenceAgent():
            changes = {"silence": effect}
        case KeepInstanceUpdating():
            changes = {"stays_updating": effect}
        case _:
            assert_never(effect)
    return replace(affliction, **changes)


def _flaps(effect: Flap) -> list[tuple[timedelta, HealthState]]:
    states = (HealthState.UNHEALTHY, HealthState.HEALTHY)
    return [(effect.period * (n + 1), states[n % 2]) for n in range(2 * effect.count)]


def _worded(failure: FailWork, instance: Instance) -> FailWork:
    message = failure.message.replace("{instanceId}", instance.instance_id)
    return replace(failure, message=message.replace("{vmName}", instance.name))
