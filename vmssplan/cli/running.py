"""The verb that looks at Runs: status."""

from __future__ import annotations

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
from vmssplan.errors import ExitCode

if TYPE_CHECKING:
    from vmssplan.ports import StateStore
    from vmssplan.report.status import RunRecord


def status(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Which Run; left out: all of them.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state_place: SharedStateOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Say how Runs stand. Reads the journals only; asks no service.

    Example: vmssplan status web-jammy-1
    """
    from vmssplan.documents import readable_json
    from vmssplan.report.as_json import status_json
    from vmssplan.report.status import run_text, status_text

    console = Console(no_color=no_color)
    state = open_state(Connection(None, None, None, cloud, state_dir, state=state_place))
    wanted = state.runs() if run is None else (run,)
    records = [_record(state, name) for name in wanted]
    if as_json:
        console.out(readable_json(status_json(records)))
    elif run is not None:
        console.out(run_text(records[0], paint=console.paint(), width=console.width))
    else:
        console.out(status_text(records, paint=console.paint(), width=console.width))
    return ExitCode.SUCCESS


def _record(state: StateStore, run: str) -> RunRecord:
    from vmssplan.report.status import RunRecord

    rollout = state.rollout(run)
    holder = state.holder(rollout.target)
    is_held = holder is not None and holder.run == run
    return RunRecord(run, rollout, state.events(run), is_held=is_held)
