"""The next thing to do: Rollout, state, live set and time in, one Command out.

The order of the questions matters: first what the observation proves, then whether the Run must
stop, then what the current step wants. Nothing is started that the floor does not allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from vmssplan.diff import diff_model
from vmssplan.engine import events as ev
from vmssplan.engine.evidence import learn
from vmssplan.engine.state import Outcome, Phase, RunState
from vmssplan.engine.stopping import CANCELLED, blind_too_long, must_not_start, reason_to_halt
from vmssplan.errors import ExitCode
from vmssplan.gates import HealthEvidence, next_verdict_at
from vmssplan.model import BUSY_STATES, Method, ModelFields
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine.state import Live
    from vmssplan.model import Instance
    from vmssplan.rollout import Rollout

POLL_INTERVAL = timedelta(seconds=10)


class Look(StrEnum):
    """What must be looked at after a Wait."""

    OPERATIONS = "operations"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Record:
    """Write down what is known, and ask again."""

    events: tuple[ev.Event, ...]


@dataclass(frozen=True, slots=True)
class WriteModel:
    """Write these fields of the model, if it still has this etag."""

    step: int
    fields: ModelFields
    etag: str


@dataclass(frozen=True, slots=True)
class UpgradeInstances:
    """Start the manual upgrade of these instances."""

    step: int
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReimageInstances:
    """Start the reimage of these instances."""

    step: int
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until then, and look again."""

    until: datetime
    look: Look


@dataclass(frozen=True, slots=True)
class Finish:
    """There is nothing more to do."""

    outcome: Outcome


Command = Record | WriteModel | UpgradeInstances | ReimageInstances | Wait | Finish


def decide(rollout: Rollout, state: RunState, live: Live | None, now: datetime) -> Command:
    """Return the next Command; `live` is None when the last look failed."""
    if state.outcome is not None:
        return Finish(state.outcome)
    if live is None:
        return _without_sight(rollout, state, now)
    facts = learn(rollout, state, live, now)
    if facts:
        return Record(facts)
    halt = _halt_if(reason_to_halt(rollout, state, live, now), state, now)
    if halt is not None:
        return halt
    if state.in_flight and (must_not_start(rollout, state, live) or _is_busy(rollout, state)):
        return _wait(rollout, state, now)
    if state.deferral is not None and now < state.deferral.until:
        return _wait_for_turn(rollout, state, now, state.deferral.until)
    return _next_of_step(rollout, state, live, now)


def _without_sight(rollout: Rollout, state: RunState, now: datetime) -> Command:
    blindness = state.blindness
    halt = _halt_if(blind_too_long(rollout, state), state, now)
    if halt is None and state.cancel_requested and not state.in_flight:
        halt = _halt_if(CANCELLED, state, now)
    return halt or Wait(max(now, blindness.until) if blindness else now, Look.EVERYTHING)


def _wait_for_turn(rollout: Rollout, state: RunState, now: datetime, until: datetime) -> Wait:
    """Wait to make a request again, without losing sight of what goes on meanwhile."""
    if state.in_flight or state.ids(Phase.AWAITING):
        return _wait(rollout, state, now, until)
    return Wait(until, Look.EVERYTHING)


def _halt_if(reason: tuple[ExitCode, str] | None, state: RunState, now: datetime) -> Record | None:
    if reason is None:
        return None
    return Record((ev.RunHalted(now, state.step, int(reason[0]), reason[1]),))


def _next_of_step(rollout: Rollout, state: RunState, live: Live, now: datetime) -> Command:
    if state.step_started_at is None:
        return _next_step(rollout, state, now)
    step = rollout.steps[state.step - 1]
    match step:
        case SetModel():
            return _set_model(step, rollout, state, live, now)
        case UpgradeBatch(instance_ids=ids):
            return _upgrade(ids, len(ids), rollout, state, live, now)
        case UpgradeWindow(instance_ids=ids, window=window):
            active = len(state.ids(Phase.OPERATING, Phase.AWAITING))
            return _upgrade(ids, window - active, rollout, state, live, now)
        case AwaitHealth():
            if state.ids(Phase.AWAITING):
                return _wait(rollout, state, now)
            return _completed(state, now)
        case Pause(duration=duration):
            end = state.step_started_at + duration
            return _completed(state, now) if now >= end else _wait(rollout, state, now, end)
        case Approval() | Check() | PinAutoscale() | RestoreAutoscale():
            reason = f"this version cannot carry out the step {type(step).__name__}"
            return Record((ev.RunHalted(now, state.step, int(ExitCode.REFUSED), reason),))
    assert_never(step)


def _next_step(rollout: Rollout, state: RunState, now: datetime) -> Command:
    if state.step < len(rollout.steps):
        return Record((ev.StepStarted(now, state.step + 1),))
    if state.ids(Phase.AWAITING):
        return _wait(rollout, state, now)
    return Record((ev.RunCompleted(now),))


def _completed(state: RunState, now: datetime, note: str = "") -> Record:
    return Record((ev.StepCompleted(now, state.step, note),))


def _set_model(
    step: SetModel, rollout: Rollout, state: RunState, live: Live, now: datetime
) -> Command:
    is_met = step.fields.is_met_by(live.scale_set.model)
    if step.skip_reason is not None and is_met:
        return _completed(state, now, step.skip_reason)
    if live.scale_set.provisioning_state in BUSY_STATES:
        return _set_is_busy(state, now)
    if is_met:
        return _completed(state, now)
    drift = _drift_before_write(step, rollout, live)
    if drift is not None:
        return Record((ev.RunHalted(now, state.step, int(ExitCode.STALE), drift),))
    return WriteModel(state.step, step.fields, live.scale_set.etag)


def _drift_before_write(step: SetModel, rollout: Rollout, live: Live) -> str | None:
    """Refuse to overwrite a value that no reviewer saw, or to write under another policy."""
    reviewed = {change.path: change.before for change in step.changes}
    for change in diff_model(live.scale_set.model, step.fields):
        # What was no change when planned had the wanted value then.
        before = reviewed.get(change.path, change.after)
        if before != change.before:
            return f"{change.path} was {before} when planned, and is {change.before} now"
    policy = rollout.model.upgrade_policy or rollout.fingerprint.model.upgrade_policy
    policy_now = live.scale_set.model.upgrade_policy
    if step.fields.upgrade_policy is None and policy_now is not policy:
        return f"model.upgradePolicy was {policy} when planned or set, and is {policy_now} now"
    return None


def _set_is_busy(state: RunState, now: datetime) -> Record:
    """Put off: an operation that is not ours runs on the scale set."""
    until = now + backoff(state)
    message = "another operation runs on the scale set"
    return Record(
        (ev.RequestDeferred(now, ev.DeferralReason.CONFLICT, until, "ScaleSetBusy", message),)
    )


def backoff(state: RunState) -> timedelta:
    """Return how long to wait before asking again: 15 s, doubling, at most 2 minutes."""
    count = state.deferral.count if state.deferral else 0
    return timedelta(seconds=min(120, 15 * 2 ** min(count, 3)))


def _upgrade(
    ids: Sequence[str], limit: int, rollout: Rollout, state: RunState, live: Live, now: datetime
) -> Command:
    """Start what the window and the floor allow; end the step when nothing of it is left."""
    mine = set(ids)
    is_window = isinstance(rollout.steps[state.step - 1], UpgradeWindow)
    pending = [i for i in ids if state.progress[i].phase is Phase.PENDING]
    if not pending:
        unsettled = (Phase.OPERATING, Phase.AWAITING) if is_window else (Phase.OPERATING,)
        if any(state.progress[i].phase in unsettled for i in ids):
            return _wait(rollout, state, now)
        return _completed(state, now)
    if any(i not in mine for i in state.ids(Phase.AWAITING)):
        return _wait(rollout, state, now)
    known = live.instances
    if not state.in_flight and live.scale_set.provisioning_state in BUSY_STATES:
        return _set_is_busy(state, now)
    idle = [known[i] for i in pending if i in known and not known[i].is_busy]
    chosen = startable(idle, max(0, limit), rollout, state, live)
    if chosen:
        method = UpgradeInstances if rollout.method is Method.UPGRADE else ReimageInstances
        return method(state.step, chosen)
    if not idle and not state.in_flight:
        return _set_is_busy(state, now)
    return _blocked(limit, rollout, state, live, now)


def startable(
    candidates: Sequence[Instance], limit: int, rollout: Rollout, state: RunState, live: Live
) -> tuple[str, ...]:
    """Return the candidates that may start now, in order, at most `limit`.

    Taking an instance out of service needs room above the floor; repairing one that is out of
    service already does not.
    """
    serving = live.serving(rollout.health.source)
    room = _in_service(rollout, state, live) - rollout.bounds.floor
    chosen: list[str] = []
    for instance in candidates:
        if len(chosen) >= limit:
            break
        if instance.instance_id in serving:
            if room < 1:
                continue
            room -= 1
        chosen.append(instance.instance_id)
    return tuple(chosen)


def _in_service(rollout: Rollout, state: RunState, live: Live) -> int:
    """Count what serves now; what we operate on does not, even if the list is behind."""
    operated = {i for request in state.in_flight for i in request.instance_ids}
    return len(live.serving(rollout.health.source) - operated)


def _blocked(limit: int, rollout: Rollout, state: RunState, live: Live, now: datetime) -> Command:
    """Wait; if it is the floor that forbids to go on, write that down once."""
    if limit > 0 and state.floor_reached_at is None and not state.in_flight:
        seen = _in_service(rollout, state, live)
        return Record((ev.FloorReached(now, seen, rollout.bounds.floor),))
    return _wait(rollout, state, now)


def _is_busy(rollout: Rollout, state: RunState) -> bool:
    """Tell whether no further operation may start beside those in flight."""
    is_model = any(not one.instance_ids for one in state.in_flight)
    is_in_doubt = any(one.is_in_doubt for one in state.in_flight)
    is_full = len(state.in_flight) >= rollout.bounds.max_concurrent_operations
    return is_model or is_in_doubt or is_full


def _wait(rollout: Rollout, state: RunState, now: datetime, until: datetime | None = None) -> Wait:
    """Wait for the next poll, or for the moment at which time alone changes something."""
    moments = [now + POLL_INTERVAL]
    if until is not None:
        moments.append(until)
    awaited = [state.progress[i] for i in state.ids(Phase.AWAITING)]
    moments.extend(
        next_verdict_at(HealthEvidence(one.upgraded_at, one.healthy_since), rollout.health)
        for one in awaited
        if one.upgraded_at is not None
    )
    is_watching = bool(awaited) or any(one.is_in_doubt for one in state.in_flight)
    look = Look.EVERYTHING if is_watching or not state.in_flight else Look.OPERATIONS
    return Wait(min(moment for moment in moments if moment > now), look)
