"""The verbs that carry a rollout out: apply and resume."""

from __future__ import annotations

import asyncio
from pathlib import Path
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
    WaitOption,
    execute,
    holder,
    is_open,
    restore_left_pins,
    say_nothing_to_do,
)
from vmssplan.errors import ExitCode, Refused, RolloutStale, UsageInvalid

if TYPE_CHECKING:
    from vmssplan.cli.connection import Session
    from vmssplan.ports import StateStore
    from vmssplan.rollout import Rollout


def apply(
    path: Annotated[
        Path, typer.Argument(metavar="PLAN.yaml|ROLLOUT.json", help="A Plan or a saved Rollout.")
    ],
    *,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Do not ask before the start.")
    ] = False,
    wait: WaitOption = False,
    as_json: JsonOption = False,
    otel: OtelOption = None,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Carry a rollout out, step by step. A saved Rollout is carried out exactly, or refused.

    Ctrl-C once finishes what is in flight and stops (exit 8); twice stops at once. Either way
    `vmssplan resume` goes on. From elsewhere: `vmssplan approve`, `pause`, `abort`, `rollback`.

    Example: vmssplan apply rollout.json --auto-approve
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, state)
    if not auto_approve and (as_json or not console.is_terminal):
        raise UsageInvalid("there is nobody to ask here", hint="add --auto-approve")
    return asyncio.run(
        _apply(
            path, connection, console, ask=not auto_approve, wait=wait, as_json=as_json, otel=otel
        )
    )


def resume(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Which Run; left out: the one not finished."),
    ] = None,
    *,
    wait: WaitOption = False,
    as_json: JsonOption = False,
    otel: OtelOption = None,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Go on with a Run that was paused, stopped, halted or killed. Failed ones are tried again.

    A Run that is paused, and whose process still waits, is told to go on.

    Example: vmssplan resume web-jammy-1
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, state)
    return asyncio.run(_resume(run, connection, console, wait=wait, as_json=as_json, otel=otel))


async def _apply(
    path: Path,
    connection: Connection,
    console: Console,
    *,
    ask: bool,
    wait: bool,
    as_json: bool,
    otel: bool | None,
) -> int:
    from vmssplan.engine import RunState
    from vmssplan.engine.events import RunStarted
    from vmssplan.rollout import digest

    store = open_state(connection)
    async with open_session(connection, console) as session:
        stage = Stage(session, store, connection, console, as_json, otel)
        rollout = await _rollout(path, session, console, ask=ask, as_json=as_json)
        if not rollout.has_changes:
            say_nothing_to_do(rollout, stage)
            return ExitCode.SUCCESS
        await _check_live(rollout, session, is_resuming=False)
        _check_unfinished(rollout, store, connection)
        if ask and console.ask(f"\nApply {digest(rollout)[:19]}? Only 'yes' goes on:") != "yes":
            console.say("Nothing was changed.")
            return ExitCode.CANCELLED
        with store.hold(rollout.target, holder(session, "")) as held_for:
            await restore_left_pins(rollout, stage)
            # Asked again under the lock: a Run that held it may have changed the set.
            await _check_live(rollout, session, is_resuming=False)
            run = store.create_run(rollout)
            held_for(run)
            opening = RunStarted(session.clock.now(), run, digest(rollout), wait)
            return await execute(run, RunState.begin(rollout), stage, opening)


async def _resume(
    run: str | None,
    connection: Connection,
    console: Console,
    *,
    wait: bool,
    as_json: bool,
    otel: bool | None,
) -> int:
    from vmssplan.cli.steering import tell_to_go_on
    from vmssplan.engine import replay
    from vmssplan.engine.events import RunResumed

    store = open_state(connection)
    run = run or _unfinished_run(store)
    rollout = store.rollout(run)
    if tell_to_go_on(run, store, console):
        return ExitCode.SUCCESS
    async with open_session(connection, console) as session:
        with store.hold(rollout.target, holder(session, run)):
            so_far = replay(rollout, store.events(run))
            if not is_open(so_far):
                console.say(f"{run} is complete already.")
                return so_far.outcome.exit_code if so_far.outcome else ExitCode.SUCCESS
            await _check_live(so_far.rollout, session, is_resuming=True)
            stage = Stage(session, store, connection, console, as_json, otel)
            return await execute(run, so_far, stage, RunResumed(session.clock.now(), wait))


async def _rollout(
    path: Path, session: Session, console: Console, *, ask: bool, as_json: bool
) -> Rollout:
    """Load a saved Rollout or compute one from a Plan; print what nobody has seen yet."""
    from vmssplan.cli.planning import compute, single_plan
    from vmssplan.report.text import rollout_text
    from vmssplan.stores.local import load_rollout

    if path.suffix == ".json":
        rollout = load_rollout(path)
    else:
        rollout = await compute(single_plan(path), session, console)
    is_new = ask or path.suffix != ".json"
    if is_new and not as_json:
        console.out(rollout_text(rollout, paint=console.paint(), width=console.width))
    return rollout


async def _check_live(rollout: Rollout, session: Session, *, is_resuming: bool) -> None:
    """Refuse a Rollout that is stale, or a scale set that must not be touched now."""
    from vmssplan.staleness import drifts, refusals

    live, _ = await session.backend.observe(rollout.target)
    if not is_resuming:
        drift = drifts(rollout, live)
        if drift:
            raise RolloutStale(
                f"{rollout.target} is not what was planned:\n  " + "\n  ".join(drift),
                hint="plan again, and have it reviewed again",
            )
    rolling = await session.backend.rolling_upgrade_in_progress(rollout.target)
    reasons = refusals(rollout, live, rolling_upgrade_in_progress=rolling, is_resuming=is_resuming)
    if reasons:
        raise Refused(f"{rollout.target} cannot be rolled out now:\n  " + "\n  ".join(reasons))


def _check_unfinished(rollout: Rollout, store: StateStore, connection: Connection) -> None:
    """Refuse to start again what an earlier Run of the very same Rollout began."""
    from vmssplan.engine import replay
    from vmssplan.rollout import digest

    wanted = digest(rollout)
    for run in store.runs():
        earlier = store.rollout(run)
        if digest(earlier) == wanted and is_open(replay(earlier, store.events(run))):
            raise Refused(
                f"{run} has begun this very Rollout and not finished it",
                hint=f"vmssplan resume {run}{connection.arguments()}",
            )


def _unfinished_run(store: StateStore) -> str:
    from vmssplan.engine import replay

    runs = [run for run in store.runs() if is_open(replay(store.rollout(run), store.events(run)))]
    if len(runs) == 1:
        return runs[0]
    if not runs:
        raise UsageInvalid("there is no unfinished Run", hint="`vmssplan status` lists the Runs")
    raise UsageInvalid(f"which Run? Unfinished are: {', '.join(runs)}")
