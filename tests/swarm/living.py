"""Lives through a Case: processes that carry the Run on, die, and are followed by others."""

from __future__ import annotations

import asyncio
import json
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.copying import replace
from tests.support.runs import Killed, Killer, MemoryJournal, Nobody, ScriptedProbes, compute
from tests.support.values import TARGET
from tests.swarm.cases import Case, Life
from tests.swarm.drawing import OTHER
from tests.swarm.judging import judge_calm, judge_end, judge_outcome, tell
from tests.swarm.others import Others
from tests.swarm.people import People
from tests.swarm.witness import Evidence, Honest, Violation, Witness
from tests.worlds import SUBSCRIPTION, WEB, scenario_text
from vmss_simulator.errors import ScenarioError
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.world import World
from vmssplan.backends.probing import probing
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.engine import Event, RunState, replay
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode, Refused, VmssplanError
from vmssplan.executor import Executor
from vmssplan.gates import Measurement, Verdict
from vmssplan.planfile.build import plan_of
from vmssplan.rollout import digest
from vmssplan.staleness import refusals

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

LONGEST_LIFE = timedelta(days=3)
CALM = timedelta(hours=3)
"""Long enough for every operation that ends at all, and for every deadline."""
COMPLETE = (ExitCode.SUCCESS, ExitCode.ROLLED_BACK)


@dataclass
class Told:
    """How a Case went."""

    case: Case
    violations: list[Violation]
    ends: list[str] = field(default_factory=list)
    journal: list[Event] = field(default_factory=list)
    world: World | None = None


class SharedClock(SimulatedClock):
    """The clock of the world, in which others act as time goes by."""

    def __init__(self, others: Others) -> None:
        super().__init__(others.world)
        self.others = others
        self.witness: Witness | None = None

    async def sleep_until(self, when: datetime) -> None:
        """Sleep, and let others act meanwhile."""
        if self.witness is not None:
            self.witness.slept()
        pass_time(self.others, when)


def pass_time(others: Others, until: datetime) -> None:
    """Let time pass, and others act when it is their time."""
    world = others.world
    while (due := others.next_at()) is not None and due <= until:
        if due > world.now:
            world.advance_to(due)
        others.act()
    if until > world.now:
        world.advance_to(until)


@dataclass
class Story:
    """A Case while it is lived through."""

    case: Case
    evidence: Evidence
    people: People
    journal: MemoryJournal
    clock: SharedClock
    probes: ScriptedProbes
    told: Told

    @property
    def rollout(self) -> Rollout:
        """The reviewed one."""
        return self.evidence.rollout

    def state(self) -> RunState:
        """Return what a process that starts now reads from the journal."""
        return replay(self.rollout, self.journal.events)

    def go(self) -> None:
        """Live all lives; one more after a death."""
        lives = [*self.case.lives]
        number = 0
        while number < len(lives):
            life = lives[number]
            number += 1
            ended = self._live(life)
            pass_time(self.evidence.others, self.evidence.world.now + timedelta(seconds=life.rest))
            if ended is None and number == len(lives):
                lives.append(Life(waits=life.waits))
        self._calm_down()
        judge_end(self.evidence, self.state(), self.told.ends)

    def _calm_down(self) -> None:
        """Let all troubles end and others rest, and then carry the Run on: it can be finished."""
        evidence, world = self.evidence, self.evidence.world
        for rule in world.fault_rules:
            world.remove_fault(rule.name)
        evidence.others.agenda.clear()
        evidence.others.races.clear()
        self.probes.answers = [Measurement(Verdict.SUCCESSFUL, "calm")]
        self.people.script = ()
        for _ in range(3):
            pass_time(evidence.others, world.now + CALM)
            if self._live(Life(waits=True)) is None:
                return
        judge_calm(evidence, self.state(), self.told.ends)

    def _live(self, life: Life) -> RunState | None:
        """Carry the Run on once; None when the process died."""
        opening = self._opening(life)
        if opening is None:
            return self.state()
        killer = Killer(life.dies)
        self.journal.killer = killer
        self.probes.killer = killer
        witness = Witness(self.evidence, killer)
        self.clock.witness = witness
        self.people.rests = 0
        started_at = self.clock.now()
        health = self.rollout.health
        backend = probing(witness, Honest(self.evidence, killer), health, run="web-1")
        executor = Executor(
            backend, self.clock, self.journal, self.people, self.probes, Nobody(), self.state()
        )
        try:
            ended = asyncio.run(executor.run(*opening))
        except (Killed, BaseExceptionGroup) as death:
            if isinstance(death, BaseExceptionGroup) and death.subgroup(Killed) is None:
                raise
            self.told.ends.append("killed")
            return None
        took = self.clock.now() - started_at
        if took > LONGEST_LIFE:
            self.evidence.blame("endless", f"one process took {took}")
        judge_outcome(self.evidence, ended, self.journal.events)
        tell(self.rollout, ended, self.journal.events)
        assert ended.outcome is not None
        self.told.ends.append(ended.outcome.exit_code.name)
        return ended

    def _opening(self, life: Life) -> list[Event] | None:
        """Return how the process begins; None when the program would refuse, or has nothing to do.

        What is refused for what others do now is asked again for a while.
        """
        state, now = self.state(), self.clock.now()
        is_complete = state.outcome is not None and state.outcome.exit_code in COMPLETE
        if life.rolls_back:
            if state.rollback is not None or state.rollout.rollback is None or not state.run:
                return None
            asked = ev.RollbackRequested(now, f"verb-{len(self.journal.events)}", "ann")
            return [ev.RunResumed(now, life.waits), asked]
        if is_complete:
            return None
        for _ in range(5):
            if not self._refused(state):
                break
            pass_time(self.evidence.others, self.clock.now() + timedelta(minutes=20))
        else:
            self.told.ends.append("refused")
            return None
        now = self.clock.now()
        if state.run:
            return [ev.RunResumed(now, life.waits)]
        return [ev.RunStarted(now, "web-1", digest(self.rollout), life.waits)]

    def _refused(self, state: RunState) -> tuple[str, ...]:
        """Return why the program would not touch the set now."""
        try:
            live = on_a_fine_day(self.evidence.world)
        except VmssplanError:  # throttled: somebody else asks too much, and so it is asked again
            return ("nothing could be seen",)
        rolling = self.evidence.world.rolling_upgrade(WEB)
        return refusals(
            state.rollout,
            live,
            rolling_upgrade_in_progress=rolling is not None and rolling.is_going_on,
            is_resuming=bool(state.run),
        )


def on_a_fine_day(world: World) -> ScaleSet:
    """Return the set as somebody sees it to whom nothing goes wrong."""
    aside = world.fork()
    for rule in aside.fault_rules:
        aside.remove_fault(rule.name)
    live, _ = asyncio.run(SimulatedBackend(aside).observe(TARGET))
    return live


def live_through(case: Case) -> Told:
    """Live through the Case from the beginning, and return how it went."""
    told = Told(case, [])
    story = begin(case, told)
    if story is None:
        return told
    told.world, told.journal = story.evidence.world, story.journal.events
    try:
        story.go()
    except AssertionError as error:
        story.evidence.blame("endless", str(error).splitlines()[0] if str(error) else "asserted")
    except Exception as error:  # noqa: BLE001 - whatever comes out of the program is a bug
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} at {last.name}:{last.lineno}: {error}"
        story.evidence.blame("escaped", text)
    told.violations.extend(story.evidence.violations)
    return told


def world_of(case: Case) -> World:
    """Return the world of a Case at its start: one more image than other tests have."""
    document = json.loads(scenario_text(**case.world))
    document["seed"] = case.seed
    document["images"]["platform"][0]["versions"].append(OTHER)
    return parse_scenario(json.dumps(document)).world()


def begin(case: Case, told: Told) -> Story | None:
    """Return the Case before its first life; None when there is nothing to review."""
    plan = plan_of(case.plan)
    try:
        rollout = compute(world_of(replace(case, world={**case.world, "faults": []})), plan)
        world = world_of(case)
    except (Refused, ScenarioError) as refused:
        told.ends.append(type(refused).__name__)
        return None
    if not rollout.has_changes:
        told.ends.append("nothing to do")
        return None
    others = Others.of(world, case.others)
    journal = MemoryJournal()
    evidence = Evidence(world, others, rollout, journal)
    evidence.bounds_before = [each.body for each in world.autoscale_settings(SUBSCRIPTION)]
    clock = SharedClock(others)
    people = People(case.people, world, journal, rollout)
    answers = [Measurement(Verdict(word), word) for word in case.answers]
    return Story(case, evidence, people, journal, clock, ScriptedProbes(answers), told)
