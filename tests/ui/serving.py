"""A running server of the page, and a client that sends exactly what a test says."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.worlds import WEB
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.model import ScaleSetId
from vmssplan.stores.local import LocalState
from vmssplan.ui.access import Access, Keys
from vmssplan.ui.acting import Hands
from vmssplan.ui.application import create_app
from vmssplan.ui.children import Children
from vmssplan.ui.previews import Previews
from vmssplan.ui.reading import Shown, Sources
from vmssplan.ui.runs import Runs
from vmssplan.ui.server import PageServer, bound_socket, names_of
from vmssplan.ui.watching import Watch
from vmssplan.ui.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmss_simulator.world import World
    from vmssplan.planfile import LoadedPlan
    from vmssplan.ports import Clock, Service

TARGET = ScaleSetId(WEB.subscription_id, WEB.resource_group, WEB.name)
PATIENCE_SECONDS = 30
ASKED = {"id": TARGET.resource_id, "verb": "restart", "selection": {"ids": ["0"]}}
"""A request that is right."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a certificate, and what trusts it."""

    certificate: Path
    key: Path
    trust: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)

    @property
    def what(self) -> str:
        """What is wrong, as the server says."""
        said: str = self.document["error"]["what"]
        return said


@dataclass(frozen=True, slots=True)
class Served:
    """A server, and how to ask it: as the page does, but for what a test says else."""

    access: Access
    sources: Sources
    children: Children
    tls: ssl.SSLContext | None = None

    @property
    def host(self) -> str:
        """The Host header of the page."""
        return f"127.0.0.1:{self.access.port}"

    @property
    def origin(self) -> str:
        """The origin of the page."""
        return f"{self.access.scheme}://{self.host}"

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to the server."""
        place = ("127.0.0.1", self.access.port)
        if self.tls is not None:
            return http.client.HTTPSConnection(*place, timeout=PATIENCE_SECONDS, context=self.tls)
        return http.client.HTTPConnection(*place, timeout=PATIENCE_SECONDS)

    def headers(self, **changed: str | None) -> dict[str, str]:
        """Return the headers that the page sends; None leaves one out."""
        keys = self.access.keys
        right = {
            "host": self.host,
            "origin": self.origin,
            "cookie": f"{self.access.cookie}={keys.session}",
            "x-csrf-token": keys.csrf,
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        return {name: value for name, value in right.items() if value is not None}

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send a request as it is given, and return what is answered."""
        connection = self.connection()
        given = self.headers() if headers is None else headers
        fields = list(given) if not hasattr(given, "items") else list(dict(given).items())
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in fields:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **changed: str | None) -> Reply:
        """Ask for something, with these headers another or left out (None)."""
        return self.ask("GET", path, self.headers(origin=None, **changed))

    def post(self, path: str, document: Any, **changed: str | None) -> Reply:
        """Send a document, with these headers another or left out (None)."""
        return self.ask("POST", path, self.headers(**changed), json.dumps(document).encode())

    def raw(self, head: str, body: bytes = b"") -> bytes:
        """Send bytes, and return all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.access.port), PATIENCE_SECONDS) as line:
            line.sendall(head.replace("\n", "\r\n").encode("latin-1") + body)
            return b"".join(iter(lambda: line.recv(65536), b""))


@contextmanager
def served(
    world: World,
    folder: Path,
    *,
    service: Service | None = None,
    clock: Clock | None = None,
    plans: Sequence[LoadedPlan] = (),
    is_read_only: bool = False,
    program: Sequence[str] = ("false",),
    tls: Tls | None = None,
) -> Iterator[Served]:
    """Serve a world in a thread; nothing is carried out unless a program is given for it."""
    backend = service or SimulatedBackend(world)
    bound = bound_socket("127.0.0.1", 0)
    port = bound.getsockname()[1]
    scheme = "http" if tls is None else "https"
    access = Access(Keys(), names_of("127.0.0.1", port), port, scheme, is_read_only)
    watch = Watch(
        backend,
        clock or SimulatedClock(world),
        subscriptions=(WEB.subscription_id,),
        targets=[one.plan.target for one in plans],
    )
    runs = Runs(LocalState(folder))
    sources = Sources(Shown("simulator", "test"), runs, backend, watch, Wishes(plans, backend))
    children = Children(folder / "ui", lambda _: ("--state-dir", str(folder)), {}, program=program)
    hands = Hands(Previews(plans, lambda _: backend, watch), children)
    ready = threading.Event()
    server = PageServer(
        create_app(access, sources, hands),
        on_started=ready.set,
        on_closing=sources.streams.close,
        certificate=tls.certificate if tls else None,
        key=tls.key if tls else None,
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        yield Served(access, sources, children, tls.trust if tls else None)
    finally:
        server.stop()
        thread.join()
        bound.close()
