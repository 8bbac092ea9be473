"""Small worlds for tests of the simulator's core, and how to run them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vmss_simulator.scenario import parse_scenario
from vmss_simulator.values import OperationStatus, ScaleSetKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.values import Operation
    from vmss_simulator.world import World

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
WEB = ScaleSetKey(SUBSCRIPTION, "myrg", "web")
OLD, NEW = "1.9.0", "1.10.0"


def image(version: str = NEW) -> dict[str, Any]:
    """Return a reference to the image all worlds here have."""
    return {"publisher": "Contoso", "offer": "server", "sku": "gen2", "version": version}


def model(version: str = NEW, **properties: Any) -> dict[str, Any]:
    """Return the PATCH that sets the image of a model."""
    profile = {"storageProfile": {"imageReference": image(version)}}
    return {"properties": {"virtualMachineProfile": profile, **properties}}


def scenario_text(
    *,
    faults: Sequence[dict[str, Any]] = (),
    options: dict[str, Any] | None = None,
    **scale_set: Any,
) -> str:
    """Return a scenario of one scale set `web`, on the old of two image versions."""
    document = {
        "apiVersion": "vmss-simulator/v1",
        "kind": "Scenario",
        "seed": 7,
        "start": "2026-11-02T08:00:00Z",
        "options": options or {},
        "images": {
            "platform": [
                {"publisher": "Contoso", "offer": "server", "sku": "gen2", "versions": [NEW, OLD]}
            ]
        },
        "scaleSets": [
            {
                "resourceGroup": "myrg",
                "name": "web",
                "image": image(OLD),
                "applicationHealth": True,
                "capacity": 4,
                **scale_set,
            }
        ],
        "faults": list(faults),
    }
    return json.dumps(document, indent=1)


def make_world(**scenario: Any) -> World:
    """Return the world of `scenario_text` at its start."""
    return parse_scenario(scenario_text(**scenario)).world()


def run(world: World, events: int = 100_000) -> None:
    """Let everything happen that will happen by itself."""
    for _ in range(events):
        due = world.next_event_at()
        if due is None:
            return
        world.advance_to(due)
    raise AssertionError("the world never comes to rest")


def finish(world: World, operation: Operation) -> Operation:
    """Advance until the operation has ended, and return it."""
    while (
        current := world.operation(operation.operation_id)
    ).status is OperationStatus.IN_PROGRESS:
        due = world.next_event_at()
        assert due is not None, "the operation never ends"
        world.advance_to(due)
    return current


def with_new_model(world: World) -> World:
    """Set the new image on the model and let that settle."""
    finish(world, world.patch_scale_set(WEB, model()))
    return world


def event_types(world: World, instance_id: str | None = None) -> list[str]:
    """Return what the log says happened, to one instance or to all."""
    return [each.type for each in world.log if instance_id in (None, each.instance_id)]
