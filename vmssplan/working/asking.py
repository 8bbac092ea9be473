"""How the service is asked: as often as it likes, again when it does not answer, not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.engine.stopping import OPERATION_DEADLINE
from vmssplan.engine.waiting import POLL_INTERVAL
from vmssplan.errors import ExitCode, NotFound, OutcomeUnknown, Retryable
from vmssplan.model import OperationStatus, ScaleSet
from vmssplan.operating import Operation
from vmssplan.pacing import Pacer
from vmssplan.ports import Backend, Clock, OperationHandle
from vmssplan.working.values import Ended, Note, NoteKind, Onlooker

if TYPE_CHECKING:
    from vmssplan.model import OperationReport

PATIENCE = timedelta(minutes=30)
"""How long nothing may get through, or something else may keep the set busy, before it ends."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was made; without a `handle` it was done at once, or is in doubt."""

    at: datetime
    handle: OperationHandle | None
    is_in_doubt: bool = False


@dataclass(slots=True)
class Asker:
    """Looks, requests and reports for one Operation; every method may raise Ended.

    `backend` observes, also by probes of the application. `check_lock` raises LockHeld when the
    set is another's by now.
    """

    operation: Operation
    backend: Backend
    clock: Clock
    onlooker: Onlooker
    check_lock: Callable[[], None]
    _pacer: Pacer = field(default_factory=Pacer)
    # A look that succeeds says nothing about requests: each has a patience of its own.
    _blind_since: datetime | None = None
    _refused_since: datetime | None = None
    _wants_cancel: bool = False
    _said: str = ""

    def request_cancel(self) -> None:
        """Stop after what is in flight. May be called from a signal handler of the event loop."""
        self._wants_cancel = True
        self.clock.wake()

    def check_cancel(self) -> None:
        """End where somebody wants that."""
        if self._wants_cancel:
            raise Ended(ExitCode.CANCELLED, "stopped by the user")

    async def look(self) -> ScaleSet:
        """See the set as it is; waits while the service does not let us."""
        while True:
            await self._sleep(self._pacer.look_at)
            try:
                live, pacing = await self.backend.observe(self.operation.target)
            except Retryable as error:
                self._blind_since = await self._defer(error, self._blind_since)
                continue
            self._blind_since = None
            self._pacer.looked(pacing, self.operation.digest, self.clock.now())
            return live

    async def send(self, request: Callable[[], Awaitable[OperationHandle | None]]) -> Sent | None:
        """Make a request; None when it did not get through: look again before the next try."""
        self.check_lock()
        at = self.clock.now()
        try:
            handle = await request()
        except OutcomeUnknown as error:
            self._refused_since = self._refused_since or at
            if at - self._refused_since >= PATIENCE:
                raise Ended(error.exit_code, error.message) from error
            self.say(f"the reply was lost; looking what came of it ({error.reason})")
            return Sent(at, None, is_in_doubt=True)
        except Retryable as error:
            self._refused_since = await self._defer(error, self._refused_since)
            return None
        self._refused_since = None
        return Sent(at, handle)

    async def until_over(self, handle: OperationHandle) -> OperationReport | None:
        """Follow an operation to its end; None when nobody knows it any more."""
        began = self.clock.now()
        while True:
            await self._sleep(self._pacer.poll_at)
            try:
                report, pacing = await self.backend.operation_report(handle)
            except NotFound:
                return None
            except Retryable as error:
                since = self._blind_since
                self._blind_since = await self._defer(error, since, is_in_flight=True)
                continue
            self._blind_since = None
            self._pacer.polled([pacing], self.operation.digest, self.clock.now())
            if report.status is not OperationStatus.IN_PROGRESS:
                return report
            if self.clock.now() - began >= OPERATION_DEADLINE:
                limit = format_duration(OPERATION_DEADLINE)
                raise Ended(ExitCode.DEADLINE, f"the operation has not ended within {limit}")
            await self.rest()

    async def rest(self, span: timedelta = POLL_INTERVAL) -> None:
        """Let that much time go by."""
        await self._sleep(self.clock.now() + span)

    async def wait_for(self, what: str, since: datetime) -> None:
        """Wait a moment for something to change; ends when that has lasted too long."""
        self.check_cancel()
        if self.clock.now() - since >= PATIENCE:
            raise Ended(ExitCode.DEADLINE, f"{what}, for {format_duration(PATIENCE)}")
        self.say(f"waiting: {what}")
        await self.rest()

    def say(self, text: str) -> None:
        """Tell why nothing happens: once in a row."""
        if text != self._said:
            self.note(NoteKind.WAITING, text)
            self._said = text

    def note(
        self, kind: NoteKind, text: str, batch: int | None = None, ids: tuple[str, ...] = ()
    ) -> None:
        """Tell what happened."""
        self._said = ""
        self.onlooker.told(Note(self.clock.now(), kind, text, batch, ids))

    async def _defer(
        self, error: Retryable, before: datetime | None, *, is_in_flight: bool = False
    ) -> datetime:
        """Wait as long as the service wishes, and return since when it has been so.

        Ends when nothing has got through for long; `before` None: it did until now.
        """
        now = self.clock.now()
        since = before or now
        if now - since >= PATIENCE:
            raise Ended(error.exit_code, f"{error.message}, for {format_duration(PATIENCE)}")
        if not is_in_flight:
            self.check_cancel()
        self.say(f"waiting: {error.message}")
        pause = self._pacer.refused(error.retry_after, now - since, self.operation.digest)
        await self._sleep(now + pause)
        return since

    async def _sleep(self, until: datetime | None) -> None:
        if until is not None and until > self.clock.now():
            await self.clock.sleep_until(until)
