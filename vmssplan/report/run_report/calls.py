"""The requests of a Run, as far as its journal knows them: every write, and looks that failed.

What only looks and gets its answer leaves nothing in the journal, so it is not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.model import Method
from vmssplan.report.happening import azure_text
from vmssplan.report.run_report.chronicle import Call
from vmssplan.report.run_report.safe import safe
from vmssplan.report.told import Weight
from vmssplan.report.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine import Event
    from vmssplan.rollout import Rollout

_WORKED = ("Succeeded", "")


@dataclass(slots=True)
class _Open:
    """A request on its way."""

    at: datetime
    what: str
    instance_ids: tuple[str, ...] = ()
    operation: str = ""
    outcome: str = "its end is not in the journal"
    ended: datetime | None = None
    weight: Weight = Weight.WARNING

    def end(self, at: datetime, outcome: str, weight: Weight) -> None:
        self.ended, self.outcome, self.weight = at, safe(outcome), weight

    def call(self) -> Call:
        ids = tuple(safe(one) for one in self.instance_ids)
        operation = safe(self.operation)
        return Call(self.at, self.what, ids, operation, self.outcome, self.ended, self.weight)


@dataclass(slots=True)
class _Calls:
    """The requests so far, in order; those that write by their number."""

    all: list[_Open] = field(default_factory=list)
    by_number: dict[int, _Open] = field(default_factory=dict)
    holding: _Open | None = None

    def begin(self, at: datetime, what: str, ids: tuple[str, ...] = ()) -> _Open:
        self.all.append(_Open(at, what, ids))
        return self.all[-1]


def calls_of(told: Sequence[tuple[Event, Rollout]]) -> list[Call]:
    """Return the requests in the order they were made."""
    calls = _Calls()
    for event, _ in told:
        if isinstance(event, ev.RequestEvent):
            _request(calls, event)
        elif isinstance(event, ev.AutoscaleEvent):
            _autoscale(calls, event)
    return [one.call() for one in calls.all]


def _request(calls: _Calls, event: ev.RequestEvent) -> None:
    at = event.at
    match event:
        case ev.ModelWriteIntended(request=number):
            calls.by_number[number] = calls.begin(at, "write the model")
        case ev.UpgradeIntended(request=number, method=method, instance_ids=ids):
            verb = "upgrade" if method is Method.UPGRADE else "reimage"
            what = f"{verb} {counted(len(ids), 'instance')}"
            calls.by_number[number] = calls.begin(at, what, ids)
        case ev.OperationAccepted(request=number, operation=operation):
            one = calls.by_number.get(number) or calls.begin(at, "request")
            one.operation = operation
            one.outcome = "accepted"
        case ev.RequestDeferred(reason=reason, code=code, message=message):
            text = f"put off, {reason}: {azure_text(code, message)}"
            is_known = event.request is not None and event.request in calls.by_number
            one = calls.by_number[event.request or 0] if is_known else calls.begin(at, "look")
            one.end(at, text, Weight.WARNING)
        case ev.RequestRefused(code=code, message=message):
            known = calls.by_number.get(event.request or 0) or calls.begin(at, "look")
            known.end(at, f"refused: {azure_text(code, message)}", Weight.ERROR)
        case ev.OutcomeLost(request=number, code=code, message=message):
            one = calls.by_number.get(number) or calls.begin(at, "request")
            one.outcome = safe(f"no answer: {azure_text(code, message)}")
        case ev.OperationEnded(request=number, status=status, code=code, message=message):
            one = calls.by_number.get(number) or calls.begin(at, "request")
            text = f"{status}: {azure_text(code, message)}" if code else status
            weight = Weight.INFO if status in _WORKED and not code else Weight.ERROR
            one.end(at, text or "settled by looking", weight)


def _autoscale(calls: _Calls, event: ev.AutoscaleEvent) -> None:
    at = event.at
    match event:
        case ev.AutoscalePinIntended(settings=settings, count=count):
            names = ", ".join(one.name for one in settings) or "nothing"
            calls.holding = calls.begin(at, safe(f"hold autoscale {names} at {count} instances"))
        case ev.AutoscalePinned():
            if calls.holding is not None:
                calls.holding.end(at, "done", Weight.INFO)
        case ev.AutoscaleRestored(left_alone=left):
            text = f"done, but for {'; '.join(left)}" if left else "done"
            weight = Weight.WARNING if left else Weight.INFO
            calls.begin(at, "give autoscale its bounds back").end(at, text, weight)
        case ev.AutoscaleDeferred(code=code, message=message):
            one = calls.begin(at, "write autoscale bounds")
            one.end(at, f"put off: {azure_text(code, message)}", Weight.WARNING)
        case ev.AutoscaleLeftPinned(reason=reason):
            one = calls.begin(at, "give autoscale its bounds back")
            one.end(at, f"given up: {reason}", Weight.ERROR)
