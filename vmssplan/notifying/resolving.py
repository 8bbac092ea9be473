"""Looks up names of hosts in threads that die with the process.

The usual ones are waited for when the program ends, and where a name server does not answer that
takes longer than anybody would wait for a notification.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Found = tuple[Any, Any, int, str, tuple[Any, ...]]
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


def _look_up(host: str, port: int, family: int) -> Sequence[Found]:
    return socket.getaddrinfo(host, port, socket.AddressFamily(family), socket.SOCK_STREAM)


class Resolver(AbstractResolver):
    """One thread a question; cancelled, the thread is left alone."""

    def __init__(self, look_up: Callable[[str, int, int], Sequence[Found]] = _look_up) -> None:
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses; raises OSError."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[Found]] = loop.create_future()

        def ask() -> None:
            try:
                found = self._look_up(host, port, family)
            except OSError as error:
                _tell(loop, answer, error)
            else:
                _tell(loop, answer, found)

        Thread(target=ask, name="vmssplan-notify-name", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=_NUMERIC,
            )
            for kind, _, protocol, _, address in await answer
        ]

    async def close(self) -> None:
        """Keep nothing, so let go of nothing."""


def _tell(
    loop: asyncio.AbstractEventLoop,
    answer: asyncio.Future[Sequence[Found]],
    found: Sequence[Found] | OSError,
) -> None:
    """Hand the answer over, unless nobody waits for it any more."""

    def hand_over() -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    with suppress(RuntimeError):
        # The loop may be closed, at any moment.
        loop.call_soon_threadsafe(hand_over)
