"""When to look again: the next poll, or the moment at which time alone changes something."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.actors import rolling_upgrade_text
from vmssplan.engine import events as ev
from vmssplan.engine.commands import Look, Record, Wait
from vmssplan.engine.progress import Phase

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine.state import Live, RunState

POLL_INTERVAL = timedelta(seconds=10)


def wait(state: RunState, now: datetime, until: datetime | None = None) -> Wait:
    """Wait for the next poll, at most until that moment."""
    moments = [now + POLL_INTERVAL]
    if until is not None:
        moments.append(until)
    awaited = state.standing.due(state.rollout.health)
    moments.extend(moment for moment, _ in awaited)
    is_watching = bool(awaited) or any(one.is_in_doubt for one in state.in_flight)
    look = Look.EVERYTHING if is_watching or not state.in_flight else Look.OPERATIONS
    return Wait(min(moment for moment in moments if moment > now), look)


def wait_for_turn(state: RunState, now: datetime, until: datetime) -> Wait:
    """Wait to make a request again, without losing sight of what goes on meanwhile."""
    if state.in_flight or state.standing.members(Phase.AWAITING):
        return wait(state, now, until)
    return Wait(until, Look.EVERYTHING)


def wait_for_people(state: RunState, now: datetime) -> Wait:
    """Wait for somebody to say something, without losing sight of what goes on meanwhile."""
    usual = wait(state, now)
    return Wait(usual.until, usual.look, for_people=True)


def set_is_busy(state: RunState, live: Live, now: datetime) -> Record:
    """Put off: an operation that is not ours runs on the scale set, named where it can be."""
    until = now + backoff(state)
    code, message = "ScaleSetBusy", "another operation runs on the scale set"
    if live.is_rolling:
        code, message = "RollingUpgradeInProgress", rolling_upgrade_text(state.rollout.target)
    return Record((ev.RequestDeferred(now, ev.DeferralReason.CONFLICT, until, code, message),))


def backoff(state: RunState) -> timedelta:
    """Return how long to wait before asking again: 15 s, doubling, at most 2 minutes."""
    count = state.deferral.count if state.deferral else 0
    return timedelta(seconds=15 * 2 ** min(count, 3))
