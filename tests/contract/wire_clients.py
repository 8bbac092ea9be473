"""The real Azure SDK clients, each over a door it can use, behind one asynchronous face."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from azure.core.credentials import AccessToken
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.aio import ComputeManagementClient as AsyncComputeManagementClient

from tests.simulator_worlds import SUBSCRIPTION
from vmss_simulator.door import Door
from vmss_simulator.server import ScaledClock, serving
from vmss_simulator.transport import SimulatorTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SPEED = 3600.0


class AnyToken:
    """A credential with a token that needs no login."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return the token."""
        return AccessToken("any.well-formed.token", int(time.monotonic()) + 10**10)


class AsyncAnyToken:
    """The same for asynchronous clients."""

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return the token."""
        return AnyToken().get_token()

    async def close(self) -> None:
        """Hold nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Sdk:
    """One client; `client` is synchronous or not, and the methods hide which."""

    client: Any
    door: Door

    async def call(self, method: Any, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client for one answer."""
        if isinstance(self.client, ComputeManagementClient):
            return await asyncio.to_thread(method, *arguments, **options)
        return await method(*arguments, **options)

    async def items(self, method: Any, *arguments: Any, **options: Any) -> list[Any]:
        """Call a method of the client that pages, and follow all its pages."""
        if isinstance(self.client, ComputeManagementClient):
            return await asyncio.to_thread(lambda: list(method(*arguments, **options)))
        return [each async for each in method(*arguments, **options)]

    async def run(self, method: Any, *arguments: Any, **options: Any) -> Any:
        """Start a long-running operation and let the SDK poll it to its end."""
        if isinstance(self.client, ComputeManagementClient):
            return await asyncio.to_thread(lambda: method(*arguments, **options).result())
        return await (await method(*arguments, **options)).result()


@contextlib.asynccontextmanager
async def in_process(door: Door, _folder: Path) -> AsyncIterator[Sdk]:
    """Open the asynchronous client over the in-process transport."""
    transport = SimulatorTransport(door)
    async with AsyncComputeManagementClient(
        AsyncAnyToken(), SUBSCRIPTION, "https://simulator.invalid", transport=transport
    ) as client:
        yield Sdk(client, door)


@contextlib.asynccontextmanager
async def asynchronous(door: Door, folder: Path) -> AsyncIterator[Sdk]:
    """Open the asynchronous client over HTTPS."""
    with serving(door, folder=folder) as server:
        async with AsyncComputeManagementClient(
            AsyncAnyToken(),
            SUBSCRIPTION,
            server.endpoint.endpoint,
            connection_verify=server.endpoint.ca_file,
        ) as client:
            yield Sdk(client, door)


@contextlib.asynccontextmanager
async def synchronous(door: Door, folder: Path) -> AsyncIterator[Sdk]:
    """Open the synchronous client over HTTPS."""
    with (
        serving(door, folder=folder) as server,
        ComputeManagementClient(
            AnyToken(),
            SUBSCRIPTION,
            server.endpoint.endpoint,
            connection_verify=server.endpoint.ca_file,
        ) as client,
    ):
        yield Sdk(client, door)


def clock_for(opened: Any) -> ScaledClock | None:
    """Return the clock a door needs so that this client's own waiting passes virtual time."""
    return None if opened is in_process else ScaledClock(SPEED)
