"""Why a Run stops before its end: failures, refusals, drift, deadlines, the user.

Each reason is an exit code for machines and a sentence for people. While something is in flight
nothing but time ends a Run: what was started is seen through.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.diff import diff_model
from vmssplan.durations import format_duration
from vmssplan.engine import events as ev
from vmssplan.engine.state import Phase
from vmssplan.errors import ExitCode
from vmssplan.rollout import SetModel

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine.state import Live, RunState
    from vmssplan.rollout import Rollout

OPERATION_DEADLINE = timedelta(hours=2)
"""Azure gives up on an instance after 90 minutes with extensions; this is well past it."""

CANCELLED = (ExitCode.CANCELLED, "cancelled by the user")


def reason_to_halt(
    rollout: Rollout, state: RunState, live: Live, now: datetime
) -> tuple[ExitCode, str] | None:
    """Say why the Run ends here. While something is in flight only time can end it."""
    if state.in_flight:
        oldest = min(one.intended_at for one in state.in_flight)
        if now - oldest >= OPERATION_DEADLINE:
            return ExitCode.DEADLINE, _never_ended(state)
        return None
    return (
        must_not_start(rollout, state, live)
        or _deferred_too_long(rollout, state)
        or _floor_too_long(rollout, state, now)
    )


def _never_ended(state: RunState) -> str:
    limit, ids = format_duration(OPERATION_DEADLINE), state.ids(Phase.OPERATING)
    what = f"instance {', '.join(ids)}" if ids else "the model"
    return f"the operation on {what} has not ended within {limit}"


def must_not_start(rollout: Rollout, state: RunState, live: Live) -> tuple[ExitCode, str] | None:
    """Say why nothing new may be started; the Run halts as soon as nothing is in flight.

    A changed model comes first: what failed since may have failed because of it.
    """
    drift = _drift_after_write(rollout, state, live)
    if drift is not None:
        return ExitCode.STALE, drift
    failures = state.failures
    if len(failures) > rollout.failure.max_failed_instances:
        is_operation = any(one.phase is ev.FailurePhase.OPERATION for one in failures)
        code = ExitCode.INSTANCE_FAILED if is_operation else ExitCode.GATE
        first = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        return code, f"instance {first.instance_id}: {first.code}: {first.message}{more}"
    if state.refusal is not None:
        return ExitCode(state.refusal.exit_code), f"{state.refusal.code}: {state.refusal.message}"
    if state.cancel_requested:
        return CANCELLED
    return None


def _drift_after_write(rollout: Rollout, state: RunState, live: Live) -> str | None:
    if rollout.model.is_met_by(live.scale_set.model) or not _is_model_written(rollout, state):
        return None
    change = diff_model(live.scale_set.model, rollout.model)[0]
    return f"somebody changed {change.path}: this Run set {change.after}, it is {change.before} now"


def _is_model_written(rollout: Rollout, state: RunState) -> bool:
    last = max((n for n, s in enumerate(rollout.steps, 1) if isinstance(s, SetModel)), default=0)
    return state.step > last or (state.step == last and state.step_started_at is None)


def _deferred_too_long(rollout: Rollout, state: RunState) -> tuple[ExitCode, str] | None:
    deferral = state.deferral
    if deferral is None or deferral.last.at - deferral.since < rollout.health.deadline:
        return None
    last, limit = deferral.last, format_duration(rollout.health.deadline)
    return ExitCode.DEADLINE, f"no request got through for {limit}: {last.code}: {last.message}"


def blind_too_long(rollout: Rollout, state: RunState) -> tuple[ExitCode, str] | None:
    """Say why to stop when nothing could be seen for as long as the health deadline."""
    last = state.blindness
    if last is None or last.at - (last.blind_since or last.at) < rollout.health.deadline:
        return None
    limit = format_duration(rollout.health.deadline)
    return ExitCode.DEADLINE, f"nothing could be seen for {limit}: {last.code}: {last.message}"


def _floor_too_long(
    rollout: Rollout, state: RunState, now: datetime
) -> tuple[ExitCode, str] | None:
    if state.floor_reached_at is None or now - state.floor_reached_at < rollout.health.deadline:
        return None
    bounds, limit = rollout.bounds, format_duration(rollout.health.deadline)
    return ExitCode.REFUSED, (
        f"for {limit} nothing could start without going below"
        f" {bounds.floor} of {bounds.total} in service"
    )
