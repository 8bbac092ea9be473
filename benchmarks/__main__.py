"""Measures what the README promises about speed, in one process and one run.

Seconds are CPU seconds of this process; the ratio puts each beside a fixed piece of work done in
the same run, so that figures from different machines can be compared. Prints a table, and exits
1 when a goal is missed. Never part of the tests.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vmss_simulator.scenario import load_scenario
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.engine import RunState
from vmssplan.engine.events import RunStarted
from vmssplan.executor import Executor
from vmssplan.model import Amount, ModelFields, Plan, PlatformImage, ScaleSetId, Strategy
from vmssplan.model import StrategyType as Type
from vmssplan.report.paint import Paint
from vmssplan.report.text import rollout_text
from vmssplan.rollout import Rollout, compute_rollout, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vmssplan.engine import Event
    from vmssplan.model import ScaleSet

SCENARIO = Path(__file__).parent.parent / "simulator" / "scenarios" / "large-1000.yaml"
TARGET = ScaleSetId("00000000-0000-0000-0000-000000000001", "myrg", "big")
IMAGE = PlatformImage("Canonical", "ubuntu-server", "22_04-lts-gen2", "22.04.202611010")
REPEATS = 3


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


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: what it is of, its best of several, and what it is to stay under."""

    name: str
    seconds: float
    goal_seconds: float


def plan_of(strategy: Strategy) -> Plan:
    """Return a Plan for the large scenario."""
    return Plan("big", TARGET, ModelFields(IMAGE), strategy)


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
        executor = Executor(rollout, backend, clock, NoJournal(), NoWatcher(), begun)
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


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the best of several, in CPU seconds of this process."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def wall_seconds(work: Callable[[], object]) -> float:
    """Return the best of several, in seconds of the wall clock."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> int:
    """Measure, print, and say whether every goal is met."""
    twenty_percent = plan_of(Strategy(Type.FIXED_BATCH, (Amount(20, percent=True),)))
    by_ten = plan_of(Strategy(Type.FIXED_BATCH, (Amount(10),)))
    window = plan_of(Strategy(Type.SLIDING_WINDOW, (Amount(50),)))
    unit = cpu_seconds(reference)
    measures = [
        Measure("plan, 1,000 instances", cpu_seconds(lambda: plan_large(twenty_percent)), 1),
        Measure(
            "rollout, 1,000 in batches of 20%", cpu_seconds(lambda: roll_large(twenty_percent)), 3
        ),
        Measure("rollout, 1,000 in batches of 10", cpu_seconds(lambda: roll_large(by_ten)), 3),
        Measure("rollout, 1,000 in a window of 50", cpu_seconds(lambda: roll_large(window)), 3),
        Measure("vmssplan --version (wall)", wall_seconds(show_version), 0.5),
    ]
    print(f"{'':36}{'seconds':>9}{'goal':>7}{'ratio':>9}   (1.0 = {unit:.3f} s of JSON work)")
    for one in measures:
        mark = "" if one.seconds <= one.goal_seconds else "   MISSED"
        ratio = one.seconds / unit
        print(f"{one.name:36}{one.seconds:9.3f}{one.goal_seconds:7.1f}{ratio:9.2f}{mark}")
    return int(any(one.seconds > one.goal_seconds for one in measures))


sys.exit(main())
