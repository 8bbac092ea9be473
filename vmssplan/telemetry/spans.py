"""The spans of a Run: its own, and below it one for each step, marked with what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    Link,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from vmssplan.documents import record_fields
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.report.steps import batch_of_step, step_title
from vmssplan.rollout import AwaitHealth, Check, UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from vmssplan.engine import Event, RunState
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout, Step
    from vmssplan.telemetry.numbers import Attributes, Numbers

NO_FAULT = frozenset({ExitCode.SUCCESS, ExitCode.CANCELLED, ExitCode.PAUSED})
"""Ends at which nothing went wrong."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RunIds(IdGenerator):
    """The ids of one Run's trace: its trace and first span are always the same."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.trace_id = self._random.generate_trace_id()
        self.first_span_id = self._random.generate_span_id()
        self._is_first = False

    def begin(self, run: str, rollout_digest: str, *, is_resumed: bool) -> None:
        """Say which Run it is; the next span is its first one, unless the Run is resumed."""
        known = sha256(f"{run}\n{rollout_digest}".encode()).digest()
        # All zeros would be no id; no hash is ever expected to be.
        self.trace_id = int.from_bytes(known[:16]) or 1
        self.first_span_id = int.from_bytes(known[16:24]) or 1
        self._is_first = not is_resumed

    def generate_trace_id(self) -> int:
        """Return the trace's id."""
        return self.trace_id

    def generate_span_id(self) -> int:
        """Return the id of the next span."""
        if self._is_first:
            self._is_first = False
            return self.first_span_id
        return self._random.generate_span_id()

    def first_span(self) -> SpanContext:
        """Return the span with which the Run began."""
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(self.trace_id, self.first_span_id, is_remote=True, trace_flags=flags)


class RunTelemetry:
    """A Watcher that makes spans, and hands on what is to be measured."""

    def __init__(self, run: str, ids: RunIds, tracer: Tracer, numbers: Numbers) -> None:
        self._run = run
        self._ids = ids
        self._tracer = tracer
        self._numbers = numbers
        self._root: Span | None = None
        self._step: Span | None = None
        self._last: datetime | None = None

    def happened(self, event: Event, state: RunState) -> None:
        """Open, mark or close spans, and count."""
        self._last = event.at
        self._numbers.happened(event, state)
        match event:
            case ev.RunStarted():
                self._open_run(event.at, state)
            case ev.RunResumed():
                self._open_run(event.at, state, is_resumed=True)
                if state.step_started_at is not None:
                    self._open_step(event.at, state, is_resumed=True)
            case ev.StepStarted():
                self._open_step(event.at, state)
            case ev.StepCompleted(note=note):
                if self._step is not None and note:
                    self._step.set_attribute("vmssplan.step.note", note)
                self._close_step(event.at)
            case ev.RollbackStarted(reason=reason):
                self._fail_step(reason)
                self._close_step(event.at)
                self._mark(event)
            case ev.InstanceFailed(instance_id=one, code=code, message=message):
                self._mark(event)
                self._fail_step(f"instance {one}: {code}: {message}")
            case _:
                self._mark(event)
        if state.outcome is not None:
            self._close_run(event.at, state.outcome.exit_code, state.outcome.reason)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Measure what serves."""
        self._last = now
        self._numbers.looked(scale_set, state)

    def close(self) -> None:
        """End what is open: the Run was stopped in the middle, and can be resumed."""
        if self._root is not None and self._last is not None:
            self._close_run(self._last, None, "stopped at once")

    def _open_run(self, at: datetime, state: RunState, *, is_resumed: bool = False) -> None:
        rollout = state.rollout
        attributes: Attributes = {
            "cloud.provider": "azure",
            "vmssplan.run": self._run,
            "vmssplan.plan": rollout.plan,
            "vmssplan.scale_set.id": rollout.target.resource_id,
            "vmssplan.strategy": rollout.strategy.value,
            "vmssplan.method": rollout.method.value,
            "vmssplan.digest": state.digest,
            "vmssplan.steps": len(rollout.steps),
            "vmssplan.floor": rollout.bounds.floor,
            "vmssplan.resumed": is_resumed,
        }
        self._ids.begin(self._run, state.digest, is_resumed=is_resumed)
        self._root = self._tracer.start_span(
            "vmssplan.run",
            Context(),
            attributes=attributes,
            links=[Link(self._ids.first_span())] if is_resumed else None,
            start_time=_nanoseconds(at),
        )

    def _open_step(self, at: datetime, state: RunState, *, is_resumed: bool = False) -> None:
        if self._root is None:
            return
        rollout = state.rollout
        step = rollout.steps[state.step - 1]
        attributes: Attributes = {
            "vmssplan.run": self._run,
            "vmssplan.step": state.step,
            "vmssplan.step.kind": type(step).__name__,
            "vmssplan.step.title": step_title(rollout, step),
            "vmssplan.way_back": state.rollback is not None,
            "vmssplan.resumed": is_resumed,
        }
        batch = batch_of_step(rollout, state.step)
        if batch is not None:
            attributes["vmssplan.batch"] = batch
        ids = instances_of(rollout, step)
        if ids:
            attributes["vmssplan.instances.count"] = len(ids)
            attributes["vmssplan.instances"] = list(ids)
        self._step = self._tracer.start_span(
            f"vmssplan.step.{type(step).__name__}",
            set_span_in_context(self._root, Context()),
            attributes=attributes,
            start_time=_nanoseconds(at),
        )

    def _fail_step(self, why: str) -> None:
        if self._step is not None:
            self._step.set_status(Status(StatusCode.ERROR, why))

    def _mark(self, event: Event) -> None:
        span = self._step or self._root
        if span is not None:
            span.add_event(type(event).__name__, _attributes(event), _nanoseconds(event.at))

    def _close_step(self, at: datetime) -> None:
        if self._step is not None:
            self._step.end(_nanoseconds(at))
            self._step = None

    def _close_run(self, at: datetime, exit_code: ExitCode | None, reason: str) -> None:
        if self._root is None:
            return
        for span in (self._step, self._root):
            if span is not None and exit_code not in NO_FAULT:
                span.set_status(Status(StatusCode.ERROR, reason))
        if exit_code is not None:
            self._root.set_attribute("vmssplan.outcome.exit_code", int(exit_code))
        if reason:
            self._root.set_attribute("vmssplan.outcome.reason", reason)
        self._close_step(at)
        self._root.end(_nanoseconds(at))
        self._root = None


def instances_of(rollout: Rollout, step: Step) -> tuple[str, ...]:
    """Return the instances that a step upgrades, awaits or checks."""
    match step:
        case UpgradeBatch(instance_ids=ids) | UpgradeWindow(instance_ids=ids):
            return ids
        case AwaitHealth(batch=number):
            batches = [one for one in rollout.steps if isinstance(one, UpgradeBatch)]
            return next((one.instance_ids for one in batches if one.batch == number), ())
        case Check(instance_ids=ids):
            return ids
        case _:
            return ()


def _attributes(event: Event) -> Attributes:
    """Return the fields of an Event that an attribute can hold."""
    found: Attributes = {}
    for field in record_fields(type(event)):
        value = getattr(event, field)
        key = f"vmssplan.{field}"
        match value:
            case Enum():
                found[key] = str(value.value)
            case str() | int():
                found[key] = value
            case datetime() if field != "at":
                found[key] = value.isoformat()
            case tuple() if all(isinstance(one, str) for one in value):
                found[key] = list(value)
            case _:
                pass
    return found


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1_000
