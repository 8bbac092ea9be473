"""One process that carries a Run on: the executor's loop over the abstract world, no service.

What it does with each Command is what `vmssplan.executor` does; a test holds the two against each
other. It stops where something else may happen: before a wait, a request, a question, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from vmssplan.engine import (
    Event,
    Finish,
    Live,
    Look,
    Measure,
    Record,
    ReimageInstances,
    RunProgram,
    RunState,
    UpgradeInstances,
    Wait,
    WriteModel,
)
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Instruction
from vmssplan.engine.waiting import backoff
from vmssplan.errors import ExitCode
from vmssplan.gates import Verdict
from vmssplan.model import Method, OperationStatus
from vmssplan.pacing import pause_after_refusal
from vmssplan.verifying import judging, judging_steps
from vmssplan.verifying.facts import Breach, Facts, Property, Watch
from vmssplan.verifying.scene import Scene, seconds_of, time_of
from vmssplan.verifying.world import World, report_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from vmssplan.engine import Command
    from vmssplan.model import OperationReport

MOST_RECORDS = 60
"""So much is written down between two waits only by an engine that goes round in circles."""


class Point(IntEnum):
    """Where a Run stands while something else may happen."""

    WAITING = 0
    WRITING = 1
    MEASURING = 2
    HOOKING = 3
    DOWN = 4
    ENDED = 5
    BROKEN = 6


class Died(Exception):
    """The process dies here."""


@dataclass
class Process:
    """A process, and the world around it; `lines_left` is when it dies, None for never."""

    scene: Scene
    now: int
    world: World
    state: RunState
    inbox: Sequence[Instruction]
    watch: Watch
    seen: World | None = None
    ended_at: dict[int, int] = field(default_factory=dict)
    blind_since: int | None = None
    live: Live | None = None
    lines_left: int | None = None
    journal: list[Event] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)

    @property
    def time(self) -> datetime:
        """The moment, as the engine has it."""
        return time_of(self.now)

    def facts(self) -> Facts:
        """Return what is judged by."""
        back = self.state.rollback
        added = frozenset(one.instance_id for one in back.added) if back else frozenset()
        return Facts(
            self.scene,
            self.state.rollout,
            added,
            self.world,
            self.inbox,
            self.watch,
            self.now,
        )

    def blame(self, breaches: Iterable[Breach]) -> None:
        """Take note of what is wrong."""
        self.breaches.extend(breaches)

    def note(self, *events: Event) -> None:
        """Write events down, which may be the last thing the process does."""
        dies = self.lines_left is not None and len(events) > self.lines_left
        written = events[: self.lines_left] if dies else events
        before = self.state.rollback
        self.state = self.scene.scheduler.evolve(self.state, *written)
        for event in written:
            self._witness(event, is_turned=before is not self.state.rollback)
        self.journal.extend(written)
        if self.lines_left is not None:
            self.lines_left -= len(written)
        if dies:
            raise Died

    def go_on(self) -> tuple[Point, Command | None]:
        """Ask and write down, until something else may happen."""
        for _ in range(MOST_RECORDS):
            if self.breaches:
                return Point.BROKEN, None
            command = self._decide()
            match command:
                case None:
                    return Point.BROKEN, None
                case Record(events=events):
                    self.note(*events)
                case Wait():
                    return Point.WAITING, command
                case WriteModel() | UpgradeInstances() | ReimageInstances():
                    self.blame(judging.judge_request(command, self.facts()))
                    return (Point.BROKEN if self.breaches else Point.WRITING), command
                case Measure():
                    self.blame(judging.judge_question(command, self.facts()))
                    return (Point.BROKEN if self.breaches else Point.MEASURING), command
                case RunProgram():
                    self.blame(judging.judge_question(command, self.facts()))
                    return (Point.BROKEN if self.breaches else Point.HOOKING), command
                case Finish():
                    return Point.ENDED, command
                case _:
                    self.blame([Breach(Property.SOUND, f"asks for {type(command).__name__}")])
                    return Point.BROKEN, None
        self.blame([Breach(Property.ENDS, "it writes down the same things again and again")])
        return Point.BROKEN, None

    def _decide(self) -> Command | None:
        try:
            return self.scene.scheduler.decide(self.state, self.live, self.time, self.inbox)
        except Exception as error:  # noqa: BLE001 - whatever comes out of it is a bug
            text = f"{type(error).__name__}: {error}"
            self.blame([Breach(Property.SOUND, text)])
            return None

    def look(self, look: Look) -> None:
        """See what there is to see."""
        reports = self._reports()
        is_over = any(one.status is not OperationStatus.IN_PROGRESS for one in reports.values())
        is_over = is_over or any(one.is_in_doubt for one in self.state.in_flight)
        if look is Look.EVERYTHING or is_over or self.seen is None:
            self.seen = self.world
            self._watch_health()
        self.blind_since = None
        operations = {f"operation-{number}": one for number, one in reports.items()}
        ended_at = {f"operation-{number}": time_of(at) for number, at in self.ended_at.items()}
        observed = self.scene.ground.observe(self.seen)
        self.live = Live(observed, operations, ended_at)

    def look_in_vain(self, code: str, *, is_for_good: bool) -> None:
        """Try to look, and be told nothing."""
        self.live = None
        if is_for_good:
            refused = ev.RequestRefused(self.time, None, int(ExitCode.NOT_PERMITTED), code, code)
            self.note(refused)
            return
        since = self.blind_since = self.now if self.blind_since is None else self.blind_since
        pause = pause_after_refusal(None, timedelta(seconds=self.now - since))
        self.note(
            ev.RequestDeferred(
                self.time,
                ev.DeferralReason.UNAVAILABLE,
                self.time + pause,
                code,
                code,
                blind_since=time_of(since),
            )
        )

    def _reports(self) -> dict[int, OperationReport]:
        reports = {}
        known = {one.number: one for one in self.world.operations}
        for request in self.state.in_flight:
            if not request.operation or request.is_in_doubt:
                continue
            operation = known.get(request.request)
            if operation is None or operation.is_lost:
                self.note(ev.OutcomeLost(self.time, request.request, "OperationNotFound", "gone"))
                continue
            report = reports[request.request] = report_of(operation)
            if report.status is not OperationStatus.IN_PROGRESS:
                self.ended_at.setdefault(request.request, self.now)
        return reports

    def intend(self, command: UpgradeInstances | ReimageInstances | WriteModel) -> int:
        """Write the intent down, and return the number of the request."""
        number = self.state.requests + 1
        if isinstance(command, WriteModel):
            self.note(ev.ModelWriteIntended(self.time, number, command.step, command.etag))
        else:
            is_upgrade = isinstance(command, UpgradeInstances)
            method = Method.UPGRADE if is_upgrade else Method.REIMAGE
            ids = command.instance_ids
            self.note(ev.UpgradeIntended(self.time, number, command.step, method, ids))
        return number

    def accepted(self, number: int) -> None:
        """Write down that the service took the request, and look if there may be more to do."""
        self.note(ev.OperationAccepted(self.time, number, f"operation-{number}"))
        self._after_request()

    def lost(self, number: int) -> None:
        """Write down that nobody can tell what became of the request."""
        self.note(ev.OutcomeLost(self.time, number, "ConnectionLost", "ConnectionLost"))
        self.put_off(ev.DeferralReason.UNAVAILABLE, None, None)

    def put_off(
        self, reason: ev.DeferralReason, number: int | None, retry_after: timedelta | None
    ) -> None:
        """Write down that the request is to be made again; the service may say when."""
        pause, before = backoff(self.state), self.state.deferral
        if retry_after is not None:
            so_far = self.time - before.since if before else timedelta(0)
            pause = pause_after_refusal(retry_after, so_far)
            self.watch = self.watch._replace(not_before=seconds_of(self.time + retry_after))
        until = self.time + pause
        self.note(ev.RequestDeferred(self.time, reason, until, reason.value, reason.value, number))
        self._after_request()

    def refused(self, number: int) -> None:
        """Write down that the service does not want the request."""
        code = int(ExitCode.INSTANCE_FAILED)
        self.note(ev.RequestRefused(self.time, number, code, "InvalidParameter", "refused"))
        self._after_request()

    def _after_request(self) -> None:
        most = self.state.rollout.bounds.max_concurrent_operations
        if self.state.deferral is None and len(self.state.in_flight) < most:
            self.look(Look.EVERYTHING)

    def _watch_health(self) -> None:
        facts, since = self.facts(), dict(self.watch.well)
        well = tuple(
            (one.id, since.get(one.id, self.now))
            for one in self.world.shown
            if facts.serves(one) and facts.is_there(one.id) and facts.is_current(one)
        )
        self.watch = self.watch._replace(well=well)

    def _witness(self, event: Event, *, is_turned: bool) -> None:
        """Judge an event by what was known before it, and remember it."""
        watch = self.watch
        match event:
            case ev.StepStarted(step=step):
                self.blame(judging_steps.judge_step_begun(step, self.facts()))
                self.watch = watch.asked_afresh()._replace(began=self.now)
            case ev.StepCompleted(step=step):
                self.blame(judging_steps.judge_step_done(step, self.facts()))
                self.watch = watch._replace(completed=step, began=-1)
            case ev.UpgradeIntended(instance_ids=ids):
                machines = {one.id: one.vm for one in self.world.shown}
                self.watch = watch._replace(
                    operated=watch.operated | {machines[i] for i in ids if i in machines},
                    tried=watch.tried | set(ids),
                )
            case ev.GateMeasured(verdict=verdict):
                self.watch = watch.measured(verdict)
            case ev.HookEnded(verdict=verdict):
                self.watch = watch._replace(is_hook_done=verdict is Verdict.SUCCESSFUL)
            case ev.RunContinued():
                self.watch = watch.asked_afresh()
            case ev.RunResumed():
                self.watch = watch.resumed(
                    self.state.step,
                    len(self.inbox),
                    is_open=self.state.step_started_at is not None,
                )
            case ev.RollbackStarted() if is_turned:
                self.watch = Watch(operated=watch.operated, heard=watch.heard)
            case ev.RunCompleted():
                is_back = self.state.rollback is not None
                self.blame(judging.judge_completed(self.facts(), is_back=is_back))
            case ev.RunHalted(exit_code=code):
                is_blind = self.state.refusal is not None and self.state.refusal.request is None
                is_deadline = code == ExitCode.DEADLINE
                self.blame(
                    judging.judge_halted(self.facts(), is_deadline=is_deadline, is_blind=is_blind)
                )
            case _:
                return
