"""The in-process door: the real asynchronous Azure SDK, without a socket.

    transport = SimulatorTransport(Door(world))
    client = ComputeManagementClient(credential, subscription_id,
                                     base_url="https://simulator.invalid", transport=transport)

The only file of the simulator that imports azure. Waiting on the transport, as the SDK's own
pollers and retries do, passes virtual time.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError, ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import case_insensitive_dict

from vmss_simulator.arm.messages import json_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping
    from types import TracebackType
    from typing import Self

    from vmss_simulator.arm import Response
    from vmss_simulator.door import Door


class SimulatorTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Answers the SDK's requests from a door, one at a time, in the order they are sent.

    Raises azure's ServiceResponseError for a reply that a fault loses or cuts.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    async def send(self, request: HttpRequest, **_options: Any) -> AsyncHttpResponse:
        """Carry out one request; the options of real transports (timeouts, TLS) have no effect."""
        # One turn of the event loop, as a socket would take: concurrent callers take turns.
        await asyncio.sleep(0)
        url = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers.setdefault("host", url.netloc)
        response = self._door.respond(
            request.method, url.path or "/", url.query, headers, _body_bytes(request)
        )
        if response.is_lost:
            raise ServiceResponseError("The connection was closed before a response arrived.")
        if response.is_cut:
            raise ServiceResponseError("The connection was closed in the middle of a response.")
        return _Reply(request, response)

    async def sleep(self, duration: float) -> None:
        """Pass that many seconds of virtual time; sleeps that overlap pass it once."""
        if not self._door.is_manual:
            raise RuntimeError("an in-process door has virtual time of its own, and no clock")
        until = self._door.world.now + timedelta(seconds=duration)
        await asyncio.sleep(0)
        if until > self._door.world.now:
            self._door.advance(until)

    async def open(self) -> None:
        """Do nothing: there is no connection."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return None


def _body_bytes(request: HttpRequest) -> bytes:
    content = request.content
    match content:
        case None:
            return b""
        case bytes():
            return content
        case str():
            return content.encode()
        case dict() | list():
            return json_bytes(content)
    raise TypeError(f"a request body of type {type(content).__name__} cannot be sent in-process")


class _Reply(AsyncHttpResponse):
    """A response that is complete from the start."""

    def __init__(self, request: HttpRequest, response: Response) -> None:
        self._request = request
        self._response = response
        self._headers = case_insensitive_dict(response.headers)
        self._encoding: str | None = None

    @property
    def request(self) -> HttpRequest:
        return self._request

    @property
    def status_code(self) -> int:
        return self._response.status

    @property
    def headers(self) -> MutableMapping[str, str]:
        return self._headers

    @property
    def reason(self) -> str:
        return HTTPStatus(self._response.status).phrase

    @property
    def content_type(self) -> str | None:
        return self._headers.get("content-type")

    @property
    def is_closed(self) -> bool:
        return True

    @property
    def is_stream_consumed(self) -> bool:
        return True

    @property
    def encoding(self) -> str | None:
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def url(self) -> str:
        return self._request.url

    @property
    def content(self) -> bytes:
        return self._response.body

    def body(self) -> bytes:
        """Return the body; some parts of azure-core still ask for it by this name."""
        return self._response.body

    def text(self, encoding: str | None = None) -> str:
        return self._response.body.decode(encoding or self._encoding or "utf-8-sig")

    def json(self) -> Any:
        return json.loads(self._response.body)

    def raise_for_status(self) -> None:
        if self._response.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        return self._response.body

    async def iter_raw(self, **_options: Any) -> AsyncIterator[bytes]:
        yield self._response.body

    async def iter_bytes(self, **_options: Any) -> AsyncIterator[bytes]:
        yield self._response.body

    async def close(self) -> None:
        return None

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return None
