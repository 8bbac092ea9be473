"""The clock of a served simulator, as a Run lives by it, when others set another pace."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from tests.worlds import make_world
from vmss_simulator.server import make_door, serving
from vmssplan.clocks import SimulatorClock

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = timedelta(minutes=1)


def set_pace(endpoint: str, ca_file: Path, pace: dict[str, Any]) -> None:
    """Set how fast the server's time goes, as somebody else does."""
    request = Request(  # noqa: S310 - loopback
        f"{endpoint}/_sim/clock", data=json.dumps(pace).encode(), method="PUT"
    )
    tls = ssl.create_default_context(cafile=str(ca_file))
    with urlopen(request, context=tls, timeout=10) as reply:  # noqa: S310 - loopback
        reply.read()


async def test_a_sleep_ends_in_time_when_the_pace_becomes_another(tmp_path: Path) -> None:
    """It would last for hours at the pace it began with."""
    ca_file = tmp_path / "ca.pem"
    with serving(make_door(make_world(), speed=1.0), folder=tmp_path) as running:
        place = running.endpoint.endpoint
        with closing(SimulatorClock(place, ca_file)) as clock:
            until = clock.now() + 500 * MINUTE
            asleep = asyncio.create_task(clock.sleep_until(until))
            await asyncio.sleep(0)
            await asyncio.to_thread(set_pace, place, ca_file, {"speed": 10_000})
            await asyncio.wait_for(asleep, 30)
            assert clock.now() >= until


async def test_time_that_stands_still_from_now_on_is_moved(tmp_path: Path) -> None:
    """And time that runs from now on is waited for."""
    ca_file = tmp_path / "ca.pem"
    with serving(make_door(make_world(), speed=1.0), folder=tmp_path) as running:
        place = running.endpoint.endpoint
        with closing(SimulatorClock(place, ca_file)) as clock:
            set_pace(place, ca_file, {"mode": "manual"})
            until = clock.now() + 10 * MINUTE
            await asyncio.wait_for(clock.sleep_until(until), 30)
            assert clock.now() == until
            set_pace(place, ca_file, {"speed": 10_000})
            until += 60 * MINUTE
            await asyncio.wait_for(clock.sleep_until(until), 30)
            assert clock.now() >= until
