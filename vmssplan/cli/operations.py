"""Shows what a request for chosen instances comes to, asks, and carries it out under the lock."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vmssplan.cli.connection import open_session, open_state
from vmssplan.durations import parse_duration
from vmssplan.errors import (
    ExitCode,
    LockHeld,
    Refused,
    Retryable,
    RolloutStale,
    UsageInvalid,
)
from vmssplan.model import Amount, ScaleSetId
from vmssplan.operating import Operation, command
from vmssplan.pacing import pause_after_refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vmssplan.cli.connection import Connection, Session
    from vmssplan.cli.console import Console
    from vmssplan.lint import Finding
    from vmssplan.model import Plan, ScaleSet
    from vmssplan.operating import Request, Selection
    from vmssplan.planfile import LoadedPlan
    from vmssplan.ports import Backend, LockHolder, StateStore
    from vmssplan.rollout import Rollout
    from vmssplan.working import Note, WorkOutcome

T = TypeVar("T")
LOOKING_PATIENCE = timedelta(minutes=15)
_AMOUNT = re.compile(r"([0-9]{1,4})(%?)")


@dataclass(frozen=True, slots=True)
class Care:
    """How it is to be done, as it was typed; `wait` None where nobody said."""

    auto_approve: bool = False
    digest: str | None = None
    wait: bool | None = None
    patience: timedelta = timedelta(0)
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What was named: a set, and its Plan where one was."""

    text: str
    id: ScaleSetId
    loaded: LoadedPlan | None = None

    @property
    def plan(self) -> Plan | None:
        """The Plan alone."""
        return self.loaded.plan if self.loaded is not None else None


@dataclass(frozen=True, slots=True)
class Desk:
    """All that one request is wired to."""

    target: Target
    request: Request
    session: Session
    backend: Backend
    connection: Connection
    console: Console
    care: Care

    def words(self) -> str:
        """Return the command for the same, with the options of the service."""
        typed = shlex.join(command(self.request, self.target.text))
        return typed + self.connection.arguments()


def target_of(text: str) -> Target:
    """Read what was named; raises DocumentInvalid, UsageInvalid."""
    from vmssplan.cli.planning import single_plan

    named = ScaleSetId.parse(text)
    if named is not None:
        return Target(text, named)
    if text.startswith("/subscriptions/"):
        raise UsageInvalid(
            f"{text} is no id of a scale set",
            hint="expected /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Compute"
            "/virtualMachineScaleSets/NAME",
        )
    loaded = single_plan(Path(text))
    return Target(text, loaded.plan.target, loaded)


async def list_chosen(
    text: str, selection: Selection, connection: Connection, console: Console, *, as_json: bool
) -> int:
    """Print the instances that the selection means."""
    from vmssplan.documents import readable_json
    from vmssplan.operating import health_source, select
    from vmssplan.report.instances import instances_json, instances_text
    from vmssplan.resolution import resolve

    target = target_of(text)
    async with open_session(connection, console) as session:
        backend = _backend(target, session, console)
        live, _ = await _patiently(lambda: backend.observe(target.id), session, console)
        plan = target.plan
        wanted = live.model if plan is None else await resolve(plan.model, live, backend)
    source = health_source(live, plan)
    chosen = select(live, selection, wanted, source)
    if as_json:
        console.out(readable_json(instances_json(live, chosen, wanted, source)))
    else:
        console.out(instances_text(live, chosen, wanted, source, console.paint()))
    return ExitCode.SUCCESS


async def work_on(
    text: str, request: Request, connection: Connection, console: Console, care: Care
) -> int:
    """Show it, ask where there is somebody to ask, and do it; return the exit code."""
    target = target_of(text)
    async with open_session(connection, console) as session:
        backend = _backend(target, session, console)
        desk = Desk(target, request, session, backend, connection, console, care)
        prepared, _ = await _prepare(desk)
        if isinstance(prepared, Operation):
            return await _work(prepared, desk)
        return await _roll_out(prepared, desk)


def _backend(target: Target, session: Session, console: Console) -> Backend:
    """Return the backend that sees health as the Plan wants it."""
    from vmssplan.probes import RealProbes

    if target.plan is None:
        return session.backend
    return session.probing(RealProbes(os.environ, console.say), target.plan.health)


async def _prepare(desk: Desk) -> tuple[Operation | Rollout, ScaleSet]:
    from vmssplan.cli.forecasting import latencies_of
    from vmssplan.previewing import prepare

    boot = latencies_of(desk.connection, None).boot
    report = _reporter(desk.target.loaded, desk.console)
    target = desk.target
    return await _patiently(
        lambda: prepare(desk.request, target.id, target.plan, desk.backend, report, boot),
        desk.session,
        desk.console,
    )


async def _patiently(ask: Callable[[], Awaitable[T]], session: Session, console: Console) -> T:
    """Ask again while the service has no time for us; raises Retryable when that takes long.

    Looking at a thousand instances may use a minute's requests up, so the pauses grow.
    """
    began = session.clock.now()
    while True:
        try:
            return await ask()
        except Retryable as error:
            so_far = session.clock.now() - began
            if so_far >= LOOKING_PATIENCE:
                raise
            if not so_far:
                console.say(f"Waiting: {error.message}")
            pause = pause_after_refusal(error.retry_after, so_far)
            await session.clock.sleep_until(session.clock.now() + pause)


def _reporter(loaded: LoadedPlan | None, console: Console) -> Callable[[Sequence[Finding]], None]:
    """Return who prints what the lint finds, and refuses where that is an error."""
    from vmssplan.cli.planning import report_findings
    from vmssplan.lint import Severity

    def report(findings: Sequence[Finding]) -> None:
        if loaded is not None:
            if not report_findings(loaded, findings, console):
                raise Refused(f"the Plan {loaded.plan.name} cannot be carried out as it is")
            return
        errors = [one for one in findings if one.severity is Severity.ERROR]
        for one in findings:
            if one not in errors:
                console.warning(f"{one.message} [{one.rule}]")
        if errors:
            told = "; ".join(f"{one.message} [{one.rule}]" for one in errors)
            raise Refused(told, hint="; ".join(str(one.fix) for one in errors if one.fix) or None)

    return report


async def _roll_out(rollout: Rollout, desk: Desk) -> int:
    """Show and carry out what is an ordinary Rollout, exactly as `apply` does."""
    from vmssplan.cli.applying import Manner, check_digest, start_run
    from vmssplan.cli.executing import Stage
    from vmssplan.documents import readable_json
    from vmssplan.report.operation import rollout_operation_json
    from vmssplan.report.text import rollout_text

    console, care = desk.console, desk.care
    if care.wait is False:
        raise UsageInvalid(
            "--no-wait: a rollout is followed to its end", hint="`vmssplan abort` ends one"
        )
    is_asking = _may_ask(desk)
    if not care.as_json:
        console.out(rollout_text(rollout, paint=console.paint(), width=console.width))
    elif not care.auto_approve:
        words = command(desk.request, desk.target.text)
        console.out(readable_json(rollout_operation_json(rollout, desk.request, words)))
    check_digest(rollout, care.digest)
    if not care.auto_approve and not is_asking:
        _say_how(desk, rollout.digest, has_changes=rollout.has_changes)
        return ExitCode.SUCCESS
    stage = Stage(desk.session, open_state(desk.connection), desk.connection, console, care.as_json)
    manner = Manner(ask=is_asking, wait=bool(care.wait), patience=care.patience)
    return await start_run(rollout, stage, manner)


async def _work(operation: Operation, desk: Desk) -> int:
    """Show and carry out an Operation."""
    from vmssplan.documents import readable_json
    from vmssplan.report.operation import operation_json
    from vmssplan.report.operation_text import operation_text
    from vmssplan.working import WorkOutcome

    console, care = desk.console, desk.care
    if not care.as_json:
        console.out(operation_text(operation, paint=console.paint(), width=console.width))
    elif not care.auto_approve:
        words = command(desk.request, desk.target.text)
        console.out(readable_json(operation_json(operation, words)))
    _check(operation, care.digest)
    if not operation.has_changes:
        if care.as_json and care.auto_approve:
            _say_outcome(WorkOutcome(ExitCode.SUCCESS, ""), operation, desk)
        return ExitCode.SUCCESS
    is_asking = _may_ask(desk)
    if not care.auto_approve and not is_asking:
        _say_how(desk, operation.digest, has_changes=True)
        return ExitCode.SUCCESS
    question = f"\n{str(operation.verb).capitalize()} {operation.digest[:19]}? Only 'yes' goes on:"
    if is_asking and console.ask(question) != "yes":
        console.say("Nothing was changed.")
        return ExitCode.CANCELLED
    return await _under_lock(operation, desk, must_be_same=is_asking or care.digest is not None)


def _may_ask(desk: Desk) -> bool:
    return desk.console.is_terminal and not (desk.care.as_json or desk.care.auto_approve)


def _check(operation: Operation, digest: str | None) -> None:
    """Raise for another Operation than the one wanted, and for one that the floor forbids."""
    from vmssplan.cli.applying import SHORTEST_DIGEST

    if digest is not None:
        digits, own = digest.removeprefix("sha256:").lower(), operation.digest[7:]
        if len(digits) < SHORTEST_DIGEST or set(digits) - set("0123456789abcdef"):
            raise UsageInvalid(f"--require-digest: {digest!r} is no digest of 12 to 64 hex digits")
        if not own.startswith(digits):
            raise RolloutStale(
                f"it comes to sha256:{own} now, and sha256:{digits} was required",
                hint="look at it again: the scale set has changed, or something else was asked",
            )
    if operation.refused is not None:
        raise Refused(operation.refused, hint=operation.hint)


def _say_how(desk: Desk, digest: str, *, has_changes: bool) -> None:
    """Say that nothing was done, and what to type to have it done."""
    if has_changes:
        tell = desk.console.say if desk.care.as_json else desk.console.out
        tell(
            "\nNothing was changed. To do exactly this:"
            f" {desk.words()} --auto-approve --require-digest {digest[:19]}"
        )


async def _under_lock(operation: Operation, desk: Desk, *, must_be_same: bool) -> int:
    from vmssplan.cli.executing import holder, holding, interruptible
    from vmssplan.working import Asker, carry_out

    session, console, care = desk.session, desk.console, desk.care
    store, mine = open_state(desk.connection), holder(session, "")
    with holding(store, operation.target, mine, care.patience):
        # Asked again under the lock: a Run that held it may have changed the set.
        fresh, _ = await _prepare(desk)
        if not isinstance(fresh, Operation):
            raise TypeError("an operation became a rollout")
        _check(fresh, operation.digest if must_be_same else None)
        asker = Asker(
            fresh,
            desk.backend,
            session.clock,
            _Telling(fresh, console, as_json=care.as_json),
            lambda: check_held(store, operation.target, mine),
        )
        try:
            with interruptible(asker, console):
                outcome = await carry_out(asker, session.backend, waits=care.wait is not False)
        except asyncio.CancelledError:
            console.error("stopped at once; an operation may still run", hint=desk.words())
            return ExitCode.CANCELLED
    _say_outcome(outcome, fresh, desk)
    return outcome.exit_code


def _say_outcome(outcome: WorkOutcome, operation: Operation, desk: Desk) -> None:
    from vmssplan.documents import canonical_json
    from vmssplan.report.working import work_json, work_text

    if desk.care.as_json:
        now = desk.session.clock.now()
        desk.console.out(canonical_json(work_json(outcome, operation, now)))
    else:
        desk.console.out("\n" + work_text(outcome, operation, desk.words()))


def check_held(store: StateStore, target: ScaleSetId, mine: LockHolder) -> None:
    """Raise LockHeld when somebody else holds the set by now, or nobody does."""
    held = store.holder(target)
    is_mine = held is not None and (held.user, held.host, held.process_id) == (
        mine.user,
        mine.host,
        mine.process_id,
    )
    if not is_mine:
        raise LockHeld(
            f"the lock of {target} was taken away: {held or 'nobody holds it now'}",
            hint="look at the set, and ask again",
        )


@dataclass(frozen=True, slots=True)
class _Telling:
    """`working.Onlooker` that prints a line a Note."""

    operation: Operation
    console: Console
    as_json: bool

    def told(self, note: Note) -> None:
        """Print it."""
        from vmssplan.documents import canonical_json
        from vmssplan.report.working import note_json, note_text

        if self.as_json:
            self.console.out(canonical_json(note_json(note, self.operation)))
        else:
            self.console.out(note_text(note, self.operation))


def amount_of(option: str, text: str | None, *, least: int = 1) -> Amount | None:
    """Read `2` or `20%`; raises UsageInvalid."""
    if text is None:
        return None
    found = _AMOUNT.fullmatch(text)
    if found is None or int(found[1]) < least or (found[2] and int(found[1]) > 100):  # noqa: PLR2004
        raise UsageInvalid(f"{option}: {text!r} is no amount; expected such as 2 or 20%")
    return Amount(int(found[1]), percent=bool(found[2]))


def span_of(option: str, text: str | None) -> timedelta:
    """Read an ISO 8601 duration, or `120s`; raises UsageInvalid."""
    if text is None:
        return timedelta(0)
    try:
        return parse_duration(text if text.upper().startswith("P") else f"PT{text.upper()}")
    except ValueError as error:
        raise UsageInvalid(
            f"{option}: {text!r} is no duration; expected such as PT2M or 120s"
        ) from error
