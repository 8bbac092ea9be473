"""The pure step from one state of a Run to the next: what is true after one more Event."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, assert_never, cast, get_args

from msgspec import structs

from vmssplan.engine import events as ev
from vmssplan.engine.progress import Phase, Progress
from vmssplan.engine.state import Deferral, InFlight, Outcome, People, Pins, RunState, pins_after
from vmssplan.errors import ExitCode
from vmssplan.gates import Measurement, Tally
from vmssplan.rollout import rollback_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from vmssplan.rollout import Rollout

QUIET_TIME = timedelta(minutes=5)
"""When nothing was tried for this long, the next deferral is not held against the last ones."""

_OtherEvent = ev.RequestEvent | ev.AutoscaleEvent | ev.GateEvent | ev.PeopleEvent | ev.RunEvent
_OF_INSTANCES = frozenset[type](get_args(ev.InstanceEvent))
_SAYING_NO_MORE = frozenset({ev.InstanceUpgraded, ev.InstanceBecameHealthy, ev.InstanceReady})
"""Events of an instance that have nothing in them but when and of which."""


def replay(rollout: Rollout, events: Iterable[ev.Event]) -> RunState:
    """Return the state after these Events, from the beginning."""
    return evolve(RunState.begin(rollout), *events)


def evolve(state: RunState, *events: ev.Event) -> RunState:
    """Return the state after these Events, in order.

    Events of instances in a row are taken together: one copy of the progress for all of them.
    """
    before, row = state, list[ev.InstanceEvent]()
    for kind, group in groupby(events, type):
        if kind in _OF_INSTANCES:
            row.extend(cast("Iterable[ev.InstanceEvent]", group))
            continue
        for event in group:
            state = _evolved(_instances_evolved(state, row), cast("_OtherEvent", event))
            row = []
    return _instances_evolved(state, row).after(before)


def _evolved(state: RunState, event: _OtherEvent) -> RunState:
    if isinstance(event, ev.RequestEvent):
        return _request_evolved(state, event)
    if isinstance(event, ev.AutoscaleEvent):
        return _autoscale_evolved(state, event)
    if isinstance(event, ev.GateEvent):
        return _gate_evolved(state, event)
    if isinstance(event, ev.PeopleEvent):
        return structs.replace(
            state, people=state.people.after(event), tally=_tally_told(state, event)
        )
    return _run_evolved(state, event)


def _run_evolved(state: RunState, event: ev.RunEvent) -> RunState:
    match event:
        case ev.RunStarted(run=run, digest=digest, waits=waits):
            return structs.replace(state, run=run, digest=digest, people=People(waits=waits))
        case ev.RunResumed():
            return _resumed(state, event)
        case ev.StepStarted(at=at, step=step):
            return structs.replace(
                state,
                step=step,
                step_started_at=at,
                floor_reached_at=None,
                tally=Tally(),
                hook=None,
            )
        case ev.StepCompleted():
            return structs.replace(state, step_started_at=None, deferral=None)
        case ev.FloorReached(at=at):
            return structs.replace(state, floor_reached_at=at)
        case ev.InstanceAppeared(instance=instance):
            return structs.replace(state, appeared={**state.appeared, instance.vm_id: event})
        case ev.RollbackStarted():
            return _rolling_back(state, event)
        case ev.StopDecided():
            return structs.replace(state, stop=event)
        case ev.RunHalted(step=step, exit_code=code, reason=reason):
            return structs.replace(state, outcome=Outcome(ExitCode(code), step, reason))
        case ev.RunCompleted():
            code = ExitCode.ROLLED_BACK if state.rollback else ExitCode.SUCCESS
            why = state.rollback.reason if state.rollback else ""
            return structs.replace(state, outcome=Outcome(code, state.step, why))
    assert_never(event)


def _rolling_back(state: RunState, event: ev.RollbackStarted) -> RunState:
    """Begin at the first step of the way back; what the Run holds and was told stays.

    Who has paused the Run has paused its way back too; what a gate has held is no longer asked.
    """
    back = rollback_of(state.rollout, event.instance_ids, event.added, event.sick)
    begun = RunState.begin(back)
    held = state.people.held if state.people.held and state.people.held.key else None
    return structs.replace(
        begun,
        run=state.run,
        digest=state.digest,
        requests=state.requests,
        people=replace(state.people, rollback=None, refusal=None, held=held),
        pins=state.pins,
        appeared=state.appeared,
        rollback=event,
    )


def _autoscale_evolved(state: RunState, event: ev.AutoscaleEvent) -> RunState:
    return structs.replace(state, pins=pins_after(state.pins, event), deferral=None)


def _gate_evolved(state: RunState, event: ev.GateEvent) -> RunState:
    match event:
        case ev.GateMeasured(at=at, verdict=verdict, detail=detail):
            return structs.replace(state, tally=state.tally.after(Measurement(verdict, detail), at))
        case ev.HookStarted():
            return state
        case ev.HookEnded():
            return structs.replace(state, hook=event)
        case ev.ApprovalAwaited(step=step):
            return structs.replace(state, people=replace(state.people, awaited_step=step))
    assert_never(event)


def _tally_told(state: RunState, event: ev.PeopleEvent) -> Tally:
    """Ask a gate afresh that held the Run, when it is told to go on."""
    return Tally() if isinstance(event, ev.RunContinued) else state.tally


def _instances_evolved(state: RunState, events: Sequence[ev.InstanceEvent]) -> RunState:
    if not events:
        return state
    progress = dict(state.progress)
    deferral, refusal = state.deferral, state.refusal
    for kind, group in groupby(events, type):
        if kind in _SAYING_NO_MORE:
            _take_alike(progress, group)
        else:
            for event in group:
                one = progress[event.instance_id]
                progress[event.instance_id] = _progress_evolved(one, event)
        deferral = None if kind is ev.InstanceUpgraded else deferral
        refusal = None if kind is ev.InstanceSkipped else refusal
    return structs.replace(state, progress=progress, deferral=deferral, refusal=refusal)


def _take_alike(progress: dict[str, Progress], events: Iterable[ev.InstanceEvent]) -> None:
    """Take in Events that differ in time and instance only; who stands alike shares one value."""
    before = after = None
    at: datetime | None = None
    for event in events:
        one = progress[event.instance_id]
        if after is None or one is not before or event.at != at:
            before, at, after = one, event.at, _progress_evolved(one, event)
        progress[event.instance_id] = after


def _progress_evolved(one: Progress, event: ev.InstanceEvent) -> Progress:
    match event:
        case ev.InstanceUpgraded(at=at):
            return Progress(Phase.AWAITING, one.step, upgraded_at=at)
        case ev.InstanceNotStarted():
            return Progress(Phase.PENDING, one.step)
        case ev.InstanceSkipped(reason=reason):
            return replace(one, phase=Phase.SKIPPED, skip_reason=reason)
        case ev.InstanceBecameHealthy(at=at):
            return Progress(
                one.phase,
                one.step,
                one.upgraded_at,
                at,
                one.failure,
                one.skip_reason,
                one.falls,
            )
        case ev.InstanceBecameUnhealthy(at=at):
            # A ready instance that falls sick again gets a deadline of its own.
            has_fallen = one.phase is Phase.READY
            return replace(
                one,
                phase=Phase.AWAITING,
                healthy_since=None,
                upgraded_at=at if has_fallen else one.upgraded_at,
                falls=one.falls + has_fallen,
            )
        case ev.InstanceReady():
            return Progress(
                Phase.READY,
                one.step,
                one.upgraded_at,
                one.healthy_since,
                one.failure,
                one.skip_reason,
                one.falls,
            )
        case ev.InstanceFailed():
            return replace(one, phase=Phase.FAILED, failure=event)
    assert_never(event)


def _with_phase(state: RunState, instance_ids: Collection[str], phase: Phase) -> RunState:
    if not instance_ids:
        return state
    progress = dict(state.progress)
    before, after = None, None
    for instance_id in instance_ids:
        one = progress[instance_id]
        if after is None or one is not before:
            before, after = one, replace(one, phase=phase)
        progress[instance_id] = after
    return structs.replace(state, progress=progress)


def _request_evolved(state: RunState, event: ev.RequestEvent) -> RunState:
    match event:
        case ev.ModelWriteIntended(at=at, request=number):
            return _intended(state, InFlight(number, at))
        case ev.UpgradeIntended(at=at, request=number, instance_ids=ids):
            state = structs.replace(
                _intended(state, InFlight(number, at, ids)),
                floor_reached_at=None,
                touched=state.touched.union(ids),
            )
            return _with_phase(state, ids, Phase.OPERATING)
        case ev.OperationAccepted(request=number, operation=operation):
            state = structs.replace(state, deferral=None)
            return _in_flight_changed(state, number, operation, is_in_doubt=not operation)
        case ev.OutcomeLost(request=number):
            return _in_flight_changed(state, number, None, is_in_doubt=True)
        case ev.RequestDeferred(blind_since=datetime()):
            return structs.replace(state, blindness=event)
        case ev.RequestDeferred(request=number):
            return _withdrawn(structs.replace(state, deferral=_deferral(state, event)), number)
        case ev.RequestRefused(request=number):
            return structs.replace(_withdrawn(state, number), refusal=event)
        case ev.OperationEnded():
            return _operation_ended(state, event)
    assert_never(event)


def _intended(state: RunState, request: InFlight) -> RunState:
    return structs.replace(state, in_flight=(*state.in_flight, request), requests=request.request)


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
    return structs.replace(state, in_flight=changed)


def _withdrawn(state: RunState, number: int | None) -> RunState:
    """Take a request back: it did nothing."""
    taken = [one for one in state.in_flight if one.request == number]
    rest = tuple(one for one in state.in_flight if one.request != number)
    ids = [instance_id for one in taken for instance_id in one.instance_ids]
    return _with_phase(structs.replace(state, in_flight=rest), ids, Phase.PENDING)


def _deferral(state: RunState, event: ev.RequestDeferred) -> Deferral:
    """Count deferrals until something gets through; after a quiet time they are a new row."""
    before = state.deferral
    if before is None:
        return Deferral(event.at, 1, event.until, event)
    is_new_row = event.at > before.until + QUIET_TIME
    since = event.at if is_new_row else before.since
    return Deferral(since, before.count + 1, event.until, event)


def _operation_ended(state: RunState, event: ev.OperationEnded) -> RunState:
    """Settle a request; a model write that failed is a refusal."""
    is_model = any(one.request == event.request and not one.instance_ids for one in state.in_flight)
    rest = tuple(one for one in state.in_flight if one.request != event.request)
    deferral = None
    if not event.status and state.deferral is not None:
        # A request settled by looking may have to be made again: the row of deferrals goes on,
        # and the time in doubt was no quiet time.
        deferral = replace(state.deferral, until=max(state.deferral.until, event.at))
    state = structs.replace(state, in_flight=rest, deferral=deferral)
    if not is_model or event.status in ("Succeeded", ""):
        return state
    code = int(ExitCode.INSTANCE_FAILED)
    why = event.code or event.status
    refusal = ev.RequestRefused(event.at, event.request, code, why, event.message)
    return structs.replace(state, refusal=refusal)


def _resumed(state: RunState, event: ev.RunResumed) -> RunState:
    """Go on: failures are tried again, and what nobody watched meanwhile is in doubt.

    Who asked to roll back still wants it; every other wish to stop is over with the resume.
    """
    progress = {i: _progress_resumed(one, event.at) for i, one in state.progress.items()}
    is_over = state.step_started_at is None
    retried = {one.step for i, one in progress.items() if _is_retried(one, state.progress[i])}
    back_to = [step for step in retried if is_over or step < state.step]
    return structs.replace(
        state,
        step=min(back_to) - 1 if back_to else state.step,
        step_started_at=None if back_to else state.step_started_at,
        progress=progress,
        in_flight=tuple(replace(one, is_in_doubt=True) for one in state.in_flight),
        deferral=None,
        blindness=None,
        refusal=None,
        floor_reached_at=None,
        tally=Tally(),
        hook=None,
        people=replace(
            state.people,
            waits=event.waits,
            awaited_step=None,
            refusal=None,
            held=None,
            cancel=None,
        ),
        stop=None,
        pins=state.pins and Pins(state.pins.settings, state.pins.count),
        outcome=None,
    )


def _is_retried(one: Progress, before: Progress) -> bool:
    return one.phase is Phase.PENDING and before.phase is Phase.FAILED


def _progress_resumed(one: Progress, at: datetime) -> Progress:
    if one.failure is not None:
        if one.failure.phase is ev.FailurePhase.OPERATION:
            return Progress(Phase.PENDING, one.step)
        return Progress(Phase.AWAITING, one.step, upgraded_at=at)
    return replace(one, healthy_since=None) if one.phase is Phase.AWAITING else one
