"""Every request to Azure Resource Manager as one record: what, how it ended, how long it took.

Of an address only the path is named, because a query can be a signature; of headers only the ids
that Azure's support asks for, and how to pace. Bodies and tokens are never looked at.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.pipeline.policies import SansIOHTTPPolicy

if TYPE_CHECKING:
    from azure.core.pipeline import PipelineRequest, PipelineResponse

LOGGER = logging.getLogger("vmssplan.azure")
HEADERS = {
    "x-ms-request-id": "requestId",
    "x-ms-correlation-request-id": "correlationId",
    "x-ms-error-code": "code",
    "Retry-After": "retryAfter",
    "x-ms-ratelimit-remaining-resource": "remaining",
}
"""The only headers of answers that are logged, and under which name."""
_STARTED = "vmssplan.started"
_FIRST_ERROR = 400


class RequestLog(SansIOHTTPPolicy[Any, Any]):
    """A policy of azure-core that logs; a good read is a detail."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Remember when it began."""
        request.context[_STARTED] = time.monotonic()

    def on_response(
        self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]
    ) -> None:
        """Log the answer."""
        answer = response.http_response
        level = logging.INFO
        if request.http_request.method == "GET" and answer.status_code < _FIRST_ERROR:
            level = logging.DEBUG
        told = {
            key: answer.headers[name] for name, key in HEADERS.items() if name in answer.headers
        }
        _log(level, request, str(answer.status_code), {"status": answer.status_code, **told})

    def on_exception(self, request: PipelineRequest[Any]) -> None:
        """Log that there was none."""
        failure = sys.exc_info()[0]
        name = failure.__name__ if failure else "failed"
        _log(logging.INFO, request, name, {"failure": name})


def _log(level: int, request: PipelineRequest[Any], end: str, told: dict[str, Any]) -> None:
    if not LOGGER.isEnabledFor(level):
        return
    sent = request.http_request
    seconds = round(time.monotonic() - request.context.get(_STARTED, time.monotonic()), 3)
    path = urlsplit(sent.url).path
    fields = {"method": sent.method, "path": path, "seconds": seconds, **told}
    client_request_id = sent.headers.get("x-ms-client-request-id")
    if client_request_id:
        fields["clientRequestId"] = client_request_id
    LOGGER.log(
        level, "%s %s: %s in %.3f s", sent.method, path, end, seconds, extra={"fields": fields}
    )
