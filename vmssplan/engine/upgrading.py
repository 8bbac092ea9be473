"""Which instances may start now: the strategy's window, and the floor under everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.engine.commands import Command, Record, ReimageInstances, UpgradeInstances
from vmssplan.engine.progress import Phase
from vmssplan.engine.stopping import Stop, floor_too_long
from vmssplan.engine.waiting import set_is_busy, wait
from vmssplan.errors import ExitCode
from vmssplan.model import BUSY_STATES, Method
from vmssplan.rollout import UpgradeWindow
from vmssplan.staleness import runs_something_else

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.engine.state import Live, RunState
    from vmssplan.model import Instance


def upgrade(
    ids: Sequence[str], limit: int, state: RunState, live: Live, now: datetime
) -> Command | Stop | None:
    """Start what the window and the floor allow; None when nothing of the step is left."""
    mine = frozenset(ids)
    is_window = isinstance(state.rollout.steps[state.step - 1], UpgradeWindow)
    pending = [i for i in ids if state.progress[i].phase is Phase.PENDING]
    if not pending:
        unsettled = (Phase.OPERATING, Phase.AWAITING) if is_window else (Phase.OPERATING,)
        is_open = any(state.progress[i].phase in unsettled for i in ids)
        return wait(state, now) if is_open else None
    if not mine.issuperset(state.standing.members(Phase.AWAITING)):
        return wait(state, now)
    if not state.in_flight and live.scale_set.provisioning_state in BUSY_STATES:
        return set_is_busy(state, live, now)
    # Whatever is still pending here is there: one that is gone was noted as skipped before.
    idle = [live.instances[i] for i in pending if not live.instances[i].is_busy]
    chosen = startable(idle, limit, state, live)
    if chosen:
        drift = _not_as_reviewed(chosen, state, live)
        if drift is not None:
            return Stop(ExitCode.STALE, drift)
        is_upgrade = state.rollout.method is Method.UPGRADE
        return (UpgradeInstances if is_upgrade else ReimageInstances)(state.step, chosen)
    if not idle and not state.in_flight:
        return set_is_busy(state, live, now)
    return wait(state, now) if limit <= 0 else below_floor(state, live, now)


def _not_as_reviewed(ids: Sequence[str], state: RunState, live: Live) -> str | None:
    """Name an instance that runs what no reviewer saw, before it is operated on for the first time.

    On the way back it does not matter what exactly it runs.
    """
    if state.rollback is not None:
        return None
    planned = {one.instance_id: one for one in state.rollout.instances}
    for instance_id in ids:
        if instance_id in state.touched:
            continue
        found = runs_something_else(
            planned[instance_id], live.instances[instance_id], state.rollout
        )
        if found is not None:
            return found
    return None


def startable(
    candidates: Sequence[Instance], limit: int, state: RunState, live: Live
) -> tuple[str, ...]:
    """Return the candidates that may start now, in order, at most `limit`.

    Taking an instance out of service needs room above the floor; repairing one that is known to
    be out of service already does not.
    """
    serving = live.may_serve(state.rollout.health.source)
    room = in_service(state, live) - state.rollout.bounds.floor
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


def has_room(ids: Sequence[str], state: RunState, live: Live) -> bool:
    """Tell whether all of these may go out of service together."""
    serving = live.may_serve(state.rollout.health.source).intersection(ids)
    return len(serving) <= max(0, in_service(state, live) - state.rollout.bounds.floor)


def in_service(state: RunState, live: Live) -> int:
    """Count what serves now; what we operate on does not, even if the list is behind."""
    operated = {i for request in state.in_flight for i in request.instance_ids}
    return len(live.serving(state.rollout.health.source) - operated)


def below_floor(state: RunState, live: Live, now: datetime) -> Command | Stop:
    """Wait, but not for ever; if it is the floor that forbids to go on, write that down once.

    Asked only when there is no room: where it has come back, however late, the Run goes on.
    """
    if state.in_flight:
        return wait(state, now)
    if state.floor_reached_at is None:
        seen = in_service(state, live)
        return Record((ev.FloorReached(now, seen, state.rollout.bounds.floor),))
    return floor_too_long(state, now) or wait(state, now)
