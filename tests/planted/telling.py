"""Tells a story to the real executor: every port of it answers as the story goes.

The model checker has a loop of its own over its abstract world. Whatever it claims holds for apply
only if the executor, in that world, writes the same journal.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Never

import vmssplan.executor
from tests.support.runs import Nobody
from vmssplan.documents import record_fields
from vmssplan.engine import Event, ReimageInstances, RunState, UpgradeInstances, WriteModel
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Instruction
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from vmssplan.executor import Executor
from vmssplan.gates import Measurement, Verdict
from vmssplan.pacing import Pacer
from vmssplan.ports import OperationHandle, Pacing
from vmssplan.verifying.moves import Kind
from vmssplan.verifying.nature import happened, pass_seconds, receive
from vmssplan.verifying.scene import Scene, time_of
from vmssplan.verifying.stepping import RUN, THROTTLED_FOR, instruction_of
from vmssplan.verifying.story import Chapter
from vmssplan.verifying.world import World, report_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pytest

    from vmssplan.model import (
        CommandProbe,
        HttpProbe,
        ModelFields,
        OperationReport,
        ScaleSet,
        ScaleSetId,
    )
    from vmssplan.ports import Subject

INTENTS = (ev.ModelWriteIntended, ev.UpgradeIntended)
UNHEARD = (Kind.CONFLICT, Kind.THROTTLED, Kind.REFUSED, Kind.ETAG, Kind.REQUEST_LOST)
VERDICTS = {
    Kind.PASSES: Verdict.SUCCESSFUL,
    Kind.ANSWERS_FAILED: Verdict.FAILED,
    Kind.ANSWERS_INCONCLUSIVE: Verdict.INCONCLUSIVE,
    Kind.ANSWERS_ERROR: Verdict.ERROR,
}


class Over(BaseException):
    """The story is told."""


class Dead(BaseException):
    """The process dies here."""


class EvenPacer(Pacer):
    """Paces without the spread, which no story knows of."""

    def _share(self, run: str) -> float:
        del run
        return 0.0


@dataclass
class Teller:
    """All ports of one executor after another, and the world between them."""

    scene: Scene
    chapters: list[Chapter]
    world: World
    now_seconds: int = 0
    events: list[Event] = field(default_factory=list)
    told: list[Instruction] = field(default_factory=list)
    lines_left: int | None = None
    trouble_looking: Kind | None = None
    about_to: Event | None = None

    def next(self) -> Kind | None:
        """Return what comes next; None at the end."""
        move = self.chapters[0].move if self.chapters else None
        return move.kind if move else None

    def take(self) -> Chapter:
        """Turn the page."""
        if not self.chapters:
            raise Over
        return self.chapters.pop(0)

    def nature(self) -> None:
        """Let happen what needs no process."""
        while self.chapters:
            move = self.chapters[0].move
            assert move is not None
            world = happened(self.scene, self.world, move, self.now_seconds)
            said = instruction_of(move, len(self.told), self.scene.digest)
            if world is not None:
                self.world = world
            elif said is not None:
                self.told.append(said)
            else:
                return
            self.take()

    def pass_to(self, at: int) -> None:
        """Let time pass."""
        self.world = pass_seconds(self.world, self.now_seconds, at - self.now_seconds)
        self.now_seconds = at

    # --- ports.Clock

    def now(self) -> datetime:
        """Return the time of the story."""
        return time_of(self.now_seconds)

    async def sleep_until(self, when: datetime) -> None:
        """Sleep as long as the story says, which is as long as asked or a leap."""
        self.nature()
        chapter = self.take()
        assert chapter.move is not None
        match chapter.move.kind:
            case Kind.DIES:
                raise Dead
            case Kind.UNSEEN | Kind.FORBIDDEN as kind:
                self.trouble_looking = kind
            case Kind.DIES_WRITING:
                self.lines_left = chapter.move.step
            case kind:
                assert kind is Kind.TIME, f"the executor waits, and the story says: {chapter.move}"
        assert time_of(chapter.at) >= min(when, time_of(chapter.at)), "the story is ahead"
        self.pass_to(chapter.at)

    def wake(self) -> None:
        """Nobody interrupts."""

    # --- ports.Journal

    def append(self, events: Sequence[Event]) -> None:
        """Keep them, as far as the process lives."""
        first = events[0]
        if isinstance(first, (*INTENTS, ev.HookStarted)):
            if not self.chapters:
                self.about_to = first
                raise Over
            if self.next() is Kind.DIES:
                self.take()
                raise Dead
        if self.lines_left is not None:
            if len(events) > self.lines_left:
                self.events.extend(events[: self.lines_left])
                raise Dead
            self.lines_left -= len(events)
        self.events.extend(events)

    # --- ports.Inbox

    def instructions(self) -> Sequence[Instruction]:
        """Return what was told so far."""
        return tuple(self.told)

    async def rest(self) -> None:
        """People speak while the Run sleeps."""

    # --- ports.Probes

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Answer as the story says."""
        del probe, subject
        chapter = self.take()
        assert chapter.move is not None
        if chapter.move.kind in (Kind.DIES, Kind.DIES_SENT):
            raise Dead
        verdict = VERDICTS[chapter.move.kind]
        return Measurement(verdict, verdict.value)

    # --- ports.Backend

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Show the set."""
        del target
        self._refuse_looking()
        return self.scene.ground.observe(self.world), Pacing()

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Say how it stands."""
        self._refuse_looking()
        for one in self.world.operations:
            if f"operation-{one.number}" == operation.operation_id and not one.is_lost:
                return report_of(one), Pacing()
        raise NotFound("gone")

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """There is none in these stories."""
        del target
        return False

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """Answer as the story says."""
        del target
        return self._request(WriteModel(0, fields, etag))

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Answer as the story says."""
        del target
        return self._request(UpgradeInstances(0, tuple(instance_ids)))

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Answer as the story says."""
        del target
        return self._request(ReimageInstances(0, tuple(instance_ids)))

    def __getattr__(self, name: str) -> Never:
        raise AssertionError(f"no story has anything to do with {name}")

    def _refuse_looking(self) -> None:
        trouble, self.trouble_looking = self.trouble_looking, None
        if trouble is Kind.UNSEEN:
            raise ServiceUnavailable("ServiceUnavailable", "ServiceUnavailable")
        if trouble is Kind.FORBIDDEN:
            raise NotPermitted("AuthorizationFailed")

    def _request(
        self, command: UpgradeInstances | ReimageInstances | WriteModel
    ) -> OperationHandle | None:
        move = self.take().move
        assert move is not None
        reply = move.kind
        [number] = [one.request for one in self.events[-1:] if isinstance(one, INTENTS)]
        if reply is Kind.DIES_INTENDED:
            raise Dead
        if reply not in UNHEARD:
            received = receive(self.scene, self.world, command, number, self.now_seconds, reply)
            reply = Kind.CONFLICT if received is None else reply
            self.world = received or self.world
        match reply:
            case Kind.ACCEPTED | Kind.ACCEPTED_BEHIND:
                return OperationHandle(f"operation-{number}", f"operation-{number}")
            case Kind.DIES_SENT:
                raise Dead
            case Kind.CONFLICT:
                raise Conflict("conflict", "conflict")
            case Kind.THROTTLED:
                raise Throttled("throttled", "throttled", retry_after=THROTTLED_FOR)
            case Kind.ETAG:
                self.world = self.world._replace(etag=self.world.etag + 1)
                raise EtagChanged("etagChanged", "etagChanged")
            case Kind.REFUSED:
                raise RequestRejected("InvalidParameter", "refused")
            case _:
                raise OutcomeUnknown("ConnectionLost", "ConnectionLost")

    # --- one process after another

    def tell(self) -> list[Event]:
        """Tell all of it, and return what the executor has written into its journal."""
        evolve = self.scene.scheduler.evolve
        opening: list[Event] = [ev.RunStarted(self.now(), RUN, self.scene.digest, waits=True)]
        try:
            while True:
                state = evolve(RunState.begin(self.scene.rollout), *self.events)
                self.lines_left, self.trouble_looking = None, None
                executor = Executor(
                    self, self, self, self, self, Nobody(), state, _pacer=EvenPacer()
                )
                with contextlib.suppress(Dead):
                    asyncio.run(executor.run(*opening))
                opening = self._opening()
        except Over:
            return self.events

    def _opening(self) -> list[Event]:
        """Let what happens happen until somebody carries the Run on."""
        while True:
            self.nature()
            chapter = self.take()
            assert chapter.move is not None
            self.pass_to(chapter.at)
            if chapter.move.kind is not Kind.RESTS:
                break
        resumed: list[Event] = [ev.RunResumed(self.now(), waits=True)]
        if chapter.move.kind is Kind.RESUME_BACK:
            resumed.append(ev.RollbackRequested(self.now(), "", "somebody"))
        return resumed


def told_to_the_executor(
    scene: Scene, chapters: Sequence[Chapter], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Event], Event | None]:
    """Return the journal the real executor writes when this story happens to it.

    And what it is about to do when the story is over, if that is a request or a hook.
    """
    monkeypatch.setattr(vmssplan.executor, "decide", scene.scheduler.decide)
    monkeypatch.setattr(vmssplan.executor, "evolve", scene.scheduler.evolve)
    teller = Teller(scene, list(chapters[1:]), scene.world)
    return teller.tell(), teller.about_to


def without_words(events: Sequence[Event]) -> list[tuple[str, dict[str, object]]]:
    """Return events without what is only for people."""
    return [
        (
            type(event).__name__,
            {
                name: getattr(event, name)
                for name in record_fields(type(event))
                if name not in ("code", "message", "detail", "reason")
            },
        )
        for event in events
    ]
