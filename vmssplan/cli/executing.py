"""Carries a Run out for a verb: backend, journal, inbox, watcher around one Executor."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from msgspec import structs

from vmssplan.cli.logs import PANEL
from vmssplan.durations import parse_duration
from vmssplan.errors import ExitCode, LockHeld, UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmssplan.cli.connection import Connection, Session
    from vmssplan.cli.console import Console
    from vmssplan.engine import Event, RunState
    from vmssplan.model import CommandProbe, HttpProbe, ScaleSetId
    from vmssplan.ports import LockHolder, StateStore
    from vmssplan.rollout import Rollout

LOCK_POLL_SECONDS = 1.0
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON line an event.")]


def _must_be_possible(otel: bool | None) -> bool | None:
    """Refuse at once what cannot be done, before there is a Run."""
    if otel:
        from vmssplan.cli.watching import check_telemetry

        check_telemetry()
    return otel


OtelOption = Annotated[
    bool | None,
    typer.Option(
        "--otel/--no-otel",
        envvar="VMSSPLAN_OTEL",
        callback=_must_be_possible,
        help="Send traces and metrics to an OpenTelemetry collector, as the variables OTEL_* say."
        " Default: where OTEL_EXPORTER_OTLP_ENDPOINT is set.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Stay and wait for approvals, and where a gate is inconclusive."
        " Default: end with exit code 10.",
    ),
]


LockTimeoutOption = Annotated[
    str | None,
    typer.Option(
        "--lock-timeout",
        metavar="DURATION",
        help="Wait so long for another holder of the scale set, such as PT5M or 300s."
        " Default: not at all (exit 14).",
    ),
]
InputOption = Annotated[
    str,
    typer.Option(
        "--input", metavar="true|false", help="false: never ask; what would ask is an error."
    ),
]


@dataclass(frozen=True, slots=True)
class Stage:
    """All that one Run of a verb is wired to."""

    session: Session
    store: StateStore
    connection: Connection
    console: Console
    as_json: bool = False
    otel: bool | None = None
    notify: Path | None = None


async def execute(run: str, begun: RunState, stage: Stage, *opening: Event) -> int:
    """Carry the Run on from that state, print how it ended, and return its exit code."""
    from vmssplan.cli.notifying import with_notifications
    from vmssplan.cli.watching import watching
    from vmssplan.executor import Executor
    from vmssplan.inbox import StoredInbox
    from vmssplan.probes import RealProbes

    console, session = stage.console, stage.session
    journal = stage.store.journal(run)
    probes = RealProbes(os.environ, console.say)
    backend = session.probing(probes, begun.rollout.health, probes_of(begun.rollout), run)
    try:
        with (
            watching(
                run, begun.rollout, stage.store, console, as_json=stage.as_json, otel=stage.otel
            ) as shown,
            with_notifications(run, shown, stage.notify, console) as watcher,
        ):
            inbox = StoredInbox(stage.store, run)
            executor = Executor(backend, session.clock, journal, inbox, probes, watcher, begun)
            with interruptible(executor, console):
                ended = await executor.run(*opening)
    except asyncio.CancelledError:
        again = f"vmssplan resume {run}{stage.connection.arguments()}"
        console.error("stopped at once; an operation may still run in Azure", hint=again)
        return ExitCode.CANCELLED
    finally:
        journal.close()
    _say_outcome(run, ended, stage)
    return ended.outcome.exit_code if ended.outcome else ExitCode.BUG


def say_nothing_to_do(rollout: Rollout, stage: Stage) -> None:
    """Print the whole stream of a Run that never was: there is nothing to change."""
    from vmssplan.documents import canonical_json
    from vmssplan.engine import Outcome, RunState
    from vmssplan.report.as_json import version_json

    if stage.as_json:
        stage.console.out(canonical_json(version_json(stage.session.clock.now())))
        done = Outcome(ExitCode.SUCCESS, 0, "")
        ended = structs.replace(RunState.begin(rollout), outcome=done)
        _say_outcome("", ended, stage)


def _say_outcome(run: str, ended: RunState, stage: Stage) -> None:
    from vmssplan.documents import canonical_json
    from vmssplan.report.as_json import outcome_line_json
    from vmssplan.report.run import outcome_text

    console = stage.console
    if stage.as_json:
        at = stage.session.clock.now()
        console.out(canonical_json(outcome_line_json(ended, run, at)))
        return
    connection = stage.connection
    text = outcome_text(
        ended,
        run,
        paint=console.paint(),
        options=connection.arguments(),
        state_options=connection.state_arguments(),
    )
    console.out(f"\n{text}")


class Stoppable(Protocol):
    """Work that can be asked to stop."""

    def request_cancel(self) -> None:
        """Stop after what is in flight."""
        ...


@contextmanager
def interruptible(work: Stoppable, console: Console) -> Iterator[None]:
    """Let the first interrupt ask the work to stop, and the second stop it at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen = 0

    def interrupt() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            console.say("Stopping after what is in flight. Once more to stop at once.")
            work.request_cancel()
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


@contextmanager
def holding(
    store: StateStore, target: ScaleSetId, mine: LockHolder, patience: timedelta
) -> Iterator[Callable[[str], None]]:
    """Hold the scale set, after waiting for another holder as long as that; raises LockHeld."""
    limit = time.monotonic() + patience.total_seconds()
    while True:
        try:
            held = store.hold(target, mine)
            held_for = held.__enter__()
        except LockHeld:
            if time.monotonic() >= limit:
                raise
            time.sleep(min(LOCK_POLL_SECONDS, max(0.0, limit - time.monotonic())))
        else:
            break
    with ExitStack() as stack:
        stack.push(held)
        yield held_for


def lock_patience(text: str | None) -> timedelta:
    """Read an ISO 8601 duration, or Terraform's `300s`; raises UsageInvalid."""
    if text is None:
        return timedelta(0)
    try:
        return parse_duration(text if text.upper().startswith("P") else f"PT{text.upper()}")
    except ValueError as error:
        raise UsageInvalid(
            f"--lock-timeout: {text!r} is no duration; expected such as PT5M or 300s"
        ) from error


def may_ask(console: Console, typed: str, *, as_json: bool) -> bool:
    """Tell whether there is somebody to ask; raises UsageInvalid for neither true nor false."""
    if typed not in ("true", "false"):
        raise UsageInvalid(f"--input: expected true or false, got {typed!r}")
    return typed == "true" and console.is_terminal and not as_json


def whoami() -> str:
    """Return who types, for journals and locks: `user@host`."""
    return f"{_user()}@{socket.gethostname()}"


def holder(session: Session, run: str) -> LockHolder:
    """Return what to tell others who want the scale set meanwhile."""
    from vmssplan.ports import LockHolder

    return LockHolder(_user(), socket.gethostname(), os.getpid(), session.clock.now(), run)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


async def restore_left_pins(rollout: Rollout, stage: Stage) -> None:
    """Give autoscale back what killed Runs on this scale set have left pinned.

    Only for who holds the set; raises what the service raises.
    """
    for run in stage.store.runs():
        if stage.store.rollout(run).target == rollout.target:
            await restore_pins(run, stage)


async def restore_pins(run: str, stage: Stage) -> bool:
    """Give back what that Run has left pinned, and note it in its journal; False: nothing was."""
    from vmssplan.autoscaling import AutoscaleKeeper
    from vmssplan.engine import replay

    rollout = stage.store.rollout(run)
    pins = replay(rollout, stage.store.events(run)).pins
    if pins is None:
        return False
    journal = stage.store.journal(run)
    try:
        keeper = AutoscaleKeeper(
            stage.session.backend,
            stage.session.clock,
            lambda event: journal.append([event]),
            rollout.target,
        )
        await keeper.restore(pins)
    finally:
        journal.close()
    names = ", ".join(one.name for one in pins.settings) or "nothing"
    stage.console.say(f"Autoscale {names} has its bounds back, which {run} had left pinned.")
    return True


def probes_of(rollout: Rollout) -> tuple[HttpProbe | CommandProbe, ...]:
    """Return what gates and hooks ask, on the way back too."""
    from vmssplan.rollout import Check, RunHook

    steps = (*rollout.steps, *(rollout.rollback.steps if rollout.rollback else ()))
    checks = tuple(step.probe for step in steps if isinstance(step, Check))
    return (*checks, *(step.command for step in steps if isinstance(step, RunHook)))


def is_open(state: RunState) -> bool:
    """Tell whether a Run has still something to do."""
    done = (ExitCode.SUCCESS, ExitCode.ROLLED_BACK)
    return state.outcome is None or state.outcome.exit_code not in done
