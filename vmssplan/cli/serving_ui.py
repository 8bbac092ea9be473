"""The verb that serves the web page: ui."""

from __future__ import annotations

import asyncio
import os
import shutil
import webbrowser
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import (
    ADMIN_TOKEN,
    DEFAULT_STATE,
    CaFileOption,
    CloudOption,
    Connection,
    EndpointOption,
    SharedStateOption,
    SimulatorOption,
    StateOption,
    open_session,
    open_state,
    parse_speed,
    read_scenario,
)
from vmssplan.cli.console import Console
from vmssplan.cli.page_commands import children_of
from vmssplan.errors import DocumentInvalid, ExitCode, Problem, UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from socket import socket

    from vmssplan.cli.connection import Session
    from vmssplan.model import Plan, ScaleSetId
    from vmssplan.planfile import LoadedPlan
    from vmssplan.ports import Backend
    from vmssplan.ui.access import Access
    from vmssplan.ui.acting import Hands
    from vmssplan.ui.reading import Sources
    from vmssplan.ui.simulator import Simulator
    from vmssplan.ui.watching import Watch

SUBSCRIPTION = "AZURE_SUBSCRIPTION_ID"
SERVED_SPEED = "60x"
PANEL = "Page"

HostOption = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Where to listen; beyond loopback needs --tls-certificate and --tls-key.",
        rich_help_panel=PANEL,
    ),
]
PortOption = Annotated[
    int,
    typer.Option("--port", min=0, max=65535, help="0 picks one.", rich_help_panel=PANEL),
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is served, and for whom."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    is_read_only: bool
    opens_browser: bool
    ready_file: Path | None

    def check(self) -> None:
        """Raise UsageInvalid where others could read what goes over the network."""
        from vmssplan.ui.server import LOOPBACK

        if (self.certificate is None) != (self.key is None):
            raise UsageInvalid("--tls-certificate and --tls-key go together")
        if self.host in LOOPBACK or self.certificate is not None:
            return
        raise UsageInvalid(
            f"others can reach {self.host}, which is not loopback, and the page can change scale"
            " sets",
            hint="add --tls-certificate and --tls-key, or stay here and forward a port with ssh",
        )


def ui(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH...]",
            help="Plans, or folders of them, whose scale sets are shown.",
            show_default=False,
        ),
    ] = None,
    *,
    journals: Annotated[
        bool,
        typer.Option(
            "--journals",
            help="Only show the Runs that were kept; ask no service.",
            rich_help_panel=PANEL,
        ),
    ] = False,
    subscription: Annotated[
        list[str] | None,
        typer.Option(
            "--subscription",
            metavar="ID",
            envvar=SUBSCRIPTION,
            help="Show all scale sets of this subscription; may be repeated.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Show, and change nothing.", rich_help_panel=PANEL),
    ] = False,
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(
            "--tls-certificate", metavar="FILE", help="PEM, its chain.", rich_help_panel=PANEL
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="FILE", help="PEM, its key.", rich_help_panel=PANEL),
    ] = None,
    no_open: Annotated[
        bool,
        typer.Option("--no-open", help="Do not open a browser.", rich_help_panel=PANEL),
    ] = False,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            "--ready-file",
            metavar="FILE",
            help="Write a JSON file with the address, token included, once it answers.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    simulator: SimulatorOption = None,
    speed: Annotated[
        str,
        typer.Option(
            "--speed",
            metavar="Nx|manual",
            help="With --simulator: how fast virtual time runs; the page can change it.",
            rich_help_panel="Service",
        ),
    ] = SERVED_SPEED,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Show scale sets and Runs in the browser, and work on them from there.

    On this machine only; the link it prints has a token. What is started from the page goes on
    when the page is closed, and when this command ends.

    Example: vmssplan ui plans/ --simulator simulator/scenarios/web-12.yaml
    """
    console = Console()
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, None, state)
    if simulator is not None and endpoint is not None:
        raise UsageInvalid("--simulator and --endpoint exclude each other")
    _check_installed()
    place = Place(host, port, tls_certificate, tls_key, read_only, not no_open, ready_file)
    place.check()
    loaded = _load(paths or [])
    with ExitStack() as stack:
        if journals:
            asyncio.run(_serve_journals(place, connection, console))
            return ExitCode.SUCCESS
        if simulator is not None:
            connection = _serve_simulator(simulator, speed, connection, stack)
        asyncio.run(_serve(place, connection, loaded, subscription or [], simulator, console))
    return ExitCode.SUCCESS


def _check_installed() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageInvalid(
            f"the page needs the package {error.name}",
            hint="install it with: pip install 'vmssplan[ui]'",
        ) from error


def _load(paths: Sequence[Path]) -> tuple[LoadedPlan, ...]:
    if not paths:
        return ()
    from vmssplan.planfile import load_plans

    # Looking at several Plans for one set does no harm; only one is ever rolled out at a time.
    return tuple(load_plans(paths, os.environ, distinct_targets=False))


def _serve_simulator(
    scenario: Path, speed: str, connection: Connection, stack: ExitStack
) -> Connection:
    """Serve the scenario over HTTPS in a thread, so that the page and what it starts see one world.

    Returns how to reach it.
    """
    from vmss_simulator.errors import ScenarioError
    from vmss_simulator.scenario import parse_scenario

    try:
        from vmss_simulator.arm.settings import TokenPolicy
        from vmss_simulator.server import make_door, serving
    except ModuleNotFoundError as error:
        raise UsageInvalid(
            f"serving a simulator needs the package {error.name}",
            hint="install it with: pip install 'vmssplan[simulator]'",
        ) from error
    factor = None if speed == "manual" else parse_speed(speed)
    try:
        world = parse_scenario(read_scenario(scenario), str(scenario)).world()
    except ScenarioError as error:
        raise DocumentInvalid([Problem(line) for line in str(error).splitlines()]) from error
    door = make_door(world, speed=factor, tokens=TokenPolicy.ISSUED)
    # Of its own: another simulator served from here has another authority.
    folder = connection.state_dir / "simulator" / f"page-{os.getpid()}"
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    running = stack.enter_context(
        serving(door, folder=folder, token=os.environ.get(ADMIN_TOKEN) or None)
    )
    return replace(
        connection,
        simulator=None,
        endpoint=running.endpoint.endpoint,
        ca_file=Path(running.endpoint.ca_file),
    )


async def _serve_journals(place: Place, connection: Connection, console: Console) -> None:
    from vmssplan.ui.acting import Hands
    from vmssplan.ui.reading import Shown, Sources
    from vmssplan.ui.runs import Runs

    shown = Shown("journals", connection.state or str(connection.state_dir))
    sources = Sources(shown, Runs(open_state(connection)))
    await _answer(place, sources, console, Hands(None, children_of(connection)))


async def _serve(
    place: Place,
    connection: Connection,
    loaded: Sequence[LoadedPlan],
    subscriptions: Sequence[str],
    scenario: Path | None,
    console: Console,
) -> None:
    from vmssplan.ui.reading import Shown, Sources, overview
    from vmssplan.ui.runs import Runs
    from vmssplan.ui.watching import Watch
    from vmssplan.ui.wishes import Wishes

    targets: list[ScaleSetId] = [one.plan.target for one in loaded]
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(connection, console))
        simulator = await _simulator(connection, stack)
        kind = "azure" if simulator is None else "simulator"
        name = str(scenario) if scenario else connection.endpoint or connection.cloud
        if simulator is not None:
            subscriptions = (*subscriptions, *await simulator.subscriptions())
        if not targets and not subscriptions:
            raise UsageInvalid(
                "there is nothing to show",
                hint=f"name Plans, or a subscription with --subscription or {SUBSCRIPTION}",
            )
        watch = Watch(
            session.backend,
            session.clock,
            simulator,
            subscriptions=tuple(dict.fromkeys(subscriptions)),
            targets=targets,
        )
        sources = Sources(
            Shown(kind, name),
            Runs(open_state(connection)),
            session.backend,
            watch,
            Wishes(loaded, session.backend),
        )
        # The first page finds everything seen already.
        await overview(sources)
        hands = _hands(connection, session, loaded, watch, simulator, console)
        await _answer(place, sources, console, hands)


def _hands(
    connection: Connection,
    session: Session,
    loaded: Sequence[LoadedPlan],
    watch: Watch,
    simulator: Simulator | None,
    console: Console,
) -> Hands:
    """Return what carries out: previews here, everything else by the command line."""
    from vmssplan.model import Health
    from vmssplan.probes import RealProbes
    from vmssplan.ui.acting import Hands
    from vmssplan.ui.previews import Previews

    def backend_for(plan: Plan | None) -> Backend:
        health = Health() if plan is None else plan.health
        return session.probing(RealProbes(os.environ, console.say), health)

    return Hands(Previews(loaded, backend_for, watch), children_of(connection), simulator)


async def _simulator(connection: Connection, stack: AsyncExitStack) -> Simulator | None:
    """Return the admin interface of what is connected to; None where that is no simulator."""
    from urllib.parse import urlsplit

    from vmssplan.ui.server import LOOPBACK
    from vmssplan.ui.simulator import Simulator

    endpoint = connection.endpoint
    if endpoint is None or urlsplit(endpoint).hostname not in LOOPBACK:
        return None
    ca_file = connection.ca_file
    left_here = connection.state_dir / "simulator" / "serve" / "ca.pem"
    if ca_file is None and left_here.is_file():
        ca_file = left_here
    simulator = Simulator(endpoint, ca_file, os.environ.get(ADMIN_TOKEN) or None)
    stack.push_async_callback(simulator.aclose)
    return simulator


async def _answer(
    place: Place, sources: Sources, console: Console, hands: Hands | None = None
) -> None:
    """Serve until somebody stops it."""
    from vmssplan.ui.access import Access, Keys
    from vmssplan.ui.application import create_app
    from vmssplan.ui.server import PageServer, bound_socket, names_of

    bound = bound_socket(place.host, place.port)
    port = bound.getsockname()[1]
    scheme = "http" if place.certificate is None else "https"
    access = Access(Keys(), names_of(place.host, port), port, scheme, place.is_read_only)
    server = PageServer(
        create_app(access, sources, hands),
        on_started=lambda: _announce(place, access, bound, console),
        on_closing=sources.streams.close,
        certificate=place.certificate,
        key=place.key,
    )
    try:
        await server.serve(sockets=[bound])
    finally:
        bound.close()
        if place.ready_file is not None:
            place.ready_file.unlink(missing_ok=True)


def _announce(place: Place, access: Access, bound: socket, console: Console) -> None:
    """Print the link, write the ready file, and open a browser."""
    from vmssplan.documents import readable_json
    from vmssplan.stores.local import write_private

    port = bound.getsockname()[1]
    host = f"[{place.host}]" if ":" in place.host else place.host
    link = f"{access.scheme}://{host}:{port}/?token={access.keys.token}"
    mode = ", read-only" if place.is_read_only else ""
    console.out(f"vmssplan ui{mode}: {link}\nStop with Ctrl-C; Runs that were started go on.")
    if place.ready_file is not None:
        write_private(place.ready_file, readable_json({"url": link, "port": port}))
    if place.opens_browser:
        webbrowser.open(link)
