"""The speed of forecasts, and how true they are: what share of applies their p95 covers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Measure, cpu_seconds, wall_seconds
from benchmarks.rollouts import SCENARIO, TARGET, plan_of
from vmss_simulator.scenario import load_scenario
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.backends.twin import Twins
from vmssplan.cli.rehearsing import stage_of
from vmssplan.forecast import quantile, trial
from vmssplan.model import Amount, ScaleSetId, Strategy
from vmssplan.model import StrategyType as Type
from vmssplan.rollout import compute_rollout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmssplan.cli.rehearsing import Stage
    from vmssplan.forecast import Trial

SEEDS, OTHERS = 1_000, 1_000
SMALL = SCENARIO.parent / "web-12.yaml"
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
PLAN = """\
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: big}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: big}
model:
  image:
    {publisher: Canonical, offer: ubuntu-server, sku: 22_04-lts-gen2, version: 22.04.202611010}
strategy: {type: fixedBatch, batchSize: 20%}
"""


def make_stage(strategy: Strategy, scenario: Path, target: ScaleSetId) -> Stage:
    """Return a rollout on the set of that scenario, ready to be rehearsed."""
    live, _ = asyncio.run(SimulatedBackend(load_scenario(scenario).world()).observe(target))
    plan = plan_of(strategy, target)
    return stage_of(compute_rollout(plan, live, plan.model), live, (), NOW)


def rehearse(stage: Stage, seeds: Iterable[int]) -> list[Trial]:
    """Rehearse in this process."""
    twins = Twins(stage.scenario)
    return [asyncio.run(trial(stage.rollout, twins.twin(seed), seed)) for seed in seeds]


def plan_large() -> None:
    """Plan for 1,000 instances with 100 rehearsals, as it is typed."""
    with tempfile.TemporaryDirectory() as name:
        plan = Path(name) / "big.yaml"
        plan.write_text(PLAN, encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "vmssplan", "plan", str(plan)),
                *("--simulator", str(SCENARIO), "--state-dir", str(Path(name) / "state")),
                *("--forecast-seeds", "100"),
            ],
            check=True,
            capture_output=True,
        )


def covered() -> float:
    """Return the share of further applies that take no longer than the forecast's p95."""
    target = ScaleSetId(TARGET.subscription_id, TARGET.resource_group, "web")
    stage = make_stage(Strategy(Type.FIXED_BATCH, (Amount(25, percent=True),)), SMALL, target)
    foreseen = [one.makespan for one in rehearse(stage, range(1, SEEDS + 1))]
    others = [one.makespan for one in rehearse(stage, range(10_001, 10_001 + OTHERS))]
    limit = quantile(foreseen, 0.95)
    return sum(one <= limit for one in others) / OTHERS


def measures() -> list[Measure]:
    """Measure."""
    large = make_stage(Strategy(Type.FIXED_BATCH, (Amount(20, percent=True),)), SCENARIO, TARGET)
    window = make_stage(Strategy(Type.SLIDING_WINDOW, (Amount(50),)), SCENARIO, TARGET)
    share = covered()
    return [
        Measure("plan of 1,000 with 100 rehearsals, wall", wall_seconds(plan_large), 5),
        Measure("rehearsal of 1,000 in batches of 20%, CPU", _each(large)),
        Measure("rehearsal of 1,000 in a window of 50, CPU", _each(window)),
        Measure("share of 1,000 applies the p95 covers, at least", share, 0.93, "", is_share=True),
        Measure("share of 1,000 applies the p95 covers, at most", share, 0.97, ""),
    ]


def _each(stage: Stage) -> float:
    return cpu_seconds(lambda: rehearse(stage, range(1, 6))) / 5
