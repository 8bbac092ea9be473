"""The HTTPS door: the simulator for real clients on this machine, on a well-kept server.

uvicorn does HTTP and `web.py` answers; this file ties them to a socket, ties virtual time to
the wall clock when asked to, and tells others when and where the server answers. Loopback only,
unless the admin interface is given a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vmss_simulator.admin.access import LOOPBACK, Access
from vmss_simulator.arm import Settings
from vmss_simulator.arm.settings import SUBSCRIPTION_ID, TokenPolicy
from vmss_simulator.certificates import certified_names, make_identity
from vmss_simulator.door import Door
from vmss_simulator.endpoint import Endpoint, write_ready_file
from vmss_simulator.environment import shell_script
from vmss_simulator.private_files import make_private_folder, write_private
from vmss_simulator.web import ABORT, Changes, create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starlette.applications import Starlette

    from vmss_simulator.certificates import ServerIdentity
    from vmss_simulator.world import World

_START_SECONDS = 30.0


class ScaledClock:
    """Virtual time as wall time, so many times as fast; the one place that reads a clock."""

    def __init__(self, speed: float) -> None:
        if not speed > 0:
            raise ValueError("speed is more than 0")
        self._speed = speed
        self._at: datetime | None = None
        self._since = 0.0

    def restart(self, at: datetime) -> None:
        """Count from this moment of virtual time on."""
        self._at = at
        self._since = time.monotonic()

    def now(self) -> datetime:
        """Return the moment virtual time has reached."""
        if self._at is None:
            raise RuntimeError("the clock was never started")
        return self._at + timedelta(seconds=(time.monotonic() - self._since) * self._speed)


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, with a way for the application to drop the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self._abort}  # type: ignore[dict-item]

    def _abort(self) -> None:
        self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it answers and leaves signals to its caller."""

    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None], changes: Changes
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._changes = changes

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Streams of events never end by themselves, and would be waited for.
        self._changes.close()
        await super().shutdown(sockets=sockets)
        # A client that keeps its connection open need not answer the end of TLS: cut it off.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        while self.server_state.connections:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install nothing: uvicorn would raise the signal again after a clean stop."""
        yield


class RunningServer:
    """A server bound to its port, from `bind` until `run` returns."""

    def __init__(
        self,
        door: Door,
        *,
        folder: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        on_ready: Callable[[Endpoint], None] | None = None,
    ) -> None:
        if host not in LOOPBACK and token is None:
            raise ValueError(f"others can reach {host}, which is not loopback: give an admin token")
        access = Access(token)
        self.door = door
        self._on_ready = on_ready
        self._socket = _bound_socket(host, port)
        names = certified_names(host)
        identity = make_identity(folder, names)
        port = self._socket.getsockname()[1]
        self.endpoint = _endpoint(
            host if host in names else names[-1], port, identity, door.settings
        )
        changes = Changes()
        config = _config(create_app(door, access, changes), identity)
        self._server = _Server(config, self._started, changes)
        self._ready = threading.Event()

    def run(self) -> None:
        """Serve until `stop`; the socket is closed afterwards."""
        try:
            asyncio.run(self._server.serve(sockets=[self._socket]))
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ask `run` to finish the requests at hand and return; from any thread or a signal."""
        self._server.should_exit = True

    def wait_until_ready(self) -> None:
        """Return once the server answers; RuntimeError when it does not come up."""
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("the simulator's server did not start")

    def _started(self) -> None:
        if self._on_ready is not None:
            self._on_ready(self.endpoint)
        self._ready.set()


def _bound_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's delay (40 ms an answer) only for sockets that say they are TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":
            # On Windows this would let another process take the port over.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _endpoint(host: str, port: int, identity: ServerIdentity, settings: Settings) -> Endpoint:
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Endpoint(
        url,
        str(identity.ca_file.resolve()),
        f"{url}/_sim",
        settings.subscription_ids[0],
        settings.tenant_id,
        settings.client_id,
        settings.client_secret,
        settings.identity_header,
    )


def _config(app: Starlette, identity: ServerIdentity) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        ssl_context_factory=lambda _config, _default: identity.context,
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )


def make_door(
    world: World,
    *,
    speed: float | None = None,
    page_size: int | None = None,
    tokens: TokenPolicy = TokenPolicy.ANY,
    token_lifetime: timedelta | None = None,
) -> Door:
    """Return a door whose virtual time stands still (`speed` None) or follows the wall clock.

    The lifetime of tokens is counted by the wall clock in any case, as the clients count it.
    """
    settings = Settings(
        page_size=page_size,
        speed=speed,
        subscription_ids=world.subscription_ids() or (SUBSCRIPTION_ID,),
        tokens=tokens,
    )
    if token_lifetime is not None:
        settings = replace(settings, token_lifetime=token_lifetime)
    clock = None if speed is None else ScaledClock(speed)
    return Door(world, settings, clock=clock, clocks=ScaledClock, wall_time=_wall_time)


def _wall_time() -> datetime:
    return datetime.now(UTC)


def serve(
    world: World,
    *,
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    ready_file: Path | None = None,
    env_file: Path | None = None,
    env_aliases: Mapping[str, str] | None = None,
    speed: float | None = None,
    page_size: int | None = None,
    tokens: TokenPolicy = TokenPolicy.ISSUED,
    token_lifetime: timedelta | None = None,
    admin_token: str | None = None,
    on_ready: Callable[[Endpoint], None] | None = None,
) -> None:
    """Serve the world over HTTPS until SIGINT or SIGTERM, then return.

    `folder` gets the certificate to trust (`ca.pem`). Port 0 picks one. `speed` None keeps
    virtual time where it is but for `POST /_sim/clock/advance`; a number makes it wall time so
    many times as fast. The ready file is there exactly while the server answers, and so is
    `env_file`, a script that turns a shell towards it; `env_aliases` are further names for
    variables it sets.

    Raises:
        ValueError: for a host that others can reach and no `admin_token`, which every request
            to the admin interface then has to carry; for a token shorter than 16 characters;
            for a speed that is not positive.
        OSError: when the port or a file cannot be had.

    """
    door = make_door(
        world, speed=speed, page_size=page_size, tokens=tokens, token_lifetime=token_lifetime
    )

    def ready(endpoint: Endpoint) -> None:
        if env_file is not None:
            _write_env_file(env_file, endpoint, env_aliases or {})
        if ready_file is not None:
            write_ready_file(ready_file, endpoint)
        if on_ready is not None:
            on_ready(endpoint)

    running = RunningServer(
        door, folder=folder, host=host, port=port, token=admin_token, on_ready=ready
    )
    try:
        with _stopped_by_signals(running):
            running.run()
    finally:
        for written in (ready_file, env_file):
            if written is not None:
                written.unlink(missing_ok=True)


def _write_env_file(path: Path, endpoint: Endpoint, aliases: Mapping[str, str]) -> None:
    make_private_folder(path.parent)
    config = str(path.resolve().parent / "azure")
    write_private(
        path, shell_script(endpoint, path=str(path), config_folder=config, aliases=aliases)
    )


@contextlib.contextmanager
def serving(
    door: Door, *, folder: Path, port: int = 0, token: str | None = None
) -> Iterator[RunningServer]:
    """Serve in a thread of this process while the context lasts; for tests."""
    running = RunningServer(door, folder=folder, port=port, token=token)
    thread = threading.Thread(target=running.run, name="vmss-simulator")
    thread.start()
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()
        thread.join()


@contextlib.contextmanager
def _stopped_by_signals(running: RunningServer) -> Iterator[None]:
    # Signals reach the main thread only; elsewhere the caller has to stop the server itself.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: Any) -> None:
        running.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
