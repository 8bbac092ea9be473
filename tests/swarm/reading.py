"""What the journal of a Run may say, whatever happened: nothing starts that must not.

Read once at the end, event by event, beside the state that each event was decided in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmssplan.engine import Event, Phase, RunState, evolve
from vmssplan.engine import events as ev
from vmssplan.gates import Verdict
from vmssplan.rollout import (
    Approval,
    Check,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    UpgradeBatch,
    UpgradeWindow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.rollout import Rollout

_STARTS = (ev.UpgradeIntended, ev.ModelWriteIntended, ev.HookStarted)
_SETTLED = (Phase.READY, Phase.FAILED, Phase.SKIPPED)


@dataclass
class Reader:
    """Where in a journal the reading is: who has said what, and what the step has measured."""

    held: bool = False
    is_held_by_people: bool = False
    cancelled: bool = False
    back_wanted: bool = False
    is_pinned: bool = False
    approved: set[int] = field(default_factory=set)
    measured: Verdict | None = None
    hook: Verdict | None = None

    def read(self, event: Event) -> None:
        """Take note of an Event."""
        match event:
            case ev.RunHeld(key=key):
                self.held, self.is_held_by_people = True, bool(key)
            case ev.RunContinued():
                self.held = False
            case ev.CancelRequested():
                self.cancelled = True
            case ev.RollbackRequested():
                self.back_wanted, self.held = True, False
            case ev.RollbackStarted():
                # Where a gate that cannot tell held it, the way back does not ask that gate.
                self.back_wanted, self.held = False, self.held and self.is_held_by_people
                self.approved.clear()
            case ev.RunResumed():
                self.held = self.cancelled = self.is_pinned = False
            case ev.AutoscalePinned():
                self.is_pinned = True
            case ev.ApprovalGiven(step=step):
                self.approved.add(step)
            case ev.StepStarted():
                self.measured = self.hook = None
            case ev.GateMeasured(verdict=verdict):
                self.measured = verdict
            case ev.HookEnded(verdict=verdict):
                self.hook = verdict
            case _:
                return


def misdeeds(rollout: Rollout, events: Sequence[Event]) -> Iterator[str]:
    """Yield everything the journal tells that must never be."""
    state, reader = RunState.begin(rollout), Reader()
    for event in events:
        if isinstance(event, _STARTS):
            yield from _at_start(state, reader, event)
        if isinstance(event, ev.UpgradeIntended):
            yield from _at_upgrade(state, event)
        if isinstance(event, ev.StepCompleted):
            yield from _at_step_end(state, reader, event)
        reader.read(event)
        state = evolve(state, event)


def _at_start(
    state: RunState,
    reader: Reader,
    event: ev.UpgradeIntended | ev.ModelWriteIntended | ev.HookStarted,
) -> Iterator[str]:
    what = type(event).__name__
    if reader.held:
        yield f"{what} in a Run that is paused"
    if reader.cancelled:
        yield f"{what} in a Run that was asked to stop"
    if reader.back_wanted:
        yield f"{what} in a Run that was asked to go back"
    if state.outcome is not None:
        yield f"{what} in a Run that has ended"
    steps = state.rollout.steps
    is_held_there = any(isinstance(one, PinAutoscale) for one in steps[: state.step]) and not any(
        isinstance(one, RestoreAutoscale) for one in steps[: state.step]
    )
    if is_held_there and not reader.is_pinned:
        yield f"{what} while autoscale is not held"


def _at_upgrade(state: RunState, event: ev.UpgradeIntended) -> Iterator[str]:
    ids, step = event.instance_ids, state.rollout.steps[event.step - 1]
    bounds = state.rollout.bounds
    if len(state.in_flight) >= bounds.max_concurrent_operations:
        yield f"request {event.request} beside {len(state.in_flight)} others"
    if not ids or len(ids) > max(1, bounds.max_unavailable):
        yield f"{len(ids)} instances in one request"
    if not isinstance(step, UpgradeBatch | UpgradeWindow) or set(ids) - set(step.instance_ids):
        yield f"{ids} are not in step {event.step}"
    for instance_id in ids:
        if state.progress[instance_id].phase is not Phase.PENDING:
            yield f"{instance_id} is operated on, and is {state.progress[instance_id].phase}"
    if isinstance(step, UpgradeWindow):
        active = len(state.ids(Phase.OPERATING, Phase.AWAITING))
        if active + len(ids) > step.window:
            yield f"{active + len(ids)} in a window of {step.window}"
        return
    early = [
        i
        for i, one in state.progress.items()
        if one.step < event.step and one.phase not in _SETTLED
    ]
    if early:
        yield f"step {event.step} begins, and {early} of earlier ones are not settled"


def _at_step_end(state: RunState, reader: Reader, event: ev.StepCompleted) -> Iterator[str]:
    step = state.rollout.steps[event.step - 1]
    match step:
        case Approval() if event.step not in reader.approved:
            yield f"nobody approved step {event.step}"
        case Check() if reader.measured is not Verdict.SUCCESSFUL:
            yield f"the gate of step {event.step} is passed, and last said {reader.measured}"
        case RunHook() if reader.hook is not Verdict.SUCCESSFUL and not event.note:
            yield f"the hook of step {event.step} is passed, and said {reader.hook}"
        case UpgradeBatch(instance_ids=ids):
            left = [i for i in ids if state.progress[i].phase in (Phase.PENDING, Phase.OPERATING)]
            if left:
                yield f"step {event.step} ends, and {left} are left"
        case _:
            return
