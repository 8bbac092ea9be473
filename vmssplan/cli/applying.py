"""The verbs that change a scale set: apply and resume."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import socket
from contextlib import contextmanager
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
    SimulatorOption,
    SpeedOption,
    StateOption,
    open_session,
)
from vmssplan.cli.console import Console
from vmssplan.errors import ExitCode, Refused, RolloutStale, UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.cli.connection import Session
    from vmssplan.engine import Event, RunState
    from vmssplan.executor import Executor
    from vmssplan.ports import LockHolder
    from vmssplan.rollout import Rollout
    from vmssplan.stores.local import LocalState

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON line an event.")]


def apply(
    path: Annotated[
        Path, typer.Argument(metavar="PLAN.yaml|ROLLOUT.json", help="A Plan or a saved Rollout.")
    ],
    *,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Do not ask before the start.")
    ] = False,
    as_json: JsonOption = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Carry a rollout out, step by step. A saved Rollout is carried out exactly, or refused.

    Ctrl-C once finishes what is in flight and stops (exit 8); twice stops at once. Either way
    `vmssplan resume` goes on.

    Example: vmssplan apply rollout.json --auto-approve
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed)
    if not auto_approve and (as_json or not console.is_terminal):
        raise UsageInvalid("there is nobody to ask here", hint="add --auto-approve")
    return asyncio.run(_apply(path, connection, console, ask=not auto_approve, as_json=as_json))


def resume(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Which Run; left out: the one not finished."),
    ] = None,
    *,
    as_json: JsonOption = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Go on with a Run that was stopped, halted or killed. Failed instances are tried again.

    Example: vmssplan resume web-jammy-1
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed)
    return asyncio.run(_resume(run, connection, console, as_json=as_json))


async def _apply(
    path: Path, connection: Connection, console: Console, *, ask: bool, as_json: bool
) -> int:
    from vmssplan.engine import RunState
    from vmssplan.engine.events import RunStarted
    from vmssplan.rollout import digest
    from vmssplan.stores.local import LocalState

    state = LocalState(connection.state_dir)
    async with open_session(connection, console) as session:
        rollout = await _rollout(path, session, console, ask=ask, as_json=as_json)
        if not rollout.has_changes:
            return ExitCode.SUCCESS
        await _check_live(rollout, session, is_resuming=False)
        _check_unfinished(rollout, state, connection)
        if ask and console.ask(f"\nApply {digest(rollout)[:19]}? Only 'yes' goes on:") != "yes":
            console.say("Nothing was changed.")
            return ExitCode.CANCELLED
        with state.hold(rollout.target, _holder(session, "")) as held_for:
            # Asked again under the lock: a Run that held it may have changed the set.
            await _check_live(rollout, session, is_resuming=False)
            run = state.create_run(rollout)
            held_for(run)
            opening = RunStarted(session.clock.now(), run, digest(rollout))
            begun = RunState.begin(rollout)
            return await _execute(
                run, rollout, begun, opening, session, state, connection, console, as_json=as_json
            )


async def _resume(
    run: str | None, connection: Connection, console: Console, *, as_json: bool
) -> int:
    from vmssplan.engine import replay
    from vmssplan.engine.events import RunResumed
    from vmssplan.stores.local import LocalState

    state = LocalState(connection.state_dir)
    run = run or _unfinished_run(state)
    rollout = state.rollout(run)
    async with open_session(connection, console) as session:
        with state.hold(rollout.target, _holder(session, run)):
            so_far = replay(rollout, state.events(run))
            if so_far.outcome is not None and so_far.outcome.exit_code is ExitCode.SUCCESS:
                console.say(f"{run} is complete already.")
                return ExitCode.SUCCESS
            await _check_live(rollout, session, is_resuming=True)
            opening = RunResumed(session.clock.now())
            return await _execute(
                run, rollout, so_far, opening, session, state, connection, console, as_json=as_json
            )


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
        rollout = await compute(single_plan(path), session.backend, console)
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


def _check_unfinished(rollout: Rollout, state: LocalState, connection: Connection) -> None:
    """Refuse to start again what an earlier Run of the very same Rollout began."""
    from vmssplan.engine import replay
    from vmssplan.rollout import digest

    wanted = digest(rollout)
    for run in state.runs():
        earlier = state.rollout(run)
        if digest(earlier) != wanted:
            continue
        outcome = replay(earlier, state.events(run)).outcome
        if outcome is None or outcome.exit_code is not ExitCode.SUCCESS:
            raise Refused(
                f"{run} has begun this very Rollout and not finished it",
                hint=f"vmssplan resume {run}{connection.arguments()}",
            )


def _unfinished_run(state: LocalState) -> str:
    from vmssplan.engine import replay

    unfinished = []
    for run in state.runs():
        outcome = replay(state.rollout(run), state.events(run)).outcome
        if outcome is None or outcome.exit_code is not ExitCode.SUCCESS:
            unfinished.append(run)
    if len(unfinished) == 1:
        return unfinished[0]
    if not unfinished:
        raise UsageInvalid("there is no unfinished Run", hint="`vmssplan status` lists the Runs")
    raise UsageInvalid(f"which Run? Unfinished are: {', '.join(unfinished)}")


async def _execute(
    run: str,
    rollout: Rollout,
    begun: RunState,
    opening: Event,
    session: Session,
    state: LocalState,
    connection: Connection,
    console: Console,
    *,
    as_json: bool,
) -> int:
    from vmssplan.cli.watching import watching
    from vmssplan.executor import Executor
    from vmssplan.report.as_json import outcome_json
    from vmssplan.report.run import outcome_text

    journal = state.journal(run)
    try:
        with watching(run, rollout, console, as_json=as_json) as watcher:
            executor = Executor(rollout, session.backend, session.clock, journal, watcher, begun)
            with _interruptible(executor, console):
                ended = await executor.run(opening)
    except asyncio.CancelledError:
        again = f"vmssplan resume {run}{connection.arguments()}"
        console.error("stopped at once; an operation may still run in Azure", hint=again)
        return ExitCode.CANCELLED
    finally:
        journal.close()
    if as_json:
        from vmssplan.documents import canonical_json

        console.out(canonical_json(outcome_json(rollout, ended, run)))
    else:
        text = outcome_text(
            rollout, ended, run, paint=console.paint(), options=connection.arguments()
        )
        console.out(f"\n{text}")
    return ended.outcome.exit_code if ended.outcome else ExitCode.BUG


@contextmanager
def _interruptible(executor: Executor, console: Console) -> Iterator[None]:
    """Let the first interrupt ask the Run to stop, and the second stop it at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen = 0

    def interrupt() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            console.say("Stopping after what is in flight. Once more to stop at once.")
            executor.request_cancel()
        elif task is not None:
            task.cancel()

    before = signal.getsignal(signal.SIGINT)
    try:
        loop.add_signal_handler(signal.SIGINT, interrupt)
    except (NotImplementedError, RuntimeError):
        # Windows has no such handlers; the ordinary one runs between two steps of the loop.
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupt))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _holder(session: Session, run: str) -> LockHolder:
    from vmssplan.ports import LockHolder

    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return LockHolder(user, socket.gethostname(), os.getpid(), session.clock.now(), run)
