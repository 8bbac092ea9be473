"""Why a Run ends before its last step, if it does.

Each reason is an exit code for machines and a sentence for people. While something is in flight
nothing but time ends a Run: what was started is seen through.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.diff import diff_model
from vmssplan.durations import format_duration
from vmssplan.engine import events as ev
from vmssplan.engine.progress import Phase
from vmssplan.errors import ExitCode
from vmssplan.model import OnScale
from vmssplan.rollout import SetModel

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine.state import Live, RunState

OPERATION_DEADLINE = timedelta(hours=2)
"""Azure gives up on an instance after 90 minutes with extensions; this is well past it."""

MOST_TRIES = 100
"""However slowly the service answers, a Run that gets nothing through ends."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the Run ends here; `is_failure`: what was rolled out is bad, so a rollback would help."""

    code: ExitCode
    reason: str
    is_failure: bool = False


def reason_to_stop(state: RunState, live: Live, now: datetime) -> Stop | None:
    """Say why the Run ends here. While something is in flight only time can end it."""
    if state.in_flight:
        oldest = min(one.intended_at for one in state.in_flight)
        if now - oldest >= OPERATION_DEADLINE:
            return Stop(ExitCode.DEADLINE, _never_ended(state))
        return None
    return must_not_start(state, live) or _deferred_too_long(state)


def _never_ended(state: RunState) -> str:
    limit, ids = format_duration(OPERATION_DEADLINE), state.ids(Phase.OPERATING)
    what = f"instance {', '.join(ids)}" if ids else "the model"
    return f"the operation on {what} has not ended within {limit}"


def must_not_start(state: RunState, live: Live) -> Stop | None:
    """Say why nothing new may be started; the Run ends as soon as nothing is in flight.

    A changed model comes first: what failed since may have failed because of it.
    """
    drift = _drift_after_write(state, live) or _scaled(state, live)
    if drift is not None:
        return Stop(ExitCode.STALE, drift)
    failed = _failed(state)
    if failed is not None:
        return failed
    return refused(state) or told_to_stop(state)


def refused(state: RunState) -> Stop | None:
    """Say what was refused for good; one that only looks is told in its own words."""
    refusal = state.refusal
    if refusal is None:
        return None
    is_look = refusal.request is None
    what = refusal.message if is_look else f"{refusal.code}: {refusal.message}"
    return Stop(ExitCode(refusal.exit_code), what)


def told_to_stop(state: RunState) -> Stop | None:
    """Say what people want."""
    people = state.people
    if people.rollback is not None:
        return Stop(ExitCode.CANCELLED, f"{people.rollback.by} asked to roll back")
    if people.cancel is not None:
        by = f" by {people.cancel.by}" if people.cancel.by else " by the user"
        return Stop(ExitCode.CANCELLED, f"cancelled{by}")
    if people.refusal is not None:
        no = people.refusal
        return Stop(ExitCode.GATE, f"{no.by} did not approve step {no.step}: {no.reason}")
    return None


def _failed(state: RunState) -> Stop | None:
    failures = state.failures
    if len(failures) <= state.rollout.failure.max_failed_instances:
        return None
    is_operation = any(one.phase is ev.FailurePhase.OPERATION for one in failures)
    code = ExitCode.INSTANCE_FAILED if is_operation else ExitCode.GATE
    first = failures[0]
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    what = f"instance {first.instance_id}: {first.code}: {first.message}{more}"
    return Stop(code, what, is_failure=True)


def _scaled(state: RunState, live: Live) -> str | None:
    """Name what came or went, where the Plan wants no scaling during the Run."""
    if state.rollout.on_scale is not OnScale.REFUSE:
        return None
    for appeared in state.appeared.values():
        new = appeared.instance
        return f"instance {new.instance_id} ({new.version}) was not there when planned"
    for instance_id, vm_id in state.rollout.machines.items():
        found = live.instances.get(instance_id)
        if found is None or found.vm_id != vm_id:
            return f"instance {instance_id} was there when planned, and is gone now"
    return None


def _drift_after_write(state: RunState, live: Live) -> str | None:
    rollout = state.rollout
    if rollout.model.is_met_by(live.scale_set.model) or not _is_model_written(state):
        return None
    change = diff_model(live.scale_set.model, rollout.model)[0]
    return f"somebody changed {change.path}: this Run set {change.after}, it is {change.before} now"


def _is_model_written(state: RunState) -> bool:
    steps = state.rollout.steps
    last = max(n for n, step in enumerate(steps, 1) if isinstance(step, SetModel))
    return state.step > last or (state.step == last and state.step_started_at is None)


def _deferred_too_long(state: RunState) -> Stop | None:
    deferral, deadline = state.deferral, state.rollout.health.deadline
    if deferral is None:
        return None
    is_late = deferral.last.at - deferral.since >= deadline
    if not is_late and deferral.count < MOST_TRIES:
        return None
    last = deferral.last
    limit = f"for {format_duration(deadline)}" if is_late else f"in {deferral.count} tries"
    why = f"no request got through {limit}: {last.code}: {last.message}"
    return Stop(ExitCode.DEADLINE, why)


def blind_too_long(state: RunState) -> Stop | None:
    """Say why to stop when nothing could be seen for as long as the health deadline."""
    last, deadline = state.blindness, state.rollout.health.deadline
    if last is None or last.at - (last.blind_since or last.at) < deadline:
        return None
    why = f"nothing could be seen for {format_duration(deadline)}: {last.code}: {last.message}"
    return Stop(ExitCode.DEADLINE, why)


def floor_too_long(state: RunState, now: datetime) -> Stop | None:
    """Say why to stop when the floor has forbidden to go on, and still does, for that long."""
    deadline, bounds = state.rollout.health.deadline, state.rollout.bounds
    if state.floor_reached_at is None or now - state.floor_reached_at < deadline:
        return None
    why = (
        f"for {format_duration(deadline)} nothing could start without going below"
        f" {bounds.floor} of {bounds.total} in service"
    )
    return Stop(ExitCode.REFUSED, why)
