"""Why an instance is where it is: the one reason that binds, not all that are true. Pure.

An instance that waits is bound by what the Run as a whole waits for; one that was chosen, by the
place it has in the order; one that was left alone, by the reason it was left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import Phase, RunState
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode, NotFound
from vmssplan.gates import gate_verdict
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    Disposition,
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

    from vmssplan.engine import Progress
    from vmssplan.rollout import PlannedInstance, Rollout

SOME = 5
"""So many instances are named where others are the reason."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the instance stands in a word, and the reason that binds in a sentence."""

    standing: str
    reason: str


def explain_plan(rollout: Rollout, instance_id: str) -> Explanation:
    """Explain an instance of a Rollout that has not been begun; raises NotFound."""
    planned = _planned(rollout, instance_id)
    if planned.disposition is not Disposition.UPGRADE:
        return Explanation(planned.disposition.value, planned.reason)
    step, place = _place(rollout, instance_id)
    return Explanation("to be upgraded", f"{planned.reason}; {place} (step {step})")


def explain_run(state: RunState, instance_id: str, at: datetime) -> Explanation:
    """Explain an instance as the Run stood then; raises NotFound."""
    for appeared in state.appeared.values():
        if appeared.instance.instance_id == instance_id and instance_id not in state.progress:
            what = "current" if appeared.is_current else "outdated; plan again to have it upgraded"
            return Explanation("left alone", f"it came during the Run, and was {what}")
    one = state.progress.get(instance_id)
    if one is None:
        planned = _planned(state.rollout, instance_id)
        return Explanation(planned.disposition.value, planned.reason)
    match one.phase:
        case Phase.PENDING:
            return Explanation("waiting", _why_waiting(state, instance_id, one, at))
        case Phase.OPERATING:
            return Explanation("being upgraded", _why_chosen(state, instance_id))
        case Phase.AWAITING:
            return Explanation("awaiting health", _why_awaiting(state, one, at))
        case Phase.READY:
            return Explanation("ready", "it was healthy long enough after its upgrade")
        case Phase.FAILED:
            failure = one.failure
            why = f"{failure.code}: {failure.message}" if failure else "its operation failed"
            return Explanation("failed", why)
        case Phase.SKIPPED:
            return Explanation("skipped", one.skip_reason)
    assert_never(one.phase)


def state_at(rollout: Rollout, events: Sequence[ev.Event], at: datetime | None) -> RunState:
    """Return the state at that time, None for now; raises NotFound before the Run began."""
    from vmssplan.engine import replay  # noqa: PLC0415 - the name is this function's business

    known = [event for event in events if at is None or event.at <= at]
    if not known:
        raise NotFound("the Run had not begun then", hint="leave --at out for how it stands")
    return replay(rollout, known)


def _planned(rollout: Rollout, instance_id: str) -> PlannedInstance:
    for planned in rollout.instances:
        if planned.instance_id == instance_id:
            return planned
    known = ", ".join(one.instance_id for one in rollout.instances[:SOME])
    raise NotFound(
        f"there is no instance {instance_id!r} in the Rollout of {rollout.target}",
        hint=f"it has {len(rollout.instances)} instances, such as {known}",
    )


def _place(rollout: Rollout, instance_id: str) -> tuple[int, str]:
    for number, step in enumerate(rollout.steps, start=1):
        match step:
            case UpgradeBatch(batch, ids, label) if instance_id in ids:
                domain = f" ({label})" if label else ""
                return number, f"batch {batch} of {rollout.batch_count}{domain}"
            case UpgradeWindow(ids, window) if instance_id in ids:
                turn = ids.index(instance_id) + 1
                return number, f"number {turn} of {len(ids)} in a window of {window}"
            case _:
                continue
    raise NotFound(f"no step of the Rollout works on instance {instance_id}")


def _why_waiting(state: RunState, instance_id: str, one: Progress, at: datetime) -> str:
    """Say what the Run waits for, and where the instance's turn is behind that."""
    _, place = _place(state.rollout, instance_id)
    way = "on the way back, " if state.rollback is not None else ""
    behind = "" if one.step == state.step else f"{way}{place} comes later: "
    return behind + _what_binds(state, at)


def _what_binds(state: RunState, at: datetime) -> str:
    """Say the first thing that keeps the Run from starting more, in the order it is decided in."""
    people = state.people
    if state.outcome is not None:
        if state.outcome.exit_code in (ExitCode.SUCCESS, ExitCode.ROLLED_BACK):
            return "the Run is over"
        return f"the Run halted at step {state.outcome.step}: {state.outcome.reason}"
    if people.rollback is not None:
        return "the Run is about to turn round, as it was told"
    if people.cancel is not None:
        return "the Run is about to stop, as it was told"
    if state.stop is not None:
        return f"the Run is about to halt: {state.stop.reason}"
    if people.held is not None:
        return f"the Run is paused: {people.held.reason}"
    if any(not request.instance_ids for request in state.in_flight):
        since = min(request.intended_at for request in state.in_flight)
        return f"the model is being written since {since:%H:%M:%S}"
    limit = state.rollout.bounds.max_concurrent_operations
    if len(state.in_flight) >= limit:
        return f"at most {_operations(limit)} at a time, and {_operated(state)}"
    if state.deferral is not None and at < state.deferral.until:
        return f"no request before {state.deferral.until:%H:%M:%S}: {state.deferral.last.code}"
    if state.floor_reached_at is not None:
        bounds = state.rollout.bounds
        return f"starting more would go below the floor of {bounds.floor} of {bounds.total}"
    return _step_text(state)


def _operations(count: int) -> str:
    return "1 operation" if count == 1 else f"{count} operations"


def _operated(state: RunState) -> str:
    ids = [i for request in state.in_flight for i in request.instance_ids]
    since = min(request.intended_at for request in state.in_flight)
    return f"{_some(ids)} being upgraded since {since:%H:%M:%S}"


def _step_text(state: RunState) -> str:
    """Say what the open step waits for."""
    if state.step_started_at is None or not state.step:
        return f"step {state.step + 1} is about to begin"
    step = state.rollout.steps[state.step - 1]
    match step:
        case AwaitHealth(batch):
            awaiting = state.ids(Phase.AWAITING)
            late = f"and {_some(awaiting)} not healthy yet" if awaiting else "and is healthy now"
            return f"batch {batch} comes first, {late}"
        case Pause(duration):
            return f"a pause lasts until {state.step_started_at + duration:%H:%M:%S}"
        case Approval(message):
            return f"step {state.step} waits for an approval: {message}"
        case Check(counting=counting):
            return f"the gate of step {state.step}: {gate_verdict(state.tally, counting).reason}"
        case RunHook(time=time, batch=batch):
            return f"the hook {time} of batch {batch} has not ended"
        case UpgradeBatch() | UpgradeWindow():
            return _upgrading_text(state, step)
        case SetModel():
            return f"the model comes first, in step {state.step}"
        case PinAutoscale():
            return "autoscale is being pinned first"
        case RestoreAutoscale():
            return "autoscale is getting its bounds back"
    assert_never(step)


def _upgrading_text(state: RunState, step: UpgradeBatch | UpgradeWindow) -> str:
    if isinstance(step, UpgradeWindow):
        open_ones = state.ids(Phase.OPERATING, Phase.AWAITING)
        if len(open_ones) >= step.window:
            return f"the window of {step.window} is full: {_some(open_ones)} not healthy yet"
        return "the next request is made at the next look"
    if state.in_flight:
        return f"batch {step.batch} comes first, and {_operated(state)}"
    return f"the request for batch {step.batch} is made at the next look"


def _why_chosen(state: RunState, instance_id: str) -> str:
    _, place = _place(state.rollout, instance_id)
    for request in state.in_flight:
        if instance_id in request.instance_ids:
            doubt = "; how that ended is looked at" if request.is_in_doubt else ""
            return f"{place} had its turn at {request.intended_at:%H:%M:%S}{doubt}"
    return f"{place} had its turn; how that ended is looked at"


def _why_awaiting(state: RunState, one: Progress, at: datetime) -> str:
    health = state.rollout.health
    if one.healthy_since is not None:
        until = one.healthy_since + health.min_healthy_time
        return (
            f"healthy since {one.healthy_since:%H:%M:%S}, which has to last until {until:%H:%M:%S}"
        )
    since = one.upgraded_at or at
    deadline = since + health.deadline
    return (
        f"upgraded at {since:%H:%M:%S} and not healthy by {health.source};"
        f" it fails at {deadline:%H:%M:%S}"
    )


def _some(instance_ids: Sequence[str]) -> str:
    named = ", ".join(instance_ids[:SOME])
    more = f" and {len(instance_ids) - SOME} more" if len(instance_ids) > SOME else ""
    noun, verb = ("instance", "is") if len(instance_ids) == 1 else ("instances", "are")
    return f"{noun} {named}{more} {verb}"
