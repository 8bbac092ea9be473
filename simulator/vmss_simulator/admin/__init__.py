"""The simulator's own interface under `/_sim/`: clock, logs, state, reset.

JSON in and out, for tests and tools. Nothing here costs an allowance, meets a fault, needs a
token or appears in the request log.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from vmss_simulator.arm.messages import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_simulator.arm import Request, Response
    from vmss_simulator.door import Door, RequestRecord
    from vmss_simulator.values import ScaleSet, WorldEvent

    _Action = Callable[[Door, Request], dict[str, Any]]

PREFIX = "/_sim"
_LONGEST_ADVANCE = timedelta(days=3660)


class AdminError(Exception):
    """A request the admin interface refuses, with the HTTP status it answers."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def is_admin(path: str) -> bool:
    """Whether the path belongs to the admin interface."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def handle(door: Door, request: Request) -> Response:
    """Answer a request to the admin interface; a refused one changes nothing."""
    try:
        return json_response(_action(request)(door, request))
    except AdminError as error:
        body = {"error": {"code": error.code, "message": error.message}}
        return json_response(body, error.status)


def _action(request: Request) -> _Action:
    path = request.path.removesuffix("/")
    methods = _ROUTES.get(path)
    if methods is None:
        raise AdminError(404, "NotFound", f"There is nothing at {path}.")
    action = methods.get(request.method)
    if action is None:
        raise AdminError(405, "MethodNotAllowed", f"Use {' or '.join(methods)} here.")
    return action


def _health(door: Door, _request: Request) -> dict[str, Any]:
    return {"status": "ok", "now": _iso(door.world.now)}


def _clock(door: Door, _request: Request) -> dict[str, Any]:
    upcoming = door.world.next_event_at()
    return {
        "now": _iso(door.world.now),
        "mode": "manual" if door.is_manual else "scaled",
        "speed": door.settings.speed,
        "nextEventAt": None if upcoming is None else _iso(upcoming),
    }


def _advance(door: Door, request: Request) -> dict[str, Any]:
    if not door.is_manual:
        raise AdminError(
            409, "ClockNotManual", "Virtual time follows the wall clock; it cannot be advanced."
        )
    to = _target(door, _document(request))
    if to - door.world.now > _LONGEST_ADVANCE:
        raise AdminError(400, "InvalidTime", "Advance at most ten years at once.")
    # A moment that has passed is reached: another client, or a late reply, was faster.
    if to > door.world.now:
        door.advance(to)
    return {"now": _iso(door.world.now)}


def _target(door: Door, document: dict[str, Any]) -> datetime:
    match document:
        case {"seconds": bool()}:
            pass
        case {"seconds": int() | float() as seconds, **rest} if not rest:
            if not (math.isfinite(seconds) and 0 <= seconds <= _LONGEST_ADVANCE.total_seconds()):
                raise AdminError(400, "InvalidTime", "'seconds' is from 0 to ten years.")
            return door.world.now + timedelta(seconds=seconds)
        case {"to": str(text), **rest} if not rest:
            return _moment(text)
    raise AdminError(400, "InvalidRequest", 'Send {"seconds": number} or {"to": time}.')


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise AdminError(400, "InvalidTime", "'to' is an ISO 8601 time with an offset.")


def _requests(door: Door, request: Request) -> dict[str, Any]:
    after = _after(request)
    return {"requests": [_record(each) for each in door.requests if each.sequence > after]}


def _record(record: RequestRecord) -> dict[str, Any]:
    return {
        "sequence": record.sequence,
        "at": _iso(record.at),
        "method": record.method,
        "path": record.path,
        "query": record.query,
        "operation": record.operation,
        "status": record.status,
        "requestId": record.request_id,
        "clientRequestId": record.client_request_id,
        "instanceIds": list(record.instance_ids),
    }


def _events(door: Door, request: Request) -> dict[str, Any]:
    after = _after(request)
    return {"events": [_event(each) for each in door.world.log if each.sequence > after]}


def _event(event: WorldEvent) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "at": _iso(event.at),
        "type": event.type,
        "scaleSet": event.scale_set,
        "instanceId": event.instance_id,
        "data": dict(event.data),
    }


def _state(door: Door, _request: Request) -> dict[str, Any]:
    world = door.world
    return {
        "now": _iso(world.now),
        "seed": world.seed,
        "requests": len(door.requests),
        "events": len(world.log),
        "scaleSets": [
            _summary(door, scale_set)
            for subscription_id in world.subscription_ids()
            for scale_set in world.scale_sets(subscription_id)
        ],
    }


def _summary(door: Door, scale_set: ScaleSet) -> dict[str, Any]:
    instances = scale_set.instances.values()
    return {
        "id": scale_set.key.resource_id,
        "etag": scale_set.etag,
        "provisioningState": scale_set.provisioning.value,
        "instances": len(instances),
        "inService": scale_set.in_service_count,
        "latestModelApplied": sum(
            door.world.latest_model_applied(scale_set, each) for each in instances
        ),
    }


def _reset(door: Door, _request: Request) -> dict[str, Any]:
    door.reset()
    return {"now": _iso(door.world.now)}


def _after(request: Request) -> int:
    """Return the `after` of the query: entries up to this number are left out."""
    values = parse_qs(request.query).get("after", ["-1"])
    try:
        return int(values[-1])
    except ValueError:
        raise AdminError(400, "InvalidRequest", "'after' is a sequence number.") from None


def _document(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        raise AdminError(400, "InvalidRequest", "The body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise AdminError(400, "InvalidRequest", "The body is not a JSON object.")
    return document


def _iso(moment: datetime) -> str:
    return moment.isoformat()


_ROUTES: dict[str, dict[str, _Action]] = {
    f"{PREFIX}/health": {"GET": _health},
    f"{PREFIX}/clock": {"GET": _clock},
    f"{PREFIX}/clock/advance": {"POST": _advance},
    f"{PREFIX}/requests": {"GET": _requests},
    f"{PREFIX}/events": {"GET": _events},
    f"{PREFIX}/state": {"GET": _state},
    f"{PREFIX}/reset": {"POST": _reset},
}
