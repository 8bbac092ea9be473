"""The socket of the page: uvicorn on loopback, or elsewhere with TLS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn

from vmssplan.errors import UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LONGEST_HEAD_BYTES = 32 * 1024
_GRACE_SECONDS = 1


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens there, port 0 for any; raises UsageInvalid."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":
            # On Windows this would let another process take the port over.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UsageInvalid(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="choose another one with --port, or 0 to have one picked",
        ) from error
    return bound


def names_of(host: str, port: int) -> frozenset[str]:
    """Return the Host headers that mean a server bound there."""
    hosts = LOOPBACK if host in LOOPBACK else (host,)
    return frozenset(f"[{each}]:{port}" if ":" in each else f"{each}:{port}" for each in hosts)


class PageServer(uvicorn.Server):
    """uvicorn's server, which says when it answers, and lets streams end before it waits."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_started: Callable[[], None],
        on_closing: Callable[[], None],
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                ssl_certfile=certificate,
                ssl_keyfile=key,
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=_LONGEST_HEAD_BYTES,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._on_started = on_started
        self._on_closing = on_closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when it answers."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the streams end: they never do so by themselves, and would be waited for."""
        self._on_closing()
        await super().shutdown(sockets=sockets)

    def stop(self) -> None:
        """Ask it to finish the requests at hand and end."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at SIGINT and SIGTERM; uvicorn would raise them again after a clean stop."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {}
        try:
            for number in numbers:
                before[number] = signal.getsignal(number)
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.stop))
        except ValueError:
            # Only the main thread may: elsewhere whoever started it stops it.
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
