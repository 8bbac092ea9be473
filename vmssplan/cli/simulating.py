"""The verbs of the simulator: serve it, save or forget the embedded one's state, its ledger."""

from __future__ import annotations

import os
import shlex
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from vmssplan.cli.connection import (
    ADMIN_TOKEN,
    DEFAULT_STATE,
    StateOption,
    parse_speed,
    read_scenario,
    simulator_folder,
)
from vmssplan.cli.console import Console
from vmssplan.durations import parse_duration
from vmssplan.errors import DocumentInvalid, ExitCode, LockHeld, Problem, UsageInvalid

app = typer.Typer(
    help="A fake scale set service, for tests and for trying things out.", no_args_is_help=True
)

# What our own commands read, by the variable of the script that has the same value.
_ALIASES = {
    "VMSSPLAN_ENDPOINT": "AZURE_RESOURCE_MANAGER_URL",
    "VMSSPLAN_CA_FILE": "REQUESTS_CA_BUNDLE",
}


@app.command()
def serve(
    *,
    scenario: Annotated[
        Path, typer.Option("--scenario", metavar="FILE", help="The world to serve.")
    ],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks one.")] = 0,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="ADDRESS", help="Where to listen; beyond loopback needs a token."
        ),
    ] = "127.0.0.1",
    admin_token_file: Annotated[
        Path | None,
        typer.Option(
            "--admin-token-file",
            metavar="FILE",
            help="Ask for the token in this file on the admin interface."
            f" Default: the variable {ADMIN_TOKEN}, if it is set.",
        ),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            "--ready-file",
            metavar="FILE",
            help="Write a JSON file with the endpoint and how to log in, once it answers.",
        ),
    ] = None,
    speed: Annotated[
        str,
        typer.Option(
            "--speed",
            metavar="Nx|manual",
            help="How fast virtual time runs; manual: only a client's clock moves it.",
        ),
    ] = "manual",
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file",
            metavar="FILE",
            help="Write a script that turns a shell towards the simulator, for the Azure SDKs"
            " and az. Default: simulator/serve/env.sh in the state folder.",
        ),
    ] = None,
    any_token: Annotated[
        bool,
        typer.Option(
            "--any-token",
            help="Accept every bearer token, for tests with made-up credentials.",
        ),
    ] = False,
    token_lifetime: Annotated[
        str | None,
        typer.Option(
            "--token-lifetime",
            metavar="DURATION",
            help="How long a login is good for by the wall clock, such as PT10M."
            " Default: about an hour.",
        ),
    ] = None,
    state_dir: StateOption = DEFAULT_STATE,
) -> int:
    """Serve a simulated Azure on this machine over HTTPS, until it is stopped.

    Example: vmssplan simulator serve --scenario simulator/scenarios/web-12.yaml --port 8443
    """
    from vmss_simulator.errors import ScenarioError
    from vmss_simulator.scenario import parse_scenario

    try:
        from vmss_simulator.arm.settings import TokenPolicy
        from vmss_simulator.endpoint import Endpoint
        from vmss_simulator.server import serve as serve_world
    except ModuleNotFoundError as error:
        raise UsageInvalid(
            f"serving needs the package {error.name}",
            hint="install it with: pip install '.[simulator]', in a clone",
        ) from error

    console = Console()
    folder = state_dir / "simulator" / "serve"
    script = env_file or folder / "env.sh"
    factor = None if speed == "manual" else parse_speed(speed)
    lifetime = None if token_lifetime is None else _parse_lifetime(token_lifetime)
    try:
        world = parse_scenario(read_scenario(scenario), str(scenario)).world()
    except ScenarioError as error:
        raise DocumentInvalid([Problem(line) for line in str(error).splitlines()]) from error

    def announce(endpoint: Endpoint) -> None:
        clock = (
            "stands still until a client moves it (see --speed)"
            if factor is None
            else f"runs {factor:g} times as fast as the wall clock"
        )
        console.out(
            f"Serving {scenario} at {endpoint.endpoint}\n"
            f"  certificate authority  {endpoint.ca_file}\n"
            f"  admin interface        {endpoint.admin_url}\n"
            f"  virtual time           {clock}\n"
            f"  az and the SDKs        . {shlex.quote(_sourced(script))}\n"
            f"Try: vmssplan plan PLAN.yaml --endpoint {endpoint.endpoint}"
            f" --ca-file {endpoint.ca_file}\n"
            "Stop with Ctrl-C."
        )

    try:
        serve_world(
            world,
            folder=folder,
            host=host,
            port=port,
            admin_token=_admin_token(admin_token_file),
            ready_file=ready_file,
            env_file=script,
            env_aliases=_ALIASES,
            tokens=TokenPolicy.ANY if any_token else TokenPolicy.ISSUED,
            token_lifetime=lifetime,
            speed=factor,
            on_ready=announce,
        )
    except OSError as error:
        raise UsageInvalid(
            f"cannot serve on port {port}: {error.strerror or error}",
            hint="choose another one with --port, or 0 to have one picked",
        ) from error
    except ValueError as error:
        raise UsageInvalid(
            str(error), hint=f"put one of 16 characters or more into {ADMIN_TOKEN} or a file"
        ) from error
    return ExitCode.SUCCESS


def _admin_token(file: Path | None) -> str | None:
    """Return the token of the file, else of the environment; None where there is none."""
    if file is None:
        return os.environ.get(ADMIN_TOKEN)
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageInvalid(f"{file}: cannot be read: {error}") from error


def _parse_lifetime(text: str) -> timedelta:
    try:
        lifetime = parse_duration(text)
    except ValueError:
        lifetime = timedelta(0)
    if not timedelta(seconds=1) <= lifetime <= timedelta(days=1):
        raise UsageInvalid(f"{text!r} is no lifetime; expected PT1S to P1D, such as PT10M")
    return lifetime


def _sourced(script: Path) -> str:
    """Return the path as a shell has to be told it: without a slash it would be searched for."""
    return str(script) if script.parent != Path() else f"./{script}"


@app.command()
def reset(
    scenario: Annotated[
        Path | None,
        typer.Argument(metavar="[SCENARIO.yaml]", help="Which world; left out: all of them."),
    ] = None,
    *,
    state_dir: StateOption = DEFAULT_STATE,
) -> int:
    """Forget what has happened in the embedded simulator: the next command starts afresh.

    Example: vmssplan simulator reset simulator/scenarios/web-12.yaml
    """
    from vmss_simulator.recording import RecordingError, reset_world

    console = Console()
    root = state_dir / "simulator"
    if scenario is not None:
        folders = [simulator_folder(state_dir, scenario)]
    else:
        folders = sorted(path.parent for path in root.glob("*/commands.jsonl"))
    forgotten = 0
    for folder in folders:
        try:
            forgotten += reset_world(folder)
        except RecordingError as error:
            raise LockHeld(str(error), hint="wait until it has ended") from error
        shutil.rmtree(folder, ignore_errors=True)
    console.out(f"{forgotten} simulated {'world' if forgotten == 1 else 'worlds'} forgotten.")
    return ExitCode.SUCCESS


@app.command()
def export(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO.yaml", help="Which world.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there. Default: standard output."),
    ] = None,
    state_dir: StateOption = DEFAULT_STATE,
) -> int:
    """Save the embedded simulator's world as it is now, as YAML that is a scenario again.

    A served one is saved with GET /_sim/state?format=yaml.

    Example: vmssplan simulator export simulator/scenarios/web-12.yaml --out now.yaml
    """
    from vmss_simulator.errors import ScenarioError
    from vmss_simulator.recording import RecordingError, read_world
    from vmss_simulator.saving import world_document
    from vmss_simulator.yaml_text import yaml_text

    folder = simulator_folder(state_dir, scenario)
    try:
        world = read_world(folder, read_scenario(scenario), str(scenario))
    except ScenarioError as error:
        raise DocumentInvalid([Problem(line) for line in str(error).splitlines()]) from error
    except RecordingError as error:
        raise UsageInvalid(str(error), hint="vmssplan simulator reset") from error
    # A world holds whatever was written to it, passwords too.
    _put(yaml_text(world_document(world.snapshot())), out, is_private=True)
    return ExitCode.SUCCESS


@app.command()
def fidelity(
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there. Default: standard output."),
    ] = None,
) -> int:
    """Tell what each operation and behaviour of the simulator rests on, as markdown.

    Example: vmssplan simulator fidelity --out simulator/FIDELITY.md
    """
    from vmss_simulator.fidelity import markdown

    _put(markdown(), out)
    return ExitCode.SUCCESS


def _put(text: str, out: Path | None, *, is_private: bool = False) -> None:
    from vmss_simulator.private_files import write_private

    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        if is_private:
            write_private(out, text)
        else:
            out.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageInvalid(f"{out}: cannot be written: {error.strerror or error}") from error
