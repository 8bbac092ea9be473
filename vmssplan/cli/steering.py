"""The verbs that steer a Run from another terminal or job, and those that bring things back.

approve, reject, pause and abort leave an instruction beside the journal; the process that carries
the Run out follows it. Where none does, the next `resume` will, or the verb says what to do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CaFileOption,
    CloudOption,
    Connection,
    EndpointOption,
    NoColorOption,
    SharedStateOption,
    SimulatorOption,
    SpeedOption,
    StateOption,
    open_session,
    open_state,
)
from vmssplan.cli.console import Console
from vmssplan.cli.executing import (
    JsonOption,
    OtelOption,
    Stage,
    execute,
    holder,
    is_open,
    restore_pins,
    whoami,
)
from vmssplan.cli.notifying import NotifyOption
from vmssplan.errors import ExitCode, Refused, UsageInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from vmssplan.engine import RunState
    from vmssplan.ports import StateStore

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Which Run.")]
StepArgument = Annotated[
    int | None,
    typer.Argument(metavar="[STEP]", help="Which step; left out: the one that waits."),
]


def approve(
    run: RunArgument,
    step: StepArgument = None,
    *,
    digest: Annotated[
        str | None,
        typer.Option("--digest", help="Refuse unless the Run carries out this very Rollout."),
    ] = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Let a Run pass an approval. Who, when, and for which digest is written into its journal.

    Example: vmssplan approve web-jammy-1 5
    """
    from vmssplan.cli import instructing

    console, connection = Console(), Connection(None, None, None, cloud, state_dir, None, state)
    store = open_state(connection)
    number = instructing.approve(run, store, step, digest)
    console.out(f"Step {number} of {run} is approved.")
    _say_next(run, store, connection, console)
    return ExitCode.SUCCESS


def reject(
    run: RunArgument,
    step: StepArgument = None,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why not.")] = "no reason given",
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Say no at an approval: the Run halts there (exit 11). It can be resumed, or rolled back.

    Example: vmssplan reject web-jammy-1 5 --reason "error rate doubled"
    """
    from vmssplan.cli import instructing

    console, connection = Console(), Connection(None, None, None, cloud, state_dir, None, state)
    store = open_state(connection)
    number = instructing.reject(run, store, step, reason)
    console.out(f"Step {number} of {run} is not approved.")
    _say_next(run, store, connection, console)
    return ExitCode.SUCCESS


def pause(
    run: RunArgument,
    *,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Let a running Run start nothing more; what is in flight is finished.

    Example: vmssplan pause web-jammy-1
    """
    from vmssplan.cli import instructing

    console, connection = Console(), Connection(None, None, None, cloud, state_dir, None, state)
    instructing.pause(run, open_state(connection))
    console.out(f"{run} starts nothing more.")
    console.hint(f"to go on: vmssplan resume {run}{connection.state_arguments()}")
    return ExitCode.SUCCESS


def abort(
    run: RunArgument,
    *,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """End a running Run after what is in flight, as Ctrl-C does (its exit code is 8).

    Example: vmssplan abort web-jammy-1
    """
    from vmssplan.cli import instructing

    console, connection = Console(), Connection(None, None, None, cloud, state_dir, None, state)
    instructing.abort(run, open_state(connection))
    console.out(f"{run} ends after what is in flight.")
    return ExitCode.SUCCESS


def rollback(
    run: RunArgument,
    *,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Do not ask before the start.")
    ] = False,
    as_json: JsonOption = False,
    otel: OtelOption = None,
    notify: NotifyOption = None,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Bring back what a Run has changed: the model, then the instances, under the same floor.

    A Run that is being carried out is told to turn round; any other one is carried on from here,
    also a complete one. Exit 12: everything is back.

    Example: vmssplan rollback web-jammy-1
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, state)
    if not auto_approve and (as_json or not console.is_terminal):
        raise UsageInvalid("there is nobody to ask here", hint="add --auto-approve")
    return asyncio.run(
        _rollback(
            run,
            connection,
            console,
            ask=not auto_approve,
            as_json=as_json,
            otel=otel,
            notify=notify,
        )
    )


def recover(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Which Run; left out: all of them."),
    ] = None,
    *,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Give autoscale its bounds back that a killed Run has left pinned. Nothing else is changed.

    Example: vmssplan recover
    """
    console = Console()
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, None, state)
    return asyncio.run(_recover(run, connection, console))


async def _rollback(
    run: str,
    connection: Connection,
    console: Console,
    *,
    ask: bool,
    as_json: bool,
    otel: bool | None,
    notify: Path | None,
) -> int:
    from vmssplan.cli.instructing import is_running, key, run_state, wall_time
    from vmssplan.engine.events import RollbackRequested, RunResumed
    from vmssplan.engine.instructions import RollBack

    store = open_state(connection)
    state = run_state(run, store)
    if state.rollback is not None and not is_open(state):
        console.say(f"{run} is rolled back already.")
        return ExitCode.ROLLED_BACK
    if state.rollback is not None:
        hint = f"vmssplan resume {run}{connection.arguments()}"
        raise UsageInvalid(f"{run} is on its way back already", hint=hint)
    if state.rollout.rollback is None:
        raise Refused(f"there is no way back from {run}: {state.rollout.no_way_back}")
    if ask and not _confirm_rollback(run, state, console):
        console.say("Nothing was changed.")
        return ExitCode.CANCELLED
    if is_running(run, store):
        store.instruct(run, RollBack(key(), whoami(), wall_time()))
        console.say(f"{run} turns round after what is in flight.")
        console.hint(f"vmssplan status {run}{connection.state_arguments()}")
        return ExitCode.SUCCESS
    async with open_session(connection, console) as session:
        with store.hold(state.rollout.target, holder(session, run)):
            state = run_state(run, store)
            now = session.clock.now()
            stage = Stage(session, store, connection, console, as_json, otel, notify)
            request = RollbackRequested(now, key(), whoami())
            return await execute(run, state, stage, RunResumed(now), request)


def _confirm_rollback(run: str, state: RunState, console: Console) -> bool:
    from vmssplan.report.text import rollout_text
    from vmssplan.rollout import rollback_of

    touched, sick = state.to_take_back()
    back = rollback_of(state.rollout, touched, sick=sick)
    console.out(rollout_text(back, paint=console.paint(), width=console.width))
    return console.ask(f"\nRoll {run} back? Only 'yes' goes on:") == "yes"


async def _recover(run: str | None, connection: Connection, console: Console) -> int:
    from vmssplan.cli.instructing import is_running, run_state

    store = open_state(connection)
    wanted = store.runs() if run is None else (run,)
    pinned = [one for one in wanted if run_state(one, store).pins is not None]
    recovered = 0
    if pinned:
        async with open_session(connection, console) as session:
            stage = Stage(session, store, connection, console)
            for one in pinned:
                if is_running(one, store):
                    console.say(f"{one} is being carried out, and gives it back itself.")
                    continue
                with store.hold(store.rollout(one).target, holder(session, one)):
                    recovered += await restore_pins(one, stage)
    if not recovered:
        console.out("No Run has left autoscale pinned.")
    return ExitCode.SUCCESS


def _say_next(run: str, store: StateStore, connection: Connection, console: Console) -> None:
    """Say how it goes on where no process would see what was said."""
    from vmssplan.cli.instructing import is_running

    if not is_running(run, store):
        console.hint(f"vmssplan resume {run}{connection.state_arguments()}")
