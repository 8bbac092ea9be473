"""The ASGI application over a door: HTTP in and out, streams of events, connections dropped.

`server.py` gives it a socket. Everything it answers comes from the door; what is its own is who
may use the admin interface, how late a reply is by the wall clock, and streams that go on.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount

from vmss_simulator import admin
from vmss_simulator.admin.access import Access
from vmss_simulator.admin.stream import Position, resume_after, stream_text
from vmss_simulator.arm import MAX_BODY_BYTES, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Message, Receive, Scope, Send

    from vmss_simulator.arm import Response
    from vmss_simulator.door import Address, Door

ABORT = "vmss_simulator.abort"
"""The ASGI extension that closes a connection without an answer."""

_MAX_ADMIN_BODY_BYTES = 33 * 1024 * 1024
_STREAM = f"{admin.PREFIX}/events/stream"
_KEEP_ALIVE_SECONDS = 15.0
# A world may also be moved by somebody in this process, whom nobody hears.
_LONGEST_UNSEEN_SECONDS = 0.5
_SHORTEST_WAIT_SECONDS = 0.01


class Changes:
    """Wakes the streams of events when a request may have changed something, or at the end."""

    def __init__(self) -> None:
        self.is_closing = False
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Wake everybody who waits."""
        self._next.set()
        self._next = asyncio.Event()

    def close(self) -> None:
        """Let all streams end."""
        self.is_closing = True
        self.tell()

    async def wait(self, seconds: float) -> None:
        """Return at the next change, or after that time."""
        if self.is_closing:
            return
        try:
            await asyncio.wait_for(self._next.wait(), seconds)
        except TimeoutError:
            return


def create_app(
    door: Door, access: Access | None = None, changes: Changes | None = None
) -> Starlette:
    """Return the ASGI application that answers from the door."""
    web = _Web(door, access or Access(), changes or Changes())
    return Starlette(routes=[Mount("/", app=web.answer)])


class _Web:
    def __init__(self, door: Door, access: Access, changes: Changes) -> None:
        self.door = door
        self.access = access
        self.changes = changes

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        path = scope["raw_path"].decode("latin-1")
        address = self.door.addressed(path, headers)
        is_admin = admin.is_admin(address.path)
        body = await _body(headers, receive, _MAX_ADMIN_BODY_BYTES if is_admin else MAX_BODY_BYTES)
        query = scope["query_string"].decode("latin-1")
        request = Request(scope["method"], path, query, headers, body)
        if is_admin:
            try:
                self.access.check(request)
            except admin.AdminError as error:
                await _send(send, admin.refused(error))
                return
            if request.method == "GET" and address.path.rstrip("/") == _STREAM:
                await self._stream(address, request, receive, send)
                return
        # Without an await from here to the response: requests are carried out one at a time.
        response = self.door.answer(address, request)
        self.changes.tell()
        await self._reply(address, response, scope, receive, send)

    async def _reply(
        self, address: Address, response: Response, scope: Scope, receive: Receive, send: Send
    ) -> None:
        speed = address.door.settings.speed if address.door else None
        if speed is not None and response.delay > timedelta(0):
            await asyncio.sleep(response.delay.total_seconds() / speed)
        if response.is_lost:
            await _drop(scope, receive)
            return
        if response.is_cut:
            await send(_start(response.headers, response.status, len(response.body)))
            half = response.body[: len(response.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await _drop(scope, receive)
            return
        await _send(send, response)

    async def _stream(
        self, address: Address, request: Request, receive: Receive, send: Send
    ) -> None:
        """Send what has happened and what happens, until the client or the server is gone."""
        door = address.door
        first = self.door.answer(address, request)
        if door is None or first.status != HTTPStatus.OK:
            await _send(send, first)
            return
        as_lines = first.headers["content-type"] != "text/event-stream"
        position = resume_after(door, request)
        gone = asyncio.create_task(_disconnected(receive))
        await send(_start(first.headers, first.status))
        try:
            await self._go_on(door, position, gone, send, as_lines=as_lines)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _go_on(
        self,
        door: Door,
        position: Position,
        gone: asyncio.Task[None],
        send: Send,
        *,
        as_lines: bool,
    ) -> None:
        silent = 0.0
        while not (self.changes.is_closing or gone.done()):
            door.catch_up()
            text, position = stream_text(door, position, as_lines=as_lines)
            if not text and silent >= _KEEP_ALIVE_SECONDS:
                text = "\n" if as_lines else ": keep-alive\n\n"
            if text:
                silent = 0.0
                await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            wait = _until_next_event(door)
            waiting = asyncio.create_task(self.changes.wait(wait))
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            silent += wait


def _until_next_event(door: Door) -> float:
    """Return how many wall seconds to wait at most before looking again."""
    speed, upcoming = door.settings.speed, door.world.next_event_at()
    if speed is None or upcoming is None:
        return _LONGEST_UNSEEN_SECONDS
    seconds = (upcoming - door.world.now).total_seconds() / speed
    return min(max(seconds, _SHORTEST_WAIT_SECONDS), _LONGEST_UNSEEN_SECONDS)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
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
        if size > most or not message.get("more_body", False):
            return b"".join(parts)


async def _drop(scope: Scope, receive: Receive) -> None:
    """Close the connection without a byte of a response."""
    scope["extensions"][ABORT]()
    await _disconnected(receive)


def _start(headers: Mapping[str, str], status: int, length: int | None = None) -> Message:
    fields = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]
    if length is not None:
        fields.append((b"content-length", str(length).encode()))
    return {"type": "http.response.start", "status": status, "headers": fields}


async def _send(send: Send, response: Response) -> None:
    length = None if response.status == HTTPStatus.NO_CONTENT else len(response.body)
    await send(_start(response.headers, response.status, length))
    await send({"type": "http.response.body", "body": response.body})
