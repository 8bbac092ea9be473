"""Many Runs at once in one simulated world, and what they cost the service: its 429s counted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.support.copying import replace
from tests.support.runs import MemoryInbox, Nobody, ScriptedProbes
from vmss_simulator.errors import ArmError
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.values import OperationKind
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.clocks import SharedClock
from vmssplan.engine import RunState
from vmssplan.engine.events import DeferralReason, RequestDeferred, RunStarted
from vmssplan.executor import Executor
from vmssplan.model import ModelFields, Plan, PlatformImage, ScaleSetId, Strategy
from vmssplan.rollout import compute_rollout, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.values import ScaleSetKey
    from vmss_simulator.world import World
    from vmssplan.engine import Event

SUBSCRIPTION, LOCATION = "00000000-0000-0000-0000-000000000001", "westeurope"
OLD_IMAGE = PlatformImage("Contoso", "server", "gen2", "1.9.0")
NEW_IMAGE = replace(OLD_IMAGE, version="1.10.0")


@dataclass(frozen=True, slots=True)
class Cost:
    """What rolling many sets at once took: virtual time, requests by kind, and 429s."""

    makespan: timedelta
    requests: Counter[str]
    refused: int
    exit_codes: Counter[int]


def world_of(
    sets: int,
    instances: int,
    *,
    latencies: dict[str, Any] | None = None,
    seed: int = 7,
    **options: Any,
) -> World:
    """Return a world of equal sets of one subscription and region, one image version behind."""
    image = {"publisher": "Contoso", "offer": "server", "sku": "gen2"}
    document = {
        "apiVersion": "vmss-simulator/v1",
        "kind": "Scenario",
        "seed": seed,
        "start": "2026-11-02T08:00:00Z",
        "options": options,
        "latencies": latencies or {},
        "images": {"platform": [{**image, "versions": [OLD_IMAGE.version, NEW_IMAGE.version]}]},
        "scaleSets": [
            {
                "resourceGroup": "myrg",
                "name": f"set{number}",
                "location": LOCATION,
                "image": {**image, "version": OLD_IMAGE.version},
                "applicationHealth": True,
                "singlePlacementGroup": instances <= 100,
                "capacity": instances,
            }
            for number in range(sets)
        ],
    }
    return parse_scenario(json.dumps(document), "many-sets.yaml").world()


def roll_all(world: World, strategy: Strategy, *, others_per_minute: int = 0) -> Cost:
    """Roll every set of the world at once, each by a Run of its own, as other machines would.

    `others_per_minute`: how many lists somebody else asks for meanwhile.
    """
    requests: Counter[str] = Counter()

    def count(command: dict[str, Any]) -> None:
        if command["do"] == "admit":
            requests[command["kind"]] += 1

    world.record_with(count)
    fleet = Fleet(world, SharedClock(SimulatedClock(world)), strategy)
    start = world.now
    asyncio.run(fleet.roll(others_per_minute))
    requests.pop(OperationKind.LIST_SCALE_SETS.value, None)
    return Cost(fleet.ended_at - start, requests, fleet.refused, fleet.exit_codes)


class Fleet:
    """All the Runs; also their journal, which only counts 429s: each is an Event of its own."""

    def __init__(self, world: World, clock: SharedClock, strategy: Strategy) -> None:
        self.refused = 0
        self.exit_codes: Counter[int] = Counter()
        self.ended_at = world.now
        self._world = world
        self._clock = clock
        self._strategy = strategy
        self._going = 0

    def append(self, events: Sequence[Event]) -> None:
        """Count the 429s."""
        self.refused += sum(
            isinstance(each, RequestDeferred) and each.reason is DeferralReason.THROTTLED
            for each in events
        )

    async def roll(self, others_per_minute: int) -> None:
        """Start everybody at the same moment."""
        keys = [each.key for each in self._world.scale_sets(SUBSCRIPTION)]
        self._going = len(keys)
        everybody = [self._run(key) for key in keys]
        if others_per_minute:
            everybody.append(self._others(timedelta(minutes=1) / others_per_minute))
        await self._clock.together(everybody)

    async def _run(self, key: ScaleSetKey) -> None:
        """Plan and apply, as a process of its own would."""
        target = ScaleSetId(key.subscription_id, key.resource_group, key.name)
        backend = SimulatedBackend(self._world)
        live, _ = await backend.observe(target)
        plan = Plan(target.name, target, ModelFields(NEW_IMAGE), self._strategy)
        rollout = compute_rollout(plan, live, plan.model)
        begun = RunState.begin(rollout)
        executor = Executor(
            backend, self._clock, self, MemoryInbox(), ScriptedProbes(), Nobody(), begun
        )
        opening = RunStarted(self._clock.now(), f"{target.name}-1", digest(rollout))
        outcome = (await executor.run(opening)).outcome
        self.exit_codes[-1 if outcome is None else int(outcome.exit_code)] += 1
        self.ended_at = self._clock.now()
        self._going -= 1

    async def _others(self, interval: timedelta) -> None:
        """Ask for lists, whatever the answer, until the last Run has ended."""
        while self._going:
            with suppress(ArmError):
                self._world.admit(
                    OperationKind.LIST_SCALE_SETS,
                    None,
                    subscription_id=SUBSCRIPTION,
                    location=LOCATION,
                )
            await self._clock.sleep_until(self._clock.now() + interval)
