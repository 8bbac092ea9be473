"""Virtual time over the admin interface: where it is, how it runs, and moving it by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from vmss_simulator.admin.call import AdminError, AdminRoute, iso

if TYPE_CHECKING:
    from vmss_simulator.admin.call import AdminCall
    from vmss_simulator.door import Door

_LONGEST_ADVANCE = timedelta(days=3660)
_LAST_YEAR = 9000
_FASTEST = 10_000.0


def show(call: AdminCall) -> dict[str, Any]:
    """Answer the time, how it runs, and when something next happens by itself."""
    return _clock(call.door)


def set_pace(call: AdminCall) -> dict[str, Any]:
    """Tie virtual time to the wall clock, so many times as fast, or let it stand still."""
    match call.document():
        case {"mode": "manual", **rest} if not rest:
            speed = None
        case {"speed": int() | float() as factor, **rest} if not isinstance(factor, bool):
            if rest not in ({}, {"mode": "scaled"}):
                raise _odd_pace()
            if not (math.isfinite(factor) and 1 <= factor <= _FASTEST):
                raise AdminError(400, "InvalidSpeed", "'speed' is from 1 to 10000.")
            speed = float(factor)
        case _:
            raise _odd_pace()
    if speed is not None and not call.door.can_follow_a_clock:
        raise AdminError(409, "NoClock", "This door has no wall clock to follow.")
    call.door.set_speed(speed)
    return _clock(call.door)


def advance(call: AdminCall) -> dict[str, Any]:
    """Move virtual time forward, to a moment or by some seconds."""
    door = call.door
    _check_manual(door)
    to = _target(door, call.document())
    if to - door.world.now > _LONGEST_ADVANCE or to.year > _LAST_YEAR:
        raise AdminError(400, "InvalidTime", "Advance at most ten years at once.")
    # A moment that has passed is reached: another client, or a late reply, was faster.
    if to > door.world.now:
        door.advance(to)
    return {"now": iso(door.world.now)}


def jump(call: AdminCall) -> dict[str, Any]:
    """Move virtual time to the next moment at which something happens, if there is one."""
    door = call.door
    _check_manual(door)
    upcoming = door.world.next_event_at()
    before = len(door.world.log)
    if upcoming is not None:
        door.advance(upcoming)
    return {**_clock(door), "events": len(door.world.log) - before}


def _clock(door: Door) -> dict[str, Any]:
    upcoming = door.world.next_event_at()
    return {
        "now": iso(door.world.now),
        "mode": "manual" if door.is_manual else "scaled",
        "speed": door.settings.speed,
        "nextEventAt": None if upcoming is None else iso(upcoming),
    }


def _check_manual(door: Door) -> None:
    if not door.is_manual:
        raise AdminError(
            409, "ClockNotManual", "Virtual time follows the wall clock; it cannot be advanced."
        )


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


def _odd_pace() -> AdminError:
    return AdminError(400, "InvalidRequest", 'Send {"speed": number} or {"mode": "manual"}.')


ROUTES = (
    AdminRoute("GET", "/clock", show, "Virtual time, its mode and speed, and the next event."),
    AdminRoute(
        "PUT", "/clock", set_pace, 'Follow the wall clock, {"speed": 60}, or {"mode": "manual"}.'
    ),
    AdminRoute(
        "POST", "/clock/advance", advance, 'Move time: {"seconds": 90} or {"to": "2026-..."}.'
    ),
    AdminRoute("POST", "/clock/next", jump, "Move time to the next event."),
)
