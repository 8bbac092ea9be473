"""Which service a command talks to: Azure, a simulator's server, or the embedded simulator.

The options are the same for every verb that needs a service; `open_session` turns them into a
backend and its clock, `open_state` into the place of Runs and locks.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from vmssplan.errors import (
    DocumentInvalid,
    LockHeld,
    NotFound,
    Problem,
    StateUnreadable,
    UsageInvalid,
)
from vmssplan.ports import Backend, Clock, Service, StateStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from vmssplan.cli.console import Console
    from vmssplan.model import CommandProbe, Health, HttpProbe
    from vmssplan.ports import Probes

SERVICE = "Service"
ADMIN_TOKEN = "VMSSPLAN_SIMULATOR_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
"""What the admin interface of a served simulator asks for, if it was started with one."""
LOCK_LEASE = "VMSSPLAN_LOCK_LEASE"
"""How long a lock in a blob container outlives a holder that is gone, PT15S to PT60S."""

SimulatorOption = Annotated[
    Path | None,
    typer.Option(
        "--simulator",
        metavar="SCENARIO.yaml",
        envvar="VMSSPLAN_SIMULATOR",
        help="Use the embedded simulator with this scenario instead of Azure.",
        rich_help_panel=SERVICE,
    ),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="URL",
        envvar="VMSSPLAN_ENDPOINT",
        help="Another Azure Resource Manager endpoint, such as `vmssplan simulator serve` prints.",
        rich_help_panel=SERVICE,
    ),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        envvar="VMSSPLAN_CA_FILE",
        help="Certificate authority to trust for --endpoint."
        " Default: the one a simulator served from here has left in the state folder.",
        rich_help_panel=SERVICE,
    ),
]
CloudOption = Annotated[
    str,
    typer.Option(
        "--cloud",
        metavar="NAME",
        envvar="VMSSPLAN_CLOUD",
        help="AzureCloud, AzureChinaCloud or AzureUSGovernment.",
        rich_help_panel=SERVICE,
    ),
]
StateOption = Annotated[
    Path,
    typer.Option(
        "--state-dir",
        metavar="FOLDER",
        envvar="VMSSPLAN_STATE_DIR",
        help="Folder of the simulator's state, and of Runs and locks without --state.",
        rich_help_panel=SERVICE,
    ),
]
SharedStateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="PLACE",
        envvar="VMSSPLAN_STATE",
        help="Where Runs and locks are kept: azblob://ACCOUNT/CONTAINER, perhaps with a /PREFIX,"
        " or a folder.",
        rich_help_panel=SERVICE,
    ),
]
SpeedOption = Annotated[
    str | None,
    typer.Option(
        "--speed",
        metavar="Nx",
        help="With --simulator: run at N times the wall clock, to watch. Default: no waiting.",
        rich_help_panel=SERVICE,
    ),
]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colour, no animation.")]
DEFAULT_STATE = Path(".vmssplan")


@dataclass(frozen=True, slots=True)
class Connection:
    """The service options of one command."""

    simulator: Path | None
    endpoint: str | None
    ca_file: Path | None
    cloud: str
    state_dir: Path
    speed: str | None = None
    state: str | None = None

    def arguments(self) -> str:
        """Return the options to repeat in a command for the user to type next."""
        parts = []
        if self.simulator is not None:
            parts.append(f"--simulator {self.simulator}")
        if self.endpoint is not None:
            parts.append(f"--endpoint {self.endpoint}")
        if self.ca_file is not None:
            parts.append(f"--ca-file {self.ca_file}")
        return "".join(f" {part}" for part in parts) + self.state_arguments()

    def state_arguments(self) -> str:
        """Return those of a command that reads and writes Runs, and asks no service."""
        parts = []
        if self.state_dir != DEFAULT_STATE:
            parts.append(f"--state-dir {self.state_dir}")
        if self.state is not None:
            parts.append(f"--state {self.state}")
        return "".join(f" {part}" for part in parts)


@dataclass(frozen=True, slots=True)
class Session:
    """An open service."""

    backend: Service
    clock: Clock

    def probing(
        self,
        probes: Probes,
        health: Health,
        also_asked: Iterable[HttpProbe | CommandProbe] = (),
        run: str = "",
    ) -> Backend:
        """Return the backend, asking the application too where these probes want that."""
        from vmssplan.backends.probing import probing

        return probing(self.backend, probes, health, also_asked=also_asked, run=run)


def open_state(connection: Connection) -> StateStore:
    """Return where Runs and locks are kept; raises UsageInvalid. Asks nobody yet."""
    place = connection.state
    if place is None or "://" not in place:
        from vmssplan.stores.local import LocalState

        return LocalState(connection.state_dir if place is None else Path(place))
    try:
        from vmssplan.stores.blob.place import open_container, parse_place
        from vmssplan.stores.blob.state import BlobState
    except ModuleNotFoundError as error:
        raise UsageInvalid(
            "--state in a blob container needs a package that is not installed",
            hint="pip install 'vmssplan[azblob]'",
        ) from error
    blob_place = parse_place(place, connection.cloud)
    container = open_container(blob_place, connection.cloud, os.environ)
    return BlobState(container, blob_place, _lease())


def _lease() -> timedelta:
    from vmssplan.durations import parse_duration
    from vmssplan.stores.blob.lock import LONGEST_LEASE, SHORTEST_LEASE

    text = os.environ.get(LOCK_LEASE)
    if not text:
        return LONGEST_LEASE
    try:
        lease = parse_duration(text)
    except ValueError:
        lease = timedelta(0)
    if not SHORTEST_LEASE <= lease <= LONGEST_LEASE:
        raise UsageInvalid(f"{LOCK_LEASE} is {text!r}; expected a duration from PT15S to PT60S")
    return lease


@asynccontextmanager
async def open_session(connection: Connection, console: Console) -> AsyncIterator[Session]:
    """Open the service, and close it at the end."""
    if connection.simulator is not None and connection.endpoint is not None:
        raise UsageInvalid("--simulator and --endpoint exclude each other")
    if connection.speed is not None and connection.simulator is None:
        raise UsageInvalid("--speed goes with --simulator")
    if connection.simulator is not None:
        opener = _embedded(connection, connection.simulator, console)
    elif connection.endpoint is not None:
        opener = _custom_endpoint(connection, connection.endpoint)
    else:
        opener = _azure(connection)
    async with opener as session:
        yield session


def parse_speed(text: str) -> float:
    """Return the factor of a speed such as `120x`; raises UsageInvalid."""
    try:
        factor = float(text.removesuffix("x"))
    except ValueError:
        factor = 0
    if not 0 < factor < 1_000_000:  # noqa: PLR2004 - beyond any use
        raise UsageInvalid(f"{text!r} is no speed; expected a factor such as 120x")
    return factor


def simulator_folder(state_dir: Path, scenario: Path) -> Path:
    """Return where the embedded simulator keeps the world of that scenario file."""
    name = hashlib.sha256(str(scenario.resolve()).encode()).hexdigest()[:8]
    return state_dir / "simulator" / f"{scenario.stem}-{name}"


def read_scenario(path: Path) -> str:
    """Return the text of a scenario file; raises NotFound, UsageInvalid."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(
            f"{path}: there is no such scenario", hint="see simulator/scenarios/ for examples"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageInvalid(f"{path}: cannot be read: {error}") from error


@asynccontextmanager
async def _embedded(
    connection: Connection, scenario: Path, console: Console
) -> AsyncIterator[Session]:
    from vmss_simulator.errors import ScenarioError
    from vmss_simulator.recording import RecordedWorld, RecordingError
    from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock

    folder = simulator_folder(connection.state_dir, scenario)
    speed = parse_speed(connection.speed) if connection.speed else None
    try:
        recorded = RecordedWorld.open(folder, read_scenario(scenario), str(scenario))
    except ScenarioError as error:
        raise DocumentInvalid([Problem(line) for line in str(error).splitlines()]) from error
    except RecordingError as error:
        raise LockHeld(str(error), hint="wait for it, or use another --state-dir") from error
    except OSError as error:
        raise StateUnreadable(
            f"{folder}: {error.strerror or error}", hint="choose another place with --state-dir"
        ) from error
    with recorded:
        if recorded.notice:
            console.warning(recorded.notice)
        world = recorded.world
        yield Session(SimulatedBackend(world), SimulatedClock(world, speed))


@asynccontextmanager
async def _custom_endpoint(connection: Connection, endpoint: str) -> AsyncIterator[Session]:
    from vmss_simulator.arm.settings import Settings
    from vmssplan.backends.azure import AzureBackend
    from vmssplan.clocks import SimulatorClock, WallClock

    url = urlsplit(endpoint)
    if url.scheme != "https" or not url.hostname:
        raise UsageInvalid(f"{endpoint!r} is no endpoint; expected https://HOST[:PORT]")
    ca_file = connection.ca_file
    left_here = connection.state_dir / "simulator" / "serve" / "ca.pem"
    if ca_file is None and left_here.is_file():
        ca_file = left_here
    if url.hostname not in ("127.0.0.1", "localhost", "::1"):
        backend = AzureBackend.connect(endpoint=endpoint, ca_file=ca_file)
        try:
            yield Session(backend, WallClock())
        finally:
            await backend.aclose()
        return
    known = Settings()
    token = os.environ.get(ADMIN_TOKEN)
    with closing(SimulatorClock(endpoint, ca_file, token)) as clock:
        backend = AzureBackend.connect_simulator(
            endpoint=endpoint,
            ca_file=ca_file,
            tenant_id=known.tenant_id,
            client_id=known.client_id,
            client_secret=known.client_secret,
        )
        try:
            yield Session(backend, clock)
        finally:
            await backend.aclose()


@asynccontextmanager
async def _azure(connection: Connection) -> AsyncIterator[Session]:
    from vmssplan.backends.azure import AzureBackend
    from vmssplan.clocks import WallClock

    backend = AzureBackend.connect(cloud=connection.cloud)
    try:
        yield Session(backend, WallClock())
    finally:
        await backend.aclose()
