"""The measurements of a Run: what became of instances, what serves, and how long things took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.engine import Phase
from vmssplan.engine import events as ev

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.metrics import Histogram, Meter

    from vmssplan.engine import Event, RunState
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

Attributes = dict[str, str | int | bool | list[str]]
_SECONDS = [1, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400]


class Numbers:
    """The measurements of one Run; each carries the Plan and the scale set."""

    def __init__(self, rollout: Rollout, meter: Meter) -> None:
        self._about: Attributes = {
            "vmssplan.plan": rollout.plan,
            "vmssplan.scale_set.id": rollout.target.resource_id,
        }
        self._upgraded = meter.create_counter(
            "vmssplan.instances.upgraded", "{instance}", "Instances that run the wanted model now."
        )
        self._failed = meter.create_counter(
            "vmssplan.instances.failed", "{instance}", "Instances that failed, by phase."
        )
        self._skipped = meter.create_counter(
            "vmssplan.instances.skipped", "{instance}", "Instances left alone during the Run."
        )
        self._deferred = meter.create_counter(
            "vmssplan.requests.deferred", "{request}", "Requests put off, by reason."
        )
        self._in_service = meter.create_gauge(
            "vmssplan.instances.in_service", "{instance}", "Instances in service."
        )
        self._floor = meter.create_gauge(
            "vmssplan.instances.floor", "{instance}", "Instances that must be in service."
        )
        self._run_seconds = _seconds(meter, "vmssplan.run.duration", "How long a Run took.")
        self._step_seconds = _seconds(meter, "vmssplan.step.duration", "How long a step took.")
        self._request_seconds = _seconds(
            meter, "vmssplan.request.duration", "From the intent of a request to its end."
        )
        self._instance_seconds = _seconds(
            meter, "vmssplan.instance.duration", "From the intent for an instance to its readiness."
        )
        self._run_since: datetime | None = None
        self._step_since: tuple[datetime, str] | None = None
        self._requests: dict[int, tuple[datetime, str]] = {}
        self._instances: dict[str, datetime] = {}

    def looked(self, scale_set: ScaleSet, state: RunState) -> None:
        """Measure what serves; what is being operated on does not, even if the look is older."""
        operated = set(state.ids(Phase.OPERATING))
        source = state.rollout.health.source
        serving = sum(
            one.is_in_service(source) and one.instance_id not in operated
            for one in scale_set.instances
        )
        self._in_service.set(serving, self._about)
        self._floor.set(state.rollout.bounds.floor, self._about)

    def happened(self, event: Event, state: RunState) -> None:
        """Count the Event, and measure what ends with it."""
        self._count(event)
        self._time(event, state)
        if state.outcome is not None and self._run_since is not None:
            code = int(state.outcome.exit_code)
            about = {**self._about, "vmssplan.outcome.exit_code": code}
            self._run_seconds.record(_span(self._run_since, event.at), about)
            self._run_since = None

    def _count(self, event: Event) -> None:
        match event:
            case ev.InstanceUpgraded():
                self._upgraded.add(1, self._about)
            case ev.InstanceFailed(phase=phase):
                self._failed.add(1, {**self._about, "vmssplan.phase": phase.value})
            case ev.InstanceSkipped():
                self._skipped.add(1, self._about)
            case ev.RequestDeferred(reason=reason):
                self._deferred.add(1, {**self._about, "vmssplan.reason": reason.value})
            case _:
                pass

    def _time(self, event: Event, state: RunState) -> None:
        at = event.at
        match event:
            case ev.RunStarted() | ev.RunResumed():
                self._run_since = at
            case ev.StepStarted(step=number):
                self._step_since = (at, type(state.rollout.steps[number - 1]).__name__)
            case ev.StepCompleted() if self._step_since is not None:
                since, kind = self._step_since
                about = {**self._about, "vmssplan.step.kind": kind}
                self._step_seconds.record(_span(since, at), about)
            case ev.ModelWriteIntended(request=number):
                self._requests[number] = (at, "model")
            case ev.UpgradeIntended(request=number, method=method, instance_ids=ids):
                self._requests[number] = (at, method.value)
                self._instances.update(dict.fromkeys(ids, at))
            case ev.OperationEnded(request=number) if number in self._requests:
                since, kind = self._requests.pop(number)
                about = {**self._about, "vmssplan.request.kind": kind}
                self._request_seconds.record(_span(since, at), about)
            case ev.InstanceReady(instance_id=one) if one in self._instances:
                self._instance_seconds.record(_span(self._instances.pop(one), at), self._about)
            case _:
                pass


def _seconds(meter: Meter, name: str, text: str) -> Histogram:
    return meter.create_histogram(name, "s", text, explicit_bucket_boundaries_advisory=_SECONDS)


def _span(since: datetime, at: datetime) -> float:
    return (at - since).total_seconds()
