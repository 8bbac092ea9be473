"""The next thing to do: state, live set and time in, one Command out.

The order of the questions matters: first what people say and what the observation proves, then
whether the Run must stop, then what the current step wants. Nothing is started that the floor
does not allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.diff import diff_model
from vmssplan.engine import events as ev
from vmssplan.engine.commands import (
    Command,
    Finish,
    Look,
    PinBounds,
    Record,
    RestoreBounds,
    Wait,
    WriteModel,
)
from vmssplan.engine.evidence import learn
from vmssplan.engine.following import follow
from vmssplan.engine.passing import Passed, await_approval, check, run_hook
from vmssplan.engine.progress import Phase
from vmssplan.engine.stopping import (
    Stop,
    blind_too_long,
    must_not_start,
    reason_to_stop,
    refused,
    told_to_stop,
)
from vmssplan.engine.upgrading import upgrade
from vmssplan.engine.waiting import set_is_busy, wait, wait_for_people, wait_for_turn
from vmssplan.errors import ExitCode
from vmssplan.model import BUSY_STATES, OnFailure
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.engine.instructions import Instruction
    from vmssplan.engine.state import Live, Pins, RunState


def decide(
    state: RunState, live: Live | None, now: datetime, instructions: Sequence[Instruction] = ()
) -> Command:
    """Return the next Command; `live` is None when the last look failed."""
    if state.outcome is not None:
        return Finish(state.outcome)
    if state.stop is not None:
        return _ended(state.stop, state, now)
    told = follow(state, instructions, now)
    if told:
        return Record(told)
    if live is None:
        return _without_sight(state, now)
    facts = learn(state, live, now)
    if facts:
        return Record(facts)
    stop = reason_to_stop(state, live, now)
    if stop is not None:
        return _stopped(stop, state, now)
    if state.in_flight and (_is_busy(state) or must_not_start(state, live)):
        return wait(state, now)
    if state.deferral is not None and now < state.deferral.until:
        return wait_for_turn(state, now, state.deferral.until)
    if state.people.held is not None:
        return wait_for_people(state, now)
    return _next_of_step(state, live, now)


def _without_sight(state: RunState, now: datetime) -> Command:
    blindness = state.blindness
    stop = blind_too_long(state)
    if stop is None and not state.in_flight:
        stop = told_to_stop(state)
    if stop is None and state.refusal is not None and state.refusal.request is None:
        stop = refused(state)
    if stop is not None:
        return _stopped(stop, state, now)
    return Wait(max(now, blindness.until) if blindness else now, Look.EVERYTHING)


def _stopped(stop: Stop, state: RunState, now: datetime) -> Command:
    """End the Run: turn round where that is wanted, and first give back what it holds."""
    if stop.code is not ExitCode.STALE and _turns_round(stop, state):
        return Record((_rollback(stop, state, now),))
    decided = ev.StopDecided(now, int(stop.code), stop.reason)
    if state.pins is not None and state.pins.given_up is None:
        # Written down, because with the bounds given back the question would be another one.
        return Record((decided,))
    return _ended(decided, state, now)


def _ended(stop: ev.StopDecided, state: RunState, now: datetime) -> Command:
    if state.pins is not None and state.pins.given_up is None:
        return _restore(state.pins, state, now)
    return Record((ev.RunHalted(now, state.step, stop.exit_code, stop.reason),))


def _turns_round(stop: Stop, state: RunState) -> bool:
    if state.in_flight or state.rollout.rollback is None:
        return False
    is_asked = state.people.rollback is not None
    is_policy = state.rollout.failure.on_failure is OnFailure.ROLLBACK
    return is_asked or (is_policy and stop.is_failure)


def _rollback(stop: Stop, state: RunState, now: datetime) -> ev.RollbackStarted:
    """Take back what was touched, and what came with the new model meanwhile."""
    added = {one.instance.instance_id: one for one in state.appeared.values() if one.is_current}
    touched, sick = state.to_take_back()
    return ev.RollbackStarted(
        now,
        stop.reason,
        tuple(i for i in touched if i not in added),
        tuple(one.instance for one in added.values()),
        tuple(i for i in sick if i not in added),
    )


def _restore(pins: Pins, state: RunState, now: datetime) -> Command:
    """Give the bounds back, again and again until the deadline."""
    last, since = pins.deferred, pins.deferred_since
    if last is None or since is None:
        return RestoreBounds(pins)
    if last.at - since >= state.rollout.health.deadline:
        return Record((ev.AutoscaleLeftPinned(now, f"{last.code}: {last.message}"),))
    return RestoreBounds(pins) if now >= last.until else Wait(last.until, Look.EVERYTHING)


def _next_of_step(state: RunState, live: Live, now: datetime) -> Command:
    if _needs_pin(state):
        return _pin(state, now)
    if state.step_started_at is None:
        return _next_step(state, now)
    command = _of_open_step(state, live, state.step_started_at, now)
    match command:
        case None:
            return Record((ev.StepCompleted(now, state.step),))
        case Passed(note):
            return Record((ev.StepCompleted(now, state.step, note),))
        case Stop():
            # What was started is seen through before the Run ends.
            return wait(state, now) if state.in_flight else _stopped(command, state, now)
        case _:
            return command


def _of_open_step(
    state: RunState, live: Live, begun_at: datetime, now: datetime
) -> Command | Passed | Stop | None:
    """Return what the open step wants next; None when it is done."""
    step = state.rollout.steps[state.step - 1]
    match step:
        case SetModel():
            return _set_model(step, state, live, now)
        case UpgradeBatch(instance_ids=ids):
            return upgrade(ids, len(ids), state, live, now)
        case UpgradeWindow(instance_ids=ids, window=window):
            operating, awaiting = map(state.standing.members, (Phase.OPERATING, Phase.AWAITING))
            room = window - len(operating) - len(awaiting)
            return upgrade(ids, room, state, live, now)
        case AwaitHealth():
            return wait(state, now) if state.standing.members(Phase.AWAITING) else None
        case Pause(duration=duration):
            end = begun_at + duration
            return None if now >= end else wait(state, now, end)
        case Approval():
            return await_approval(state, now)
        case Check():
            return check(step, state, begun_at, now)
        case RunHook():
            return run_hook(step, state, live, now)
        case PinAutoscale():
            return None
        case RestoreAutoscale():
            return _give_back(state, now)
    assert_never(step)


def _next_step(state: RunState, now: datetime) -> Command:
    if state.step < len(state.rollout.steps):
        return Record((ev.StepStarted(now, state.step + 1),))
    if state.standing.members(Phase.AWAITING):
        return wait(state, now)
    return Record((ev.RunCompleted(now),))


def _needs_pin(state: RunState) -> bool:
    """Tell whether the count must be held now, and is not known to be: also after a resume.

    Holding it is the first step where there is one, and giving it back the last.
    """
    if state.pins is not None and state.pins.is_settled:
        return False
    steps = state.rollout.steps
    return 1 <= state.step < len(steps) and isinstance(steps[0], PinAutoscale)


def _pin(state: RunState, now: datetime) -> Command:
    pins = state.pins
    if pins is None or pins.deferred is None or pins.deferred_since is None:
        return PinBounds(pins)
    last = pins.deferred
    if last.at - pins.deferred_since >= state.rollout.health.deadline:
        why = f"autoscale could not be pinned: {last.code}: {last.message}"
        return _stopped(Stop(ExitCode.DEADLINE, why), state, now)
    return PinBounds(pins) if now >= last.until else wait(state, now, last.until)


def _give_back(state: RunState, now: datetime) -> Command | Stop | None:
    if state.pins is None:
        return None
    if state.pins.given_up is not None:
        why = f"autoscale could not be restored: {state.pins.given_up}"
        return Stop(ExitCode.DEADLINE, why)
    return _restore(state.pins, state, now)


def _set_model(
    step: SetModel, state: RunState, live: Live, now: datetime
) -> Command | Passed | Stop | None:
    is_met = step.fields.is_met_by(live.scale_set.model)
    if step.skip_reason is not None and is_met:
        return Passed(step.skip_reason)
    if live.scale_set.provisioning_state in BUSY_STATES:
        return set_is_busy(state, live, now)
    if is_met:
        return None
    drift = _drift_before_write(step, state, live)
    if drift is not None:
        return Stop(ExitCode.STALE, drift)
    return WriteModel(state.step, step.fields, live.scale_set.etag)


def _drift_before_write(step: SetModel, state: RunState, live: Live) -> str | None:
    """Refuse to overwrite a value that no reviewer saw, or to write under another policy."""
    rollout = state.rollout
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


def _is_busy(state: RunState) -> bool:
    """Tell whether no further operation may start beside those in flight."""
    is_model = any(not one.instance_ids for one in state.in_flight)
    is_in_doubt = any(one.is_in_doubt for one in state.in_flight)
    is_full = len(state.in_flight) >= state.rollout.bounds.max_concurrent_operations
    return is_model or is_in_doubt or is_full
