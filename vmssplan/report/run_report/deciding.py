"""What let a Run pass, held it or stopped it: gates, hooks, and people by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.gates import Verdict
from vmssplan.report.happening import happening
from vmssplan.report.run_report.chronicle import Decision
from vmssplan.report.run_report.safe import safe
from vmssplan.report.steps import step_title
from vmssplan.report.told import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.engine import Event
    from vmssplan.rollout import Rollout

_PEOPLE = "the Run"


def decisions_of(told: Sequence[tuple[Event, Rollout]]) -> Iterator[Decision]:
    """Yield them in order; a gate that says the same again and again is told once, counted."""
    last: Decision | None = None
    for event, rollout in told:
        one = _decision(event, rollout)
        if one is None:
            continue
        is_again = last is not None and replace(one, at=last.at, times=last.times) == last
        if last is not None and is_again:
            last = replace(one, times=last.times + 1)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _decision(event: Event, rollout: Rollout) -> Decision | None:
    said = happening(event, rollout)
    match event:
        case ev.GateMeasured(step=step) | ev.HookEnded(step=step):
            is_well = event.verdict is Verdict.SUCCESSFUL
            weight = Weight.INFO if is_well else Weight.WARNING
            by = "the gate" if isinstance(event, ev.GateMeasured) else "the hook"
            text = safe(f"{event.verdict}: {event.detail}" if event.detail else event.verdict)
            return Decision(event.at, step, _about(rollout, step), text, by, weight)
        case ev.ApprovalAwaited(step=step):
            return Decision(event.at, step, _about(rollout, step), "waits", "", said.weight)
        case ev.ApprovalGiven(step=step, by=by):
            return Decision(
                event.at, step, _about(rollout, step), "approved", safe(by), said.weight
            )
        case ev.ApprovalRefused(step=step, by=by, reason=reason):
            text = safe(f"not approved: {reason}" if reason else "not approved")
            return Decision(event.at, step, _about(rollout, step), text, safe(by), said.weight)
        case ev.RunHeld(by=by) | ev.RunContinued(by=by) | ev.RollbackRequested(by=by):
            return Decision(event.at, None, _PEOPLE, safe(said.text), safe(by), said.weight)
        case ev.CancelRequested(by=by):
            return Decision(event.at, None, _PEOPLE, safe(said.text), safe(by), said.weight)
        case ev.InstructionIgnored() | ev.RollbackStarted():
            return Decision(event.at, None, _PEOPLE, safe(said.text), "", said.weight)
        case _:
            return None


def _about(rollout: Rollout, step: int) -> str:
    return safe(step_title(rollout, rollout.steps[step - 1]))
