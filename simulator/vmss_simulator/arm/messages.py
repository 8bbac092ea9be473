"""HTTP requests and responses as plain values, so that every door speaks to the same code.

The doors translate their own library's requests into these and back; nothing in `arm/` knows
which door a request came through.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MAX_BODY_BYTES = 4 * 1024 * 1024
"""What a request may carry (ARM's own limit on a resource payload)."""

_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    `path` and `query` are still percent-encoded, `headers` have lower-case names, `sequence`
    counts the requests of a door: the only source of request ids. `received_at` is the wall
    clock's time; None where there is no such clock, and tokens then never expire.
    `prefix` is the part of the address before `path`, where several worlds share a server.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    sequence: int = 0
    received_at: datetime | None = None
    prefix: str = ""

    @property
    def base_url(self) -> str:
        """The address the client used, without a trailing slash."""
        return f"https://{self.headers.get('host', 'management.azure.com')}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, and what the request log says of the request.

    `is_lost` means that the client must get no reply at all, `is_cut` that the connection breaks
    in the middle of the body; `delay` is the virtual time the reply is late by.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    operation: str | None = None
    instance_ids: tuple[str, ...] = ()
    is_lost: bool = False
    is_cut: bool = False
    delay: timedelta = timedelta(0)


def json_bytes(document: Any) -> bytes:
    """Return the document as compact UTF-8 JSON."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def json_response(
    document: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a JSON body."""
    return raw_json_response(json_bytes(document), status, headers)


def raw_json_response(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response whose JSON body is rendered already."""
    return Response(status, {**(headers or {}), "content-type": _JSON}, body)


def empty_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response without a body."""
    return Response(status, headers or {})
