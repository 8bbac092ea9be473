"""`vmssplan ui` as a user starts it, on a simulator of its own, and scenarios for it."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.program import PATIENCE_SECONDS, Program, when_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD, NEW = "22.04.202609010", "22.04.202611010"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SET_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/myrg"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/web"
)


@dataclass(frozen=True, slots=True)
class Served:
    """A running `vmssplan ui`: the address with its token, and its working folder."""

    url: str
    folder: Path


def image(version: str) -> dict[str, str]:
    """Return a marketplace image of that version."""
    offer = {"publisher": "Canonical", "offer": "ubuntu-server", "sku": "22_04-lts-gen2"}
    return {**offer, "version": version}


def scenario(count: int, **extra: Any) -> dict[str, Any]:
    """Return a world whose instances are outdated.

    A small one has the new model already and a domain of current instances, some are in other
    states. A large one is all old, because a thousand exceptions take long to read.
    """
    overrides: dict[str, dict[str, Any]] = {}
    is_small = 14 <= count <= 100
    if is_small:
        overrides = {str(i): {"image": image(OLD)} for i in range(count) if i % 5 != 4}
        overrides["2"]["health"] = "unhealthy"
        overrides["7"]["protection"] = {"fromScaleSetActions": True}
        overrides["8"]["power"] = "deallocated"
        overrides["13"] |= {"provisioning": "Failed", "health": "unknown"}
    return {
        "apiVersion": "vmss-simulator/v1",
        "kind": "Scenario",
        "name": f"browser-{count}",
        "seed": 7,
        "start": "2026-11-02T08:00:00Z",
        "images": {"platform": [{**_without_version(), "versions": [OLD, NEW]}]},
        "scaleSets": [
            {
                "resourceGroup": "myrg",
                "name": "web",
                "vmSize": "Standard_D2s_v5",
                "image": image(NEW if is_small else OLD),
                "applicationHealth": True,
                "capacity": count,
                "overrides": overrides,
                **extra,
            }
        ],
    }


def plan(**extra: Any) -> dict[str, Any]:
    """Return a Plan for the set of the scenario."""
    return {
        "apiVersion": "vmssplan/v1",
        "kind": "Plan",
        "metadata": {"name": "web"},
        "target": {"subscriptionId": SUBSCRIPTION, "resourceGroup": "myrg", "scaleSet": "web"},
        "model": {"image": image(NEW)},
        "strategy": {"type": "perUpdateDomain"},
        "availability": {"maxUnavailable": "50%"},
        **extra,
    }


def _without_version() -> dict[str, str]:
    return {name: value for name, value in image(NEW).items() if name != "version"}


@contextmanager
def serving(
    folder: Path, world: dict[str, Any], *options: str, plans: dict[str, Any] | None = None
) -> Iterator[Served]:
    """Serve the page on that world, and Plans for it by name, while the context lasts."""
    (folder / "world.yaml").write_text(json.dumps(world), "utf-8")
    (folder / "plans").mkdir()
    for name, document in (plans or {}).items():
        (folder / "plans" / f"{name}.yaml").write_text(json.dumps(document), "utf-8")
    arguments = ["plans"] if plans else []
    with started(folder, *arguments, "--simulator", "world.yaml", *options) as served:
        yield served


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[Served]:
    """Start `vmssplan ui` in the folder, and stop it as Ctrl-C does."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    process = Program(folder).start("ui", *arguments, "--no-open", "--ready-file", ready)
    try:
        yield Served(when_ready(ready, process)["url"], folder)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
