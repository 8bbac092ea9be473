"""What is kept from one look to the next answers as if it had been worked out anew.

A Run asks the same of a thousand instances hundreds of times, so the engine brings answers up to
date rather than work them out again. Nobody may be able to tell.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from msgspec import structs

from tests.support.runs import MemoryInbox, MemoryJournal, ScriptedProbes
from tests.support.strategies import planned_on_a_fine_day, world_plans, worlds
from tests.worlds import make_world
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.engine import Live, Phase, RunState, decide
from vmssplan.engine.events import RunStarted
from vmssplan.engine.evidence import learn
from vmssplan.executor import Executor
from vmssplan.model import ScaleSet
from vmssplan.model.roster import Roster
from vmssplan.rollout import Rollout, digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vmssplan.engine import Event
    from vmssplan.model import HealthSource, Plan


def afresh(state: RunState) -> RunState:
    """Return the same state, of which nothing is known yet."""
    return structs.replace(state)


def standing(state: RunState, serving: frozenset[str]) -> list[object]:
    """Return all that is asked of how far the instances are."""
    known, health = state.standing, state.rollout.health
    return [
        {phase: known.members(phase) for phase in Phase},
        {step: list(known.pending(step)) for step in range(1, len(state.rollout.steps) + 1)},
        list(known.fallen(serving)),
        sorted((at, sorted(ids)) for at, ids in known.due(health)),
        known.well,
        known.unwell,
        known.failures,
        [state.ids(phase) for phase in Phase],
    ]


def roster(found: Roster, source: HealthSource, machines: dict[str, str]) -> list[object]:
    """Return all that is asked of the instances of one look."""
    return [dict(found.by_id()), found.serving(source), list(found.strangers(machines))]


@dataclass
class Doubter:
    """A Watcher that works everything out anew, and compares."""

    rollout: Rollout
    compared: int = 0
    seen: ScaleSet | None = None

    def happened(self, event: Event, state: RunState) -> None:
        """Compare how far the instances are, and what the last look tells now."""
        if self.seen is not None:
            serving, live = self.seen.serving(self.rollout.health.source), Live(self.seen)
            assert standing(state, serving) == standing(afresh(state), serving)
            assert learn(state, live, event.at) == learn(afresh(state), live, event.at)
            self.compared += 1

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Compare what the look tells, what is learned from it, and what follows: then, and later.

        Polls in between ask the same look again.
        """
        self.seen = scale_set
        source, machines = self.rollout.health.source, dict(state.rollout.machines)
        found = roster(scale_set.roster, source, machines)
        assert found == roster(Roster(scale_set.instances), source, machines)
        live, other = Live(scale_set), Live(scale_set)
        asked: list[Callable[[RunState, Live, datetime], object]] = [learn, decide]
        for question in asked * 2:
            for at in (now, *(now + timedelta(seconds=n) for n in (1, 10, 30, 600))):
                assert question(state, live, at) == question(afresh(state), other, at)
        self.compared += 1


async def doubted(rollout: Rollout, world: Any) -> Doubter:
    """Run in the world under the eyes of a Doubter."""
    doubter, clock = Doubter(rollout), SimulatedClock(world)
    executor = Executor(
        SimulatedBackend(world),
        clock,
        MemoryJournal(),
        MemoryInbox(),
        ScriptedProbes(),
        doubter,
        RunState.begin(rollout),
    )
    await executor.run(RunStarted(clock.now(), "web-1", digest(rollout)))
    return doubter


@settings(max_examples=30)
@given(worlds(faulty=False), world_plans())
def test_on_a_good_day_what_is_brought_up_to_date_is_what_is_worked_out_anew(
    arguments: dict[str, Any], plan: Plan
) -> None:
    """At every look and after every Event of a Run."""
    doubter = asyncio.run(doubted(planned_on_a_fine_day(plan, arguments), make_world(**arguments)))
    assert doubter.compared > 1


@settings(max_examples=60)
@given(worlds(faulty=True), world_plans())
def test_on_a_bad_day_too(arguments: dict[str, Any], plan: Plan) -> None:
    """In worlds where instances fail and fall sick, answers are late, and others do things."""
    asyncio.run(doubted(planned_on_a_fine_day(plan, arguments), make_world(**arguments)))
