"""The verbs that carry a rollout out: apply and resume."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
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
    InputOption,
    JsonOption,
    LockTimeoutOption,
    OtelOption,
    Stage,
    WaitOption,
    execute,
    holder,
    holding,
    is_open,
    lock_patience,
    may_ask,
    restore_left_pins,
    say_nothing_to_do,
)
from vmssplan.cli.notifying import NotifyOption
from vmssplan.cli.policing import PolicyOption, policed, policy_of, say_unanswered
from vmssplan.errors import ExitCode, Refused, RolloutStale, UsageInvalid

SHORTEST_DIGEST = 12

if TYPE_CHECKING:
    from vmssplan.cli.connection import Session
    from vmssplan.engine import RunState
    from vmssplan.policy import Policy
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
    require_digest: Annotated[
        str | None,
        typer.Option(
            "--require-digest",
            metavar="SHA256",
            help="Refuse any other Rollout than the one with this digest, whole or its first"
            " 12 digits.",
        ),
    ] = None,
    policy: PolicyOption = None,
    wait: WaitOption = False,
    input_: InputOption = "true",
    lock_timeout: LockTimeoutOption = None,
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
    """Carry a rollout out, step by step. A saved Rollout is carried out exactly, or refused.

    Ctrl-C once finishes what is in flight and stops (exit 8); twice stops at once. Either way
    `vmssplan resume` goes on. From elsewhere: `vmssplan approve`, `pause`, `abort`, `rollback`.

    Example: vmssplan apply rollout.json --auto-approve
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, state)
    if not may_ask(console, input_, as_json=as_json) and not auto_approve:
        raise UsageInvalid("there is nobody to ask here", hint="add --auto-approve")
    manner = Manner(
        ask=not auto_approve,
        wait=wait,
        as_json=as_json,
        otel=otel,
        notify=notify,
        patience=lock_patience(lock_timeout),
        digest=require_digest,
        policy=policy_of(policy),
    )
    return asyncio.run(_apply(path, connection, console, manner))


def resume(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Which Run; left out: the one not finished."),
    ] = None,
    *,
    wait: WaitOption = False,
    lock_timeout: LockTimeoutOption = None,
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
    """Go on with a Run that was paused, stopped, halted or killed. Failed ones are tried again.

    A Run that is paused, and whose process still waits, is told to go on.

    Example: vmssplan resume web-jammy-1
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, state)
    patience = lock_patience(lock_timeout)
    manner = Manner(wait=wait, as_json=as_json, otel=otel, notify=notify, patience=patience)
    return asyncio.run(_resume(run, connection, console, manner))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a Rollout is to be carried out, as it was typed."""

    ask: bool = False
    wait: bool = False
    as_json: bool = False
    otel: bool | None = None
    notify: Path | None = None
    patience: timedelta = timedelta(0)
    digest: str | None = None
    policy: Policy | None = None


async def _apply(path: Path, connection: Connection, console: Console, manner: Manner) -> int:
    store = open_state(connection)
    async with open_session(connection, console) as session:
        stage = Stage(
            session, store, connection, console, manner.as_json, manner.otel, manner.notify
        )
        rollout = await _rollout(path, session, connection, console, manner)
        check_digest(rollout, manner.digest)
        return await start_run(rollout, stage, manner)


async def start_run(rollout: Rollout, stage: Stage, manner: Manner) -> int:
    """Carry out a Rollout that was shown: ask, hold the set, and begin a Run; return its code."""
    from vmssplan.engine import RunState
    from vmssplan.engine.events import RunStarted
    from vmssplan.rollout import digest

    session, store, console = stage.session, stage.store, stage.console
    if not rollout.has_changes:
        say_nothing_to_do(rollout, stage)
        return ExitCode.SUCCESS
    # Asked first: what a Run of it has done already makes it stale, and `resume` is the way on.
    _check_unfinished(rollout, store, stage.connection)
    await _check_live(rollout, session, is_resuming=False)
    if manner.ask and console.ask(f"\nApply {digest(rollout)[:19]}? Only 'yes' goes on:") != "yes":
        console.say("Nothing was changed.")
        return ExitCode.CANCELLED
    mine = holder(session, "")
    with holding(store, rollout.target, mine, manner.patience) as held_for:
        await restore_left_pins(rollout, stage)
        # Asked again under the lock: a Run that held it may have changed the set.
        await _check_live(rollout, session, is_resuming=False)
        run = store.create_run(rollout)
        held_for(run)
        opening = RunStarted(session.clock.now(), run, digest(rollout), manner.wait)
        return await execute(run, RunState.begin(rollout), stage, opening)


async def _resume(run: str | None, connection: Connection, console: Console, manner: Manner) -> int:
    from vmssplan.cli import instructing
    from vmssplan.engine import replay
    from vmssplan.engine.events import RunResumed

    store = open_state(connection)
    run = run or _unfinished_run(store)
    rollout = store.rollout(run)
    # Whoever then tries to hold its scale set is told who carries it out, if anybody does.
    if instructing.go_on(run, store):
        console.out(f"{run} goes on.")
        return ExitCode.SUCCESS
    async with open_session(connection, console) as session:
        with holding(store, rollout.target, holder(session, run), manner.patience):
            so_far = replay(rollout, store.events(run))
            if not is_open(so_far):
                return _say_ended(run, so_far, console)
            await _check_live(so_far.rollout, session, is_resuming=True)
            stage = Stage(
                session, store, connection, console, manner.as_json, manner.otel, manner.notify
            )
            return await execute(run, so_far, stage, RunResumed(session.clock.now(), manner.wait))


def _say_ended(run: str, ended: RunState, console: Console) -> int:
    what = "complete" if ended.rollback is None else "rolled back"
    console.say(f"{run} is {what} already.")
    return ended.outcome.exit_code if ended.outcome else ExitCode.SUCCESS


async def _rollout(
    path: Path, session: Session, connection: Connection, console: Console, manner: Manner
) -> Rollout:
    """Load a saved Rollout or compute one from a Plan; print what nobody has seen yet.

    Raises RolloutStale for a saved one that has expired.
    """
    from vmssplan.cli.forecasting import latencies_of
    from vmssplan.cli.planning import plan_live, single_plan
    from vmssplan.report.text import rollout_text
    from vmssplan.stores.local import load_saved

    if path.suffix == ".json":
        saved = load_saved(path)
        rollout, now = saved.rollout, session.clock.now()
        if saved.expires_at is not None and now >= saved.expires_at:
            raise RolloutStale(
                f"{path} could be applied until {saved.expires_at:%Y-%m-%d %H:%M} UTC,"
                f" and it is {now:%Y-%m-%d %H:%M} now",
                hint="plan again, and have it reviewed again",
            )
        await _hold_against(manner.policy, rollout, session, console)
    else:
        known = latencies_of(connection, None)
        planned = await plan_live(single_plan(path), session, console, known, manner.policy)
        rollout = planned.rollout
    is_new = manner.ask or path.suffix != ".json"
    if is_new and not manner.as_json:
        console.out(rollout_text(rollout, paint=console.paint(), width=console.width))
    return rollout


async def _hold_against(
    policy: Policy | None, rollout: Rollout, session: Session, console: Console
) -> None:
    """Refuse a saved Rollout that a team's rules deny; what they say of its Plan is not known."""
    if policy is None:
        return
    from vmssplan.lint import Severity
    from vmssplan.policy import Variable

    live, _ = await session.backend.observe(rollout.target)
    known = [Variable.LIVE, Variable.ROLLOUT]
    say_unanswered(policy, known, "a saved Rollout does not hold its Plan", console)
    denied = []
    for one in policed(policy, None, live, rollout):
        text = f"{one.message} [{one.rule}] ({one.fix})"
        if one.severity is Severity.ERROR:
            denied.append(text)
        else:
            console.warning(text)
    if denied:
        raise Refused(f"{policy.file} denies this Rollout:\n  " + "\n  ".join(denied))


def check_digest(rollout: Rollout, wanted: str | None) -> None:
    """Refuse any other Rollout than the reviewed one."""
    from vmssplan.rollout import digest

    if wanted is None:
        return
    digits, own = wanted.removeprefix("sha256:").lower(), digest(rollout).removeprefix("sha256:")
    if len(digits) < SHORTEST_DIGEST or set(digits) - set("0123456789abcdef"):
        raise UsageInvalid(f"--require-digest: {wanted!r} is no digest of 12 to 64 hex digits")
    if not own.startswith(digits):
        raise RolloutStale(
            f"the Rollout is sha256:{own}, and sha256:{digits} was required",
            hint="have this one reviewed, or plan again",
        )


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
