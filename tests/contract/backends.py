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
from vmssplan.model import ScaleSetId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from vmss_simulator.world import World

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
    yield backend
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
        yield backend
        await backend.aclose()
