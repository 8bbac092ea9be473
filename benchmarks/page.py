"""The page on a thousand instances: how soon the server has answered, and what it costs."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.measuring import Measure, cpu_seconds, wall_seconds
from tests.ui.serving import served
from vmss_simulator.scenario import load_scenario
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.model import ScaleSetId

if TYPE_CHECKING:
    from tests.ui.serving import Served

SCENARIO = Path(__file__).parent.parent / "simulator" / "scenarios" / "large-1000.yaml"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TARGET = ScaleSetId(SUBSCRIPTION, "myrg", "big")
LOAD_GOAL_SECONDS = 1.0
PAGES = 20


def load(page: Served) -> None:
    """Ask for what a page asks for when it is opened on a set."""
    paths = ("/", "/api/session", "/api/scale-sets", f"/api/scale-set?id={TARGET.resource_id}")
    for path in (*paths, "/api/runs", "/api/operations"):
        assert page.get(path).status == HTTPStatus.OK, path


def load_often(page: Served) -> None:
    """Open as many pages."""
    for _ in range(PAGES):
        load(page)


def measures() -> list[Measure]:
    """Measure."""
    scenario = load_scenario(SCENARIO)
    world, other = scenario.world(), scenario.world()
    with TemporaryDirectory() as folder, served(world, Path(folder)) as page:
        first = wall_seconds(lambda: load(page), repeats=1)
        again = wall_seconds(lambda: load(page))
        one = cpu_seconds(lambda: load(page))
        many = cpu_seconds(lambda: load_often(page))
        document = page.get(f"/api/scale-set?id={TARGET.resource_id}").document
        writing = cpu_seconds(lambda: json.dumps(document))
        backend = page.sources.service
        reads = sum(backend.requests.values()) if isinstance(backend, SimulatedBackend) else 0
    look = cpu_seconds(lambda: asyncio.run(SimulatedBackend(other).observe(TARGET)), repeats=1)
    return [
        Measure("1,000 instances, first load, wall", first, LOAD_GOAL_SECONDS),
        Measure("  loaded again, wall", again, LOAD_GOAL_SECONDS),
        Measure("  loaded again, CPU", one),
        Measure("  in writings of its JSON", one / writing, 40, "times"),
        Measure(f"  {PAGES} pages, in loads of one", many / one, PAGES * 1.5, "times"),
        Measure("  looks at the service, for all of them", reads, 20, "reads"),
        Measure("  one look, in loads of a page", look / one, None, "times"),
    ]
