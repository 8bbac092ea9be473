"""The verb for locks that were left behind: unlock."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CloudOption,
    Connection,
    NoColorOption,
    SharedStateOption,
    StateOption,
    open_state,
)
from vmssplan.cli.console import Console
from vmssplan.errors import ExitCode, UsageInvalid

if TYPE_CHECKING:
    from vmssplan.model import ScaleSetId
    from vmssplan.ports import LockHolder, StateStore


def unlock(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="PLAN.yaml|RUN|RESOURCE-ID...",
            help="Plan files or folders, saved Rollouts, Runs, or ids of scale sets.",
            show_default=False,
        ),
    ],
    *,
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state_place: SharedStateOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Show who holds a scale set, and take the lock away from a holder that is gone.

    A lock in a container ends by itself at most a minute after its holder; this is for who cannot
    wait. Should the holder live after all, it is stopped at its next step. A lock in a local
    folder ends with its process, so there it is only shown (exit 14).

    Example: vmssplan unlock web-jammy-1 --state azblob://ACCOUNT/CONTAINER
    """
    console = Console(no_color=no_color)
    connection = Connection(None, None, None, cloud, state_dir, state=state_place)
    state = open_state(connection)
    wanted = [target for given in targets for target in _targets(given, state)]
    for target in wanted:
        if not _unlock(target, state, connection, console, force=force):
            console.say("Nothing was changed.")
            return ExitCode.CANCELLED
    return ExitCode.SUCCESS


def _unlock(
    target: ScaleSetId, state: StateStore, connection: Connection, console: Console, *, force: bool
) -> bool:
    """Unlock one set; False when the answer was no."""
    holder = state.holder(target)
    if holder is None:
        # Raises LockHeld when the set is locked, but nobody can be named.
        state.unlock(target)
        console.out(f"{target} is held by nobody.")
        return True
    console.out(_described(target, holder))
    if holder.lease is not None and not force:
        if not console.is_terminal:
            raise UsageInvalid("there is nobody to ask here", hint="add --force")
        if console.ask("Take the lock away? Only 'yes' goes on:") != "yes":
            return False
    state.unlock(target)
    console.out(f"{target} is unlocked.")
    if holder.run:
        console.out(f"To go on: vmssplan resume {holder.run}{connection.arguments()}")
    return True


def _described(target: ScaleSetId, holder: LockHolder) -> str:
    rows = {
        "Run": holder.run or "none yet",
        "user": holder.user,
        "host": holder.host,
        "process": str(holder.process_id),
        "since": f"{holder.since:%Y-%m-%d %H:%M:%S} UTC",
    }
    if holder.lease is not None:
        rows["holder"] = f"number {holder.epoch} of this set"
        rows["lease"] = f"ends by itself {holder.lease.total_seconds():.0f} s after its holder"
    lines = [f"{target} is held", *(f"  {name:<8} {value}" for name, value in rows.items())]
    return "\n".join(lines)


def _targets(given: str, state: StateStore) -> list[ScaleSetId]:
    """Return the scale sets that an argument means."""
    from vmssplan.model import ScaleSetId
    from vmssplan.planfile import load_plans
    from vmssplan.stores.local import load_rollout

    named = ScaleSetId.parse(given)
    if named is not None:
        return [named]
    path = Path(given)
    if path.suffix == ".json":
        return [load_rollout(path).target]
    if path.suffix.lower() in (".yaml", ".yml") or path.is_dir():
        return [loaded.plan.target for loaded in load_plans([path], os.environ)]
    return [state.rollout(given).target]
