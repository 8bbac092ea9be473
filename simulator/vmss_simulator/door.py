"""One world with its way in: what every wire door shares.

A door answers one request at a time, numbers and logs them, keeps virtual time going when it is
tied to a clock, and can start the world afresh. `transport.py` and `server.py` put a client
library and a socket in front of it. It knows `arm/` and `admin.py`, and no protocol.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from vmss_simulator import admin
from vmss_simulator.arm import Request, Response, Settings, handle
from vmss_simulator.arm.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmss_simulator.world import World

_LONGEST_LOG = 200_000


class VirtualClock(Protocol):
    """What drives virtual time when it does not stand still by itself."""

    def restart(self, at: datetime) -> None:
        """Count from this moment of virtual time on."""
        ...

    def now(self) -> datetime:
        """Return the moment virtual time has reached."""
        ...


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One line of the request log; `status` is None when the reply was lost on purpose."""

    sequence: int
    at: datetime
    method: str
    path: str
    query: str
    operation: str | None
    status: int | None
    request_id: str
    client_request_id: str | None
    instance_ids: tuple[str, ...]


class Door:
    """A world, its settings, and the log of the requests made to it.

    Without a clock, virtual time stands still but for `advance`. `wall_time` is what the
    lifetime of a token is counted by; without it tokens never expire.
    """

    def __init__(
        self,
        world: World,
        settings: Settings | None = None,
        *,
        clock: VirtualClock | None = None,
        wall_time: Callable[[], datetime] | None = None,
    ) -> None:
        self.world = world
        self.settings = settings or Settings()
        self.requests: deque[RequestRecord] = deque(maxlen=_LONGEST_LOG)
        self._clock = clock
        self._wall_time = wall_time
        self._initial = world.fork()
        self._memo = Memo()
        self._sequence = 0
        if clock is not None:
            clock.restart(world.now)

    @property
    def is_manual(self) -> bool:
        """Whether virtual time moves only by `advance`."""
        return self._clock is None

    def respond(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """Answer one request; `path` and `query` as sent, header names in lower case.

        Never raises for anything a client can send. Whoever sends a reply that is to come late
        waits by the wall clock; time that stands still is not moved by it, so that what happens
        next is the same at every door.
        """
        self.catch_up()
        request = Request(method, path, query, headers or {}, body)
        if admin.is_admin(path):
            return admin.handle(self, request)
        self._sequence += 1
        received_at = None if self._wall_time is None else self._wall_time()
        request = Request(method, path, query, request.headers, body, self._sequence, received_at)
        at = self.world.now
        response = handle(self.world, request, self.settings, self._memo)
        self._log(at, request, response)
        return response

    def _log(self, at: datetime, request: Request, response: Response) -> None:
        self.requests.append(
            RequestRecord(
                request.sequence,
                at,
                request.method,
                request.path,
                request.query,
                response.operation,
                None if response.is_lost else response.status,
                response.headers["x-ms-request-id"],
                request.headers.get("x-ms-client-request-id"),
                response.instance_ids,
            )
        )

    def catch_up(self) -> None:
        """Let happen what is due by the clock's time; nothing without a clock."""
        if self._clock is not None:
            now = self._clock.now()
            if now > self.world.now:
                self.world.advance_to(now)

    def advance(self, to: datetime) -> None:
        """Move virtual time forward; ValueError for a moment in the past, or with a clock."""
        if self._clock is not None:
            raise ValueError("virtual time follows the wall clock here")
        self.world.advance_to(to)

    def reset(self) -> None:
        """Start afresh: the world as it was given, an empty request log, request ids anew."""
        self.world = self._initial.fork()
        self.requests.clear()
        self._sequence = 0
        self._memo = Memo()
        if self._clock is not None:
            self._clock.restart(self.world.now)
