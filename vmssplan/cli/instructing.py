"""What people tell a Run: one way for the verbs and for the keys of the live view.

Each leaves an instruction beside the journal, under the name of who gives it; the process that
carries the Run out follows it. Each refuses with the same words, whoever asks.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vmssplan.cli.executing import is_open, whoami
from vmssplan.engine import replay
from vmssplan.engine.instructions import Abort, Approve, GoOn, Hold, Reject
from vmssplan.errors import Refused, UsageInvalid
from vmssplan.rollout import Approval

if TYPE_CHECKING:
    from vmssplan.engine import RunState
    from vmssplan.ports import StateStore

NO_REASON = "no reason given"


def approve(run: str, store: StateStore, step: int | None = None, digest: str | None = None) -> int:
    """Let the Run pass an approval, and return its step; None means the one it stands at.

    Raises Refused when the Run carries out another Rollout than that, UsageInvalid when it asks
    nobody there.
    """
    state = run_state(run, store)
    if digest is not None and digest != state.digest:
        raise Refused(f"{run} carries out {state.digest}, not {digest}")
    number = _approval_step(state, run, step)
    store.instruct(run, Approve(key(), whoami(), wall_time(), number, state.digest))
    return number


def reject(run: str, store: StateStore, step: int | None = None, reason: str = NO_REASON) -> int:
    """Say no at an approval, and return its step; raises UsageInvalid as `approve` does."""
    number = _approval_step(run_state(run, store), run, step)
    store.instruct(run, Reject(key(), whoami(), wall_time(), number, reason))
    return number


def pause(run: str, store: StateStore) -> None:
    """Let the Run start nothing more; raises UsageInvalid where nobody carries it out."""
    _must_be_running(run, store)
    store.instruct(run, Hold(key(), whoami(), wall_time()))


def go_on(run: str, store: StateStore) -> bool:
    """Tell a Run that is carried out and paused to go on; False when it is not so."""
    if not is_running(run, store) or run_state(run, store).people.held is None:
        return False
    store.instruct(run, GoOn(key(), whoami(), wall_time()))
    return True


def abort(run: str, store: StateStore) -> None:
    """End the Run after what is in flight; raises UsageInvalid where nobody carries it out."""
    _must_be_running(run, store)
    store.instruct(run, Abort(key(), whoami(), wall_time()))


def run_state(run: str, store: StateStore) -> RunState:
    """Return where the Run stands by its journal."""
    return replay(store.rollout(run), store.events(run))


def is_running(run: str, store: StateStore) -> bool:
    """Tell whether a process carries the Run out just now."""
    held = store.holder(store.rollout(run).target)
    return held is not None and held.run == run


def key() -> str:
    """Return what makes an instruction count once."""
    return uuid.uuid4().hex


def wall_time() -> datetime:
    """Return the time that people live by, also where the Run lives in virtual time."""
    return datetime.now(UTC)


def _must_be_running(run: str, store: StateStore) -> None:
    if not is_running(run, store):
        raise UsageInvalid(
            f"nobody carries {run} out just now", hint=f"`vmssplan status {run}` says how it stands"
        )


def _approval_step(state: RunState, run: str, step: int | None) -> int:
    """Return the step to approve: the one asked for, else the one the Run stands at."""
    steps = state.rollout.steps
    asked = [n for n, one in enumerate(steps, start=1) if isinstance(one, Approval)]
    number = state.step if step is None else step
    if not is_open(state):
        raise UsageInvalid(f"{run} has ended, and waits for nobody")
    if state.rollback is not None:
        raise UsageInvalid(f"{run} is on its way back, where nobody is asked")
    if number in asked:
        return number
    listed = ", ".join(str(n) for n in asked) or "none"
    raise UsageInvalid(
        f"step {number} of {run} is no approval", hint=f"its approvals are steps: {listed}"
    )
