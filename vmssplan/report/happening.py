"""Events in words: one sentence each, and how much it matters.

Logs, the live view, `status` and the machine-readable stream all say the same of an Event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import events as ev
from vmssplan.report.between import of_autoscale, of_gate, of_people
from vmssplan.report.steps import batch_of_instance, step_title, work_text
from vmssplan.report.told import Happening, Weight
from vmssplan.report.wording import counted, one_line, portions_text
from vmssplan.rollout import Disposition, UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine import Event
    from vmssplan.rollout import Rollout

NAMED_IN_A_LINE = 12
"""So many instances are named in one line; the Rollout and the journal name them all."""


def happening(event: Event, rollout: Rollout) -> Happening:
    """Return what to say of the Event; `rollout` is the one in force then."""
    if isinstance(event, ev.InstanceEvent):
        text, weight = _of_instance(event)
        batch = batch_of_instance(rollout, event.instance_id)
        return Happening(text, weight, batch=batch, instance=event.instance_id)
    if isinstance(event, ev.RequestEvent):
        return _of_request(event, rollout)
    if isinstance(event, ev.AutoscaleEvent):
        return of_autoscale(event)
    if isinstance(event, ev.GateEvent):
        return of_gate(event, rollout)
    if isinstance(event, ev.PeopleEvent):
        return of_people(event)
    return _of_run(event, rollout)


def _of_run(event: ev.RunEvent, rollout: Rollout) -> Happening:
    match event:
        case ev.RunStarted(run=run):
            work = counted(rollout.count(Disposition.UPGRADE), "instance")
            text = f"Run {run} started: {work} to {rollout.method} in {portions_text(rollout)}"
            return Happening(text)
        case ev.RunResumed():
            return Happening("Run resumed")
        case ev.StepStarted(step=number):
            return _step_started(number, rollout)
        case ev.StepCompleted(step=number, note=note):
            return Happening(f"done: {one_line(note)}" if note else "done", Weight.DETAIL, number)
        case ev.FloorReached(in_service=seen, floor=floor):
            text = f"waiting: {seen} of {rollout.bounds.total} in service, the floor is {floor}"
            return Happening(text, Weight.WARNING)
        case ev.InstanceAppeared(instance=instance, is_current=is_current):
            what = "current" if is_current else "OUTDATED; plan again to have it upgraded"
            weight = Weight.INFO if is_current else Weight.WARNING
            name = one_line(instance.instance_id)
            return Happening(f"instance {name} came meanwhile: {what}", weight)
        case ev.RollbackStarted(reason=reason, instance_ids=ids, added=added):
            work = counted(len(ids) + len(added), "instance")
            text = f"rolling back {work}: {one_line(reason)}"
            return Happening(text, Weight.WARNING)
        case ev.StopDecided(reason=reason):
            return Happening(f"about to halt: {one_line(reason)}", Weight.DETAIL)
        case ev.RunHalted(step=number, reason=reason):
            return Happening(f"halted: {one_line(reason)}", Weight.ERROR, number)
        case ev.RunCompleted():
            return Happening(f"all {counted(len(rollout.steps), 'step')} done")
    assert_never(event)


def _step_started(number: int, rollout: Rollout) -> Happening:
    """Say what the step does; of one that upgrades, the request says more."""
    step = rollout.steps[number - 1]
    is_said_later = isinstance(step, UpgradeBatch | UpgradeWindow)
    weight = Weight.DETAIL if is_said_later else Weight.INFO
    return Happening(step_title(rollout, step), weight, number)


def _of_instance(event: ev.InstanceEvent) -> tuple[str, Weight]:
    match event:
        case ev.InstanceUpgraded():
            return "upgraded", Weight.INFO
        case ev.InstanceNotStarted():
            return "the lost request never reached it; it is made again", Weight.WARNING
        case ev.InstanceSkipped(reason=reason):
            return f"skipped: {one_line(reason)}", Weight.WARNING
        case ev.InstanceBecameHealthy():
            return "healthy", Weight.DETAIL
        case ev.InstanceBecameUnhealthy(detail=detail):
            return f"not healthy: {one_line(detail)}", Weight.WARNING
        case ev.InstanceReady():
            return "ready", Weight.INFO
        case ev.InstanceFailed(code=code, message=message):
            return f"FAILED: {azure_text(code, message)}", Weight.ERROR
    assert_never(event)


def _of_request(event: ev.RequestEvent, rollout: Rollout) -> Happening:
    match event:
        case ev.ModelWriteIntended(step=number):
            return Happening("writing the model", Weight.DETAIL, number)
        case ev.UpgradeIntended(step=number, instance_ids=ids):
            text = f"{work_text(rollout, rollout.steps[number - 1])}: {names_text(ids)}"
            return Happening(text, step=number)
        case ev.OperationAccepted(operation=operation):
            name = f" as operation {operation}" if operation else ""
            return Happening(f"accepted{name}", Weight.DETAIL)
        case ev.RequestDeferred(reason=reason, until=until, code=code, message=message):
            text = f"put off until {until:%H:%M:%S}, {reason}: {azure_text(code, message)}"
            return Happening(text, Weight.WARNING)
        case ev.RequestRefused(code=code, message=message):
            return Happening(f"refused: {azure_text(code, message)}", Weight.ERROR)
        case ev.OutcomeLost(code=code, message=message):
            text = f"no answer, looking whether it was done: {azure_text(code, message)}"
            return Happening(text, Weight.WARNING)
        case ev.OperationEnded(status=status, code=code, message=message):
            if not code:
                return Happening(f"operation ended {status}".rstrip(), Weight.DETAIL)
            text = f"operation {status}: {azure_text(code, message)}"
            return Happening(text, Weight.ERROR)
    assert_never(event)


def azure_text(code: str, message: str) -> str:
    """Return Azure's own code and message in one line."""
    return one_line(f"{code}: {message}" if message else code)


def names_text(instance_ids: Sequence[str]) -> str:
    """Return `instance 5`, `instances 0, 5`, or `40 instances (0, 5, 10, ...)`."""
    names = [one_line(one) for one in instance_ids[:NAMED_IN_A_LINE]]
    if len(names) == len(instance_ids):
        noun = "instance" if len(names) == 1 else "instances"
        return f"{noun} {', '.join(names)}"
    return f"{len(instance_ids)} instances ({', '.join(names[:4])}, ...)"
