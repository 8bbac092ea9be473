"""Further operations on whole scale sets: power verbs, deletion, scale-out, skus, services.

An action answers 202 with both poll addresses and no body (recorded); what Azure does at once
answers 200. Deleting what is not there is 204.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm import lro
from vmss_simulator.arm.call import COMPUTE, SCALE_SET, BodyRule, Route
from vmss_simulator.arm.documents import SCALE_SET_TYPE, scale_set_document
from vmss_simulator.arm.fields import flag, instance_ids, required_ids, whole_number
from vmss_simulator.arm.intake import invalid_content, invalid_parameter
from vmss_simulator.arm.messages import empty_response, json_response
from vmss_simulator.arm.paging import page
from vmss_simulator.commands import (
    ActOnInstances,
    ConvertToSinglePlacementGroup,
    DeleteInstances,
    DeleteScaleSet,
    ScaleOut,
    SetServiceState,
)
from vmss_simulator.documents import section, text
from vmss_simulator.errors import ArmError
from vmss_simulator.images import fold_location
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call, Handler
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.arm.paging import SortKey
    from vmss_simulator.values import ScaleSet

_ALL = ("*",)
_SERVICE_FABRIC = "microsoft.azure.servicefabric"
_LARGEST = 1000
_LARGEST_SINGLE = 100


def _verb(kind: OperationKind) -> Handler:
    """Return what answers a verb on the named instances; without ids, on all."""

    def answer(call: Call) -> Response:
        command = ActOnInstances(
            kind,
            call.scale_set_key,
            instance_ids(call) or _ALL,
            hurry=flag(call, "skipShutdown"),
            hibernate=flag(call, "hibernate"),
        )
        return lro.performed(call, command)

    return answer


def delete_instances(call: Call) -> Response:
    """Delete the named instances; the ids are required."""
    kind, force = OperationKind.DELETE_INSTANCES, flag(call, "forceDeletion")
    command = DeleteInstances(kind, call.scale_set_key, required_ids(call), force)
    return lro.performed(call, command)


def delete(call: Call) -> Response:
    """Delete the set."""
    return lro.performed(call, DeleteScaleSet(call.scale_set_key, flag(call, "forceDeletion")))


def scale_out(call: Call) -> Response:
    """Add instances, in one zone if the body names it."""
    capacity = whole_number(call.document.get("capacity"), "capacity")
    zone = text(call.document, "properties", "zone")
    return lro.performed(call, ScaleOut(call.scale_set_key, capacity, zone))


def convert(call: Call) -> Response:
    """Let the set have a single placement group; done at once."""
    group = text(call.document, "activePlacementGroupId")
    call.world.perform(ConvertToSinglePlacementGroup(call.scale_set_key, group))
    return empty_response(200)


def set_service_state(call: Call) -> Response:
    """Suspend or resume an orchestration service."""
    values = [text(call.document, name) for name in ("serviceName", "action")]
    service, action = values
    if service is None or action is None:
        raise invalid_content("The members 'serviceName' and 'action' are required.")
    return lro.performed(call, SetServiceState(call.scale_set_key, service, action))


def walk(call: Call) -> Response:
    """Answer a walk of the update domains, which only Service Fabric clusters have.

    How a walk goes on is not recorded; that it names the next domain is the client library's.
    """
    scale_set = call.world.scale_set(call.scale_set_key)
    raw = call.query.get("platformupdatedomain", "")
    domains = sorted({each.update_domain or 0 for each in scale_set.instances.values()})
    if not (raw.isascii() and raw.isdecimal()) or int(raw[:9]) not in (domains or [0]):
        message = f"The value '{raw}' of parameter platformUpdateDomain is invalid."
        raise invalid_parameter(message, "platformUpdateDomain")
    if not _is_service_fabric(scale_set):
        return json_response({"walkPerformed": False})
    following = [each for each in domains if each > int(raw)]
    document: dict[str, Any] = {"walkPerformed": True}
    if following:
        document["nextPlatformUpdateDomain"] = following[0]
    return json_response(document)


def _is_service_fabric(scale_set: ScaleSet) -> bool:
    instances = scale_set.instances.values()
    found = {each.publisher.casefold() for one in instances for each in one.extensions}
    return _SERVICE_FABRIC in found


def list_skus(call: Call) -> Response:
    """Answer the sizes the set may have, its own first; the others are those of the options."""
    scale_set = call.world.scale_set(call.scale_set_key)
    single = section(scale_set.body, "properties").get("singlePlacementGroup", True) is True
    sku = section(scale_set.body, "sku")
    capacity = {
        "minimum": 0,
        "maximum": _LARGEST_SINGLE if single else _LARGEST,
        "defaultCapacity": 1,
        "scaleType": "Automatic",
    }
    found = [
        {
            "resourceType": SCALE_SET_TYPE,
            "sku": {"name": name, "tier": sku.get("tier") or "Standard"},
            "capacity": capacity,
        }
        for name in call.world.sizes(call.scale_set_key)
    ]
    return json_response({"value": found})


def list_in_location(call: Call) -> Response:
    """Answer a page of the subscription's scale sets in one region."""
    wanted = fold_location(call.parameters["location"])
    found = [
        each
        for each in call.world.scale_sets(call.subscription_id)
        if fold_location(text(each.body, "location") or "") == wanted
    ]
    scale_sets, next_link = page(call, found, _sort_key)
    document: dict[str, Any] = {"value": [scale_set_document(each) for each in scale_sets]}
    if next_link is not None:
        document["nextLink"] = next_link
    return json_response(document)


def _sort_key(scale_set: ScaleSet) -> SortKey:
    key = scale_set.key.folded()
    return (key.resource_group, key.name)


def list_events(call: Call) -> Response:
    """Answer the lifecycle hook events: none, for there are no hooks here."""
    call.world.scale_set(call.scale_set_key)
    return json_response({"value": []})


def get_event(call: Call) -> Response:
    """Answer that there is no such lifecycle hook event."""
    call.world.scale_set(call.scale_set_key)
    name = call.parameters["event"]
    raise ArmError(404, "NotFound", f"The lifecycle hook event '{name}' was not found.")


def _action(name: str, kind: OperationKind) -> Route:
    return Route("POST", f"{SCALE_SET}/{name}", _verb(kind), kind, body=BodyRule.OPTIONAL)


_EVENTS = SCALE_SET + "/lifecycleHookEvents"
_LIST_EVENTS = OperationKind.LIST_LIFECYCLE_HOOK_EVENTS

ROUTES: tuple[Route, ...] = (
    _action("start", OperationKind.START),
    _action("restart", OperationKind.RESTART),
    _action("poweroff", OperationKind.POWER_OFF),
    _action("deallocate", OperationKind.DEALLOCATE),
    _action("redeploy", OperationKind.REDEPLOY),
    _action("performMaintenance", OperationKind.PERFORM_MAINTENANCE),
    _action("reapply", OperationKind.REAPPLY),
    _action("reimageall", OperationKind.REIMAGE_ALL),
    Route(
        "POST",
        SCALE_SET + "/delete",
        delete_instances,
        OperationKind.DELETE_INSTANCES,
        body=BodyRule.REQUIRED,
    ),
    Route("DELETE", SCALE_SET, delete, OperationKind.DELETE_SCALE_SET),
    Route(
        "POST",
        SCALE_SET + "/scaleOut",
        scale_out,
        OperationKind.SCALE_OUT,
        body=BodyRule.REQUIRED,
    ),
    Route(
        "POST",
        SCALE_SET + "/convertToSinglePlacementGroup",
        convert,
        OperationKind.CONVERT_TO_SINGLE_PLACEMENT_GROUP,
        body=BodyRule.OPTIONAL,
    ),
    Route(
        "POST",
        SCALE_SET + "/forceRecoveryServiceFabricPlatformUpdateDomainWalk",
        walk,
        OperationKind.FORCE_UPDATE_DOMAIN_WALK,
    ),
    Route(
        "POST",
        SCALE_SET + "/setOrchestrationServiceState",
        set_service_state,
        OperationKind.SET_ORCHESTRATION_SERVICE_STATE,
        body=BodyRule.REQUIRED,
    ),
    Route("GET", SCALE_SET + "/skus", list_skus, OperationKind.LIST_SKUS),
    Route("GET", _EVENTS, list_events, _LIST_EVENTS),
    Route("GET", _EVENTS + "/{event}", get_event, _LIST_EVENTS),
    Route("PATCH", _EVENTS + "/{event}", get_event, _LIST_EVENTS, body=BodyRule.OPTIONAL),
    Route(
        "GET",
        COMPUTE + "/locations/{location}/virtualMachineScaleSets",
        list_in_location,
        OperationKind.LIST_SCALE_SETS,
    ),
)
