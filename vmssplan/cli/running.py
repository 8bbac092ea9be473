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
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Stay, and show it as it goes: with RUN to its end, whose exit code this is then;"
            " on a terminal with keys for pause, approve and more.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it as JSON; with --watch one line an event.")
    ] = False,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state_place: SharedStateOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Say how Runs stand. Reads the journals only; asks no service.

    Example: vmssplan status web-jammy-1 --watch
    """
    from vmssplan.documents import readable_json
    from vmssplan.report.as_json import status_json
    from vmssplan.report.status import run_text, status_text

    console = Console(no_color=no_color)
    state = open_state(Connection(None, None, None, cloud, state_dir, state=state_place))
    if watch:
        from vmssplan.cli.following import watch_run, watch_runs

        is_shared = "://" in (state_place or "")
        if run is None:
            return watch_runs(state, console, is_shared=is_shared, as_json=as_json)
        return watch_run(run, state, console, is_shared=is_shared, as_json=as_json)
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
