"""The status of long-running operations, in both flavours a client may poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm.call import COMPUTE, ApiVersions, Route
from vmss_simulator.arm.documents import operation_document, operation_error
from vmss_simulator.arm.headers import poll_headers
from vmss_simulator.arm.lro import accepted
from vmss_simulator.arm.machines import storage_profile
from vmss_simulator.arm.messages import empty_response, json_response
from vmss_simulator.errors import ArmError
from vmss_simulator.images import fold_location
from vmss_simulator.values import OperationKind, OperationStatus

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.values import Operation, ScaleSetKey


def status(call: Call) -> Response:
    """Answer `Azure-AsyncOperation` with the operation, `Location` with its outcome.

    With `monitor=true` a running operation is 202, a finished one an empty 200, and one that
    failed its error; which status that has is not recorded, 409 is an assumption.
    """
    operation = call.world.operation(call.parameters["operationId"])
    if operation.key.subscription_id.casefold() != call.subscription_id.casefold() or fold_location(
        operation.location
    ) != fold_location(call.parameters["location"]):
        raise ArmError(404, "NotFound", "The operation was not found at this location.")
    running = operation.status is OperationStatus.IN_PROGRESS
    if call.query.get("monitor", "").lower() != "true":
        headers = poll_headers(call.world, call.settings) if running else {}
        return json_response(operation_document(operation), 200, headers)
    match operation.status:
        case OperationStatus.IN_PROGRESS:
            return accepted(call, operation)
        case OperationStatus.SUCCEEDED:
            return _outcome(call, operation)
        case OperationStatus.FAILED | OperationStatus.CANCELED:
            return json_response({"error": operation_error(operation)}, 409)


def _outcome(call: Call, operation: Operation) -> Response:
    """Answer what an operation gave: nothing, but for a change of disks the storage profile."""
    if operation.kind is not OperationKind.ATTACH_DETACH_DATA_DISKS:
        return empty_response(200)
    try:
        scale_set = call.world.scale_set(operation.key)
        instance = call.world.instance(operation.key, operation.instance_ids[0])
    except ArmError:
        # The instance has gone since; that it was changed is still true.
        return json_response({})
    return json_response(storage_profile(scale_set, instance))


def _scale_set_of(call: Call) -> ScaleSetKey:
    return call.world.operation(call.parameters["operationId"]).key


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        COMPUTE + "/locations/{location}/operations/{operationId}",
        status,
        OperationKind.GET_OPERATION,
        ApiVersions("locations/operations"),
        key_of=_scale_set_of,
    ),
)
