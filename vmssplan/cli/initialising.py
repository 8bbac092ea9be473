"""The verb that prepares: what has to be there before the first rollout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CaFileOption,
    CloudOption,
    Connection,
    EndpointOption,
    NoColorOption,
    SimulatorOption,
    StateOption,
)
from vmssplan.cli.console import Console
from vmssplan.errors import UsageInvalid
from vmssplan.permissions import Part

PERMISSIONS = "Permissions"
FIRST_PLAN = "First Plan"


def init(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="Plan files, or folders.", show_default=False),
    ] = None,
    *,
    from_live: Annotated[
        str | None,
        typer.Option(
            "--from-live",
            metavar="GROUP/NAME|ID",
            help="Write a Plan from this live scale set.",
            rich_help_panel=FIRST_PLAN,
        ),
    ] = None,
    subscription: Annotated[
        str | None,
        typer.Option(
            "--subscription",
            metavar="ID",
            envvar="AZURE_SUBSCRIPTION_ID",
            help="Of GROUP/NAME.",
            rich_help_panel=FIRST_PLAN,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write the Plan there. Default: standard output.",
            rich_help_panel=FIRST_PLAN,
        ),
    ] = None,
    print_role: Annotated[
        bool,
        typer.Option(
            "--print-role",
            help="Print the custom role for `az role definition create`: what these Plans need,"
            " or, without any, what all can need.",
            rich_help_panel=PERMISSIONS,
        ),
    ] = False,
    part: Annotated[
        Part,
        typer.Option(
            "--part",
            help="Of the role: what is assigned on the resource group, on the subscription, or both"
            " in one; instances: what `vmssplan instances` needs besides.",
            rich_help_panel=PERMISSIONS,
        ),
    ] = Part.ALL,
    check_permissions: Annotated[
        bool,
        typer.Option(
            "--check-permissions",
            help="Ask Azure what you may do, and compare: exit 3 when something is missing.",
            rich_help_panel=PERMISSIONS,
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the check as JSON.", rich_help_panel=PERMISSIONS)
    ] = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    no_color: NoColorOption = False,
) -> int:
    """Prepare: write a first Plan, print the role that rollouts need, or check that you have it.

    Example: vmssplan init --from-live myrg/web --subscription ID --out web.yaml
    """
    from vmssplan.cli import moving_in, permissions
    from vmssplan.planfile import load_plans

    console = Console(no_color=no_color)
    if print_role + check_permissions + (from_live is not None) != 1:
        raise UsageInvalid(
            "say what to prepare", hint="--from-live, --print-role, or --check-permissions PLAN"
        )
    if from_live is not None:
        service = Connection(simulator, endpoint, ca_file, cloud, state_dir)
        return moving_in.write_plan(from_live, subscription, out, service, console)
    if check_permissions and not paths:
        raise UsageInvalid("--check-permissions needs a Plan: permissions hold for its scale set")
    loaded = load_plans(paths, os.environ, distinct_targets=False) if paths else ()
    if print_role:
        return permissions.print_role(loaded, part, console)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir)
    return permissions.check_permissions(loaded, connection, console, as_json=as_json)
