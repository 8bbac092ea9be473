"""Changes of one instance that leave it running: protection, data disks, extensions.

A PUT of an instance that carries more than its protection policy makes the instance's model its
own: `latestModelApplied` turns false, `modelDefinitionApplied` becomes `VirtualMachine`, and a
load balancer's probe no longer watches it (azure-cli#30708). The next upgrade undoes all that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from vmss_simulator import documents
from vmss_simulator.actions import end_when_idle
from vmss_simulator.errors import ArmError
from vmss_simulator.operations import start_operation
from vmss_simulator.power import begin_machine_work
from vmss_simulator.values import ExtensionStatus, OperationKind, Protection, ProvisioningState
from vmss_simulator.writes import check_no_conflict, find, find_instance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmss_simulator.state import State
    from vmss_simulator.values import Instance, Operation, ScaleSet, ScaleSetKey

_MODEL_FIELDS = frozenset(
    {
        "hardwareProfile",
        "storageProfile",
        "additionalCapabilities",
        "osProfile",
        "securityProfile",
        "networkProfile",
        "networkProfileConfiguration",
        "diagnosticsProfile",
        "licenseType",
        "userData",
    }
)
_LUNS = 64


def write_instance(
    state: State,
    key: ScaleSetKey,
    instance_id: str,
    body: Mapping[str, Any],
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> Operation:
    """Change the instance by a PUT; ArmError 400, 404, 409, 412."""
    scale_set = find(state, key)
    instance = find_instance(scale_set, instance_id)
    _check_preconditions(instance, if_match, if_none_match)
    properties = documents.section(body, "properties")
    protection = _protection(properties, instance.protection)
    check_no_conflict(state, scale_set, frozenset({instance.instance_id}))
    changed = structs.replace(instance, protection=protection)
    if _MODEL_FIELDS & properties.keys():
        changed = _with_own_model(scale_set, changed)
    if changed != instance:
        changed = structs.replace(changed, etag_number=instance.etag_number + 1)
    return _apply(state, OperationKind.PUT_INSTANCE, scale_set, changed, "instanceUpdate")


def write_extension(
    state: State,
    key: ScaleSetKey,
    instance_id: str,
    name: str,
    body: Mapping[str, Any],
    *,
    merge: bool,
) -> Operation:
    """Add an extension to one instance, or change it there (`merge`); ArmError 400, 404, 409."""
    scale_set = find(state, key)
    instance = find_instance(scale_set, instance_id)
    held = {each.name.casefold(): each for each in instance.extensions}
    if merge and name.casefold() not in held:
        raise ArmError(404, "NotFound", f"The extension '{name}' was not found.")
    extension = _extension(name, body, held.get(name.casefold()))
    check_no_conflict(state, scale_set, frozenset({instance.instance_id}))
    held[name.casefold()] = extension
    changed = structs.replace(instance, extensions=tuple(held.values()))
    kind = OperationKind.PUT_INSTANCE_EXTENSION
    return _apply(state, kind, scale_set, changed, "extension", extension=extension.name)


def delete_extension(
    state: State, key: ScaleSetKey, instance_id: str, name: str
) -> Operation | None:
    """Remove an extension from one instance; None when it has none such."""
    scale_set = find(state, key)
    instance = find_instance(scale_set, instance_id)
    kept = tuple(each for each in instance.extensions if each.name.casefold() != name.casefold())
    if len(kept) == len(instance.extensions):
        return None
    check_no_conflict(state, scale_set, frozenset({instance.instance_id}))
    changed = structs.replace(instance, extensions=kept)
    kind = OperationKind.DELETE_INSTANCE_EXTENSION
    return _apply(state, kind, scale_set, changed, "extension", extension=name)


def change_disks(
    state: State,
    key: ScaleSetKey,
    instance_id: str,
    attach: Sequence[Mapping[str, Any]],
    detach: Sequence[Mapping[str, Any]],
) -> Operation:
    """Attach managed disks to one instance and detach others; ArmError 400, 404, 409."""
    scale_set = find(state, key)
    instance = find_instance(scale_set, instance_id)
    disks = {str(each["id"]).casefold(): each for each in instance.data_disks}
    if not attach and not detach:
        raise documents.invalid_parameter("dataDisksToAttach", None)
    for each in detach:
        disk_id = _disk_id(each)
        if disks.pop(disk_id.casefold(), None) is None:
            message = f"Disk '{disk_id}' is not attached to VM '{instance.name}'."
            raise ArmError(400, "InvalidParameter", message, target="dataDisksToDetach")
    for each in attach:
        disk_id = _disk_id(each)
        if disk_id.casefold() in disks:
            message = f"Disk '{disk_id}' is already attached to VM '{instance.name}'."
            raise ArmError(409, "AttachDiskWhileBeingDetached", message, target="diskId")
        used = {disk["lun"] for disk in disks.values()} | _luns_of_model(scale_set)
        disks[disk_id.casefold()] = {
            "id": disk_id,
            "lun": _lun(each, used),
            "caching": documents.text(each, "caching") or "None",
        }
    check_no_conflict(state, scale_set, frozenset({instance.instance_id}))
    changed = structs.replace(instance, data_disks=tuple(disks.values()))
    return _apply(state, OperationKind.ATTACH_DETACH_DATA_DISKS, scale_set, changed, "dataDisks")


def _apply(
    state: State,
    kind: OperationKind,
    scale_set: ScaleSet,
    changed: Instance,
    named: str,
    **data: Any,
) -> Operation:
    key = scale_set.key
    before = scale_set.instances[changed.instance_id]
    operation = start_operation(state, scale_set, kind, [changed.instance_id])
    if changed != before:
        state.change(key, changed, f"{named}Changed", **data)
    # A failed instance stays failed: only what repairs it may say otherwise.
    if changed.provisioning is ProvisioningState.SUCCEEDED:
        begin_machine_work(state, operation, changed, "update", named=named)
        end_when_idle(state, operation, began=True)
    else:
        end_when_idle(state, operation, began=False)
    return operation


def _with_own_model(scale_set: ScaleSet, instance: Instance) -> Instance:
    if instance.model_definition_applied == "VirtualMachine":
        return instance
    by_probe = bool(documents.health_probe(scale_set.body))
    return structs.replace(
        instance,
        applied_model=f"{instance.applied_model}-own",
        model_definition_applied="VirtualMachine",
        health=None if by_probe else instance.health,
        health_since=None if by_probe else instance.health_since,
    )


def _protection(properties: Mapping[str, Any], held: Protection) -> Protection:
    """Return the policy written; what the PUT leaves out keeps what it is."""
    if "protectionPolicy" not in properties:
        return held
    policy = documents.section(properties, "protectionPolicy")
    for name in ("protectFromScaleIn", "protectFromScaleSetActions"):
        if policy.get(name) is not None and not isinstance(policy[name], bool):
            raise documents.invalid_parameter(f"protectionPolicy.{name}", policy[name])
    actions = policy.get("protectFromScaleSetActions") is True
    if actions and policy.get("protectFromScaleIn") is False:
        raise ArmError(
            400,
            "InvalidParameter",
            "protectFromScaleIn cannot be false when protectFromScaleSetActions is true.",
            target="protectionPolicy",
        )
    return Protection(policy.get("protectFromScaleIn") is True or actions, actions)


def _check_preconditions(
    instance: Instance, if_match: str | None, if_none_match: str | None
) -> None:
    met = if_match in (None, "*", instance.etag) and if_none_match not in ("*", instance.etag)
    if not met:
        raise ArmError(
            412,
            "PreconditionFailed",
            f"The condition set in the request was not met: the resource's etag is"
            f" {instance.etag}.",
        )


def _extension(name: str, body: Mapping[str, Any], held: ExtensionStatus | None) -> ExtensionStatus:
    properties = documents.section(body, "properties")
    settings = documents.section(properties, "settings")
    auto_upgrade = properties.get("autoUpgradeMinorVersion")
    if auto_upgrade is not None and not isinstance(auto_upgrade, bool):
        raise documents.invalid_parameter("autoUpgradeMinorVersion", auto_upgrade)

    def required(field: str, before: str | None) -> str:
        value = documents.text(properties, field) or before
        if not value:
            message = f"Required parameter '{field}' is missing (null)."
            raise ArmError(400, "InvalidParameter", message, target=field)
        return value

    return ExtensionStatus(
        name=held.name if held else name,
        publisher=required("publisher", held.publisher if held else None),
        type=required("type", held.type if held else None),
        version=required("typeHandlerVersion", held.version if held else "1.0"),
        settings=settings if "settings" in properties or not held else held.settings,
        auto_upgrade=(held is None or held.auto_upgrade) if auto_upgrade is None else auto_upgrade,
    )


def _luns_of_model(scale_set: ScaleSet) -> set[Any]:
    profile = ("properties", "virtualMachineProfile", "storageProfile")
    listed = documents.section(scale_set.body, *profile).get("dataDisks")
    if not isinstance(listed, list):
        return set()
    found = (each.get("lun") for each in listed if isinstance(each, dict))
    return {lun for lun in found if isinstance(lun, int)}


def _disk_id(disk: Mapping[str, Any]) -> str:
    disk_id = documents.text(disk, "diskId") if isinstance(disk, dict) else None
    if not disk_id:
        message = "Required parameter 'diskId' is missing (null)."
        raise ArmError(400, "InvalidParameter", message, target="diskId")
    return disk_id


def _lun(disk: Mapping[str, Any], used: set[Any]) -> int:
    lun = disk.get("lun")
    if lun is None:
        lun = next(each for each in range(_LUNS + 1) if each not in used)
    if isinstance(lun, bool) or not isinstance(lun, int) or not 0 <= lun < _LUNS or lun in used:
        raise documents.invalid_parameter("lun", lun)
    return lun
