"""Whether a world that came from outside can live: tried on a copy, before it is let in.

A document can be right in every field and still make no sense, such as an operation that works
on an instance that is not there. Rather than a rule for everything, the copy is read as clients
read it and then let run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_simulator.arm import Request, handle
from vmss_simulator.arm.settings import TokenPolicy

if TYPE_CHECKING:
    from vmss_simulator.arm import Settings
    from vmss_simulator.world import World

_MOST_EVENTS = 2_000
_READS = ("", "/instanceView", "/virtualMachines", "/rollingUpgrades/latest")
_QUERY = "api-version=2026-04-01&$expand=instanceView"
_MOST_SETS = 50


def contradiction(world: World, settings: Settings) -> str | None:
    """Return what goes wrong when the world is read and runs on, None when nothing does."""
    copy = world.fork()
    try:
        _read(copy, settings)
        for _ in range(_MOST_EVENTS):
            due = copy.next_event_at()
            if due is None:
                break
            copy.advance_to(max(due, copy.now))
        _read(copy, settings)
    # Whatever it is: the document is to blame, and its author is told.
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    return None


def _read(world: World, settings: Settings) -> None:
    """Ask for scale sets in every form; only an exception counts, not what is answered."""
    open_to_all = replace(settings, tokens=TokenPolicy.ANY)
    headers = {"authorization": "Bearer rehearsal"}
    for subscription in world.subscription_ids():
        for scale_set in world.scale_sets(subscription)[:_MOST_SETS]:
            for part in _READS:
                path = f"{scale_set.key.resource_id}{part}"
                handle(world, Request("GET", path, _QUERY, headers), open_to_all)
