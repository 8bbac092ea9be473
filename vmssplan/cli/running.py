"""The verb that looks at Runs: status."""

from __future__ import annotations

from typing import Annotated

import typer

from vmssplan.cli.connection import DEFAULT_STATE, NoColorOption, StateOption
from vmssplan.cli.console import Console
from vmssplan.errors import ExitCode


def status(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Which Run; left out: all of them.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    state_dir: StateOption = DEFAULT_STATE,
    no_color: NoColorOption = False,
) -> int:
    """Say how Runs stand. Reads the journals only; asks no service.

    Example: vmssplan status web-jammy-1
    """
    from vmssplan.documents import readable_json
    from vmssplan.report.as_json import status_json
    from vmssplan.report.run import RunRecord, run_text, status_text
    from vmssplan.stores.local import LocalState

    console = Console(no_color=no_color)
    state = LocalState(state_dir)
    wanted = state.runs() if run is None else (run,)
    records = [RunRecord(name, state.rollout(name), state.events(name)) for name in wanted]
    if as_json:
        console.out(readable_json(status_json(records)))
    elif run is not None:
        console.out(run_text(records[0]))
    else:
        console.out(status_text(records))
    return ExitCode.SUCCESS
