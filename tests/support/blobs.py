"""Containers of the emulator, and a wire to it that loses requests and answers on demand."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient

from tests.azurite import KEY
from vmssplan.stores.blob.place import BlobPlace, parse_place
from vmssplan.stores.blob.state import BlobState

if TYPE_CHECKING:
    from azure.core.pipeline.transport import HttpRequest

    from tests.azurite import Azurite

ENVIRONMENT = {"AZURE_STORAGE_KEY": KEY}
NO_PAUSES: dict[str, Any] = {
    "initial_backoff": 0,
    "increment_base": 0,
    "random_jitter_range": 0,
}
SHORT = timedelta(seconds=15)


class Hourglass:
    """A time that passes only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@dataclass(slots=True)
class Mischief:
    """What is to go wrong with the next requests whose URL holds `where`.

    `answers` are lost after the request was carried out, `requests` before.
    """

    where: str = "comp=appendblock"
    answers: int = 0
    requests: int = 0
    seen: list[str] = field(default_factory=list)


class LossyTransport(RequestsTransport):  # type: ignore[misc] # loaded lazily, untyped
    """The SDK's own transport, over which a Mischief happens."""

    def __init__(self, mischief: Mischief) -> None:
        super().__init__()
        self._mischief = mischief

    def send(self, request: HttpRequest, **options: Any) -> Any:
        """Send a request, or lose it, or lose its answer."""
        self._mischief.seen.append(f"{request.method} {request.url}")
        if self._mischief.where in request.url:
            if self._mischief.requests:
                self._mischief.requests -= 1
                raise ServiceResponseError("the connection was reset")
            if self._mischief.answers:
                self._mischief.answers -= 1
                super().send(request, **options)
                raise ServiceResponseError("the connection was reset")
        return super().send(request, **options)


@dataclass(frozen=True, slots=True)
class Shared:
    """One container, which exists, and stores over it."""

    place: BlobPlace

    @classmethod
    def new(cls, azurite: Azurite) -> Shared:
        """Create a container."""
        place = parse_place(azurite.state(f"c-{uuid.uuid4().hex}", "some/where"), "AzureCloud")
        shared = cls(place)
        shared.client().create_container()
        return shared

    def client(self, mischief: Mischief | None = None, **options: Any) -> ContainerClient:
        """Return a client that does not wait between its tries."""
        if mischief is not None:
            options["transport"] = LossyTransport(mischief)
        return ContainerClient(
            self.place.endpoint,
            self.place.container,
            credential=AzureNamedKeyCredential(self.place.account, KEY),
            **{**NO_PAUSES, **options},
        )

    def open(
        self, mischief: Mischief | None = None, elapsed: Any = None, **options: Any
    ) -> BlobState:
        """Open another store over it."""
        client = self.client(mischief, **options)
        if elapsed is None:
            return BlobState(client, self.place, SHORT)
        return BlobState(client, self.place, SHORT, elapsed)

    def blob(self, name: str) -> bytes:
        """Return the content of a blob under the prefix."""
        return self.client().download_blob(f"{self.place.prefix}{name}").readall()

    def names(self) -> list[str]:
        """List the blobs under the prefix."""
        found = self.client().list_blob_names(name_starts_with=self.place.prefix)
        return [name.removeprefix(self.place.prefix) for name in found]
