"""The shell around the core: look, decide, write down, act, write down. Small on purpose.

It holds no rule of its own. What it does is exactly what `decide` asked for, and everything that
happened is in the journal before the next question is asked: the intent before a request, the
outcome after it. Killed anywhere, a Run goes on from its journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, assert_never

from vmssplan.autoscaling import AutoscaleKeeper
from vmssplan.engine import (
    Event,
    Finish,
    Live,
    Look,
    Measure,
    PinBounds,
    Record,
    ReimageInstances,
    RestoreBounds,
    RunProgram,
    RunState,
    UpgradeInstances,
    Wait,
    Write,
    WriteModel,
    decide,
    evolve,
)
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Instruction
from vmssplan.engine.waiting import backoff
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
from vmssplan.model import BUSY_STATES, CommandProbe, HttpProbe, Method, OperationStatus, ScaleSet
from vmssplan.pacing import SHORTEST_BACKOFF, Pacer
from vmssplan.ports import (
    Backend,
    Clock,
    Inbox,
    Journal,
    OperationHandle,
    Probes,
    Subject,
)

if TYPE_CHECKING:
    from vmssplan.gates import Measurement
    from vmssplan.model import OperationReport


class Watcher(Protocol):
    """Somebody who looks on: a terminal, a log."""

    def happened(self, event: Event, state: RunState) -> None:
        """Take note of an Event; `state` is the one after it and all recorded with it."""
        ...

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take note of an observation."""
        ...


@dataclass(slots=True)
class Executor:
    """One Run against one backend, from the state it is in."""

    backend: Backend
    clock: Clock
    journal: Journal
    inbox: Inbox
    probes: Probes
    watcher: Watcher
    state: RunState
    _handles: dict[int, OperationHandle] = field(default_factory=dict)
    _ended_at: dict[str, datetime] = field(default_factory=dict)
    _blind_since: datetime | None = None
    _seen: Live | None = None
    _pacer: Pacer = field(default_factory=Pacer)
    _told: Sequence[Instruction] = ()
    _wants_cancel: bool = False

    def request_cancel(self) -> None:
        """Stop after what is in flight. May be called from a signal handler of the event loop."""
        self._wants_cancel = True
        self.clock.wake()

    async def run(self, *opening: Event) -> RunState:
        """Go on until the Run ends; `opening` begins with RunStarted or RunResumed.

        Raises StateUnreadable when the journal cannot be written, LockHeld when another holder
        has taken the Run over. Any other exception leaves a journal that can be resumed.
        """
        self._note(*opening)
        live = await self._look(Look.EVERYTHING)
        while True:
            if self._wants_cancel and self.state.people.cancel is None:
                self._note(ev.CancelRequested(self.clock.now()))
            command = decide(self.state, live, self.clock.now(), self._told)
            match command:
                case Record(events):
                    self._note(*events)
                case Wait(until, look, for_people):
                    await self.clock.sleep_until(until)
                    if for_people:
                        await self.inbox.rest()
                    live = await self._look(look)
                case WriteModel() | UpgradeInstances() | ReimageInstances():
                    await self._act(command)
                    live = await self._look(Look.EVERYTHING) if self._may_do_more() else live
                case Measure(step, probe, batch, ids):
                    said = await self._measure("gate", probe, batch, ids)
                    self._note(ev.GateMeasured(self.clock.now(), step, said.verdict, said.detail))
                    live = await self._look(Look.EVERYTHING)
                case RunProgram():
                    await self._run_hook(command)
                    live = await self._look(Look.EVERYTHING)
                case PinBounds() | RestoreBounds():
                    await self._keep_autoscale(command)
                case Finish():
                    return self.state
                case _:
                    assert_never(command)

    def _may_do_more(self) -> bool:
        """Tell whether the next thing may be more than waiting for what was just tried."""
        if self.state.deferral is not None:
            return False
        return len(self.state.in_flight) < self.state.rollout.bounds.max_concurrent_operations

    def _note(self, *events: Event) -> None:
        self.journal.append(events)
        self.state = evolve(self.state, *events)
        for event in events:
            self.watcher.happened(event, self.state)

    async def _look(self, look: Look) -> Live | None:
        """See what there is to see; None when the service did not let us."""
        if look is Look.EVERYTHING:
            # First of all, so that what is told and what is seen are of the same moment.
            await self._sleep(self._pacer.look_at)
        self._told = self.inbox.instructions()
        try:
            reports = await self._reports()
            is_over = any(one.status is not OperationStatus.IN_PROGRESS for one in reports.values())
            # An old look must not settle what has just come into doubt.
            is_in_doubt = any(one.is_in_doubt for one in self.state.in_flight)
            if look is Look.EVERYTHING or is_over or is_in_doubt or self._seen is None:
                await self._sleep(self._pacer.look_at)
                scale_set, pacing = await self.backend.observe(self.state.rollout.target)
                self._pacer.looked(pacing, self.state.run, self.clock.now())
                if self._seen is not None:
                    scale_set.roster.take_over(self._seen.scale_set.roster)
                self._seen = Live(scale_set, is_rolling=await self._is_rolling(scale_set))
                self.watcher.looked(scale_set, self.state, self.clock.now())
        except Retryable as error:
            self._note_blindness(error)
            return None
        except StateUnreadable:
            raise
        except VmssplanError as error:
            self._note(_refusal(error, None, self.clock.now()))
            return None
        self._blind_since = None
        return self._seen.with_operations(reports, dict(self._ended_at))

    async def _is_rolling(self, scale_set: ScaleSet) -> bool:
        """Ask what makes the set busy, when it is nothing of ours."""
        if self.state.in_flight or scale_set.provisioning_state not in BUSY_STATES:
            return False
        return await self.backend.rolling_upgrade_in_progress(scale_set.id)

    async def _reports(self) -> dict[str, OperationReport]:
        reports, told = {}, []
        for request in self.state.in_flight:
            handle = self._handles.get(request.request)
            if handle is None or request.is_in_doubt:
                continue
            await self._sleep(self._pacer.poll_at)
            try:
                reports[handle.operation_id], pacing = await self.backend.operation_report(handle)
            except NotFound as error:
                lost = ev.OutcomeLost(
                    self.clock.now(), request.request, "OperationNotFound", error.message
                )
                self._note(lost)
            else:
                told.append(pacing)
                if reports[handle.operation_id].status is not OperationStatus.IN_PROGRESS:
                    self._ended_at.setdefault(handle.operation_id, self.clock.now())
        self._pacer.polled(told, self.state.run, self.clock.now())
        return reports

    async def _sleep(self, until: datetime | None) -> None:
        """Leave the service alone as long as it wants to be, unless the user just cancelled."""
        is_woken = self._wants_cancel and self.state.people.cancel is None
        if until is not None and until > self.clock.now() and not is_woken:
            await self.clock.sleep_until(until)

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
            self._note(_refusal(error, number, self.clock.now()))
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
        target = self.state.rollout.target
        match command:
            case WriteModel(_, fields, etag):
                return await self.backend.write_model(target, fields, etag)
            case UpgradeInstances(_, ids):
                return await self.backend.upgrade_instances(target, ids)
            case ReimageInstances(_, ids):
                return await self.backend.reimage_instances(target, ids)
        assert_never(command)

    async def _measure(
        self,
        occasion: str,
        probe: HttpProbe | CommandProbe,
        batch: int | None,
        instance_ids: Sequence[str],
    ) -> Measurement:
        known = self._seen.instances if self._seen else {}
        concerned = tuple(known[i] for i in instance_ids if i in known)
        target = self.state.rollout.target
        subject = Subject(target, occasion, self.state.run, batch, concerned)
        return await self.probes.measure(probe, subject)

    async def _run_hook(self, command: RunProgram) -> None:
        """Write down that the program runs, run it, write down how it ended."""
        self._note(ev.HookStarted(self.clock.now(), command.step))
        said = await self._measure(
            command.occasion, command.command, command.batch, command.instance_ids
        )
        self._note(ev.HookEnded(self.clock.now(), command.step, said.verdict, said.detail))

    async def _keep_autoscale(self, command: PinBounds | RestoreBounds) -> None:
        keeper = AutoscaleKeeper(self.backend, self.clock, self._note, self.state.rollout.target)
        try:
            if isinstance(command, PinBounds):
                count = len(self._seen.instances) if self._seen else 0
                await keeper.pin(command.pins, count)
            else:
                await keeper.restore(command.pins)
        except Retryable as error:
            now = self.clock.now()
            if self.state.pins is None:
                self._defer(error, None)
                return
            until = now + (error.retry_after or SHORTEST_BACKOFF)
            self._note(ev.AutoscaleDeferred(now, until, error.code, error.reason))
        except StateUnreadable:
            raise
        except VmssplanError as error:
            if isinstance(command, RestoreBounds):
                self._note(ev.AutoscaleLeftPinned(self.clock.now(), error.message))
            else:
                self._note(_refusal(error, None, self.clock.now()))

    def _defer(self, error: Retryable, number: int | None) -> None:
        now, before = self.clock.now(), self.state.deferral
        pause = error.retry_after or backoff(self.state)
        if isinstance(error, Throttled):
            so_far = now - before.since if before else timedelta(0)
            pause = self._pacer.refused(error.retry_after, so_far, self.state.run)
        until = now + pause
        reason = _deferral_reason(error)
        self._note(ev.RequestDeferred(now, reason, until, error.code, error.reason, number))

    def _note_blindness(self, error: Retryable) -> None:
        """Put off looking: as long as the service wishes, else longer the longer it lasts."""
        now = self.clock.now()
        since = self._blind_since = self._blind_since or now
        pause = self._pacer.refused(error.retry_after, now - since, self.state.run)
        reason = _deferral_reason(error)
        deferred = ev.RequestDeferred(
            now, reason, now + pause, error.code, error.reason, blind_since=since
        )
        self._note(deferred)


def _refusal(error: VmssplanError, number: int | None, now: datetime) -> ev.RequestRefused:
    code = error.code if isinstance(error, RequestRejected) else type(error).__name__
    reason = error.reason if isinstance(error, RequestRejected) else error.message
    return ev.RequestRefused(now, number, int(error.exit_code), code, reason)


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
