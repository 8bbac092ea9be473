"""Runs that tests can start, bound, kill anywhere and go on with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from tests.support.values import TARGET
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.engine import Event, RunState, replay
from vmssplan.engine.events import RunResumed, RunStarted
from vmssplan.engine.instructions import Instruction
from vmssplan.executor import Executor
from vmssplan.gates import Measurement, Verdict
from vmssplan.ports import Subject
from vmssplan.rollout import Rollout, compute_rollout, digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vmss_simulator.world import World
    from vmssplan.model import (
        AutoscaleSetting,
        CommandProbe,
        Deprecation,
        HttpProbe,
        ImageReference,
        ModelFields,
        OperationReport,
        Plan,
        PlatformImage,
        ScaleSet,
        ScaleSetId,
    )
    from vmssplan.ports import Backend, Clock, OperationHandle, Pacing

E = TypeVar("E")
MOST_EVENTS = 5_000
PASSED = Measurement(Verdict.SUCCESSFUL, "ok")
MOST_RESTS = 500
LONGEST_RUN = timedelta(days=3)


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Killer:
    """Kills at the given moment; counts them all when there is none."""

    at: int | None = None
    moments: int = 0
    before: Callable[[], None] = lambda: None

    def reach(self) -> None:
        """Pass a moment at which a process can die."""
        self.moments += 1
        if self.moments == self.at:
            self.before()
            raise Killed


@dataclass
class MemoryJournal:
    """`ports.Journal` in memory; refuses a Run that never ends."""

    events: list[Event] = field(default_factory=list)
    killer: Killer = field(default_factory=Killer)

    def append(self, events: Sequence[Event]) -> None:
        """Keep events, one by one: a process can die between two lines."""
        assert len(self.events) < MOST_EVENTS, f"no end in sight: {self.events[-5:]}"
        self.killer.reach()
        for event in events:
            self.events.append(event)
            self.killer.reach()

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of this kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Nobody:
    """A Watcher that looks away."""

    def happened(self, event: Event, state: RunState) -> None:
        """Take no note."""

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take no note."""


@dataclass
class MemoryInbox:
    """`ports.Inbox` in memory; `on_rest` is when the people of the test may say something."""

    told: list[Instruction] = field(default_factory=list)
    on_rest: Callable[[], None] = lambda: None
    rests: int = 0

    def instructions(self) -> Sequence[Instruction]:
        """Return what was told so far."""
        return tuple(self.told)

    async def rest(self) -> None:
        """Let the people of the test act."""
        self.rests += 1
        assert self.rests < MOST_RESTS, "nobody ever says anything"
        self.on_rest()


@dataclass
class ScriptedProbes:
    """`ports.Probes` that answer from a list, then always the last answer; killable around it."""

    answers: list[Measurement] = field(
        default_factory=lambda: [Measurement(Verdict.SUCCESSFUL, "ok")]
    )
    killer: Killer = field(default_factory=Killer)
    asked: list[Subject] = field(default_factory=list)

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Answer."""
        assert probe is not None
        self.killer.reach()
        self.asked.append(subject)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        self.killer.reach()
        return answer


class MortalBackend:
    """A Backend whose caller can die before each request, and after it before the reply."""

    def __init__(self, backend: Backend, killer: Killer) -> None:
        self._backend = backend
        self._killer = killer

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Pass on."""
        self._killer.reach()
        return await self._backend.observe(target)

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Pass on."""
        self._killer.reach()
        return await self._backend.operation_report(operation)

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """Pass on."""
        return await self._backend.rolling_upgrade_in_progress(target)

    async def image_versions(self, image: ImageReference, location: str) -> Sequence[str]:
        """Pass on."""
        return await self._backend.image_versions(image, location)

    async def image_deprecation(self, image: PlatformImage, location: str) -> Deprecation | None:
        """Pass on."""
        return await self._backend.image_deprecation(image, location)

    async def sizes(self, target: ScaleSetId) -> Sequence[str]:
        """Pass on."""
        return await self._backend.sizes(target)

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """Pass on."""
        self._killer.reach()
        handle = await self._backend.write_model(target, fields, etag)
        self._killer.reach()
        return handle

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Pass on."""
        self._killer.reach()
        handle = await self._backend.upgrade_instances(target, instance_ids)
        self._killer.reach()
        return handle

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Pass on."""
        self._killer.reach()
        handle = await self._backend.reimage_instances(target, instance_ids)
        self._killer.reach()
        return handle

    async def autoscale_settings(self, target: ScaleSetId) -> Sequence[AutoscaleSetting]:
        """Pass on."""
        self._killer.reach()
        return await self._backend.autoscale_settings(target)

    async def write_autoscale(self, setting: AutoscaleSetting) -> None:
        """Pass on."""
        self._killer.reach()
        await self._backend.write_autoscale(setting)
        self._killer.reach()

    async def addresses(self, target: ScaleSetId) -> Mapping[str, str]:
        """Pass on."""
        return await self._backend.addresses(target)

    async def aclose(self) -> None:
        """Pass on."""
        await self._backend.aclose()


def executor(
    rollout: Rollout,
    backend: Backend,
    clock: Clock,
    journal: MemoryJournal,
    inbox: MemoryInbox | None = None,
    probes: ScriptedProbes | None = None,
) -> Executor:
    """Return the executor of a Run that begins, or goes on from what the journal holds."""
    return Executor(
        backend,
        clock,
        journal,
        inbox or MemoryInbox(),
        probes or ScriptedProbes(),
        Nobody(),
        replay(rollout, journal.events),
    )


def run(
    rollout: Rollout,
    backend: Backend,
    clock: Clock,
    journal: MemoryJournal,
    inbox: MemoryInbox | None = None,
    probes: ScriptedProbes | None = None,
    *,
    waits: bool = False,
) -> RunState:
    """Run to the end, from the beginning or from what the journal holds."""
    opening: Event = RunResumed(clock.now(), waits)
    if not journal.events:
        opening = RunStarted(clock.now(), "web-1", digest(rollout), waits)
    started_at = clock.now()
    begun = executor(rollout, backend, clock, journal, inbox, probes)
    ended = asyncio.run(begun.run(opening))
    assert clock.now() - started_at <= LONGEST_RUN, "the Run took days"
    return ended


def compute(world: World, plan: Plan) -> Rollout:
    """Observe the world and compute the Rollout of a Plan that names an exact version."""
    backend = SimulatedBackend(world)
    live, _ = asyncio.run(backend.observe(TARGET))
    settings = asyncio.run(backend.autoscale_settings(TARGET))
    return compute_rollout(plan, live, plan.model, settings)


def run_in(
    world: World,
    rollout: Rollout,
    journal: MemoryJournal | None = None,
    killer: Killer | None = None,
    inbox: MemoryInbox | None = None,
    probes: ScriptedProbes | None = None,
    *,
    waits: bool = False,
) -> RunState:
    """Run against a simulated world."""
    killer = killer or Killer()
    journal = journal if journal is not None else MemoryJournal()
    journal.killer = killer
    probes = probes or ScriptedProbes()
    probes.killer = killer
    backend = MortalBackend(SimulatedBackend(world), killer)
    return run(rollout, backend, SimulatedClock(world), journal, inbox, probes, waits=waits)


def upgrades(world: World) -> dict[str, int]:
    """Return how often an operation worked on each instance, by the world's own log."""
    counts: dict[str, int] = {}
    for line in world.log:
        if line.type in ("upgradeStarted", "reimageStarted") and line.instance_id is not None:
            counts[line.instance_id] = counts.get(line.instance_id, 0) + 1
    return counts


def needless(world: World) -> list[str]:
    """Return the instances that were asked to upgrade although they were current."""
    return [
        line.instance_id or ""
        for line in world.log
        if line.type in ("upgradeSkipped", "reimageSkipped") and line.data["reason"] == "current"
    ]


def floor_breaches(world: World, rollout: Rollout) -> list[str]:
    """Return every operation of ours that took the set below its floor, by the world's log."""
    breaches = []
    for line in world.log:
        took_out = line.type in ("upgradeStarted", "reimageStarted") and "inService" in line.data
        if took_out and line.data["inService"] < rollout.bounds.floor:
            breaches.append(f"{line.at}: {line.instance_id} leaves {line.data['inService']}")
    return breaches


def applied(world: World) -> dict[str, tuple[str | None, str]]:
    """Return what each instance runs in the end: its version and its model's fingerprint."""
    [key] = [each.key for each in world.scale_sets(TARGET.subscription_id)]
    members = world.scale_set(key).instances.values()
    return {one.instance_id: (one.exact_version, one.applied_model) for one in members}
