"""The world's log as a stream of server-sent events or JSON lines, which can be taken up again.

An event's id is the generation of the world, which grows when another world takes its place
(reset, restore, import), and the event's number. A client that comes back with an id of an
earlier generation, or is there when the world changes, is told so by an event `worldReplaced`
and then hears the new world's log from its beginning.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vmss_simulator.admin.call import iso

if TYPE_CHECKING:
    from vmss_simulator.arm.messages import Request
    from vmss_simulator.door import Door
    from vmss_simulator.values import WorldEvent

Position = tuple[int, int]
"""The generation and number of the last event a client has heard; -1 is none yet."""


def resume_after(door: Door, request: Request) -> Position:
    """Return where the client of a request wants to go on: after `Last-Event-ID`, if it says."""
    generation, _, number = request.headers.get("last-event-id", "").partition("-")
    try:
        return int(generation), int(number)
    except ValueError:
        return door.generation, -1


def stream_text(door: Door, after: Position, *, as_lines: bool) -> tuple[str, Position]:
    """Return what has happened since, and the new position."""
    generation, number = after
    lines: list[str] = []
    if generation != door.generation:
        lines.append(_line("worldReplaced", {"now": iso(door.world.now)}, None, as_lines=as_lines))
        number = -1
    for event in door.world.log[number + 1 :]:
        place = f"{door.generation}-{event.sequence}"
        lines.append(_line(event.type, event_document(event), place, as_lines=as_lines))
    return "".join(lines), (door.generation, max(number, len(door.world.log) - 1))


def event_document(event: WorldEvent) -> dict[str, Any]:
    """Return one event as JSON."""
    return {
        "sequence": event.sequence,
        "at": iso(event.at),
        "type": event.type,
        "scaleSet": event.scale_set,
        "instanceId": event.instance_id,
        "data": dict(event.data),
    }


def _line(kind: str, document: dict[str, Any], place: str | None, *, as_lines: bool) -> str:
    text = json.dumps({"type": kind, **document}, separators=(",", ":"))
    if as_lines:
        return f"{text}\n"
    name = "" if place is None else f"id: {place}\n"
    return f"{name}event: {kind}\ndata: {text}\n\n"
