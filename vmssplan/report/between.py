"""Events between the batches in words: gates, hooks, people, autoscale."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import events as ev
from vmssplan.gates import Verdict
from vmssplan.report.told import Happening, Weight
from vmssplan.report.wording import one_line

if TYPE_CHECKING:
    from vmssplan.rollout import Rollout


def of_autoscale(event: ev.AutoscaleEvent) -> Happening:
    """Say how the instance count is held, and given back."""
    match event:
        case ev.AutoscalePinIntended(settings=settings, count=count):
            names = ", ".join(one_line(one.name) for one in settings) or "nothing"
            return Happening(f"holding autoscale at {count} instances: {names}")
        case ev.AutoscalePinned():
            return Happening("autoscale holds the instance count", Weight.DETAIL)
        case ev.AutoscaleRestored(left_alone=left):
            if left:
                text = f"autoscale restored, but for what others changed: {'; '.join(left)}"
                return Happening(one_line(text), Weight.WARNING)
            return Happening("autoscale has its bounds back")
        case ev.AutoscaleDeferred(until=until, code=code, message=message):
            text = f"autoscale put off until {until:%H:%M:%S}: {code}: {message}"
            return Happening(one_line(text), Weight.WARNING)
        case ev.AutoscaleLeftPinned(reason=reason):
            text = f"autoscale is STILL PINNED, vmssplan recover gives it back: {reason}"
            return Happening(one_line(text), Weight.ERROR)
    assert_never(event)


def of_gate(event: ev.GateEvent, rollout: Rollout) -> Happening:
    """Say what a gate measured, and how a hook ended."""
    match event:
        case ev.GateMeasured(step=step, verdict=verdict, detail=detail):
            weight = Weight.INFO if verdict is Verdict.SUCCESSFUL else Weight.WARNING
            return Happening(f"gate {verdict}: {one_line(detail)}", weight, step)
        case ev.HookStarted(step=step):
            return Happening("hook started", Weight.DETAIL, step)
        case ev.HookEnded(step=step, verdict=verdict, detail=detail):
            weight = Weight.DETAIL if verdict is Verdict.SUCCESSFUL else Weight.ERROR
            return Happening(f"hook {verdict}: {one_line(detail)}", weight, step)
        case ev.ApprovalAwaited(step=step):
            text = f"waiting for an approval of step {step} of {len(rollout.steps)}"
            return Happening(text, Weight.WARNING, step)
    assert_never(event)


def of_people(event: ev.PeopleEvent) -> Happening:
    """Say who said what."""
    match event:
        case ev.ApprovalGiven(by=by, step=step):
            return Happening(f"approved by {one_line(by)}", step=step)
        case ev.ApprovalRefused(by=by, step=step, reason=reason):
            text = f"NOT approved by {one_line(by)}: {one_line(reason)}"
            return Happening(text, Weight.ERROR, step)
        case ev.RunHeld():
            return Happening(held_text(event), Weight.WARNING)
        case ev.RunContinued(by=by):
            return Happening(f"goes on: {one_line(by)} said so")
        case ev.CancelRequested(by=by):
            who = f" for {one_line(by)}" if by else ""
            return Happening(
                f"cancelling{who}: what is in flight is finished first", Weight.WARNING
            )
        case ev.RollbackRequested(by=by):
            text = f"{one_line(by)} asked to roll back: what is in flight is finished first"
            return Happening(text, Weight.WARNING)
        case ev.InstructionIgnored(why=why):
            return Happening(f"an instruction was ignored: {one_line(why)}", Weight.WARNING)
    assert_never(event)


def held_text(event: ev.RunHeld) -> str:
    """Return `paused by ann@desk`, or what a gate says that holds the Run."""
    return one_line(event.reason) if event.key else f"paused: {one_line(event.reason)}"
