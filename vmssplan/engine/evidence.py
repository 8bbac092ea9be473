"""What an observation proves: the Events that follow from what is live, before anything is done.

An operation is settled by its own status and by the instances; one in doubt by the instances
alone. Nothing is concluded from an instance that is still being worked on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.batching import PROTECTED, STANDING_STILL, standing_still_reason
from vmssplan.durations import format_duration
from vmssplan.engine import events as ev
from vmssplan.engine.progress import Phase
from vmssplan.gates import HealthEvidence, Verdict, health_verdict
from vmssplan.model import (
    BUSY_STATES,
    FAILED,
    SUCCEEDED,
    AzureError,
    OperationStatus,
    image_text,
)
from vmssplan.rollout import Disposition, PlannedInstance, SetModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from vmssplan.engine.progress import Progress
    from vmssplan.engine.state import InFlight, Live, RunState
    from vmssplan.model import HealthSource, Instance, OperationReport
    from vmssplan.rollout import Rollout

GONE = "no longer in the scale set"
SETTLE_TIME = timedelta(seconds=30)
"""How long a request whose reply was lost may still be on its way to the instances, and how long
the list of instances may be behind an operation that succeeded."""

MOST_FALLS = 20
"""An instance that is ready and sick again more often has failed; else a Run might never end."""


def learn(state: RunState, live: Live, now: datetime) -> tuple[ev.Event, ...]:
    """Return what the observation adds to what is known; empty when it adds nothing."""
    rollout, standing = state.rollout, state.standing
    is_settling = any(_may_settle(request, live) for request in state.in_flight)
    if not is_settling and standing.has_learned(live.scale_set, state.step, now):
        return ()
    facts: list[ev.Event] = list(_appeared(state, live, now))
    for request in state.in_flight:
        facts.extend(_settle(rollout, state, request, live, now))
    facts.extend(_pending_facts(rollout, state, live, now))
    machines, serving = rollout.machines, live.serving(rollout.health.source)
    check = _HealthCheck(rollout, now)
    for instance_id in _to_judge(state, live, now):
        one, instance = state.progress[instance_id], live.instances.get(instance_id)
        if instance is not None and instance.vm_id != machines[instance_id]:
            instance = None
        fact = check.fact(one, instance_id, instance, is_serving=instance_id in serving)
        if fact is not None:
            facts.append(fact)
    if not facts:
        until = min((at for at, _ in standing.due(rollout.health)), default=None)
        standing.learned(live.scale_set, state.step, until)
    return tuple(facts)


def _may_settle(request: InFlight, live: Live) -> bool:
    """Tell whether anything can be said of how the request ended."""
    if request.is_in_doubt:
        return True
    report = live.operations.get(request.operation)
    return report is not None and report.status is not OperationStatus.IN_PROGRESS


def _to_judge(state: RunState, live: Live, now: datetime) -> Iterator[str]:
    """Yield the instances of whose health there may be something new to say."""
    standing, health = state.standing, state.rollout.health
    serving, gone = live.serving(health.source), live.gone(state.rollout.machines)
    if standing.members(Phase.AWAITING):
        new = (standing.unwell & serving) | (standing.well - serving) | gone
        new = new.union(*(ids for moment, ids in standing.due(health) if now >= moment))
        yield from standing.in_order(new & standing.members(Phase.AWAITING))
    yield from standing.fallen(serving)


def _pending_facts(
    rollout: Rollout, state: RunState, live: Live, now: datetime
) -> Iterator[ev.Event]:
    """Yield what became of the step's instances before their turn came."""
    pending = state.standing.pending(state.step)
    machines = rollout.machines
    for instance_id in pending:
        instance = live.instances.get(instance_id)
        if instance is None or instance.vm_id != machines[instance_id]:
            yield ev.InstanceSkipped(now, instance_id, GONE)
        elif instance.is_busy:
            continue
        elif instance.is_current(rollout.model) and instance.provisioning_state != FAILED:
            yield ev.InstanceUpgraded(now, instance_id)
        elif instance.protected_from_scale_set_actions:
            yield ev.InstanceSkipped(now, instance_id, PROTECTED)
        elif instance.power_state in STANDING_STILL and instance.provisioning_state != FAILED:
            # A failed operation may have left it stopped: that one the next try is to cure.
            yield ev.InstanceSkipped(now, instance_id, standing_still_reason(instance))


def _appeared(state: RunState, live: Live, now: datetime) -> Iterator[ev.InstanceAppeared]:
    """Yield the instances nobody planned for, once they are settled enough to be judged.

    One that was outdated when it came, and is not now, is told again.
    """
    rollout = state.rollout
    for instance in live.strangers(rollout.machines):
        if instance.is_busy:
            continue
        is_current = instance.is_current(rollout.model)
        known = state.appeared.get(instance.vm_id)
        if known is not None and (known.is_current or not is_current):
            continue
        yield ev.InstanceAppeared(now, seen_instance(instance, rollout.health.source), is_current)


def seen_instance(instance: Instance, source: HealthSource) -> PlannedInstance:
    """Return an instance that is not in the Rollout the way the Rollout would have it."""
    return PlannedInstance(
        instance.instance_id,
        instance.vm_id,
        Disposition.UPGRADE,
        "came during the Run",
        instance.exact_version or image_text(instance.image),
        instance.is_in_service(source),
        instance.update_domain,
        instance.fault_domain,
        instance.zone,
    )


class _HealthCheck:
    """What one look says of the health of instances; who stands alike is judged once."""

    def __init__(self, rollout: Rollout, now: datetime) -> None:
        self._source, self._health, self._now = rollout.health.source, rollout.health, now
        # By identity: the state that is asked about holds every one of them.
        self._verdicts: dict[int, Verdict] = {}

    def fact(
        self, one: Progress, instance_id: str, instance: Instance | None, *, is_serving: bool
    ) -> ev.InstanceEvent | None:
        """Return what is new about it, None for nothing; no instance means it is gone."""
        now = self._now
        if instance is None:
            if one.phase is Phase.AWAITING:
                return ev.InstanceSkipped(now, instance_id, GONE)
            return None
        if is_serving and one.healthy_since is None:
            return ev.InstanceBecameHealthy(now, instance_id)
        if not is_serving and one.healthy_since is not None:
            return self._sick(one, instance)
        match self._verdict(one):
            case Verdict.SUCCESSFUL:
                return ev.InstanceReady(now, instance_id)
            case Verdict.FAILED:
                limit, seen = self._health.deadline, instance.health_text(self._source)
                why = f"not healthy within {format_duration(limit)} of its upgrade: {seen}"
                return self._failed(instance_id, "HealthDeadlineExceeded", why)
        return None

    def _sick(self, one: Progress, instance: Instance) -> ev.InstanceEvent:
        seen = instance.health_text(self._source)
        if one.phase is Phase.READY and one.falls >= MOST_FALLS:
            why = f"ready and sick again {one.falls + 1} times: {seen}"
            return self._failed(instance.instance_id, "HealthFlaps", why)
        return ev.InstanceBecameUnhealthy(self._now, instance.instance_id, seen)

    def _failed(self, instance_id: str, code: str, why: str) -> ev.InstanceFailed:
        return ev.InstanceFailed(self._now, instance_id, ev.FailurePhase.HEALTH, code, why)

    def _verdict(self, one: Progress) -> Verdict:
        known = self._verdicts.get(id(one))
        if known is None:
            evidence = HealthEvidence(one.upgraded_at or self._now, one.healthy_since)
            known = self._verdicts[id(one)] = health_verdict(evidence, self._health, self._now)
        return known


def _settle(
    rollout: Rollout, state: RunState, request: InFlight, live: Live, now: datetime
) -> Iterator[ev.Event]:
    """Yield how a request ended; nothing while it runs, or while that cannot be told.

    Judged by the instances first: a set-wide failure may be an old error told again.
    """
    if not _may_settle(request, live):
        return
    report = None if request.is_in_doubt else live.operations.get(request.operation)
    if report is None and now < request.intended_at + SETTLE_TIME:
        return
    if not request.instance_ids:
        yield from _settled_model_write(rollout, state, request, report, live, now)
        return
    machines = rollout.machines
    known = {
        i: live.instances[i]
        for i in request.instance_ids
        if i in live.instances and live.instances[i].vm_id == machines[i]
    }
    if any(one.is_busy for one in known.values()):
        return
    outdated = {i: one for i, one in known.items() if not one.is_current(rollout.model)}
    if _is_list_behind(request, report, live, outdated.values(), now):
        return
    for instance_id in request.instance_ids:
        if state.progress[instance_id].phase is not Phase.OPERATING:
            continue
        if instance_id not in known:
            yield ev.InstanceSkipped(now, instance_id, GONE)
        elif instance_id not in outdated and known[instance_id].provisioning_state != FAILED:
            yield ev.InstanceUpgraded(now, instance_id)
        else:
            yield _not_upgraded(request, known[instance_id], report, now)
    yield _ended(request, report, now)


def _settled_model_write(
    rollout: Rollout,
    state: RunState,
    request: InFlight,
    report: OperationReport | None,
    live: Live,
    now: datetime,
) -> Iterator[ev.Event]:
    """Judge by the model first: a failure may be that of an instance, an old one told again."""
    if live.scale_set.provisioning_state in BUSY_STATES:
        return
    step = rollout.steps[state.step - 1]
    is_written = isinstance(step, SetModel) and step.fields.is_met_by(live.scale_set.model)
    ended = _ended(request, report, now)
    yield replace(ended, status="") if is_written and ended.status != SUCCEEDED else ended


def _ended(request: InFlight, report: OperationReport | None, now: datetime) -> ev.OperationEnded:
    error = report.error if report else None
    return ev.OperationEnded(
        now,
        request.request,
        report.status.value if report else "",
        error.code if error else "",
        error.message if error else "",
    )


def _is_list_behind(
    request: InFlight,
    report: OperationReport | None,
    live: Live,
    outdated: Iterable[Instance],
    now: datetime,
) -> bool:
    """Tell whether the operation succeeded a moment ago on what is still listed as outdated."""
    ended_at = live.ended_at.get(request.operation)
    if report is None or report.status is not OperationStatus.SUCCEEDED or ended_at is None:
        return False
    return now < ended_at + SETTLE_TIME and any(
        one.provisioning_state != FAILED and not one.protected_from_scale_set_actions
        for one in outdated
    )


def _not_upgraded(
    request: InFlight,
    instance: Instance,
    report: OperationReport | None,
    now: datetime,
) -> ev.Event:
    """Say what became of an instance that is outdated or Failed after the operation on it.

    A Failed one whose request was never accepted may have failed before it: try it again.
    """
    instance_id = instance.instance_id
    is_failed = instance.provisioning_state == FAILED
    if instance.protected_from_scale_set_actions:
        return ev.InstanceSkipped(now, instance_id, PROTECTED)
    if report is None and not (is_failed and request.operation):
        return ev.InstanceNotStarted(now, instance_id)
    error = _error_of(instance_id, instance, report)
    return ev.InstanceFailed(now, instance_id, ev.FailurePhase.OPERATION, error.code, error.message)


def _error_of(instance_id: str, instance: Instance, report: OperationReport | None) -> AzureError:
    told = report.instance_errors.get(instance_id) if report else None
    general = report.error if report else None
    return (
        told
        or instance.error
        or general
        or AzureError("NotUpgraded", "the operation ended, but the instance is still outdated")
    )
