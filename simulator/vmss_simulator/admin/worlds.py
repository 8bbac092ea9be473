"""Checkpoints and forks over the admin interface: back to where it was, and side by side.

A checkpoint is a copy of a world under a name, with everything that is under way in it. A fork
is such a copy that lives: it has an address of its own, `/_sim/worlds/{name}`, below which are
the resource manager, the token endpoints and the admin interface, or the same paths with the
header `x-sim-world: {name}`. Login libraries want the tenant to be the first part of a path, so
they log in at the server itself; its tokens are good in every fork.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.admin.call import AdminError, AdminRoute, iso
from vmss_simulator.arm.messages import json_response

if TYPE_CHECKING:
    from vmss_simulator.admin.call import AdminCall
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.door import Checkpoint, Door

_MOST = 100


def checkpoints(call: AdminCall) -> dict[str, Any]:
    """List the checkpoints of this world, oldest first."""
    return {"checkpoints": [_checkpoint(*each) for each in call.door.checkpoints.items()]}


def checkpoint(call: AdminCall) -> Response:
    """Take a checkpoint; 201, or 200 when it takes the place of one with the same name."""
    name = call.name()
    known = name in call.door.checkpoints
    if not known:
        _check_room(len(call.door.checkpoints), "checkpoints")
    taken = call.door.take_checkpoint(name)
    return json_response(_checkpoint(name, taken), 200 if known else 201)


def restore(call: AdminCall) -> dict[str, Any]:
    """Turn the world back to a checkpoint, request ids and the log included."""
    name, taken = _found(call)
    call.door.restore(taken)
    return _checkpoint(name, taken)


def drop_checkpoint(call: AdminCall) -> dict[str, Any]:
    """Forget a checkpoint."""
    name, _ = _found(call)
    del call.door.checkpoints[name]
    return {"deleted": name}


def forks(call: AdminCall) -> dict[str, Any]:
    """List the forks, oldest first."""
    return {"forks": [_fork(call, *each) for each in call.door.forks.items()]}


def show_fork(call: AdminCall) -> dict[str, Any]:
    """Answer one fork."""
    return _fork(call, *_found_fork(call))


def fork(call: AdminCall) -> Response:
    """Let a copy of this world, or of its `checkpoint`, live side by side with it."""
    name = call.name()
    if name in call.door.forks:
        raise AdminError(409, "WorldExists", f"There is a fork named '{name}'; delete it first.")
    _check_room(len(call.door.forks), "forks")
    made = call.door.fork(name, _checkpoint_asked_for(call))
    return json_response(_fork(call, name, made), 201)


def drop_fork(call: AdminCall) -> dict[str, Any]:
    """Forget a fork."""
    name, _ = _found_fork(call)
    del call.door.forks[name]
    return {"deleted": name}


def _checkpoint_asked_for(call: AdminCall) -> Checkpoint | None:
    match call.document() if call.request.body else {}:
        case {"checkpoint": str(name), **rest} if not rest:
            if name not in call.door.checkpoints:
                raise AdminError(404, "NotFound", f"There is no checkpoint '{name}'.")
            return call.door.checkpoints[name]
        case {**rest} if not rest:
            return None
        case _:
            raise AdminError(400, "InvalidRequest", 'Send nothing, or {"checkpoint": name}.')


def _check_room(held: int, what: str) -> None:
    if held >= _MOST:
        raise AdminError(409, "TooMany", f"There are {_MOST} {what}; delete some first.")


def _found(call: AdminCall) -> tuple[str, Checkpoint]:
    name = call.names["name"]
    if name not in call.door.checkpoints:
        raise AdminError(404, "NotFound", f"There is no checkpoint '{name}'.")
    return name, call.door.checkpoints[name]


def _found_fork(call: AdminCall) -> tuple[str, Door]:
    name = call.names["name"]
    if name not in call.door.forks:
        raise AdminError(404, "NotFound", f"There is no fork '{name}'.")
    return name, call.door.forks[name]


def _checkpoint(name: str, taken: Checkpoint) -> dict[str, Any]:
    return {"name": name, "now": iso(taken.world.now), "events": len(taken.world.log)}


def _fork(call: AdminCall, name: str, door: Door) -> dict[str, Any]:
    host = call.request.headers.get("host", "management.azure.com")
    return {
        "name": name,
        "endpoint": f"https://{host}/_sim/worlds/{name}",
        "now": iso(door.world.now),
        "events": len(door.world.log),
    }


ROUTES = (
    AdminRoute("GET", "/checkpoints", checkpoints, "The checkpoints of this world."),
    AdminRoute("POST", "/checkpoints/{name}", checkpoint, "Keep the world as it is now."),
    AdminRoute("DELETE", "/checkpoints/{name}", drop_checkpoint, "Forget a checkpoint."),
    AdminRoute("POST", "/checkpoints/{name}/restore", restore, "Go back to a checkpoint."),
    AdminRoute("GET", "/forks", forks, "The worlds side by side with this one."),
    AdminRoute("GET", "/forks/{name}", show_fork, "One of them: its endpoint and time."),
    AdminRoute(
        "POST",
        "/forks/{name}",
        fork,
        'Copy this world, or {"checkpoint": name}, to an endpoint of its own.',
    ),
    AdminRoute("DELETE", "/forks/{name}", drop_fork, "Forget a fork."),
)
