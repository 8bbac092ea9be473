"""The shell around the core: look, decide, write down, act, write down. Small on purpose.

It holds no rule of its own. What it does is exactly what `decide` asked for, and everything that
happened is in the journal before the next question is asked: the intent before a request, the
outcome after it. Killed anywhere, a Run goes on from its journal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, assert_never

from vmssplan.engine import (
    Event,
    Finish,
    Live,
    Look,
    Record,
    ReimageInstances,
    RunState,
    UpgradeInstances,
    Wait,
    WriteModel,
    decide,
    evolve,
)
from vmssplan.engine import events as ev
from vmssplan.engine.decision import backoff
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    NotFound,
    OutcomeUnknown,
    RequestRejected,
    Retryable,
    StateUnreadable,
    Throttled,
    VmssplanError,
)
from vmssplan.model import Method, OperationStatus, ScaleSet
from vmssplan.ports import Backend, Clock, Journal, OperationHandle
from vmssplan.rollout import Rollout

if TYPE_CHECKING:
    from vmssplan.model import OperationReport
    from vmssplan.ports import Pacing

Write = WriteModel | UpgradeInstances | ReimageInstances

LOW_REMAINING = 10
"""With fewer requests than this left in any bucket, polling slows down."""
SLOW_POLL = timedelta(seconds=30)
SHORTEST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=2)


class Watcher(Protocol):
    """Somebody who looks on: a terminal, a log."""

    def happened(self, event: Event, state: RunState) -> None:
        """Take note of an Event; `state` is already the one after it."""
        ...

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take note of an observation."""
        ...


@dataclass(slots=True)
class Executor:
    """One Run of one Rollout against one backend."""

    rollout: Rollout
    backend: Backend
    clock: Clock
    journal: Journal
    watcher: Watcher
    state: RunState
    _handles: dict[int, OperationHandle] = field(default_factory=dict)
    _ended_at: dict[str, datetime] = field(default_factory=dict)
    _blind_since: datetime | None = None
    _seen: Live | None = None
    _not_before: datetime | None = None
    _wants_cancel: bool = False

    def request_cancel(self) -> None:
        """Stop after what is in flight. May be called from a signal handler of the event loop."""
        self._wants_cancel = True
        self.clock.wake()

    async def run(self, opening: Event) -> RunState:
        """Go on until the Run ends; `opening` is RunStarted or RunResumed.

        Raises StateUnreadable when the journal cannot be written. Any other exception leaves a
        journal that can be resumed.
        """
        self._note(opening)
        live = await self._look(Look.EVERYTHING)
        while True:
            if self._wants_cancel and not self.state.cancel_requested:
                self._note(ev.CancelRequested(self.clock.now()))
            command = decide(self.rollout, self.state, live, self.clock.now())
            match command:
                case Record(events):
                    self._note(*events)
                case Wait(until, look):
                    await self._sleep(until)
                    live = await self._look(look)
                case WriteModel() | UpgradeInstances() | ReimageInstances():
                    await self._act(command)
                    live = await self._look(Look.EVERYTHING) if self._may_do_more() else live
                case Finish():
                    return self.state
                case _:
                    assert_never(command)

    def _may_do_more(self) -> bool:
        """Tell whether the next thing may be more than waiting for what was just tried."""
        if self.state.deferral is not None:
            return False
        return len(self.state.in_flight) < self.rollout.bounds.max_concurrent_operations

    def _note(self, *events: Event) -> None:
        self.journal.append(events)
        for event in events:
            self.state = evolve(self.state, event)
            self.watcher.happened(event, self.state)

    async def _sleep(self, until: datetime) -> None:
        """Sleep as asked, or as long as the service wants to be left alone."""
        if self._not_before is not None:
            until = max(until, self._not_before)
        self._not_before = None
        await self.clock.sleep_until(until)

    async def _look(self, look: Look) -> Live | None:
        """See what there is to see; None when the service did not let us."""
        try:
            reports = await self._reports()
            is_over = any(one.status is not OperationStatus.IN_PROGRESS for one in reports.values())
            if look is Look.EVERYTHING or is_over or self._seen is None:
                scale_set, pacing = await self.backend.observe(self.rollout.target)
                self._pace(pacing)
                self._seen = Live(scale_set)
                self.watcher.looked(scale_set, self.state, self.clock.now())
        except Retryable as error:
            self._note_blindness(error)
            return None
        except StateUnreadable:
            raise
        except VmssplanError as error:
            code, reason = int(error.exit_code), error.message
            self._note(ev.RunHalted(self.clock.now(), self.state.step, code, reason))
            return None
        self._blind_since = None
        return self._seen.with_operations(reports, dict(self._ended_at))

    async def _reports(self) -> dict[str, OperationReport]:
        reports = {}
        for request in self.state.in_flight:
            handle = self._handles.get(request.request)
            if handle is None or request.is_in_doubt:
                continue
            try:
                reports[handle.operation_id], pacing = await self.backend.operation_report(handle)
            except NotFound as error:
                lost = ev.OutcomeLost(
                    self.clock.now(), request.request, "OperationNotFound", error.message
                )
                self._note(lost)
            else:
                self._pace(pacing)
                if reports[handle.operation_id].status is not OperationStatus.IN_PROGRESS:
                    self._ended_at.setdefault(handle.operation_id, self.clock.now())
        return reports

    def _pace(self, pacing: Pacing) -> None:
        """Remember how long the service wants to be left alone."""
        pause = pacing.retry_after or timedelta(0)
        if pacing.remaining is not None and pacing.remaining < LOW_REMAINING:
            pause = max(pause, SLOW_POLL)
        until = self.clock.now() + pause
        self._not_before = max(until, self._not_before or until)

    async def _act(self, command: Write) -> None:
        """Write the intent, make the one request, write the outcome."""
        number = self.state.requests + 1
        self._note(self._intent(command, number))
        try:
            handle = await self._request(command)
        except OutcomeUnknown as error:
            self._note(ev.OutcomeLost(self.clock.now(), number, error.code, error.reason))
            self._defer(error, None)
        except Retryable as error:
            self._defer(error, number)
        except VmssplanError as error:
            code = error.code if isinstance(error, RequestRejected) else type(error).__name__
            reason = error.reason if isinstance(error, RequestRejected) else error.message
            refused = ev.RequestRefused(
                self.clock.now(), number, int(error.exit_code), code, reason
            )
            self._note(refused)
        else:
            if handle is not None:
                self._handles[number] = handle
            operation = handle.operation_id if handle else ""
            self._note(ev.OperationAccepted(self.clock.now(), number, operation))

    def _intent(self, command: Write, number: int) -> Event:
        now = self.clock.now()
        match command:
            case WriteModel(step, _, etag):
                return ev.ModelWriteIntended(now, number, step, etag)
            case UpgradeInstances(step, ids):
                return ev.UpgradeIntended(now, number, step, Method.UPGRADE, ids)
            case ReimageInstances(step, ids):
                return ev.UpgradeIntended(now, number, step, Method.REIMAGE, ids)
        assert_never(command)

    async def _request(self, command: Write) -> OperationHandle | None:
        target = self.rollout.target
        match command:
            case WriteModel(_, fields, etag):
                return await self.backend.write_model(target, fields, etag)
            case UpgradeInstances(_, ids):
                return await self.backend.upgrade_instances(target, ids)
            case ReimageInstances(_, ids):
                return await self.backend.reimage_instances(target, ids)
        assert_never(command)

    def _defer(self, error: Retryable, number: int | None) -> None:
        now = self.clock.now()
        until = now + (error.retry_after or backoff(self.state))
        reason = _deferral_reason(error)
        self._note(ev.RequestDeferred(now, reason, until, error.code, error.reason, number))

    def _note_blindness(self, error: Retryable) -> None:
        """Put off looking: as long as the service wishes, else longer the longer it lasts."""
        now = self.clock.now()
        since = self._blind_since = self._blind_since or now
        pause = error.retry_after or min(max(now - since, SHORTEST_PAUSE), LONGEST_PAUSE)
        reason = _deferral_reason(error)
        deferred = ev.RequestDeferred(
            now, reason, now + pause, error.code, error.reason, blind_since=since
        )
        self._note(deferred)


def _deferral_reason(error: Retryable) -> ev.DeferralReason:
    match error:
        case Conflict():
            return ev.DeferralReason.CONFLICT
        case Throttled():
            return ev.DeferralReason.THROTTLED
        case EtagChanged():
            return ev.DeferralReason.ETAG_CHANGED
        case _:
            return ev.DeferralReason.UNAVAILABLE
