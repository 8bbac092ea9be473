"""Instructions -> Events: which of them take effect now, each once, and which do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import events as ev
from vmssplan.engine.instructions import (
    Abort,
    Approve,
    GoOn,
    Hold,
    Instruction,
    Reject,
    RollBack,
)
from vmssplan.rollout import Approval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.engine.state import RunState


def follow(
    state: RunState, instructions: Sequence[Instruction], now: datetime
) -> tuple[ev.Event, ...]:
    """Return what follows from the first instruction not followed yet; empty when there is none.

    One at a time, because each is judged by the state that the one before has left.
    """
    for one in instructions:
        if one.key not in state.people.followed:
            return (_follow(state, one, now),)
    return ()


def _follow(state: RunState, one: Instruction, now: datetime) -> ev.Event:
    ignored = _misfit(state, one)
    if ignored is not None:
        return ev.InstructionIgnored(now, one.key, ignored)
    match one:
        case Approve(key=key, by=by, at=at, step=step, digest=digest):
            return ev.ApprovalGiven(now, key, by, at, step, digest)
        case Reject(key=key, by=by, step=step, reason=reason):
            return ev.ApprovalRefused(now, key, by, step, reason)
        case Hold(key=key, by=by):
            return ev.RunHeld(now, key, by, f"paused by {by}")
        case GoOn(key=key, by=by):
            return ev.RunContinued(now, key, by)
        case Abort(key=key, by=by):
            return ev.CancelRequested(now, key, by)
        case RollBack(key=key, by=by):
            return ev.RollbackRequested(now, key, by)
    assert_never(one)


def _misfit(state: RunState, one: Instruction) -> str | None:
    """Say why the instruction does not fit the Run as it stands; None when it does."""
    rollout = state.rollout
    match one:
        case Approve(step=step) | Reject(step=step):
            if state.rollback is not None:
                return "the Run is on its way back, where nobody is asked"
            is_step = 1 <= step <= len(rollout.steps)
            if not is_step or not isinstance(rollout.steps[step - 1], Approval):
                return f"step {step} is no approval"
            if isinstance(one, Approve) and one.digest != state.digest:
                return f"it approves {one.digest}, and this Run carries out {state.digest}"
            return None
        case GoOn():
            return None if state.people.held else "the Run was not paused"
        case RollBack():
            if state.rollback is not None:
                return "the Run is on its way back already"
            return None if rollout.rollback else f"there is no way back: {rollout.no_way_back}"
        case Hold():
            return "the Run is paused already" if state.people.held else None
        case Abort():
            return None
    assert_never(one)
