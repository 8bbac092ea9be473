"""The speed of the simulator: its server against a bare one, long lists, and a large fleet."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.measuring import Measure
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.values import OperationStatus, ScaleSetKey

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
WEB = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/myrg/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/web"
)
BIG = WEB.removesuffix("web") + "big"
VERSION = "api-version=2026-04-01"
CONNECTIONS = 16
REQUESTS = 4_000
FLEET_SETS, FLEET_INSTANCES, FLEET_BATCHES = 1_000, 100, 5
NO_THROTTLE = "options: {throttling: false}\n"


def measures() -> list[Measure]:
    """Measure."""
    return [*_served(), *_fleet()]


def _served() -> list[Measure]:
    """Compare requests per second, and time one long list, over HTTPS."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _simulator(folder, "web-12") as ready:
            body = asyncio.run(_get(ready, f"{WEB}?{VERSION}"))
            ours = asyncio.run(_rate(ready["endpoint"], ready["caFile"], ready["token"]))
        (folder / "body.json").write_bytes(body)
        with _bare(folder) as (endpoint, ca_file):
            bare = asyncio.run(_rate(endpoint, ca_file, ready["token"]))
        with _simulator(folder, "large-1000") as ready:
            path = f"{BIG}/virtualMachines?$expand=instanceView&{VERSION}"
            first = asyncio.run(_list_seconds(ready, path))
            again = asyncio.run(_list_seconds(ready, path))
    return [
        Measure("GET of a scale set over HTTPS", ours, unit="req/s"),
        Measure("a bare handler on the same server", bare, unit="req/s"),
        Measure("the share of the bare handler reached", ours / bare, 0.5, "", is_share=True),
        Measure("list of 1,000 instances with views, first", first),
        Measure("list of 1,000 instances with views, again", again),
    ]


def _fleet() -> list[Measure]:
    """Roll 1,000 sets of 100 instances in virtual time, five batches each."""
    before = _peak_mebibytes()
    world = parse_scenario(_fleet_scenario(), "fleet.yaml").world()
    keys = [ScaleSetKey(SUBSCRIPTION, "myrg", f"set{n}") for n in range(FLEET_SETS)]
    patch = {
        "properties": {
            "virtualMachineProfile": {
                "storageProfile": {
                    "imageReference": {
                        "publisher": "Canonical",
                        "offer": "ubuntu-server",
                        "sku": "22_04-lts-gen2",
                        "version": "22.04.202611010",
                    }
                }
            }
        }
    }
    start = time.process_time()
    pending = [world.patch_scale_set(key, patch) for key in keys]
    for batch in range(FLEET_BATCHES):
        while any(
            world.operation(one.operation_id).status is OperationStatus.IN_PROGRESS
            for one in pending
        ):
            world.advance_to((world.next_event_at() or world.now) + timedelta(minutes=1))
        pending = [
            world.upgrade(key, list(world.scale_set(key).instances)[batch::FLEET_BATCHES])
            for key in keys
        ]
    world.advance_to(world.now + timedelta(hours=1))
    seconds = time.process_time() - start
    current = sum(
        one.exact_version == "22.04.202611010"
        for key in keys
        for one in world.scale_set(key).instances.values()
    )
    if current != FLEET_SETS * FLEET_INSTANCES:
        raise RuntimeError(f"only {current} instances run the new image")
    return [
        Measure("1,000 sets x 100 instances rolled, CPU", seconds),
        Measure("  per instance", seconds / current * 1e6, unit="us"),
        Measure("  memory", _peak_mebibytes() - before, unit="MiB"),
    ]


def _fleet_scenario() -> str:
    image = "{publisher: Canonical, offer: ubuntu-server, sku: 22_04-lts-gen2"
    sets = "".join(
        f"  - {{resourceGroup: myrg, name: set{n}, capacity: {FLEET_INSTANCES},"
        f' applicationHealth: true, image: {image}, version: "22.04.202609010"}}}}\n'
        for n in range(FLEET_SETS)
    )
    return (
        "apiVersion: vmss-simulator/v1\nkind: Scenario\nseed: 1\n"
        'start: "2026-11-02T08:00:00Z"\n'
        f"{NO_THROTTLE}images:\n  platform:\n"
        f'    - {image}, versions: ["22.04.202609010", "22.04.202611010"]}}\n'
        f"scaleSets:\n{sets}"
    )


@contextmanager
def _simulator(folder: Path, scenario: str) -> Iterator[dict[str, str]]:
    """Serve the scenario, without a throttle, from a process of its own."""
    text = (ROOT / "simulator" / "scenarios" / f"{scenario}.yaml").read_text("utf-8")
    path, ready_file = folder / f"{scenario}.yaml", folder / "ready.json"
    if "\noptions:" in text:
        raise RuntimeError(f"{scenario} has options of its own")
    path.write_text(text + NO_THROTTLE, encoding="utf-8")
    ready_file.unlink(missing_ok=True)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "vmssplan", "simulator", "serve"),
            *("--scenario", str(path), "--ready-file", str(ready_file)),
            *("--state-dir", str(folder / "state")),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        while not ready_file.exists():
            if process.poll() is not None:
                raise RuntimeError("the simulator did not start")
            os.sched_yield()
        ready = json.loads(ready_file.read_text("utf-8"))
        yield {**ready, "token": asyncio.run(_token(ready))}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@contextmanager
def _bare(folder: Path) -> Iterator[tuple[str, str]]:
    certificates = folder / "bare"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.bare_server"),
            *(str(certificates), str(folder / "body.json")),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"https://127.0.0.1:{port}", str(certificates / "ca.pem")
    finally:
        process.terminate()
        process.wait()


def _session(ca_file: str, token: str) -> aiohttp.ClientSession:
    tls = ssl.create_default_context(cafile=ca_file)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=CONNECTIONS),
        headers={"authorization": f"Bearer {token}"},
    )


async def _token(ready: dict[str, str]) -> str:
    """Log in as any client would."""
    form = {
        "grant_type": "client_credentials",
        "client_id": ready["clientId"],
        "client_secret": ready["clientSecret"],
        "scope": "https://management.azure.com/.default",
    }
    url = f"{ready['endpoint']}/{ready['tenantId']}/oauth2/v2.0/token"
    async with _session(ready["caFile"], "none") as session, session.post(url, data=form) as reply:
        answer = await reply.json()
        return str(answer["access_token"])


async def _get(ready: dict[str, str], path: str) -> bytes:
    url = ready["endpoint"] + path
    async with _session(ready["caFile"], ready["token"]) as session, session.get(url) as reply:
        reply.raise_for_status()
        return await reply.read()


async def _rate(endpoint: str, ca_file: str, token: str) -> float:
    """Return requests per second over kept-alive connections, after a warm-up."""
    url = f"{endpoint}{WEB}?{VERSION}"
    async with _session(ca_file, token) as session:

        async def worker(count: int) -> None:
            for _ in range(count):
                async with session.get(url) as reply:
                    reply.raise_for_status()
                    await reply.read()

        await asyncio.gather(*(worker(10) for _ in range(CONNECTIONS)))
        start = time.perf_counter()
        await asyncio.gather(*(worker(REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)))
        return REQUESTS / (time.perf_counter() - start)


async def _list_seconds(ready: dict[str, str], path: str) -> float:
    """Return how long it takes to follow a list to its last page."""
    url, count = ready["endpoint"] + path, 0
    async with _session(ready["caFile"], ready["token"]) as session:
        start = time.perf_counter()
        while url:
            async with session.get(url) as reply:
                reply.raise_for_status()
                page = await reply.json()
            count += len(page["value"])
            url = page.get("nextLink", "")
        seconds = time.perf_counter() - start
    if count != FLEET_SETS:
        raise RuntimeError(f"the list had {count} instances")
    return seconds


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
