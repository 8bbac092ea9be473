"""Work on chosen instances through every door: the same requests, the same world afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.contract.wire_clients import AsyncAnyToken
from tests.support.working import Notes, held
from tests.worlds import make_world
from vmss_simulator.door import Door
from vmss_simulator.transport import SimulatorTransport
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.errors import ExitCode
from vmssplan.model import Amount, ScaleSetId
from vmssplan.operating import (
    Protection,
    Request,
    Selection,
    Verb,
    compute_operation,
)
from vmssplan.working import Asker, carry_out

if TYPE_CHECKING:
    from vmss_simulator.log import Log
    from vmss_simulator.world import World
    from vmssplan.ports import WorkBackend
    from vmssplan.working import Note

TARGET = ScaleSetId("00000000-0000-0000-0000-000000000001", "myrg", "web")
SOME = Selection(ids=("1", "2"))
TWO = Amount(2)
REQUESTS = {
    "restart": Request(Verb.RESTART, Selection(everything=True), max_unavailable=TWO),
    "reimage": Request(Verb.REIMAGE, SOME, max_unavailable=TWO),
    "stop": Request(Verb.STOP, SOME, max_unavailable=TWO),
    "deallocate": Request(Verb.DEALLOCATE, SOME, max_unavailable=TWO),
    "start": Request(Verb.START, Selection(everything=True)),
    "delete": Request(Verb.DELETE, SOME, max_unavailable=TWO),
    "protect": Request(Verb.PROTECT, SOME, protection=Protection(scale_in=True)),
    "scale-out": Request(Verb.SCALE, capacity=8),
    "scale-in": Request(Verb.SCALE, capacity=4, max_unavailable=TWO),
}


def world_for(name: str) -> World:
    """Return a world of six; two of them are off where instances are to be started."""
    off = {"2": {"power": "deallocated"}, "4": {"power": "deallocated"}}
    return make_world(capacity=6, overrides=off if name == "start" else {})


async def carried_out(
    request: Request, backend: WorkBackend, world: World
) -> tuple[list[Note], Log]:
    """Look, compute, carry out; return what was told, and what the world says happened."""
    live, _ = await backend.observe(TARGET)
    operation = compute_operation(live, request)
    notes = Notes()
    asker = Asker(operation, backend, SimulatedClock(world), notes, held)
    outcome = await carry_out(asker, backend)
    await backend.aclose()
    assert outcome.exit_code is ExitCode.SUCCESS, outcome
    return notes.told_so_far, world.log


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_door_leads_to_the_same(name: str) -> None:
    """The direct door, and the real SDK: note by note, and event by event of the world."""
    direct, wired = world_for(name), world_for(name)
    door = Door(wired)
    endpoint, transport = "https://simulator.invalid", SimulatorTransport(door)
    azure = AzureBackend(AsyncAnyToken(), endpoint=endpoint, transport=transport)

    told, happened = await carried_out(REQUESTS[name], SimulatedBackend(direct), direct)
    told_wired, happened_wired = await carried_out(REQUESTS[name], azure, wired)

    assert told_wired == told
    assert happened_wired == happened


class Bodies:
    """Remembers what is written."""

    def __init__(self, transport: SimulatorTransport) -> None:
        self._transport = transport
        self.written: list[tuple[str, str, Any, str | None]] = []

    async def send(self, request: Any, **how: Any) -> Any:
        """Note the request, and send it on."""
        if request.method != "GET":
            body = json.loads(request.content) if request.content else None
            where = request.url.partition("?")[0].rpartition("/")[2]
            self.written.append((request.method, where, body, request.headers.get("If-Match")))
        return await self._transport.send(request, **how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *how: object) -> None:
        await self._transport.__aexit__(*how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (
            "protect",
            {
                "properties": {
                    "protectionPolicy": {
                        "protectFromScaleSetActions": False,
                        "protectFromScaleIn": True,
                    }
                }
            },
        ),
        ("scale-out", {"sku": {"capacity": 8}}),
        ("stop", {"instanceIds": ["1", "2"]}),
    ],
)
async def test_nothing_is_written_but_what_was_asked(name: str, body: Any) -> None:
    """Never what was read: that would make an instance's model its own. Capacity with If-Match."""
    world = world_for(name)
    seen = Bodies(SimulatorTransport(Door(world)))
    azure = AzureBackend(AsyncAnyToken(), endpoint="https://simulator.invalid", transport=seen)

    await carried_out(REQUESTS[name], azure, world)

    assert all(written == body for _, _, written, _ in seen.written)
    assert len(seen.written) == (2 if name == "protect" else 1)
    assert (seen.written[0][3] is not None) == (name == "scale-out")
