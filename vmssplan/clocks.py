"""The clocks a Run can live by besides the embedded simulator's: the wall clock, and a server's.

The only files of vmssplan that read the time are this one and those it stands for; everything
else is told the time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from vmssplan.errors import ServiceUnavailable, UsageInvalid

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_SECONDS = 30


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


class SimulatorClock:
    """`ports.Clock` of a simulator's server, read and moved through its admin interface.

    A server whose time stands still is moved by every sleep, as far as it was to last; one that
    runs at a speed is waited for.
    """

    def __init__(self, endpoint: str, ca_file: Path | None) -> None:
        self._url = f"{endpoint.rstrip('/')}/_sim/clock"
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._woken = asyncio.Event()
        state = self._ask(self._url)
        self._speed: float | None = state.get("speed")
        self._at = datetime.fromisoformat(state["now"])
        self._since = time.monotonic()

    def now(self) -> datetime:
        """Return the server's virtual time, as of its last answer or reckoned from there."""
        if self._speed is None:
            return self._at
        return self._at + timedelta(seconds=(time.monotonic() - self._since) * self._speed)

    async def sleep_until(self, when: datetime) -> None:
        """Move the server's time there, or wait until it is."""
        await asyncio.sleep(0)
        if self._speed is not None:
            await _sleep((when - self.now()).total_seconds() / self._speed, self._woken)
        elif when > self._at:
            answer = self._ask(f"{self._url}/advance", {"to": when.isoformat()})
            self._at = datetime.fromisoformat(answer["now"])

    def wake(self) -> None:
        """Cut the present sleep short."""
        self._woken.set()

    def _ask(self, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(url, data=data, headers={"content-type": "application/json"})  # noqa: S310 - the scheme was checked
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS, context=self._tls) as reply:  # noqa: S310
                answer: dict[str, Any] = json.load(reply)
                return answer
        except HTTPError as error:
            text = error.read().decode(errors="replace").strip()
            raise UsageInvalid(f"{url} is no simulator's clock: {error.code} {text}") from error
        except (URLError, OSError, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise ServiceUnavailable("SimulatorUnreachable", f"{url}: {reason}") from error


async def _sleep(seconds: float, woken: asyncio.Event) -> None:
    woken.clear()
    if seconds > 0:
        try:
            await asyncio.wait_for(woken.wait(), seconds)
        except TimeoutError:
            return
