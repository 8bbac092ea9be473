"""How the server answers: JSON, and errors as what is wrong and what to do next."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from vmssplan.errors import (
    DocumentInvalid,
    LockHeld,
    NotFound,
    NotPermitted,
    Refused,
    Retryable,
    RolloutStale,
    StateUnreadable,
    UsageInvalid,
    VmssplanError,
)
from vmssplan.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Endpoint = Callable[[Request], Awaitable[Response]]

Document = dict[str, Any]
_LOGGER = logging.getLogger("vmssplan.ui")
_STATUS: tuple[tuple[type[VmssplanError], HTTPStatus], ...] = (
    (UsageInvalid, HTTPStatus.BAD_REQUEST),
    (DocumentInvalid, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (NotPermitted, HTTPStatus.FORBIDDEN),
    (Refused, HTTPStatus.CONFLICT),
    (RolloutStale, HTTPStatus.CONFLICT),
    (LockHeld, HTTPStatus.CONFLICT),
    (StateUnreadable, HTTPStatus.INTERNAL_SERVER_ERROR),
    (Retryable, HTTPStatus.SERVICE_UNAVAILABLE),
)


def json_text(document: Any) -> str:
    """Return a document as it is sent: one line."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def answer(document: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the answer with that document."""
    return Response(json_text(document), status, media_type="application/json")


def refusal(status: HTTPStatus, what: str, then: str = "") -> Response:
    """Return the answer that says what is wrong and what to do next."""
    return answer({"error": {"what": redacted(what), "next": redacted(then)}}, status)


def of_error(error: VmssplanError) -> Response:
    """Return the answer for an error of ours."""
    status = next((each for kind, each in _STATUS if isinstance(error, kind)), None)
    return refusal(status or HTTPStatus.BAD_GATEWAY, error.message, error.hint or "")


def guarded(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint, which answers errors; a bug is logged and told in short."""

    async def call(request: Request) -> Response:
        try:
            return await endpoint(request)
        except VmssplanError as error:
            return of_error(error)
        except Exception as error:
            _LOGGER.exception("a bug in vmssplan, at %s", request.url.path)
            return refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"a bug in vmssplan: {type(error).__name__}",
                "the terminal of `vmssplan ui` says where",
            )

    return call
