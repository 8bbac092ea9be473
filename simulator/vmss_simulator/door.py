"""One world with its way in: what every wire door shares.

A door answers one request at a time, numbers and logs them, keeps virtual time going when it is
tied to a clock, can start the world afresh, turn it back, and let copies of it live side by
side. `transport.py` and `server.py` put a client library and a socket in front of it. It knows
`arm/` and `admin/`, and no protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from vmss_simulator import admin
from vmss_simulator.arm import Request, Response, Settings, handle
from vmss_simulator.arm.memo import Memo
from vmss_simulator.request_log import RequestLog
from vmss_simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_WORLDS = f"{admin.PREFIX}/worlds/"
_WORLD_HEADER = "x-sim-world"
_MAIN = "main"


class VirtualClock(Protocol):
    """What drives virtual time when it does not stand still by itself."""

    def restart(self, at: datetime) -> None:
        """Count from this moment of virtual time on."""
        ...

    def now(self) -> datetime:
        """Return the moment virtual time has reached."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A world as it was once, and the number of the last request it had answered."""

    world: World
    sequence: int


@dataclass(frozen=True, slots=True)
class Address:
    """Which of the worlds side by side a request is for, and its path there.

    `door` is None when there is no such world. `prefix` is what links in the answer begin with.
    """

    door: Door | None
    path: str
    prefix: str = ""


class Door:
    """A world, its settings, and the log of the requests made to it.

    Without a clock, virtual time stands still but for `advance`. `clocks` makes one for a speed
    that is set later on; without it there is no wall clock to follow. `wall_time` is what the
    lifetime of a token is counted by; without it tokens never expire.

    `generation` grows whenever another world takes the place of the one there was. `forks` are
    the worlds side by side, by name, the same for all of them; `checkpoints` are this one's.
    """

    def __init__(
        self,
        world: World,
        settings: Settings | None = None,
        *,
        clock: VirtualClock | None = None,
        clocks: Callable[[float], VirtualClock] | None = None,
        wall_time: Callable[[], datetime] | None = None,
    ) -> None:
        self.world = world
        self.settings = settings or Settings()
        self.requests = RequestLog()
        self.generation = 0
        self.checkpoints: dict[str, Checkpoint] = {}
        self.forks: dict[str, Door] = {}
        self._main = self
        self._clock = clock
        self._clocks = clocks
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

    @property
    def can_follow_a_clock(self) -> bool:
        """Whether `set_speed` may be given a speed."""
        return self._clocks is not None

    def respond(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """Answer one request; `path` and `query` as sent, header names in lower case.

        Never raises for anything a client can send. For a reply that is to come late virtual time
        passes before it is returned; with a clock it is for whoever sends it to wait.
        """
        request = Request(method, path, query, headers or {}, body)
        return self.answer(self.addressed(path, request.headers), request)

    def addressed(self, path: str, headers: Mapping[str, str]) -> Address:
        """Tell which world a request is for: by its path, by its header, or this one."""
        if path.startswith(_WORLDS):
            name, slash, rest = path.removeprefix(_WORLDS).partition("/")
            inner = slash + rest or "/"
        else:
            name, inner = headers.get(_WORLD_HEADER, ""), path
        if not name:
            return Address(self, path)
        if name == _MAIN:
            return Address(self._main, inner)
        # With the prefix also where a header chose: who follows a link may not repeat it.
        return Address(self.forks.get(name), inner, f"{_WORLDS}{name}")

    def answer(self, address: Address, request: Request) -> Response:
        """Answer a request at its address."""
        if address.door is None:
            return admin.refused(admin.AdminError(404, "WorldNotFound", "There is no such world."))
        return address.door.answer_here(request, address)

    def answer_here(self, request: Request, address: Address) -> Response:
        """Answer a request whose address is this door."""
        self.catch_up()
        is_admin = admin.is_admin(address.path)
        if not is_admin:
            self._sequence += 1
        # Written out, as `replace` takes many times as long, for each and every request.
        request = Request(
            request.method,
            address.path,
            request.query,
            request.headers,
            request.body,
            0 if is_admin else self._sequence,
            None if self._wall_time is None else self._wall_time(),
            address.prefix,
        )
        if is_admin:
            return admin.handle(self, request)
        at = self.world.now
        response = handle(self.world, request, self.settings, self._memo)
        if self._clock is None and response.delay:
            # Nobody waits by a wall clock here: the time a late reply takes passes at once.
            self.world.advance_to(self.world.now + response.delay)
        self.requests.add(at, request, response)
        return response

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

    def set_speed(self, speed: float | None) -> None:
        """Let virtual time run so many times as fast as the wall clock; None lets it stand still.

        ValueError for a speed where there is no clock to follow.
        """
        if speed is not None and self._clocks is None:
            raise ValueError("there is no wall clock to follow here")
        self.catch_up()
        self.settings = replace(self.settings, speed=speed)
        self._clock = None if speed is None or self._clocks is None else self._clocks(speed)
        self._restart_clock()

    def reset(self) -> None:
        """Start afresh: the world as it was given, an empty request log, request ids anew."""
        self.requests.clear()
        self._sequence = 0
        self.replace_world(self._initial.fork())

    def replace_world(self, world: World) -> None:
        """Go on with another world; its door keeps its settings, log and checkpoints."""
        self.world = world
        self.generation += 1
        self._memo = Memo()
        self._restart_clock()

    def take_checkpoint(self, name: str) -> Checkpoint:
        """Keep a copy of the world, with everything under way in it, under a name."""
        taken = Checkpoint(self.world.fork(), self._sequence)
        self.checkpoints[name] = taken
        return taken

    def restore(self, checkpoint: Checkpoint) -> None:
        """Turn the world back; what was asked since then is forgotten, and asked for anew."""
        self._sequence = checkpoint.sequence
        self.requests.forget_after(checkpoint.sequence)
        self.replace_world(checkpoint.world.fork())

    def fork(self, name: str, checkpoint: Checkpoint | None = None) -> Door:
        """Let a copy of the world, or of a checkpoint of it, live side by side with this one.

        It has the pace of this one, a request log and checkpoints of its own, and resets to
        what it began as.
        """
        origin = checkpoint.world if checkpoint else self.world
        speed = self.settings.speed
        made = Door(
            origin.fork(),
            self.settings,
            clock=None if speed is None or self._clocks is None else self._clocks(speed),
            clocks=self._clocks,
            wall_time=self._wall_time,
        )
        made._sequence = checkpoint.sequence if checkpoint else self._sequence
        made._main = self._main
        made.forks = self.forks
        self.forks[name] = made
        return made

    def _restart_clock(self) -> None:
        if self._clock is not None:
            self._clock.restart(self.world.now)
