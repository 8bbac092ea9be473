"""What is true of a Run after the Events so far, and the pure step from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property, reduce
from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.model import HealthSource, Instance, OperationReport, ScaleSet
from vmssplan.rollout import UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmssplan.rollout import Rollout


QUIET_TIME = timedelta(minutes=5)
"""When nothing was tried for this long, the next deferral is not held against the last ones."""


class Phase(StrEnum):
    """Where an instance to be upgraded stands."""

    PENDING = "pending"
    OPERATING = "operating"
    AWAITING = "awaiting"
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Progress:
    """One instance: its phase, the step that upgrades it, and what is known of it.

    `upgraded_at` is where its health deadline counts from; `healthy_since` is None while it is
    not healthy, and after a break in the observation.
    """

    phase: Phase
    step: int
    upgraded_at: datetime | None = None
    healthy_since: datetime | None = None
    failure: ev.InstanceFailed | None = None
    skip_reason: str = ""


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request intended and not yet settled; no `instance_ids` means the model write.

    `operation` is "" until Azure accepted it. `is_in_doubt`: nobody holds the address of its
    status any more, so only looking at the instances can settle it.
    """

    request: int
    intended_at: datetime
    instance_ids: tuple[str, ...] = ()
    operation: str = ""
    is_in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Deferral:
    """Writes put off in a row: since when, how often, until when, and why last."""

    since: datetime
    count: int
    until: datetime
    last: ev.RequestDeferred


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the Run ended, for now."""

    exit_code: ExitCode
    step: int
    reason: str


@dataclass(frozen=True)
class RunState:
    """All that `decide` needs to remember. `step` is the current or last one, 1-based.

    `blindness` is the last look that failed; it matters only while there is nothing to see.
    """

    run: str = ""
    step: int = 0
    step_started_at: datetime | None = None  # None means no step is open
    progress: Mapping[str, Progress] = field(default_factory=dict)
    requests: int = 0
    in_flight: tuple[InFlight, ...] = ()
    deferral: Deferral | None = None
    blindness: ev.RequestDeferred | None = None
    refusal: ev.RequestRefused | None = None
    floor_reached_at: datetime | None = None
    cancel_requested: bool = False
    outcome: Outcome | None = None

    @classmethod
    def begin(cls, rollout: Rollout) -> RunState:
        """Return the state before the first Event."""
        progress = {
            instance_id: Progress(Phase.PENDING, number)
            for number, step in enumerate(rollout.steps, start=1)
            if isinstance(step, UpgradeBatch | UpgradeWindow)
            for instance_id in step.instance_ids
        }
        return cls(progress=progress)

    def ids(self, *phases: Phase) -> tuple[str, ...]:
        """Return the instances in any of these phases, in the order of the steps."""
        if len(phases) == 1:
            return self._by_phase.get(phases[0], ())
        return tuple(i for i, one in self.progress.items() if one.phase in phases)

    @cached_property
    def _by_phase(self) -> Mapping[Phase, tuple[str, ...]]:
        """The instances by phase; worked out once, because a state is asked many questions."""
        found: dict[Phase, list[str]] = {}
        for instance_id, one in self.progress.items():
            found.setdefault(one.phase, []).append(instance_id)
        return {phase: tuple(ids) for phase, ids in found.items()}

    def counts(self) -> Counter[Phase]:
        """Return how many instances are in each phase."""
        return Counter(one.phase for one in self.progress.values())

    @property
    def failures(self) -> tuple[ev.InstanceFailed, ...]:
        """The failures that stand, in the order of the steps."""
        return tuple(one.failure for one in self.progress.values() if one.failure)


@dataclass(frozen=True)
class Live:
    """What was just seen: the set, and the operations in flight by their ids.

    `ended_at` has the moment at which an operation was first seen to be over.
    """

    scale_set: ScaleSet
    operations: Mapping[str, OperationReport] = field(default_factory=dict)
    ended_at: Mapping[str, datetime] = field(default_factory=dict)

    @cached_property
    def instances(self) -> Mapping[str, Instance]:
        """The instances by id; made once, because the same look is asked many questions."""
        return self.scale_set.by_id()

    @cached_property
    def _serving(self) -> dict[HealthSource, frozenset[str]]:
        return {}

    def serving(self, source: HealthSource) -> frozenset[str]:
        """Return the ids of the instances in service."""
        if source not in self._serving:
            self._serving[source] = frozenset(
                one.instance_id for one in self.scale_set.instances if one.is_in_service(source)
            )
        return self._serving[source]

    def with_operations(
        self, operations: Mapping[str, OperationReport], ended_at: Mapping[str, datetime]
    ) -> Live:
        """Return the same look at the set with newer reports; what was worked out stays."""
        newer = replace(self, operations=operations, ended_at=ended_at)
        newer.__dict__.update(instances=self.instances, _serving=self._serving)
        return newer


InstanceEvent = (
    ev.InstanceUpgraded
    | ev.InstanceNotStarted
    | ev.InstanceSkipped
    | ev.InstanceBecameHealthy
    | ev.InstanceBecameUnhealthy
    | ev.InstanceReady
    | ev.InstanceFailed
)
RequestEvent = (
    ev.ModelWriteIntended
    | ev.UpgradeIntended
    | ev.OperationAccepted
    | ev.RequestDeferred
    | ev.RequestRefused
    | ev.OutcomeLost
    | ev.OperationEnded
)


def replay(rollout: Rollout, events: Iterable[ev.Event]) -> RunState:
    """Return the state after these Events, from the beginning."""
    return reduce(evolve, events, RunState.begin(rollout))


def evolve(state: RunState, event: ev.Event) -> RunState:
    """Return the state after one more Event."""
    if isinstance(event, InstanceEvent):
        return _instance_evolved(state, event)
    if isinstance(event, RequestEvent):
        return _request_evolved(state, event)
    match event:
        case ev.RunStarted(run=run):
            return replace(state, run=run)
        case ev.RunResumed():
            return _resumed(state, event)
        case ev.StepStarted(at=at, step=step):
            return replace(
                state, step=step, step_started_at=at, deferral=None, floor_reached_at=None
            )
        case ev.StepCompleted():
            return replace(state, step_started_at=None, deferral=None)
        case ev.FloorReached(at=at):
            return replace(state, floor_reached_at=at)
        case ev.CancelRequested():
            return replace(state, cancel_requested=True)
        case ev.RunHalted(step=step, exit_code=code, reason=reason):
            return replace(state, outcome=Outcome(ExitCode(code), step, reason))
        case ev.RunCompleted():
            return replace(state, outcome=Outcome(ExitCode.SUCCESS, state.step, ""))
    assert_never(event)


def _instance_evolved(state: RunState, event: InstanceEvent) -> RunState:
    one = state.progress[event.instance_id]
    match event:
        case ev.InstanceUpgraded(at=at):
            one = Progress(Phase.AWAITING, one.step, upgraded_at=at)
            state = replace(state, deferral=None)
        case ev.InstanceNotStarted():
            one = Progress(Phase.PENDING, one.step)
        case ev.InstanceSkipped(reason=reason):
            one = replace(one, phase=Phase.SKIPPED, skip_reason=reason, failure=None)
            state = replace(state, refusal=None)
        case ev.InstanceBecameHealthy(at=at):
            one = replace(one, healthy_since=at)
        case ev.InstanceBecameUnhealthy(at=at):
            # A ready instance that falls sick again gets a deadline of its own.
            since = at if one.phase is Phase.READY else one.upgraded_at
            one = replace(one, phase=Phase.AWAITING, healthy_since=None, upgraded_at=since)
        case ev.InstanceReady():
            one = replace(one, phase=Phase.READY)
        case ev.InstanceFailed():
            one = replace(one, phase=Phase.FAILED, healthy_since=None, failure=event)
        case _:
            assert_never(event)
    return replace(state, progress={**state.progress, event.instance_id: one})


def _with_phase(state: RunState, instance_ids: Iterable[str], phase: Phase) -> RunState:
    moved = {i: replace(state.progress[i], phase=phase) for i in instance_ids}
    return replace(state, progress={**state.progress, **moved})


def _request_evolved(state: RunState, event: RequestEvent) -> RunState:
    match event:
        case ev.ModelWriteIntended(at=at, request=number):
            return _intended(state, InFlight(number, at))
        case ev.UpgradeIntended(at=at, request=number, instance_ids=ids):
            state = replace(_intended(state, InFlight(number, at, ids)), floor_reached_at=None)
            return _with_phase(state, ids, Phase.OPERATING)
        case ev.OperationAccepted(request=number, operation=operation):
            state = replace(state, deferral=None)
            return _in_flight_changed(state, number, operation, is_in_doubt=not operation)
        case ev.OutcomeLost(request=number):
            return _in_flight_changed(state, number, None, is_in_doubt=True)
        case ev.RequestDeferred(blind_since=datetime()):
            return replace(state, blindness=event)
        case ev.RequestDeferred(request=number):
            return _withdrawn(replace(state, deferral=_deferral(state, event)), number)
        case ev.RequestRefused(request=number):
            return replace(_withdrawn(state, number), refusal=event)
        case ev.OperationEnded():
            return _operation_ended(state, event)
    assert_never(event)


def _intended(state: RunState, request: InFlight) -> RunState:
    return replace(state, in_flight=(*state.in_flight, request), requests=request.request)


def _in_flight_changed(
    state: RunState, number: int, operation: str | None, *, is_in_doubt: bool
) -> RunState:
    """Change one request in flight; `operation` None keeps what is known."""
    changed = tuple(
        replace(
            one,
            operation=one.operation if operation is None else operation,
            is_in_doubt=is_in_doubt,
        )
        if one.request == number
        else one
        for one in state.in_flight
    )
    return replace(state, in_flight=changed)


def _withdrawn(state: RunState, number: int | None) -> RunState:
    """Take a request back: it did nothing."""
    taken = [one for one in state.in_flight if one.request == number]
    rest = tuple(one for one in state.in_flight if one.request != number)
    ids = [instance_id for one in taken for instance_id in one.instance_ids]
    return _with_phase(replace(state, in_flight=rest), ids, Phase.PENDING)


def _deferral(state: RunState, event: ev.RequestDeferred) -> Deferral:
    """Count deferrals in a row; after a quiet time a new row begins."""
    before = state.deferral
    if before is None or event.at > before.until + QUIET_TIME:
        return Deferral(event.at, 1, event.until, event)
    return Deferral(before.since, before.count + 1, event.until, event)


def _operation_ended(state: RunState, event: ev.OperationEnded) -> RunState:
    """Settle a request; a model write that failed is a refusal."""
    ended = [one for one in state.in_flight if one.request == event.request]
    rest = tuple(one for one in state.in_flight if one.request != event.request)
    deferral = None
    if not event.status and state.deferral is not None:
        # A request settled by looking may have to be made again: the row of deferrals goes on,
        # and the time in doubt was no quiet time.
        deferral = replace(state.deferral, until=max(state.deferral.until, event.at))
    state = replace(state, in_flight=rest, deferral=deferral)
    is_model = any(not one.instance_ids for one in ended)
    if not is_model or event.status in ("Succeeded", ""):
        return state
    code = int(ExitCode.INSTANCE_FAILED)
    why = event.code or event.status
    refusal = ev.RequestRefused(event.at, event.request, code, why, event.message)
    return replace(state, refusal=refusal)


def _resumed(state: RunState, event: ev.RunResumed) -> RunState:
    """Go on: failures are tried again, and what nobody watched meanwhile is in doubt."""
    progress = {i: _progress_resumed(one, event.at) for i, one in state.progress.items()}
    retried = [
        one.step
        for i, one in progress.items()
        if one.phase is Phase.PENDING and state.progress[i].phase is Phase.FAILED
    ]
    back_to = min(retried, default=state.step + 1)
    is_over = state.step_started_at is None
    is_going_back = back_to < state.step or (back_to == state.step and is_over)
    return replace(
        state,
        step=back_to - 1 if is_going_back else state.step,
        step_started_at=None if is_going_back else state.step_started_at,
        progress=progress,
        in_flight=tuple(replace(one, is_in_doubt=True) for one in state.in_flight),
        deferral=None,
        blindness=None,
        refusal=None,
        floor_reached_at=None,
        cancel_requested=False,
        outcome=None,
    )


def _progress_resumed(one: Progress, at: datetime) -> Progress:
    if one.failure is not None:
        if one.failure.phase is ev.FailurePhase.OPERATION:
            return Progress(Phase.PENDING, one.step)
        return Progress(Phase.AWAITING, one.step, upgraded_at=at)
    return replace(one, healthy_since=None) if one.phase is Phase.AWAITING else one
