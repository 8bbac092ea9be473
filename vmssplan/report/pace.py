"""How much longer a Run may take, judged by its own pace so far. An estimate, and told as one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.engine import Phase
from vmssplan.rollout import AwaitHealth, Pause

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine import RunState
    from vmssplan.rollout import Rollout

_NOTHING = timedelta(0)


def remaining(state: RunState, now: datetime, started_at: datetime) -> timedelta | None:
    """Return about how long it still takes; None before the first instance is upgraded.

    The pace is that of the instances upgraded since `started_at`, or since the Run turned round,
    up to the last of them and without the pauses between: those are known, and are added as they
    are.
    """
    rollout = state.rollout
    if state.rollback is not None:
        started_at = max(started_at, state.rollback.at)
    done = sorted(
        (one.upgraded_at, one.step)
        for one in state.progress.values()
        if one.upgraded_at is not None and one.upgraded_at >= started_at
    )
    if not done:
        return None
    (_, first_step), (last, last_step) = done[0], done[-1]
    left = sum(one.phase in (Phase.PENDING, Phase.OPERATING) for one in state.progress.values())
    open_pause, waited = _open_pause(rollout, state, now)
    pace = (last - started_at - _pauses(rollout, first_step, last_step)) / len(done)
    since_last = now - last - _pauses(rollout, last_step, state.step - 1) - waited
    work = max(pace * left - max(since_last, _NOTHING), _NOTHING)
    pauses = _pauses(rollout, state.step, len(rollout.steps)) + max(open_pause - waited, _NOTHING)
    return work + pauses + _health_waits(rollout, state, len({step for _, step in done}))


def _health_waits(rollout: Rollout, state: RunState, batches_done: int) -> timedelta:
    """Return the health waits that the pace does not contain: each batch has one, bar the last."""
    waits = sum(isinstance(step, AwaitHealth) for step in rollout.steps[max(0, state.step - 1) :])
    return rollout.health.min_healthy_time * max(1, waits / batches_done)


def _pauses(rollout: Rollout, after: int, up_to: int) -> timedelta:
    """Add up the pauses among the steps after the one and up to the other, both 1-based."""
    steps = rollout.steps[after:up_to] if up_to > after else ()
    return sum((step.duration for step in steps if isinstance(step, Pause)), _NOTHING)


def _open_pause(rollout: Rollout, state: RunState, now: datetime) -> tuple[timedelta, timedelta]:
    """Return how long the pause that is on lasts, and how much of it is over."""
    if state.step == 0:
        return _NOTHING, _NOTHING
    step = rollout.steps[state.step - 1]
    if not isinstance(step, Pause):
        return _NOTHING, _NOTHING
    if state.step_started_at is None:
        return step.duration, step.duration
    return step.duration, min(step.duration, now - state.step_started_at)
