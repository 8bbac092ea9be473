"""Scenarios of failures, run by the real core through each of the three doors."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.contract.wire_clients import AsyncAnyToken
from tests.support.runs import MemoryInbox, MemoryJournal, Nobody, ScriptedProbes
from tests.support.values import TARGET, at_most, plan, seconds, strategy
from vmss_simulator.arm.settings import SUBSCRIPTION_ID
from vmss_simulator.door import Door
from vmss_simulator.scenario import Scenario, load_scenario
from vmss_simulator.server import make_door, serving
from vmss_simulator.transport import SimulatorTransport
from vmss_simulator.world import World
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.clocks import SimulatorClock
from vmssplan.engine import RunState
from vmssplan.engine.events import RunStarted
from vmssplan.executor import Executor
from vmssplan.model import Health, Plan, PlatformImage
from vmssplan.rollout import Rollout, compute_rollout, digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.arm import Response
    from vmssplan.ports import Backend, Clock

FOLDER = Path(__file__).parents[2] / "simulator" / "scenarios" / "faults"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
NEW_IMAGE = PlatformImage("Canonical", "ubuntu-server", "22_04-lts-gen2", "22.04.202611010")
SCALE_SET = (
    f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/myrg/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/web"
)
API = "api-version=2024-11-01"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a Run ended, what the world says of it, and of whom it was asked."""

    state: RunState
    rollout: Rollout
    world: World

    @property
    def log_hash(self) -> str:
        """What every process and every door must agree on."""
        return sha256(repr(self.world.log).encode()).hexdigest()


@cache
def scenario(name: str) -> Scenario:
    """Return the scenario of this failure."""
    return load_scenario(FOLDER / f"{name}.yaml")


def upgrade_in_pairs() -> Plan:
    """Return the Plan of all these Runs: two instances at a time, never more than two out."""
    return plan(
        NEW_IMAGE,
        strategy=strategy("fixedBatch", 2),
        availability=at_most(2),
        health=Health(min_healthy_time=seconds(30)),
    )


async def applied(world: World, backend: Backend, clock: Clock) -> Ended:
    """Plan and apply; the world is the one behind the backend."""
    wanted = upgrade_in_pairs()
    live, _ = await backend.observe(TARGET)
    rollout = compute_rollout(wanted, live, wanted.model)
    begun = RunState.begin(rollout)
    executor = Executor(
        backend, clock, MemoryJournal(), MemoryInbox(), ScriptedProbes(), Nobody(), begun
    )
    ended = await executor.run(RunStarted(clock.now(), "run", digest(rollout)))
    await backend.aclose()
    return Ended(ended, rollout, world)


def run_directly(name: str) -> Ended:
    """Run through the direct door."""
    world = scenario(name).world()
    return asyncio.run(applied(world, SimulatedBackend(world), SimulatedClock(world)))


def run_in_process(name: str, door: Door | None = None) -> Ended:
    """Run through the real SDK without a socket."""
    door = door or Door(scenario(name).world())
    transport = SimulatorTransport(door)
    backend = AzureBackend(
        AsyncAnyToken(), endpoint="https://simulator.invalid", transport=transport
    )
    return asyncio.run(applied(door.world, backend, SimulatedClock(door.world)))


def run_over_https(name: str, folder: Path) -> Ended:
    """Run through the real SDK over HTTPS, by the server's own clock."""
    world = scenario(name).world()
    with serving(make_door(world), folder=folder) as running:
        end, ca_file = running.endpoint, Path(running.endpoint.ca_file)
        backend = AzureBackend.connect_simulator(
            endpoint=end.endpoint,
            ca_file=ca_file,
            tenant_id=end.tenant_id,
            client_id=end.client_id,
            client_secret=end.client_secret,
        )
        with closing(SimulatorClock(end.endpoint, ca_file)) as clock:
            return asyncio.run(applied(world, backend, clock))


class ListeningDoor(Door):
    """A door that keeps what it answered, as text: status, headers and body of each reply."""

    heard: list[str]

    def respond(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """Answer, and keep the answer."""
        response = super().respond(method, path, query, headers, body)
        status = "lost" if response.is_lost else "cut" if response.is_cut else response.status
        fields = " ".join(f"{name}: {value}" for name, value in response.headers.items())
        self.heard = getattr(self, "heard", [])
        self.heard.append(f"{method} {path} {status} {fields}\n{response.body.decode()}")
        return response


def ask(door: Door, method: str, path: str, document: Any = None) -> Response:
    """Make one request to the scale set over ARM; `path` is below it."""
    headers = {"authorization": "Bearer any.well-formed.token", "content-type": "application/json"}
    body = b"" if document is None else json.dumps(document).encode()
    return door.respond(method, SCALE_SET + path, API, headers, body)


def settle(door: Door) -> None:
    """Let everything happen that happens within a day by itself."""
    for _ in range(10_000):
        due = door.world.next_event_at()
        if due is None or (due - door.world.now).days:
            return
        door.advance(due)
    raise AssertionError("the world does not come to rest")
