"""The world over the admin interface: look at it, take it away, put it back, start it afresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.admin.call import AdminError, AdminRoute, iso, text_response
from vmss_simulator.admin.rehearsal import contradiction
from vmss_simulator.arm.messages import json_response
from vmss_simulator.errors import ScenarioError
from vmss_simulator.saving import world_document
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.yaml_text import yaml_text

if TYPE_CHECKING:
    from vmss_simulator.admin.call import AdminCall
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.door import Door
    from vmss_simulator.values import ScaleSet

_TOO_LARGE = 32 * 1024 * 1024


def show(call: AdminCall) -> Response | dict[str, Any]:
    """Answer an overview, or with `format=yaml` or `json` the whole world as a document."""
    wanted = call.format("summary", "yaml", "json")
    if wanted == "summary":
        return _summary(call.door)
    document = world_document(call.door.world.snapshot())
    if wanted == "json":
        return json_response(document)
    return text_response(yaml_text(document), "application/yaml")


def replace(call: AdminCall) -> dict[str, Any]:
    """Go on from a document: one that `show` gave, or any scenario. A bad one changes nothing."""
    if len(call.request.body) > _TOO_LARGE:
        raise AdminError(413, "StateTooLarge", "The document is larger than 32 MiB.")
    try:
        text = call.request.body.decode()
        world = parse_scenario(text, "state").world()
    except UnicodeDecodeError:
        raise AdminError(400, "InvalidState", "The document is not UTF-8 text.") from None
    except ScenarioError as error:
        raise AdminError(400, "InvalidState", str(error)) from error
    wrong = contradiction(world, call.door.settings)
    if wrong is not None:
        raise AdminError(400, "InvalidState", f"The world contradicts itself: {wrong}")
    call.door.replace_world(world)
    return _summary(call.door)


def reset(call: AdminCall) -> dict[str, Any]:
    """Start afresh: the world as the door was given it, and an empty request log."""
    call.door.reset()
    return {"now": iso(call.door.world.now)}


def _summary(door: Door) -> dict[str, Any]:
    world = door.world
    return {
        "now": iso(world.now),
        "seed": world.seed,
        "requests": len(door.requests),
        "events": len(world.log),
        "scaleSets": [
            _scale_set(door, scale_set)
            for subscription_id in world.subscription_ids()
            for scale_set in world.scale_sets(subscription_id)
        ],
    }


def _scale_set(door: Door, scale_set: ScaleSet) -> dict[str, Any]:
    instances = scale_set.instances.values()
    return {
        "id": scale_set.key.resource_id,
        "etag": scale_set.etag,
        "provisioningState": scale_set.provisioning.value,
        "instances": len(instances),
        "inService": scale_set.in_service_count,
        "latestModelApplied": sum(
            door.world.latest_model_applied(scale_set, each) for each in instances
        ),
    }


ROUTES = (
    AdminRoute("GET", "/state", show, "An overview; ?format=yaml or json is the whole world."),
    AdminRoute("PUT", "/state", replace, "Go on from such a document, or from any scenario."),
    AdminRoute("POST", "/state", replace, "The same."),
    AdminRoute("POST", "/reset", reset, "Start afresh, as the scenario begins."),
)
