"""Trials, forecasts and stages for tests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulator_worlds import SUBSCRIPTION
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.backends.twin import Twins, twin_scenario
from vmssplan.cli.rehearsing import Stage, stage_of
from vmssplan.forecast.trial import AllIsWell, Trial, rehearse_as_applied, trial
from vmssplan.model import ModelFields, Plan, PlatformImage, ScaleSetId
from vmssplan.rollout import compute_rollout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmssplan.model import Strategy
    from vmssplan.rehearsal import Rehearsal

TARGET = ScaleSetId(SUBSCRIPTION, "myrg", "web")
NEW = PlatformImage("Canonical", "ubuntu-server", "22_04-lts-gen2", "22.04.202611010")
START = datetime(2026, 11, 2, 8, tzinfo=UTC)


def scenario(capacity: int, **keys: Any) -> dict[str, Any]:
    """Return a scenario with one set that is one image version behind."""
    image = {"publisher": NEW.publisher, "offer": NEW.offer, "sku": NEW.sku}
    old = "22.04.202609010"
    return {
        "apiVersion": "vmss-simulator/v1",
        "kind": "Scenario",
        "start": START.isoformat(),
        "images": {"platform": [{**image, "versions": [old, NEW.version]}]},
        "scaleSets": [
            {
                "subscriptionId": SUBSCRIPTION,
                "resourceGroup": "myrg",
                "name": "web",
                "image": {**image, "version": old},
                "applicationHealth": True,
                "capacity": capacity,
            }
        ],
        **keys,
    }


def make_plan(strategy: Strategy, **fields: Any) -> Plan:
    """Return a Plan that rolls the newer image out."""
    return Plan("web", TARGET, ModelFields(NEW), strategy, **fields)


def make_stage(
    plan: Plan, capacity: int = 6, latencies: Mapping[str, Any] | None = None, **keys: Any
) -> Stage:
    """Return the rollout of the Plan on that set, ready to be rehearsed."""
    world = twin_scenario(scenario(capacity, **keys)).world()
    live, _ = asyncio.run(SimulatedBackend(world).observe(TARGET))
    return stage_of(compute_rollout(plan, live, plan.model), live, (), world.now, latencies)


def trials(stage: Stage, seeds: Iterable[int]) -> list[Trial]:
    """Rehearse with these seeds."""
    twins = Twins(stage.scenario)
    return [asyncio.run(trial(stage.rollout, twins.twin(seed), seed)) for seed in seeds]


def rehearsals(stage: Stage, seeds: Iterable[int], run: str = "web-1") -> list[Rehearsal]:
    """Rehearse with these seeds, and keep everything."""
    twins, probes = Twins(stage.scenario), AllIsWell()
    return [
        asyncio.run(rehearse_as_applied(stage.rollout, twins.twin(seed), run, probes))
        for seed in seeds
    ]


def make_trial(seed: int = 1, minutes: float = 30, **fields: Any) -> Trial:
    """Return a trial."""
    known = {
        "exit_code": 0,
        "lowest_in_service": 9,
        "calls": 100,
        "throttled": 0,
        "touched": 12,
    }
    return Trial(seed=seed, makespan=timedelta(minutes=minutes), **{**known, **fields})
