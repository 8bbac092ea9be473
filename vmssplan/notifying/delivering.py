"""Delivers notifications from a thread of its own, so that nothing it waits for holds up a Run.

Each channel has a short queue and is served by itself: one that does not answer keeps no other
waiting. At the end there is a bounded time for what is left.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING

from vmssplan.notifying.retrying import pause_after
from vmssplan.notifying.shapes import body_of
from vmssplan.notifying.signing import headers_of
from vmssplan.notifying.values import Channel, Notification

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vmssplan.notifying.values import Answer, Courier

LOGGER = logging.getLogger("vmssplan.notify")
MOST_WAITING = 32
PAUSE_AT_THE_END = timedelta(seconds=1)
_LAST_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A notification that did not arrive, and why."""

    channel: str
    told: Notification
    why: str

    def __str__(self) -> str:
        """Say it, for a warning."""
        what = f"{self.told.kind} of {self.told.run}"
        return f"notification {what} was not delivered to {self.channel}: {self.why}"


@dataclass(slots=True)
class _Lane:
    """One channel and what waits for it, oldest first; `now` is on its way."""

    channel: Channel
    wake: asyncio.Event
    waiting: deque[Notification] = field(default_factory=deque)
    now: Notification | None = None


class Delivery:
    """The queue, and the thread behind it. Only `offer` and `close` are for other threads."""

    def __init__(
        self,
        channels: Sequence[Channel],
        courier: Courier,
        clock: Callable[[], datetime],
        pause: Callable[[int, Answer], timedelta | None] = pause_after,
    ) -> None:
        self._courier = courier
        self._pause_after = pause
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._lanes = [_Lane(channel, asyncio.Event()) for channel in channels]
        self._undelivered: deque[Undelivered] = deque()
        self._thread = Thread(target=self._serve, name="vmssplan-notify", daemon=True)
        self._serving: asyncio.Task[None] | None = None
        self._thread.start()

    def offer(self, told: Notification) -> None:
        """Take it for every channel that wants it; returns at once."""
        self._loop.call_soon_threadsafe(self._accept, told)

    def undelivered(self) -> list[Undelivered]:
        """Return those that are given up since this was asked last."""
        found = []
        while self._undelivered:
            found.append(self._undelivered.popleft())
        return found

    def close(self, patience: timedelta) -> None:
        """Wait so long for what is left, then give it up."""
        self._tell(self._begin_to_end)
        self._thread.join(patience.total_seconds())
        if self._thread.is_alive():
            self._tell(self._stop)
            self._thread.join(_LAST_GRACE_SECONDS)
        if self._thread.is_alive():
            # Not even the cancelling got through; the thread dies with the process.
            for lane in self._lanes:
                self._give_up_all(lane)

    def _tell(self, what: Callable[[], None]) -> None:
        """Have it done in the thread, unless that has ended meanwhile."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what)

    # --- in the thread -----------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            self._serving = self._loop.create_task(self._serve_all())
            self._loop.run_until_complete(self._serving)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve_all(self) -> None:
        await asyncio.gather(*(self._serve_lane(lane) for lane in self._lanes))

    def _accept(self, told: Notification) -> None:
        for lane in self._lanes:
            if told.kind not in lane.channel.kinds:
                continue
            if len(lane.waiting) >= MOST_WAITING:
                self._give_up(lane, lane.waiting.popleft(), "too many were waiting")
            lane.waiting.append(told)
            lane.wake.set()

    def _begin_to_end(self) -> None:
        self._closing.set()
        for lane in self._lanes:
            lane.wake.set()

    def _stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()

    async def _serve_lane(self, lane: _Lane) -> None:
        try:
            while lane.waiting or not self._closing.is_set():
                if lane.waiting:
                    lane.now = lane.waiting.popleft()
                    await self._deliver_somehow(lane, lane.now)
                    lane.now = None
                else:
                    lane.wake.clear()
                    await lane.wake.wait()
        except asyncio.CancelledError:
            self._give_up_all(lane)
            raise

    async def _deliver_somehow(self, lane: _Lane, told: Notification) -> None:
        """Deliver it; what should never go wrong costs this one, and not the others."""
        try:
            await self._deliver(lane, told)
        except Exception as error:  # noqa: BLE001 - nobody beside it may stop a Run
            self._give_up(lane, told, type(error).__name__)

    async def _deliver(self, lane: _Lane, told: Notification) -> None:
        channel, attempt = lane.channel, 0
        body = body_of(told, channel.shape)
        while True:
            attempt += 1
            headers = headers_of(told.message_id, body, channel.secret, self._clock())
            answer = await self._courier.post(channel.address, body, headers)
            if answer.is_delivered:
                LOGGER.info("delivered %s of %s to %s", told.kind, told.run, channel.name)
                return
            LOGGER.info("%s did not take %s: %s", channel.name, told.kind, answer)
            pause = self._pause_after(attempt, answer)
            is_stale = self._closing.is_set() and bool(lane.waiting)
            if pause is None or is_stale:
                often = f", {attempt} times" if attempt > 1 else ""
                self._give_up(lane, told, f"{answer}{often}")
                return
            await self._rest(pause)

    async def _rest(self, pause: timedelta) -> None:
        """Wait so long; at the end there is no time for that."""
        if self._closing.is_set():
            await asyncio.sleep(min(pause, PAUSE_AT_THE_END).total_seconds())
            return
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await self._closing.wait()
        except TimeoutError:
            pass

    def _give_up_all(self, lane: _Lane) -> None:
        if lane.now is not None:
            self._give_up(lane, lane.now, "there was no time left")
            lane.now = None
        while lane.waiting:
            self._give_up(lane, lane.waiting.popleft(), "there was no time left")

    def _give_up(self, lane: _Lane, told: Notification, why: str) -> None:
        self._undelivered.append(Undelivered(lane.channel.name, told, why))
