"""The speed of plan and apply, on a scale set of 1,000 instances in virtual time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Measure, cpu_seconds, wall_seconds
from vmss_simulator.scenario import load_scenario
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.engine import RunState
from vmssplan.engine.events import RunStarted
from vmssplan.executor import Executor
from vmssplan.inbox import EmptyInbox
from vmssplan.model import Amount, ModelFields, Plan, PlatformImage, ScaleSetId, Strategy
from vmssplan.model import StrategyType as Type
from vmssplan.probes import RealProbes
from vmssplan.report.paint import Paint
from vmssplan.report.text import rollout_text
from vmssplan.rollout import Rollout, compute_rollout, digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.engine import Event
    from vmssplan.model import ScaleSet

SCENARIO = Path(__file__).parent.parent / "simulator" / "scenarios" / "large-1000.yaml"
TARGET = ScaleSetId("00000000-0000-0000-0000-000000000001", "myrg", "big")
IMAGE = PlatformImage("Canonical", "ubuntu-server", "22_04-lts-gen2", "22.04.202611010")


class NoJournal:
    """A journal that keeps nothing: the disk is not what is measured."""

    def append(self, events: Sequence[Event]) -> None:
        """Forget the Events."""


class NoWatcher:
    """Nobody looks on."""

    def happened(self, event: Event, state: RunState) -> None:
        """Take no note."""

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take no note."""


def plan_of(strategy: Strategy, target: ScaleSetId = TARGET) -> Plan:
    """Return a Plan for the large scenario."""
    return Plan("big", target, ModelFields(IMAGE), strategy)


def plan_large(plan: Plan) -> Rollout:
    """Do all that `vmssplan plan` does for 1,000 instances, from the scenario to the text."""
    world = load_scenario(SCENARIO).world()
    live, _ = asyncio.run(SimulatedBackend(world).observe(TARGET))
    rollout = compute_rollout(plan, live, plan.model)
    rollout_text(rollout, paint=Paint.plain(), width=100)
    digest(rollout)
    return rollout


def roll_large(plan: Plan) -> None:
    """Carry out a whole rollout of 1,000 instances in virtual time."""
    world = load_scenario(SCENARIO).world()
    backend, clock = SimulatedBackend(world), SimulatedClock(world)

    async def roll() -> None:
        live, _ = await backend.observe(TARGET)
        rollout = compute_rollout(plan, live, plan.model)
        begun = RunState.begin(rollout)
        probes = RealProbes({}, print)
        executor = Executor(backend, clock, NoJournal(), EmptyInbox(), probes, NoWatcher(), begun)
        ended = await executor.run(RunStarted(clock.now(), "big-1", digest(rollout)))
        if ended.outcome is None or ended.outcome.exit_code:
            raise RuntimeError(f"the rollout did not complete: {ended.outcome}")

    asyncio.run(roll())


def reference() -> None:
    """Do the fixed piece of work that ratios are against: JSON of 100,000 small objects."""
    json.loads(json.dumps([{"id": str(n), "value": n} for n in range(100_000)]))


def show_version() -> None:
    """Start the program for as little as it can be asked."""
    subprocess.run([sys.executable, "-m", "vmssplan", "--version"], check=True, capture_output=True)


def measures() -> list[Measure]:
    """Measure."""
    twenty_percent = plan_of(Strategy(Type.FIXED_BATCH, (Amount(20, percent=True),)))
    by_ten = plan_of(Strategy(Type.FIXED_BATCH, (Amount(10),)))
    window = plan_of(Strategy(Type.SLIDING_WINDOW, (Amount(50),)))
    unit = cpu_seconds(reference)
    rolling = cpu_seconds(lambda: roll_large(twenty_percent))
    return [
        Measure("plan of 1,000 instances, CPU", cpu_seconds(lambda: plan_large(twenty_percent)), 1),
        Measure("rollout of 1,000 in batches of 20%, CPU", rolling, 3),
        Measure("  in units of the reference work", rolling / unit, unit="x"),
        Measure(
            "rollout of 1,000 in batches of 10, CPU", cpu_seconds(lambda: roll_large(by_ten)), 3
        ),
        Measure(
            "rollout of 1,000 in a window of 50, CPU", cpu_seconds(lambda: roll_large(window)), 3
        ),
        Measure("vmssplan --version, wall", wall_seconds(show_version), 0.5),
        Measure("the reference work: JSON of 100,000 objects, CPU", unit),
    ]
