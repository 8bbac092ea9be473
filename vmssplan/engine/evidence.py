"""What an observation proves: the Events that follow from what is live, before anything is done.

An operation is settled by its own status and by the instances; one in doubt by the instances
alone. Nothing is concluded from an instance that is still being worked on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.engine import events as ev
from vmssplan.engine.state import Phase
from vmssplan.gates import HealthEvidence, Verdict, health_verdict
from vmssplan.model import BUSY_STATES, FAILED, AzureError, OperationStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from vmssplan.engine.state import InFlight, Live, Progress, RunState
    from vmssplan.model import Instance, OperationReport
    from vmssplan.rollout import Rollout

SETTLE_TIME = timedelta(seconds=30)
"""How long a request whose reply was lost may still be on its way to the instances."""


def learn(rollout: Rollout, state: RunState, live: Live, now: datetime) -> tuple[ev.Event, ...]:
    """Return what the observation adds to what is known; empty when it adds nothing."""
    instances = live.scale_set.by_id()
    machines = {one.instance_id: one.vm_id for one in rollout.instances}
    facts: list[ev.Event] = []
    for request in state.in_flight:
        facts.extend(_settle(rollout, request, live, now))
    for instance_id, one in state.progress.items():
        instance = instances.get(instance_id)
        if one.phase is Phase.PENDING:
            if one.step == state.step and state.step_started_at is not None:
                facts.extend(
                    _pending_facts(rollout, instance_id, machines[instance_id], instance, now)
                )
        elif one.phase in (Phase.AWAITING, Phase.READY):
            facts.extend(_health_facts(rollout, instance_id, one, instance, now))
    return tuple(facts)


def _pending_facts(
    rollout: Rollout, instance_id: str, vm_id: str, instance: Instance | None, now: datetime
) -> Iterator[ev.Event]:
    if instance is None or instance.vm_id != vm_id:
        yield ev.InstanceSkipped(now, instance_id, "no longer in the scale set")
    elif instance.is_busy:
        return
    elif instance.is_current(rollout.model):
        yield ev.InstanceUpgraded(now, instance_id)
    elif instance.protected_from_scale_set_actions:
        yield ev.InstanceSkipped(now, instance_id, "protected from scale set actions")


def _health_facts(
    rollout: Rollout, instance_id: str, one: Progress, instance: Instance | None, now: datetime
) -> Iterator[ev.Event]:
    if instance is None:
        if one.phase is Phase.AWAITING:
            yield ev.InstanceSkipped(now, instance_id, "no longer in the scale set")
        return
    source = rollout.health.source
    is_healthy = instance.is_in_service(source)
    if one.phase is Phase.READY:
        if not is_healthy:
            yield ev.InstanceBecameUnhealthy(now, instance_id, instance.health_text(source))
        return
    if is_healthy and one.healthy_since is None:
        yield ev.InstanceBecameHealthy(now, instance_id)
        return
    if not is_healthy and one.healthy_since is not None:
        yield ev.InstanceBecameUnhealthy(now, instance_id, instance.health_text(source))
        return
    evidence = HealthEvidence(one.upgraded_at or now, one.healthy_since)
    match health_verdict(evidence, rollout.health, now):
        case Verdict.SUCCESSFUL:
            yield ev.InstanceReady(now, instance_id)
        case Verdict.FAILED:
            limit = format_duration(rollout.health.deadline)
            yield ev.InstanceFailed(
                now,
                instance_id,
                ev.FailurePhase.HEALTH,
                "HealthDeadlineExceeded",
                f"not healthy within {limit} of its upgrade: {instance.health_text(source)}",
            )
        case Verdict.RUNNING | Verdict.INCONCLUSIVE | Verdict.ERROR:
            return


def _settle(
    rollout: Rollout,
    request: InFlight,
    live: Live,
    now: datetime,
) -> Iterator[ev.Event]:
    """Yield how a request ended; nothing while it runs, or while that cannot be told."""
    known = live.scale_set.by_id()
    report = None if request.is_in_doubt else live.operations.get(request.operation)
    if report is None and not request.is_in_doubt:
        return
    if report is not None and report.status is OperationStatus.IN_PROGRESS:
        return
    if report is None and now < request.intended_at + SETTLE_TIME:
        return
    if any(known[i].is_busy for i in request.instance_ids if i in known):
        return
    if not request.instance_ids and live.scale_set.provisioning_state in BUSY_STATES:
        return
    for instance_id in request.instance_ids:
        instance = known.get(instance_id)
        if instance is None:
            yield ev.InstanceSkipped(now, instance_id, "no longer in the scale set")
        else:
            yield _settled_instance(rollout, request, instance, report, now)
    error = report.error if report else None
    yield ev.OperationEnded(
        now,
        request.request,
        report.status.value if report else "",
        error.code if error else "",
        error.message if error else "",
    )


def _settled_instance(
    rollout: Rollout,
    request: InFlight,
    instance: Instance,
    report: OperationReport | None,
    now: datetime,
) -> ev.Event:
    """Judge by the instance first: a set-wide failure may be an old error told again.

    A Failed instance whose request was never accepted may have failed before it: try it again.
    """
    instance_id = instance.instance_id
    is_failed = instance.provisioning_state == FAILED
    if instance.is_current(rollout.model) and not is_failed:
        return ev.InstanceUpgraded(now, instance_id)
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
