"""The Azure backend over each wire door of the simulator, for tests that compare the doors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.contract.wire_clients import AsyncAnyToken
from tests.simulator_worlds import KEY
from vmss_simulator.arm import Settings
from vmss_simulator.door import Door
from vmss_simulator.server import make_door, serving
from vmss_simulator.transport import SimulatorTransport
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.model import ScaleSetId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from vmss_simulator.world import World
    from vmssplan.ports import Backend

    OpenDoor = Callable[[World], contextlib.AbstractAsyncContextManager[Backend]]
    OpenBackend = Callable[[World], contextlib.AbstractAsyncContextManager[AzureBackend]]

TARGET = ScaleSetId(KEY.subscription_id, KEY.resource_group, KEY.name)


@contextlib.asynccontextmanager
async def in_process(world: World, _folder: Path) -> AsyncIterator[AzureBackend]:
    """Open the backend over the in-process transport."""
    door = Door(world, Settings(page_size=2))
    backend = AzureBackend(
        AsyncAnyToken(),
        endpoint="https://simulator.invalid",
        transport=SimulatorTransport(door),
    )
    try:
        yield backend
    finally:
        await backend.aclose()


@contextlib.asynccontextmanager
async def over_https(world: World, folder: Path) -> AsyncIterator[AzureBackend]:
    """Open the backend over HTTPS, logging in with the secret of the simulator."""
    with serving(make_door(world, page_size=2), folder=folder) as running:
        end = running.endpoint
        backend = AzureBackend.connect_simulator(
            endpoint=end.endpoint,
            ca_file=folder / "ca.pem",
            tenant_id=end.tenant_id,
            client_id=end.client_id,
            client_secret=end.client_secret,
        )
        try:
            yield backend
        finally:
            await backend.aclose()


class Direct:
    """The direct door as a context, as the wire doors are."""

    def __init__(self, world: World) -> None:
        self._backend = SimulatedBackend(world)

    async def __aenter__(self) -> Backend:
        return self._backend

    async def __aexit__(self, *_details: object) -> None:
        await self._backend.aclose()


def every_door(folder: Path) -> dict[str, OpenDoor]:
    """Return how to open a backend on a world, by the name of the door."""
    return {
        "direct": Direct,
        "in-process": lambda world: in_process(world, folder),
        "https": lambda world: over_https(world, folder),
    }
