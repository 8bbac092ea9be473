"""The HTTPS door: the simulator for real clients on this machine, on a well-kept server.

Starlette and uvicorn do HTTP; this file ties them to a `Door`, ties virtual time to the wall
clock when asked to, and tells others when and where the server answers. Loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vmss_simulator.arm import MAX_BODY_BYTES, Settings
from vmss_simulator.arm.settings import SUBSCRIPTION_ID
from vmss_simulator.certificates import make_identity
from vmss_simulator.door import Door

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from vmss_simulator.certificates import ServerIdentity
    from vmss_simulator.world import World

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_START_SECONDS = 30.0
_ABORT = "vmss_simulator.abort"


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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server answers and how to log in; what the ready file says.

    The credentials are the same for every simulator and are no secret.
    """

    endpoint: str
    ca_file: str
    admin_url: str
    subscription_id: str
    tenant_id: str
    client_id: str
    client_secret: str

    def document(self) -> dict[str, str]:
        """Return the ready file's JSON object."""
        return {
            "endpoint": self.endpoint,
            "caFile": self.ca_file,
            "adminUrl": self.admin_url,
            "subscriptionId": self.subscription_id,
            "tenantId": self.tenant_id,
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
        }


def create_app(door: Door) -> Starlette:
    """Return the ASGI application that answers from the door."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _answer(door, scope, receive, send)

    return Starlette(routes=[Mount("/", app=answer)])


async def _answer(door: Door, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _body(headers, receive)
    # Without an await from here to the response: requests are carried out one at a time.
    response = door.respond(
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        headers,
        body,
    )
    if door.settings.speed is not None and response.delay > timedelta(0):
        await asyncio.sleep(response.delay.total_seconds() / door.settings.speed)
    if response.is_lost:
        await _drop(scope, receive)
        return
    fields = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers.items()
    ]
    if response.status != HTTPStatus.NO_CONTENT:
        fields.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": fields})
    await send({"type": "http.response.body", "body": response.body})


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    """Return the body, or as much of it as shows that it is too large."""
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return b""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        parts.append(part)
        if size > MAX_BODY_BYTES or not message.get("more_body", False):
            return b"".join(parts)


async def _drop(scope: Scope, receive: Receive) -> None:
    """Close the connection without a byte of a response."""
    scope["extensions"][_ABORT]()
    while (await receive())["type"] != "http.disconnect":
        pass


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, with a way for the application to drop the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_ABORT: self._abort}  # type: ignore[dict-item]

    def _abort(self) -> None:
        self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it answers and leaves signals to its caller."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
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
        on_ready: Callable[[Endpoint], None] | None = None,
    ) -> None:
        if host not in _LOOPBACK:
            raise ValueError(f"the simulator serves this machine only: {host} is not loopback")
        self.door = door
        self._on_ready = on_ready
        self._socket = _bound_socket(host, port)
        identity = make_identity(folder)
        self.endpoint = _endpoint(host, self._socket.getsockname()[1], identity, door.settings)
        self._server = _Server(_config(door, identity), self._started)
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
    )


def _config(door: Door, identity: ServerIdentity) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(door),
        http=_Protocol,
        ws="none",
        lifespan="off",
        ssl_context_factory=lambda _config, _default: identity.context,
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def make_door(world: World, *, speed: float | None = None, page_size: int | None = None) -> Door:
    """Return a door whose virtual time stands still (`speed` None) or follows the wall clock."""
    settings = Settings(
        page_size=page_size,
        speed=speed,
        subscription_ids=world.subscription_ids() or (SUBSCRIPTION_ID,),
    )
    return Door(world, settings, clock=None if speed is None else ScaledClock(speed))


def serve(
    world: World,
    *,
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    ready_file: Path | None = None,
    speed: float | None = None,
    page_size: int | None = None,
    on_ready: Callable[[Endpoint], None] | None = None,
) -> None:
    """Serve the world over HTTPS until SIGINT or SIGTERM, then return.

    `folder` gets the certificate to trust (`ca.pem`). Port 0 picks one. `speed` None keeps
    virtual time where it is but for `POST /_sim/clock/advance`; a number makes it wall time so
    many times as fast. The ready file is there exactly while the server answers.

    Raises:
        ValueError: for a host that is not loopback, or a speed that is not positive.
        OSError: when the port or a file cannot be had.

    """
    door = make_door(world, speed=speed, page_size=page_size)

    def ready(endpoint: Endpoint) -> None:
        if ready_file is not None:
            write_ready_file(ready_file, endpoint)
        if on_ready is not None:
            on_ready(endpoint)

    running = RunningServer(door, folder=folder, host=host, port=port, on_ready=ready)
    try:
        with _stopped_by_signals(running):
            running.run()
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)


@contextlib.contextmanager
def serving(door: Door, *, folder: Path, port: int = 0) -> Iterator[RunningServer]:
    """Serve in a thread of this process while the context lasts; for tests."""
    running = RunningServer(door, folder=folder, port=port)
    thread = threading.Thread(target=running.run, name="vmss-simulator")
    thread.start()
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()
        thread.join()


def write_ready_file(path: Path, endpoint: Endpoint) -> None:
    """Write the ready file in one piece, readable by its owner only."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(endpoint.document(), stream, indent=2)
        stream.write("\n")
    beside.replace(path)


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
