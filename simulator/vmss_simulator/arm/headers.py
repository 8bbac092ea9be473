"""The headers and error bodies that every ARM answer has in common.

Names and formats as recorded from the service; request ids are derived from the seed and the
request's number, so that one seed gives one transcript.
"""

from __future__ import annotations

import math
from dataclasses import replace
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from vmss_simulator.arm.messages import json_response

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from vmss_simulator.arm.messages import Request, Response
    from vmss_simulator.arm.settings import Settings
    from vmss_simulator.errors import ArmError
    from vmss_simulator.values import Allowance
    from vmss_simulator.world import World

_FIXED = {
    "cache-control": "no-cache",
    "pragma": "no-cache",
    "expires": "-1",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
}


def stamp(
    world: World,
    request: Request,
    response: Response,
    *,
    operation: str | None = None,
    instance_ids: tuple[str, ...] = (),
) -> Response:
    """Return the response with the headers common to all ARM answers, and what the log tells."""
    request_id = _guid(f"{world.seed}/{request.sequence}")
    correlation_id = request.headers.get("x-ms-correlation-request-id", request_id)
    headers = {
        **_FIXED,
        "date": http_date(world.now),
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": correlation_id,
        "x-ms-routing-request-id": f"SIMULATOR:{world.now:%Y%m%dT%H%M%SZ}:{request_id}",
    }
    client_id = request.headers.get("x-ms-client-request-id")
    if client_id and request.headers.get("x-ms-return-client-request-id", "").lower() == "true":
        headers["x-ms-client-request-id"] = client_id
    headers.update(response.headers)
    return replace(response, headers=headers, operation=operation, instance_ids=instance_ids)


def http_date(moment: datetime) -> str:
    """Return a moment as the `Date` header writes it."""
    return _http_date(moment.replace(microsecond=0))


@lru_cache(maxsize=64)
def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _guid(text: str) -> str:
    """Return a GUID, of version 5 by its looks, that only the text decides."""
    hexes = sha256(text.encode()).hexdigest()
    return f"{hexes[:8]}-{hexes[8:12]}-5{hexes[13:16]}-a{hexes[17:20]}-{hexes[20:32]}"


def error_response(error: ArmError, settings: Settings) -> Response:
    """Return the ARM error body: `{"error": {code, message, target?, details?}}`."""
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if error.target is not None:
        body["target"] = error.target
    if error.details:
        body["details"] = [
            {
                "code": detail.code,
                "message": detail.message,
                **({} if detail.target is None else {"target": detail.target}),
            }
            for detail in error.details
        ]
    headers = {}
    if error.retry_after is not None:
        headers = retry_headers(error.retry_after, settings)
    return json_response({"error": body}, error.status, headers)


def retry_headers(delay: timedelta, settings: Settings) -> dict[str, str]:
    """Return when to try a refused request again.

    `Retry-After` is a whole number of seconds, at least 1: the SDK ignores a zero and its
    generated code fails on a fraction. With a scaled clock it counts wall seconds.
    """
    if settings.speed is None:
        return {"Retry-After": str(_whole_seconds(delay.total_seconds()))}
    wall = delay.total_seconds() / settings.speed
    return {
        "Retry-After": str(_whole_seconds(wall)),
        "x-ms-retry-after-ms": str(_whole_seconds(wall * 1000)),
    }


def poll_headers(world: World, settings: Settings) -> dict[str, str]:
    """Return when to poll an operation again, as the world's options say; maybe nothing.

    With a scaled clock a whole second may be minutes of virtual time, and azure-core prefers
    `Retry-After` to the header in milliseconds, so it is left out then.
    """
    delay = world.options.operation_retry_after
    if delay is None:
        return {}
    if settings.speed is None:
        return {"Retry-After": str(_whole_seconds(delay.total_seconds()))}
    wall = delay.total_seconds() / settings.speed
    return {"x-ms-retry-after-ms": str(_whole_seconds(wall * 1000))}


def allowance_headers(allowance: Allowance) -> dict[str, str]:
    """Return what the throttle still allows, `Microsoft.Compute/<policy>;<count>` each."""
    headers = {"x-ms-request-charge": str(allowance.charge)}
    if allowance.remaining:
        headers["x-ms-ratelimit-remaining-resource"] = ",".join(
            f"{name if '/' in name else 'Microsoft.Compute/' + name};{count}"
            for name, count in allowance.remaining
        )
    return headers


def _whole_seconds(amount: float) -> int:
    return max(1, math.ceil(amount))
