"""One rollout through every door: the same scenario and seed give the same Run, event by event."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.wire_clients import AsyncAnyToken
from tests.support.runs import MemoryInbox, ScriptedProbes
from vmss_simulator.door import Door
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.server import make_door, serving
from vmss_simulator.transport import SimulatorTransport
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.clocks import SimulatorClock
from vmssplan.engine import RunState
from vmssplan.engine.events import RunStarted
from vmssplan.executor import Executor
from vmssplan.planfile import load_plans
from vmssplan.resolution import resolve
from vmssplan.rollout import compute_rollout, digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmss_simulator.log import Log
    from vmss_simulator.world import World
    from vmssplan.engine import Event
    from vmssplan.model import Plan, ScaleSet
    from vmssplan.ports import Backend, Clock

ROOT = Path(__file__).parents[2]


class MemoryJournal:
    """A journal that lasts as long as the test."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events."""
        self.events += events


class NobodyWatches:
    """A watcher that does not look."""

    def happened(self, event: Event, state: RunState) -> None:
        """Ignore it."""

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Ignore it."""


async def run(plan: Plan, backend: Backend, clock: Clock) -> list[Event]:
    """Plan and apply; return what the journal holds."""
    live, _ = await backend.observe(plan.target)
    rollout = compute_rollout(plan, live, await resolve(plan.model, live, backend))
    journal = MemoryJournal()
    begun = RunState.begin(rollout)
    executor = Executor(
        backend, clock, journal, MemoryInbox(), ScriptedProbes(), NobodyWatches(), begun
    )
    await executor.run(RunStarted(clock.now(), "run", digest(rollout)))
    await backend.aclose()
    return journal.events


async def directly(plan: Plan, world: World, _folder: Path) -> list[Event]:
    """Run through the direct door."""
    return await run(plan, SimulatedBackend(world), SimulatedClock(world))


async def in_process(plan: Plan, world: World, _folder: Path) -> list[Event]:
    """Run through the real SDK on the in-process transport."""
    transport = SimulatorTransport(Door(world))
    backend = AzureBackend(
        AsyncAnyToken(), endpoint="https://simulator.invalid", transport=transport
    )
    return await run(plan, backend, SimulatedClock(world))


async def over_https(plan: Plan, world: World, folder: Path) -> list[Event]:
    """Run through the real SDK over HTTPS, by the server's own clock."""
    with serving(make_door(world), folder=folder) as running:
        end = running.endpoint
        backend = AzureBackend.connect_simulator(
            endpoint=end.endpoint,
            ca_file=Path(end.ca_file),
            tenant_id=end.tenant_id,
            client_id=end.client_id,
            client_secret=end.client_secret,
        )
        with closing(SimulatorClock(end.endpoint, Path(end.ca_file))) as clock:
            return await run(plan, backend, clock)


@pytest.mark.parametrize(
    ("scenario", "plan_file"),
    [
        pytest.param("web-12", "web-jammy", id="everyday"),
        pytest.param("throttled", "web-jammy", id="throttled"),
        pytest.param("conflict", "web-jammy", id="conflict"),
        pytest.param("bad-image", "web-jammy", id="bad image"),
        pytest.param("custom-uri", "custom-image-uri", id="legacy image"),
        pytest.param("gallery", "gallery-image", id="gallery image"),
    ],
)
async def test_every_door_gives_the_same_run(tmp_path: Path, scenario: str, plan_file: str) -> None:
    """The journal and the world's own log are equal through the direct door, SDK and HTTPS."""
    path = ROOT / "simulator" / "scenarios" / f"{scenario}.yaml"
    described = parse_scenario(path.read_text(encoding="utf-8"), str(path))
    (loaded,) = load_plans([ROOT / "plans" / f"{plan_file}.yaml"], os.environ)
    seen: list[tuple[list[Event], Log]] = []
    for door in (directly, in_process, over_https):
        world = described.world()
        seen.append((await door(loaded.plan, world, tmp_path), world.log))
    direct, sdk, https = seen
    assert direct[0]
    assert sdk == direct
    assert https == direct
