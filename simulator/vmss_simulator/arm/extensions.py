"""VM extensions, in the model of a set and on one instance.

A write answers 201 for a new one and 200 else, as a write of the model does; removing one that
is not there is 204.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm import lro
from vmss_simulator.arm.call import INSTANCE, SCALE_SET, BodyRule, Route
from vmss_simulator.arm.documents import INSTANCE_TYPE, SCALE_SET_TYPE
from vmss_simulator.arm.messages import json_response
from vmss_simulator.commands import (
    DeleteExtension,
    DeleteInstanceExtension,
    WriteExtension,
    WriteInstanceExtension,
)
from vmss_simulator.errors import ArmError
from vmss_simulator.set_writes import extension_of, extensions_of
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.values import ExtensionStatus, Instance, ScaleSet


def list_of_set(call: Call) -> Response:
    """Answer the extensions in the model."""
    scale_set = call.world.scale_set(call.scale_set_key)
    documents = [_in_model(scale_set, each) for each in extensions_of(scale_set)]
    return json_response({"value": documents})


def get_of_set(call: Call) -> Response:
    """Answer one extension in the model."""
    scale_set = call.world.scale_set(call.scale_set_key)
    return json_response(_in_model(scale_set, _found(call, scale_set)))


def put_of_set(call: Call) -> Response:
    """Put an extension into the model."""
    return _write_of_set(call, merge=False)


def patch_of_set(call: Call) -> Response:
    """Change an extension in the model."""
    return _write_of_set(call, merge=True)


def _write_of_set(call: Call, *, merge: bool) -> Response:
    name = call.parameters["extension"]
    before = extension_of(call.world.scale_set(call.scale_set_key), name)
    operation = call.world.perform(WriteExtension(call.scale_set_key, name, call.document, merge))
    scale_set = call.world.scale_set(call.scale_set_key)
    headers = {} if operation is None else lro.announcement(call, operation)
    document = _in_model(scale_set, _found(call, scale_set))
    return json_response(document, 201 if before is None else 200, headers)


def delete_of_set(call: Call) -> Response:
    """Take an extension out of the model."""
    name = call.parameters["extension"]
    return lro.performed(call, DeleteExtension(call.scale_set_key, name))


def list_of_instance(call: Call) -> Response:
    """Answer the extensions an instance has."""
    scale_set, instance = _machine(call)
    documents = [_on_instance(scale_set, instance, each) for each in instance.extensions]
    return json_response({"value": documents})


def get_of_instance(call: Call) -> Response:
    """Answer one extension an instance has."""
    scale_set, instance = _machine(call)
    return json_response(_on_instance(scale_set, instance, _had(call, instance)))


def put_of_instance(call: Call) -> Response:
    """Add an extension to an instance."""
    return _write_of_instance(call, merge=False)


def patch_of_instance(call: Call) -> Response:
    """Change an extension of an instance."""
    return _write_of_instance(call, merge=True)


def _write_of_instance(call: Call, *, merge: bool) -> Response:
    _, before = _machine(call)
    name = call.parameters["extension"]
    is_new = name.casefold() not in {each.name.casefold() for each in before.extensions}
    operation = call.world.perform(
        WriteInstanceExtension(call.scale_set_key, before.instance_id, name, call.document, merge)
    )
    scale_set, instance = _machine(call)
    headers = {} if operation is None else lro.announcement(call, operation)
    document = _on_instance(scale_set, instance, _had(call, instance))
    return json_response(document, 201 if is_new else 200, headers)


def delete_of_instance(call: Call) -> Response:
    """Remove an extension from an instance."""
    _, instance = _machine(call)
    name = call.parameters["extension"]
    command = DeleteInstanceExtension(call.scale_set_key, instance.instance_id, name)
    return lro.performed(call, command)


def _machine(call: Call) -> tuple[ScaleSet, Instance]:
    key = call.scale_set_key
    return call.world.scale_set(key), call.world.instance(key, call.parameters["instanceId"])


def _found(call: Call, scale_set: ScaleSet) -> Mapping[str, Any]:
    extension = extension_of(scale_set, call.parameters["extension"])
    if extension is None:
        raise _not_found(call)
    return extension


def _had(call: Call, instance: Instance) -> ExtensionStatus:
    wanted = call.parameters["extension"].casefold()
    for each in instance.extensions:
        if each.name.casefold() == wanted:
            return each
    raise _not_found(call)


def _not_found(call: Call) -> ArmError:
    name = call.parameters["extension"]
    return ArmError(404, "NotFound", f"The extension '{name}' was not found.")


def _in_model(scale_set: ScaleSet, extension: Mapping[str, Any]) -> dict[str, Any]:
    name = str(extension.get("name", ""))
    properties = dict(extension.get("properties") or {})
    return {
        "name": name,
        "id": f"{scale_set.key.resource_id}/extensions/{name}",
        "type": f"{SCALE_SET_TYPE}/extensions",
        "properties": {**properties, "provisioningState": scale_set.provisioning.value},
    }


def _on_instance(
    scale_set: ScaleSet, instance: Instance, extension: ExtensionStatus
) -> dict[str, Any]:
    machine = f"{scale_set.key.resource_id}/virtualMachines/{instance.instance_id}"
    return {
        "name": extension.name,
        "id": f"{machine}/extensions/{extension.name}",
        "type": f"{INSTANCE_TYPE}/extensions",
        "location": scale_set.body.get("location", ""),
        "properties": {
            "publisher": extension.publisher,
            "type": extension.type,
            "typeHandlerVersion": extension.version,
            "autoUpgradeMinorVersion": extension.auto_upgrade,
            "settings": dict(extension.settings),
            "provisioningState": "Failed" if extension.failed else instance.provisioning.value,
        },
    }


_OF_SET = SCALE_SET + "/extensions"
_OF_INSTANCE = INSTANCE + "/extensions"
_GET, _PUT = OperationKind.GET_EXTENSION, OperationKind.PUT_EXTENSION
_GET_ONE, _PUT_ONE = OperationKind.GET_INSTANCE_EXTENSION, OperationKind.PUT_INSTANCE_EXTENSION
_BODY = BodyRule.REQUIRED

ROUTES: tuple[Route, ...] = (
    Route("GET", _OF_SET, list_of_set, _GET),
    Route("GET", _OF_SET + "/{extension}", get_of_set, _GET),
    Route("PUT", _OF_SET + "/{extension}", put_of_set, _PUT, body=_BODY),
    Route("PATCH", _OF_SET + "/{extension}", patch_of_set, _PUT, body=_BODY),
    Route("DELETE", _OF_SET + "/{extension}", delete_of_set, OperationKind.DELETE_EXTENSION),
    Route("GET", _OF_INSTANCE, list_of_instance, _GET_ONE),
    Route("GET", _OF_INSTANCE + "/{extension}", get_of_instance, _GET_ONE),
    Route("PUT", _OF_INSTANCE + "/{extension}", put_of_instance, _PUT_ONE, body=_BODY),
    Route("PATCH", _OF_INSTANCE + "/{extension}", patch_of_instance, _PUT_ONE, body=_BODY),
    Route(
        "DELETE",
        _OF_INSTANCE + "/{extension}",
        delete_of_instance,
        OperationKind.DELETE_INSTANCE_EXTENSION,
    ),
)
