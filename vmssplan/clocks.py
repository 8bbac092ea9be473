"""The clocks a Run can live by besides the embedded simulator's: the wall clock, and a server's.

Several Runs of one program live by one `SharedClock` around any of them. The only files of
vmssplan that read the time are this one and those it stands for; everything else is told the time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from vmssplan.errors import ServiceUnavailable, UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from pathlib import Path

    from vmssplan.ports import Clock

_TIMEOUT_SECONDS = 30
_LONGEST_UNSEEN_SECONDS = 0.5
"""How long a clock that runs is taken to run at the pace it was last seen at."""

T = TypeVar("T")


class WallClock:
    """`ports.Clock` of this machine."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        """Return the time of this machine."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Sleep until then, or until woken."""
        await _sleep((when - self.now()).total_seconds(), self._woken)

    def wake(self) -> None:
        """Cut the present sleep short."""
        self._woken.set()


class _NotManualError(Exception):
    """The server's time runs by itself, and cannot be moved."""


class SimulatorClock:
    """`ports.Clock` of a simulator's server, read and moved through its admin interface.

    A server whose time stands still is moved by every sleep, as far as it was to last; one that
    runs at a speed is waited for, also when others set another pace meanwhile. The path of the
    endpoint, if it has one, tells which of the server's worlds; `token` is what its admin
    interface asks for, if it does.
    """

    def __init__(self, endpoint: str, ca_file: Path | None, token: str | None = None) -> None:
        url = urlsplit(endpoint)
        tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._server = url.netloc
        self._world = url.path.rstrip("/")
        self._headers = {"content-type": "application/json"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        self._connection = HTTPSConnection(
            url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS, context=tls
        )
        self._woken = asyncio.Event()
        self._speed: float | None = None
        self._look()

    def now(self) -> datetime:
        """Return the server's virtual time, asked for or reckoned from its last answer.

        Time that stands still is asked for, because a late reply moves it too; where the server
        no longer answers, it is what it was.
        """
        if self._speed is None:
            with suppress(ServiceUnavailable):
                self._look()
        return self._reckoned()

    async def sleep_until(self, when: datetime) -> None:
        """Move the server's time there, or wait until it is."""
        await asyncio.sleep(0)
        self._woken.clear()
        while not self._woken.is_set():
            if self._speed is not None:
                if await self._waited(when, self._speed):
                    return
            elif when <= self._at or self._advanced(when):
                return

    def wake(self) -> None:
        """Cut the present sleep short."""
        self._woken.set()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _look(self) -> None:
        """Ask what time it is, and how fast it goes."""
        state = self._ask("GET", "/_sim/clock")
        self._speed = state.get("speed")
        self._at = datetime.fromisoformat(state["now"])
        self._since = time.monotonic()

    def _reckoned(self) -> datetime:
        if self._speed is None:
            return self._at
        return self._at + timedelta(seconds=(time.monotonic() - self._since) * self._speed)

    async def _waited(self, when: datetime, speed: float) -> bool:
        """Wait until it is time; False after a while, when the pace may be another one."""
        seconds = (when - self._reckoned()).total_seconds() / speed
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), min(seconds, _LONGEST_UNSEEN_SECONDS))
        if seconds <= _LONGEST_UNSEEN_SECONDS:
            return True
        with suppress(ServiceUnavailable):
            self._look()
        return False

    def _advanced(self, when: datetime) -> bool:
        """Move the server's time there; False when it runs by itself."""
        try:
            answer = self._ask("POST", "/_sim/clock/advance", {"to": when.isoformat()})
        except _NotManualError:
            self._look()
            return False
        self._at = datetime.fromisoformat(answer["now"])
        return True

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask over the one connection, which is opened again when the server has closed it."""
        path = self._world + path
        data = None if body is None else json.dumps(body)
        for is_last_try in (False, True):
            try:
                self._connection.request(method, path, data, self._headers)
                reply = self._connection.getresponse()
                text = reply.read().decode(errors="replace")
                break
            except (OSError, HTTPException) as error:
                self._connection.close()
                if is_last_try or not isinstance(error, ConnectionError | HTTPException):
                    raise ServiceUnavailable(
                        "SimulatorUnreachable", f"https://{self._server}{path}: {error}"
                    ) from error
        if reply.status == HTTPStatus.CONFLICT:
            raise _NotManualError(text)
        if reply.status != HTTPStatus.OK:
            raise UsageInvalid(
                f"https://{self._server}{path} is no simulator's clock: {reply.status} {text}"
            )
        answer: dict[str, Any] = json.loads(text)
        return answer


class SharedClock:
    """`ports.Clock` of several Runs at once: time moves when all of them sleep, to the earliest.

    Around a clock that jumps it never jumps over what one of the others is waiting for. Those
    due at the same moment are woken in the order in which they fell asleep.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sleepers: list[tuple[datetime, int, asyncio.Event]] = []
        self._order = count()
        self._awake = 0

    async def together(self, runs: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Let all of them run until the last has ended; an exception of one is raised."""
        living = [self._living(run) for run in runs]
        self._awake += len(living)
        return await asyncio.gather(*living)

    def now(self) -> datetime:
        """Return the time of the clock shared."""
        return self._clock.now()

    async def sleep_until(self, when: datetime) -> None:
        """Sleep until it is time, and everybody whose time was earlier sleeps again."""
        woken = asyncio.Event()
        heappush(self._sleepers, (when, next(self._order), woken))
        await self._fall_asleep()
        await woken.wait()

    def wake(self) -> None:
        """Cut the present sleep short."""
        self._clock.wake()

    async def _living(self, run: Coroutine[Any, Any, T]) -> T:
        try:
            return await run
        finally:
            await self._fall_asleep()

    async def _fall_asleep(self) -> None:
        """The last to fall asleep waits for everybody and wakes whoever is due first."""
        self._awake -= 1
        if self._awake or not self._sleepers:
            return
        when, _, woken = heappop(self._sleepers)
        self._awake = 1
        await self._clock.sleep_until(when)
        woken.set()


async def _sleep(seconds: float, woken: asyncio.Event) -> None:
    woken.clear()
    if seconds > 0:
        try:
            await asyncio.wait_for(woken.wait(), seconds)
        except TimeoutError:
            return
