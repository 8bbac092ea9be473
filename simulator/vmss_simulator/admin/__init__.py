"""The simulator's own interface under `/_sim/`, for tests, tools and people.

JSON in and out where nothing else is said. Nothing here costs an allowance, meets a fault or
appears in the request log; a bearer token is asked for only where others than this machine can
reach the simulator (`access.py`). `GET /_sim/` lists the routes. Each family of requests has a
file of its own; `call.py` is what they share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from vmss_simulator.admin import clock, faults, ledger, logs, states, worlds
from vmss_simulator.admin.call import AdminCall, AdminError, AdminRoute, iso
from vmss_simulator.arm.messages import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.arm import Request
    from vmss_simulator.door import Door

__all__ = ["PREFIX", "ROUTES", "AdminError", "handle", "is_admin", "refused"]

PREFIX = "/_sim"


def is_admin(path: str) -> bool:
    """Whether the path belongs to the admin interface."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def handle(door: Door, request: Request) -> Response:
    """Answer a request to the admin interface; a refused one changes nothing."""
    try:
        route, names = _found(request)
        answer = route.action(AdminCall(door, request, names))
    except AdminError as error:
        return refused(error)
    return answer if isinstance(answer, Response) else json_response(answer)


def refused(error: AdminError) -> Response:
    """Return the answer to a request that is refused."""
    body = {"error": {"code": error.code, "message": error.message}}
    return json_response(body, error.status)


def _index(call: AdminCall) -> dict[str, Any]:
    return {
        "now": iso(call.door.world.now),
        "routes": [
            {"method": each.method, "path": PREFIX + each.template, "does": each.summary}
            for each in ROUTES
        ],
    }


def _health(call: AdminCall) -> dict[str, Any]:
    return {"status": "ok", "now": iso(call.door.world.now)}


def _found(request: Request) -> tuple[AdminRoute, Mapping[str, str]]:
    segments = request.path.removeprefix(PREFIX).strip("/").split("/")
    methods: list[str] = []
    for route in ROUTES:
        names = _matched(route.template.strip("/").split("/"), segments)
        if names is None:
            continue
        if route.method == request.method:
            return route, names
        methods.append(route.method)
    if methods:
        raise AdminError(405, "MethodNotAllowed", f"Use {' or '.join(methods)} here.")
    raise AdminError(404, "NotFound", f"There is nothing at {request.path}; see {PREFIX}/.")


def _matched(template: list[str], segments: list[str]) -> Mapping[str, str] | None:
    if len(template) != len(segments):
        return None
    names: dict[str, str] = {}
    for part, segment in zip(template, segments, strict=True):
        if part.startswith("{"):
            names[part[1:-1]] = unquote(segment)
        elif part != segment:
            return None
    return names


ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute("GET", "/", _index, "This list."),
    AdminRoute("GET", "/health", _health, "Whether the simulator answers."),
    *clock.ROUTES,
    *states.ROUTES,
    *worlds.ROUTES,
    *faults.ROUTES,
    *logs.ROUTES,
    *ledger.ROUTES,
)
