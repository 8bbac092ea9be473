"""Further operations on one virtual machine of a set: power verbs, protection, disks, eviction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm import lro
from vmss_simulator.arm.call import INSTANCE, BodyRule, Route
from vmss_simulator.arm.documents import instance_document
from vmss_simulator.arm.fields import flag, objects
from vmss_simulator.arm.intake import invalid_parameter
from vmss_simulator.arm.messages import empty_response, json_response
from vmss_simulator.commands import (
    ActOnInstances,
    ChangeDisks,
    DeleteInstances,
    SimulateEviction,
    WriteInstance,
)
from vmss_simulator.documents import section, text
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from typing import NoReturn

    from vmss_simulator.arm.call import Call, Handler
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.values import Instance

_LONGEST_SAS_MINUTES = 1440
_DEFAULT_SAS_MINUTES = 120


def put(call: Call) -> Response:
    """Change the instance: a minimal body its protection, a full one all of its model."""
    location = text(call.document, "location")
    section(call.document, "tags")
    headers = call.request.headers
    operation = call.world.perform(
        WriteInstance(
            call.scale_set_key,
            call.parameters["instanceId"],
            {"location": location, "properties": section(call.document, "properties")},
            headers.get("if-match"),
            headers.get("if-none-match"),
        )
    )
    scale_set = call.world.scale_set(call.scale_set_key)
    instance = _instance(call)
    document = instance_document(
        scale_set,
        instance,
        latest_model_applied=call.world.latest_model_applied(scale_set, instance),
        with_view=False,
    )
    announced = {} if operation is None else lro.announcement(call, operation)
    return json_response(document, 200, {**announced, "etag": instance.etag})


def delete(call: Call) -> Response:
    """Delete the instance, and lower the capacity; 204 when there is none such."""
    scale_set = call.world.scale_set(call.scale_set_key)
    wanted = call.parameters["instanceId"]
    if wanted.casefold() not in {each.casefold() for each in scale_set.instances}:
        return empty_response(204)
    kind, force = OperationKind.DELETE_INSTANCE, flag(call, "forceDeletion")
    return lro.performed(call, DeleteInstances(kind, call.scale_set_key, (wanted,), force))


def _verb(kind: OperationKind) -> Handler:
    def answer(call: Call) -> Response:
        ids = (_instance(call).instance_id,)
        hurry = flag(call, "skipShutdown")
        return lro.performed(call, ActOnInstances(kind, call.scale_set_key, ids, hurry))

    return answer


def simulate_eviction(call: Call) -> Response:
    """Have the instance evicted within half an hour; done answering at once."""
    call.world.perform(SimulateEviction(call.scale_set_key, call.parameters["instanceId"]))
    return empty_response(204)


def change_disks(call: Call) -> Response:
    """Attach and detach data disks; the operation's outcome is the new storage profile."""
    attach = objects(call.document.get("dataDisksToAttach"), "dataDisksToAttach")
    detach = objects(call.document.get("dataDisksToDetach"), "dataDisksToDetach")
    ids = call.parameters["instanceId"]
    return lro.performed(call, ChangeDisks(call.scale_set_key, ids, attach, detach))


def boot_diagnostics(call: Call) -> Response:
    """Answer where the boot diagnostics lie, where the model has them on.

    The addresses lead nowhere: there is no storage account here.
    """
    raw = call.query.get("sasuriexpirationtimeinminutes", str(_DEFAULT_SAS_MINUTES))
    if not (raw.isascii() and raw.isdecimal() and 0 < int(raw[:6]) <= _LONGEST_SAS_MINUTES):
        name = "sasUriExpirationTimeInMinutes"
        raise invalid_parameter(f"The value '{raw}' of parameter {name} is invalid.", name)
    instance = _instance(call)
    scale_set = call.world.scale_set(call.scale_set_key)
    profile = section(scale_set.body, "properties", "virtualMachineProfile")
    diagnostics = section(profile, "diagnosticsProfile", "bootDiagnostics")
    if diagnostics.get("enabled") is not True:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Boot diagnostics is not enabled for the VM '{instance.name}'.",
        )
    base = f"https://simulator.invalid/bootdiagnostics-{instance.vm_id}/{instance.name}"
    return json_response(
        {
            "consoleScreenshotBlobUri": f"{base}.screenshot.bmp?se={raw}",
            "serialConsoleLogBlobUri": f"{base}.serialconsole.log?se={raw}",
        }
    )


def run_command(call: Call) -> NoReturn:
    """Refuse: there is no guest in which a command could run, and pretending helps nobody."""
    instance = _instance(call)
    raise ArmError(
        501,
        "NotImplemented",
        f"The simulator runs no commands in guests; VM '{instance.name}' has none.",
        target="runCommand",
    )


def list_run_commands(call: Call) -> Response:
    """Answer the managed run commands of the instance: there never are any."""
    _instance(call)
    return json_response({"value": []})


def get_run_command(call: Call) -> NoReturn:
    """Answer that there is no such managed run command."""
    _instance(call)
    name = call.parameters["runCommand"]
    raise ArmError(404, "NotFound", f"The run command '{name}' was not found.")


def _instance(call: Call) -> Instance:
    """Return the instance in the path; ArmError 400 with Azure's words for a vanished one."""
    return call.world.instance(call.scale_set_key, call.parameters["instanceId"])


def _action(name: str, kind: OperationKind) -> Route:
    return Route("POST", f"{INSTANCE}/{name}", _verb(kind), kind, body=BodyRule.OPTIONAL)


def _run_commands(name: str) -> tuple[Route, ...]:
    kind, one = OperationKind.RUN_COMMAND, f"{INSTANCE}/{name}/{{runCommand}}"
    optional = BodyRule.OPTIONAL
    return (
        Route("GET", f"{INSTANCE}/{name}", list_run_commands, OperationKind.GET_INSTANCE),
        Route("GET", one, get_run_command, OperationKind.GET_INSTANCE),
        Route("PUT", one, run_command, kind, body=optional),
        Route("PATCH", one, run_command, kind, body=optional),
        Route("DELETE", one, get_run_command, kind),
    )


ROUTES: tuple[Route, ...] = (
    Route("PUT", INSTANCE, put, OperationKind.PUT_INSTANCE, body=BodyRule.REQUIRED),
    Route("DELETE", INSTANCE, delete, OperationKind.DELETE_INSTANCE),
    _action("start", OperationKind.START_INSTANCE),
    _action("restart", OperationKind.RESTART_INSTANCE),
    _action("powerOff", OperationKind.POWER_OFF_INSTANCE),
    _action("deallocate", OperationKind.DEALLOCATE_INSTANCE),
    _action("redeploy", OperationKind.REDEPLOY_INSTANCE),
    _action("performMaintenance", OperationKind.PERFORM_MAINTENANCE_INSTANCE),
    _action("reimage", OperationKind.REIMAGE_INSTANCE),
    _action("reimageall", OperationKind.REIMAGE_ALL_INSTANCE),
    Route(
        "POST", INSTANCE + "/simulateEviction", simulate_eviction, OperationKind.SIMULATE_EVICTION
    ),
    Route(
        "POST",
        INSTANCE + "/attachDetachDataDisks",
        change_disks,
        OperationKind.ATTACH_DETACH_DATA_DISKS,
        body=BodyRule.REQUIRED,
    ),
    Route(
        "POST",
        INSTANCE + "/retrieveBootDiagnosticsData",
        boot_diagnostics,
        OperationKind.GET_BOOT_DIAGNOSTICS,
    ),
    Route(
        "POST",
        INSTANCE + "/runCommand",
        run_command,
        OperationKind.RUN_COMMAND,
        body=BodyRule.REQUIRED,
    ),
    *_run_commands("runCommands"),
    *_run_commands("diagnosticRunCommands"),
)
