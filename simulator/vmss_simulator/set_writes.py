"""Writes of a set beside its model: extensions, scale-out, placement groups, services."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents
from vmss_simulator.actions import end_when_idle
from vmss_simulator.errors import ArmError
from vmss_simulator.operations import end_step, start_operation
from vmss_simulator.policies import repairs_policy
from vmss_simulator.repairs import AUTOMATIC_REPAIRS, set_service, watch_all
from vmss_simulator.scaling import add_instances, with_capacity
from vmss_simulator.values import OperationKind
from vmss_simulator.work import current_target
from vmss_simulator.writes import check_no_conflict, check_not_deleting, find, write_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.state import State
    from vmss_simulator.values import Operation, ScaleSet, ScaleSetKey

_PROFILE = ("properties", "virtualMachineProfile")
_ZONE_BALANCE = "AutomaticZoneRebalancing"
_SINGLE_GROUP = 100


def write_extension(
    state: State, key: ScaleSetKey, name: str, body: Mapping[str, Any], *, merge: bool
) -> Operation:
    """Put an extension into the model, or change it there; ArmError 400, 404, 409."""
    scale_set = find(state, key)
    listed = extensions_of(scale_set)
    held = extension_of(scale_set, name)
    if merge:
        if held is None:
            raise _no_extension(name)
        body = documents.merge(held, body)
    properties = documents.section(body, "properties")
    for field in ("publisher", "type", "typeHandlerVersion"):
        if not documents.text(properties, field):
            message = f"Required parameter '{field}' is missing (null)."
            raise ArmError(400, "InvalidParameter", message, target=field)
    documents.section(properties, "settings")
    model = {field: value for field, value in properties.items() if field != "provisioningState"}
    written = {"name": str(held["name"]) if held else name, "properties": model}
    kept = [written if each is held else each for each in listed]
    kept = kept if held is not None else [*listed, written]
    return write_model(
        state, OperationKind.PUT_EXTENSION, key, _with_extensions(kept), if_match=None
    )


def delete_extension(state: State, key: ScaleSetKey, name: str) -> Operation | None:
    """Take an extension out of the model; None when it has none such."""
    scale_set = find(state, key)
    held = extension_of(scale_set, name)
    if held is None:
        return None
    kept = [each for each in extensions_of(scale_set) if each is not held]
    kind = OperationKind.DELETE_EXTENSION
    return write_model(state, kind, key, _with_extensions(kept), if_match=None)


def extensions_of(scale_set: ScaleSet) -> list[Mapping[str, Any]]:
    """Return the extensions in the model, as written."""
    profile = documents.section(scale_set.body, *_PROFILE, "extensionProfile")
    return list(profile.get("extensions") or [])


def extension_of(scale_set: ScaleSet, name: str) -> Mapping[str, Any] | None:
    """Return one extension in the model, None when it has none such."""
    wanted = name.casefold()
    for each in extensions_of(scale_set):
        if str(each.get("name", "")).casefold() == wanted:
            return each
    return None


def scale_out(state: State, key: ScaleSetKey, capacity: int, zone: str | None) -> Operation:
    """Add machines, in one zone if it is named; ArmError 400, 404, 409.

    That `capacity` is how many are added, and not how many there are to be, is assumed.
    """
    scale_set = find(state, key)
    if capacity < 1:
        raise documents.invalid_parameter("capacity", capacity)
    if zone is not None and zone not in documents.zones(scale_set.body):
        raise documents.invalid_parameter("zone", zone)
    grown = with_capacity(scale_set, documents.capacity(scale_set.body) + capacity)
    documents.capacity(grown.body)
    current_target(state, grown)
    check_no_conflict(state, scale_set, None)
    operation = start_operation(state, grown, OperationKind.SCALE_OUT)
    add_instances(state, operation, grown, capacity, zone)
    end_step(state, operation.operation_id)
    return operation


def convert_to_single_placement_group(
    state: State, key: ScaleSetKey, placement_group_id: str | None
) -> None:
    """Let the set have a single placement group again; ArmError 400, 404, 409.

    Only where its machines fit into one and lie in one; which is refused how is assumed.
    """
    scale_set = find(state, key)
    check_no_conflict(state, scale_set, None)
    groups = {each.placement_group_id for each in scale_set.instances.values()}
    if placement_group_id is not None and placement_group_id not in groups:
        raise documents.invalid_parameter("activePlacementGroupId", placement_group_id)
    if documents.capacity(scale_set.body) > _SINGLE_GROUP or len(groups) > 1:
        raise ArmError(
            409,
            "OperationNotAllowed",
            "The scale set cannot be converted to a single placement group: its instances do not"
            " lie in one.",
        )
    properties = {**documents.section(scale_set.body, "properties"), "singlePlacementGroup": True}
    if scale_set.body.get("properties") == properties:
        return
    body = {**scale_set.body, "properties": properties}
    state.store(replace(scale_set, body=body, etag_number=scale_set.etag_number + 1))
    state.emit("convertedToSinglePlacementGroup", scale_set.key)


def set_service_state(state: State, key: ScaleSetKey, service: str, action: str) -> Operation:
    """Suspend or resume an orchestration service; ArmError 400, 404, 409 where it does not run."""
    scale_set = find(state, key)
    known = {each.casefold(): each for each in (AUTOMATIC_REPAIRS, _ZONE_BALANCE)}
    name = known.get(service.casefold())
    if name is None:
        raise documents.invalid_parameter("serviceName", service)
    if action.casefold() not in ("resume", "suspend"):
        raise documents.invalid_parameter("action", action)
    if not _runs(scale_set, name):
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"The orchestration service '{name}' is not enabled on the scale set"
            f" '{scale_set.key.name}'.",
            target="serviceName",
        )
    check_not_deleting(scale_set)
    suspended = action.casefold() == "suspend"
    changed = set_service(state, scale_set, name, suspended=suspended, by="client")
    kind = OperationKind.SET_ORCHESTRATION_SERVICE_STATE
    operation = start_operation(state, changed, kind)
    end_when_idle(state, operation, began=False)
    watch_all(state, key)
    return operation


def _runs(scale_set: ScaleSet, service: str) -> bool:
    if service == AUTOMATIC_REPAIRS:
        policy = repairs_policy(scale_set.body)
        return policy is not None and policy.enabled
    resiliency = documents.section(scale_set.body, "properties", "resiliencyPolicy")
    return documents.section(resiliency, "automaticZoneRebalancingPolicy").get("enabled") is True


def _with_extensions(listed: list[Mapping[str, Any]]) -> dict[str, Any]:
    profile = {"extensionProfile": {"extensions": listed}}
    return {"properties": {"virtualMachineProfile": profile}}


def _no_extension(name: str) -> ArmError:
    return ArmError(404, "NotFound", f"The extension '{name}' was not found.")
