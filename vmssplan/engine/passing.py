"""What must be passed between batches: people, the application, the user's own programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.batching import STANDING_STILL
from vmssplan.engine import events as ev
from vmssplan.engine.commands import Command, Measure, Record, RunProgram
from vmssplan.engine.progress import Phase
from vmssplan.engine.stopping import Stop
from vmssplan.engine.upgrading import below_floor, has_room
from vmssplan.engine.waiting import wait, wait_for_people
from vmssplan.errors import ExitCode
from vmssplan.gates import Verdict, gate_verdict, next_measurement_at
from vmssplan.rollout import Check, HookTime, RunHook

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine.state import Live, RunState


@dataclass(frozen=True, slots=True)
class Passed:
    """The step is done; `note` says what let it pass."""

    note: str


def await_approval(state: RunState, now: datetime) -> Command | Passed | Stop:
    """Wait for a person, or end the Run until one has approved."""
    people = state.people
    approval = people.approved.get(state.step)
    if approval is not None:
        return Passed(f"approved by {approval.by}")
    if not people.waits:
        return Stop(ExitCode.PAUSED, f"step {state.step} waits for an approval")
    if people.awaited_step != state.step:
        return Record((ev.ApprovalAwaited(now, state.step),))
    return wait_for_people(state, now)


def check(
    step: Check, state: RunState, begun_at: datetime, now: datetime
) -> Command | Passed | Stop:
    """Measure, and judge by all that was measured; what cannot be told never passes."""
    judgement = gate_verdict(state.tally, step.counting)
    match judgement.verdict:
        case Verdict.SUCCESSFUL:
            return Passed(judgement.reason)
        case Verdict.FAILED:
            return Stop(ExitCode.GATE, f"gate failed: {judgement.reason}", is_failure=True)
        case Verdict.ERROR:
            return Stop(ExitCode.GATE, f"gate could not be measured: {judgement.reason}")
        case Verdict.INCONCLUSIVE:
            why = f"gate is inconclusive: {judgement.reason}"
            if not state.people.waits:
                return Stop(ExitCode.PAUSED, why)
            return Record((ev.RunHeld(now, "", "the gate", why),))
        case Verdict.RUNNING:
            due = next_measurement_at(state.tally, step.counting, begun_at)
            if now < due:
                return wait(state, now, due)
            return Measure(state.step, step.probe, step.batch, step.instance_ids)


def run_hook(step: RunHook, state: RunState, live: Live, now: datetime) -> Command | Passed | Stop:
    """Run the program for those of the batch it still concerns; draining them needs room."""
    is_before = step.time is HookTime.BEFORE_BATCH
    if state.hook is None:
        ids = tuple(i for i in step.instance_ids if _concerns(step, i, state, live))
        if not ids:
            return Passed("none of its instances is left")
        if is_before and not has_room(ids, state, live):
            return below_floor(state, live, now)
        return RunProgram(state.step, step.time.value, step.command, step.batch, ids)
    if state.hook.verdict is Verdict.SUCCESSFUL:
        return Passed(state.hook.detail)
    what = f"hook {step.time} of batch {step.batch}"
    return Stop(ExitCode.GATE, f"{what}: {state.hook.detail}")


def _concerns(step: RunHook, instance_id: str, state: RunState, live: Live) -> bool:
    if not _is_there(instance_id, state, live):
        return False
    phase = state.progress[instance_id].phase
    if step.time is HookTime.BEFORE_BATCH:
        return phase is Phase.PENDING
    if phase is Phase.SKIPPED:
        return _may_be_drained(instance_id, state, live)
    return phase in (Phase.AWAITING, Phase.READY)


def _may_be_drained(instance_id: str, state: RunState, live: Live) -> bool:
    """Tell whether a skipped instance may wait to be brought back: it was drained, and runs.

    It may have been skipped before its batch was drained; bringing it back then changes nothing.
    """
    is_draining = any(
        isinstance(one, RunHook) and one.time is HookTime.BEFORE_BATCH
        for one in state.rollout.steps
    )
    return is_draining and live.instances[instance_id].power_state not in STANDING_STILL


def _is_there(instance_id: str, state: RunState, live: Live) -> bool:
    """Tell whether that machine is still in the set, and no other one under its id."""
    found = live.instances.get(instance_id)
    return found is not None and found.vm_id == state.rollout.machines[instance_id]
