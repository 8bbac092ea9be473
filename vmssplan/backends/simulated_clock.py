"""The clock of a simulated world: virtual time moves when the executor sleeps."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_simulator.world import World


class SimulatedClock:
    """`ports.Clock` of a World: as fast as it can, or `speed` times the wall clock."""

    def __init__(self, world: World, speed: float | None = None) -> None:
        self._world = world
        self._speed = speed
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        """Return virtual time."""
        return self._world.now

    async def sleep_until(self, when: datetime) -> None:
        """Move virtual time there, watchably when a speed was asked for."""
        if self._speed is None:
            # One turn of the event loop, so that a signal is heard in a run of virtual sleeps.
            await asyncio.sleep(0)
            self._move_to(when)
            return
        self._woken.clear()
        slice_ = timedelta(seconds=self._speed / 10)
        while self._world.now < when and not self._woken.is_set():
            until = min(when, self._world.now + slice_)
            wall_seconds = (until - self._world.now).total_seconds() / self._speed
            await asyncio.sleep(wall_seconds)
            self._move_to(until)

    def wake(self) -> None:
        """Cut the present sleep short; virtual sleeps without a speed are never long."""
        self._woken.set()

    def _move_to(self, when: datetime) -> None:
        if when > self._world.now:
            self._world.advance_to(when)
