"""The whole surface of the SDK on scale sets: every method is answered as its models say.

The list of methods is the SDK's own: one that it has and no row here names fails the test.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.compute._utils.model_base import Model
from azure.mgmt.compute.aio import operations as sdk_operations

from tests.contract.sdk_shapes import mismatches
from tests.contract.wire_clients import in_process
from tests.simulator_worlds import JAMMY, KEY, NEW, OLD, model, small_world
from vmss_simulator.arm import Settings
from vmss_simulator.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.contract.wire_clients import Sdk

GROUP, NAME = KEY.resource_group, KEY.name
SET = (GROUP, NAME)
ONE = (GROUP, NAME, "1")
IDS = {"instanceIds": ["1"]}
ROLLING = {"mode": "Rolling"}
SCRIPT = {
    "location": "westeurope",
    "properties": {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "settings": {"commandToExecute": "true"},
    },
}
NEW_IMAGE = {
    "properties": {
        "virtualMachineProfile": {"storageProfile": {"imageReference": {**JAMMY, "version": NEW}}}
    }
}
PROTECT = {"properties": {"protectionPolicy": {"protectFromScaleSetActions": True}}}


@dataclass(frozen=True, slots=True)
class Call:
    """How one method is called: `how` is the client's call, items or run; `refused` its code.

    `before` are calls that have to come first.
    """

    how: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    refused: str | None = None
    before: tuple[tuple[str, Call], ...] = ()


def get(*arguments: Any, **options: Any) -> Call:
    """Return a call for one answer."""
    return Call("call", arguments, options)


def items(*arguments: Any, **options: Any) -> Call:
    """Return a call for a list."""
    return Call("items", arguments, options)


def run(*arguments: Any, **options: Any) -> Call:
    """Return a call of a long-running operation, polled to its end."""
    return Call("run", arguments, options)


def refused(code: str, how: str, *arguments: Any) -> Call:
    """Return a call that the service answers with that error code."""
    return Call(how, arguments, refused=code)


def after(call: Call, *before: tuple[str, Call]) -> Call:
    """Return a call with those that have to come first."""
    return Call(call.how, call.arguments, call.options, call.refused, before)


SETS, VMS = "virtual_machine_scale_sets", "virtual_machine_scale_set_vms"
EXTENSIONS = "virtual_machine_scale_set_extensions"
VM_EXTENSIONS = "virtual_machine_scale_set_vm_extensions"
UPGRADES = "virtual_machine_scale_set_rolling_upgrades"
COMMANDS = "virtual_machine_scale_set_vm_run_commands"
HOOKS = "virtual_machine_scale_set_life_cycle_hook_events"

ADD_EXTENSION = (f"{EXTENSIONS}.begin_create_or_update", run(*SET, "setup", SCRIPT))
ADD_VM_EXTENSION = (f"{VM_EXTENSIONS}.begin_create_or_update", run(*ONE, "setup", SCRIPT))
WRITE_IMAGE = (f"{SETS}.begin_update", run(*SET, NEW_IMAGE))
ENABLE_REPAIRS = (
    f"{SETS}.begin_update",
    run(*SET, {"properties": {"automaticRepairsPolicy": {"enabled": True}}}),
)
DISK = f"{KEY.resource_id.partition('/providers/')[0]}/providers/Microsoft.Compute/disks/data"
BE_ROLLING = (f"{SETS}.begin_update", run(*SET, {"properties": {"upgradePolicy": ROLLING}}))

CALLS: dict[str, Call] = {
    f"{SETS}.get": get(*SET),
    f"{SETS}.get_instance_view": get(*SET),
    f"{SETS}.get_os_upgrade_history": after(
        items(*SET), WRITE_IMAGE, BE_ROLLING, (f"{UPGRADES}.begin_start_os_upgrade", run(*SET))
    ),
    f"{SETS}.list": items(GROUP),
    f"{SETS}.list_all": items(),
    f"{SETS}.list_by_location": items("westeurope"),
    f"{SETS}.list_skus": items(*SET),
    f"{SETS}.begin_create_or_update": run(GROUP, "other", model(2)),
    f"{SETS}.begin_update": run(*SET, NEW_IMAGE),
    f"{SETS}.begin_delete": run(*SET),
    f"{SETS}.begin_delete_instances": run(*SET, IDS),
    f"{SETS}.begin_update_instances": after(run(*SET, IDS), WRITE_IMAGE),
    f"{SETS}.begin_reimage": run(*SET, IDS),
    f"{SETS}.begin_reimage_all": run(*SET, IDS),
    f"{SETS}.begin_start": run(*SET, IDS),
    f"{SETS}.begin_restart": run(*SET, IDS),
    f"{SETS}.begin_power_off": run(*SET, IDS),
    f"{SETS}.begin_deallocate": run(*SET, IDS),
    f"{SETS}.begin_redeploy": run(*SET, IDS),
    f"{SETS}.begin_perform_maintenance": refused("OperationNotAllowed", "run", *SET, IDS),
    f"{SETS}.begin_reapply": run(*SET),
    f"{SETS}.begin_scale_out": run(*SET, {"capacity": 1}),
    f"{SETS}.begin_set_orchestration_service_state": after(
        run(*SET, {"serviceName": "AutomaticRepairs", "action": "Suspend"}), ENABLE_REPAIRS
    ),
    f"{SETS}.begin_approve_rolling_upgrade": run(*SET, IDS),
    f"{SETS}.begin_migrate_vm_availability_zone": refused("InvalidResourceType", "run", *SET, {}),
    f"{SETS}.convert_to_single_placement_group": get(*SET, {}),
    f"{SETS}.force_recovery_service_fabric_platform_update_domain_walk": get(
        *SET, platform_update_domain=0
    ),
    f"{VMS}.get": get(*ONE, expand="instanceView"),
    f"{VMS}.get_instance_view": get(*ONE),
    f"{VMS}.list": items(*SET, expand="instanceView"),
    f"{VMS}.begin_update": run(*ONE, PROTECT),
    f"{VMS}.begin_delete": run(*ONE),
    f"{VMS}.begin_start": run(*ONE),
    f"{VMS}.begin_restart": run(*ONE),
    f"{VMS}.begin_power_off": run(*ONE),
    f"{VMS}.begin_deallocate": run(*ONE),
    f"{VMS}.begin_redeploy": run(*ONE),
    f"{VMS}.begin_perform_maintenance": refused("OperationNotAllowed", "run", *ONE),
    f"{VMS}.begin_reimage": run(*ONE),
    f"{VMS}.begin_reimage_all": run(*ONE),
    f"{VMS}.begin_approve_rolling_upgrade": run(*ONE),
    f"{VMS}.begin_attach_detach_data_disks": run(
        *ONE, {"dataDisksToAttach": [{"diskId": DISK, "lun": 0}]}
    ),
    f"{VMS}.begin_run_command": refused(
        "NotImplemented", "run", *ONE, {"commandId": "RunShellScript"}
    ),
    f"{VMS}.retrieve_boot_diagnostics_data": refused("OperationNotAllowed", "call", *ONE),
    f"{VMS}.simulate_eviction": refused("OperationNotAllowed", "call", *ONE),
    f"{EXTENSIONS}.begin_create_or_update": run(*SET, "setup", SCRIPT),
    f"{EXTENSIONS}.begin_update": after(run(*SET, "setup", SCRIPT), ADD_EXTENSION),
    f"{EXTENSIONS}.begin_delete": after(run(*SET, "setup"), ADD_EXTENSION),
    f"{EXTENSIONS}.get": get(*SET, "health"),
    f"{EXTENSIONS}.list": items(*SET),
    f"{VM_EXTENSIONS}.begin_create_or_update": run(*ONE, "setup", SCRIPT),
    f"{VM_EXTENSIONS}.begin_update": after(run(*ONE, "setup", SCRIPT), ADD_VM_EXTENSION),
    f"{VM_EXTENSIONS}.begin_delete": after(run(*ONE, "setup"), ADD_VM_EXTENSION),
    f"{VM_EXTENSIONS}.get": after(get(*ONE, "setup"), ADD_VM_EXTENSION),
    f"{VM_EXTENSIONS}.list": after(get(*ONE), ADD_VM_EXTENSION),
    f"{UPGRADES}.begin_start_os_upgrade": after(run(*SET), WRITE_IMAGE),
    f"{UPGRADES}.begin_start_extension_upgrade": run(*SET),
    f"{UPGRADES}.begin_cancel": refused("OperationNotAllowed", "run", *SET),
    f"{UPGRADES}.get_latest": after(
        get(*SET), WRITE_IMAGE, (f"{UPGRADES}.begin_start_os_upgrade", run(*SET))
    ),
    f"{COMMANDS}.begin_create_or_update": refused(
        "NotImplemented", "run", *ONE, "script", {"location": "westeurope"}
    ),
    f"{COMMANDS}.begin_update": refused("NotImplemented", "run", *ONE, "script", {}),
    f"{COMMANDS}.begin_delete": refused("NotFound", "run", *ONE, "script"),
    f"{COMMANDS}.get": refused("NotFound", "call", *ONE, "script"),
    f"{COMMANDS}.list": items(*ONE),
    f"{HOOKS}.get": refused("NotFound", "call", *SET, "event"),
    f"{HOOKS}.list": items(*SET),
    f"{HOOKS}.update": refused("NotFound", "call", *SET, "event", {}),
    "virtual_machine_images.get": get("westeurope", *JAMMY.values(), OLD),
    "virtual_machine_images.list": get("westeurope", *JAMMY.values()),
    "operations.list": items(),
}

CLASSES = {
    SETS: sdk_operations.VirtualMachineScaleSetsOperations,
    VMS: sdk_operations.VirtualMachineScaleSetVMsOperations,
    EXTENSIONS: sdk_operations.VirtualMachineScaleSetExtensionsOperations,
    VM_EXTENSIONS: sdk_operations.VirtualMachineScaleSetVMExtensionsOperations,
    UPGRADES: sdk_operations.VirtualMachineScaleSetRollingUpgradesOperations,
    COMMANDS: sdk_operations.VirtualMachineScaleSetVMRunCommandsOperations,
    HOOKS: sdk_operations.VirtualMachineScaleSetLifeCycleHookEventsOperations,
}


def test_every_method_of_the_sdk_has_a_row() -> None:
    """A method of the SDK on scale sets that nobody tried is named here."""
    methods = {
        f"{group}.{name}"
        for group, kind in CLASSES.items()
        for name in dir(kind)
        if not name.startswith("_") and callable(getattr(kind, name))
    }

    assert methods - set(CALLS) == set()


async def made(sdk: Sdk, name: str, call: Call) -> list[Any]:
    """Make the calls that come first, then this one; return what it answered, as a list."""
    for earlier, needed in call.before:
        await made(sdk, earlier, needed)
    group, _, method = name.partition(".")
    bound = getattr(getattr(sdk.client, group), method)
    answer = await getattr(sdk, call.how)(bound, *call.arguments, **call.options)
    return answer if isinstance(answer, list) else [answer]


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Sdk]:
    """Open the SDK on a small world, three instances on the old image."""
    async with in_process(Door(small_world(), Settings(page_size=2)), folder) as sdk:
        yield sdk


@pytest.mark.parametrize("name", CALLS)
async def test_an_answer_is_what_the_sdks_model_says(tmp_path: Path, name: str) -> None:
    """Nothing unknown, nothing required missing, every word one that the SDK knows."""
    call = CALLS[name]
    async with opened(tmp_path) as sdk:
        if call.refused is not None:
            with pytest.raises(HttpResponseError) as caught:
                await made(sdk, name, call)
            assert caught.value.error is not None
            assert caught.value.error.code == call.refused
            return
        answers = await made(sdk, name, call)

    wrong = [
        text
        for answer in answers
        if isinstance(answer, Model)
        for text in mismatches(answer, type(answer))
    ]
    assert wrong == []
