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
from vmssplan.executor import Executor
from vmssplan.rollout import Rollout, compute_rollout, digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vmss_simulator.world import World
    from vmssplan.model import (
        AutoscaleSetting,
        ImageReference,
        ModelFields,
        OperationReport,
        Plan,
        ScaleSet,
        ScaleSetId,
    )
    from vmssplan.ports import Backend, Clock, OperationHandle, Pacing

E = TypeVar("E")
MOST_EVENTS = 5_000
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


def executor(rollout: Rollout, backend: Backend, clock: Clock, journal: MemoryJournal) -> Executor:
    """Return the executor of a Run that begins, or goes on from what the journal holds."""
    state = replay(rollout, journal.events)
    return Executor(rollout, backend, clock, journal, Nobody(), state)


def run(rollout: Rollout, backend: Backend, clock: Clock, journal: MemoryJournal) -> RunState:
    """Run to the end, from the beginning or from what the journal holds."""
    opening: Event = RunResumed(clock.now())
    if not journal.events:
        opening = RunStarted(clock.now(), "web-1", digest(rollout))
    started_at = clock.now()
    ended = asyncio.run(executor(rollout, backend, clock, journal).run(opening))
    assert clock.now() - started_at <= LONGEST_RUN, "the Run took days"
    return ended


def compute(world: World, plan: Plan) -> Rollout:
    """Observe the world and compute the Rollout of a Plan that names an exact version."""
    live, _ = asyncio.run(SimulatedBackend(world).observe(TARGET))
    return compute_rollout(plan, live, plan.model)


def run_in(
    world: World,
    rollout: Rollout,
    journal: MemoryJournal | None = None,
    killer: Killer | None = None,
) -> RunState:
    """Run against a simulated world."""
    killer = killer or Killer()
    journal = journal if journal is not None else MemoryJournal()
    journal.killer = killer
    backend = MortalBackend(SimulatedBackend(world), killer)
    return run(rollout, backend, SimulatedClock(world), journal)


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
