"""The world's values as ARM documents, field by field as recorded from the service.

Shapes: recordings of the command line client's tests and the client library's models; the
texts of health states other than `unknown` are not recorded anywhere and are by analogy.
Bodies deserialise in azure-mgmt-compute 39 without an unknown or missing field.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

from vmss_simulator.documents import health_probe
from vmss_simulator.values import HealthState, InstanceView, PowerState, ProvisioningState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from vmss_simulator.errors import ErrorDetail
    from vmss_simulator.values import (
        ExtensionStatus,
        Instance,
        Operation,
        ScaleSet,
    )

SCALE_SET_TYPE = "Microsoft.Compute/virtualMachineScaleSets"
INSTANCE_TYPE = f"{SCALE_SET_TYPE}/virtualMachines"
_DISKS = uuid.UUID("0d9f6a52-7c7c-5b0e-8a0e-64b1f3b70002")
_BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_PROVISIONING_TEXT = {
    ProvisioningState.CREATING: "Creating",
    ProvisioningState.UPDATING: "Updating",
    ProvisioningState.SUCCEEDED: "Provisioning succeeded",
    ProvisioningState.FAILED: "Provisioning failed",
    ProvisioningState.DELETING: "Deleting",
}
_HEALTH = {
    HealthState.INITIALIZING: ("Info", "The VM is reporting itself as initializing"),
    HealthState.HEALTHY: ("Info", "The VM is reporting itself as healthy"),
    HealthState.UNHEALTHY: ("Warning", "The VM is reporting itself as unhealthy"),
    HealthState.UNKNOWN: ("Warning", "The VM health is unknown"),
}


def timestamp(moment: datetime) -> str:
    """Return a UTC time as Azure writes it, with seven decimals."""
    text = moment.isoformat(timespec="microseconds")
    return f"{text[:26]}0{text[26:]}"


def scale_set_document(
    scale_set: ScaleSet, *, with_user_data: bool = False, upper_case_group: bool = False
) -> dict[str, Any]:
    """Return a scale set as GET answers it: the model as written, and the read-only fields."""
    body = scale_set.body
    properties = dict(body.get("properties", {}))
    profile = properties.get("virtualMachineProfile")
    if isinstance(profile, dict):
        profile = {**profile, "timeCreated": timestamp(scale_set.time_created)}
        if not with_user_data:
            profile.pop("userData", None)
        properties["virtualMachineProfile"] = profile
    properties["provisioningState"] = scale_set.provisioning.value
    properties["uniqueId"] = scale_set.unique_id
    properties["timeCreated"] = timestamp(scale_set.time_created)
    resource_id = scale_set.key.resource_id
    if upper_case_group:
        group = f"/resourceGroups/{scale_set.key.resource_group}/"
        resource_id = resource_id.replace(group, group[:16] + group[16:].upper(), 1)
    return {
        "name": scale_set.key.name,
        "id": resource_id,
        "type": SCALE_SET_TYPE,
        "tags": {},
        **body,
        "etag": scale_set.etag,
        "properties": properties,
    }


def scale_set_view_document(scale_set: ScaleSet) -> dict[str, Any]:
    """Return the instance view of a scale set: counts of states, not the states themselves."""
    instances = scale_set.instances.values()
    document: dict[str, Any] = {
        "virtualMachine": {
            "statusesSummary": _summary(
                f"ProvisioningState/{instance.provisioning.value.lower()}" for instance in instances
            )
        },
        "statuses": [
            _provisioning_status(scale_set.provisioning, scale_set.error, scale_set.time_created)
        ],
    }
    services = _orchestration_services(scale_set)
    if services:
        document["orchestrationServices"] = services
    by_extension: dict[str, list[str]] = {}
    for instance in instances:
        for extension in instance.extensions:
            state = "failed" if extension.failed else "succeeded"
            by_extension.setdefault(extension.name, []).append(f"ProvisioningState/{state}")
    if by_extension:
        document["extensions"] = [
            {"name": name, "statusesSummary": _summary(codes)}
            for name, codes in by_extension.items()
        ]
    return document


def _orchestration_services(scale_set: ScaleSet) -> list[dict[str, Any]]:
    """Return the services the model says anything of, and whether they run."""
    properties = scale_set.body.get("properties", {})
    resiliency = properties.get("resiliencyPolicy", {})
    policies = {
        "AutomaticRepairs": properties.get("automaticRepairsPolicy"),
        "AutomaticZoneRebalancing": resiliency.get("automaticZoneRebalancingPolicy"),
    }
    found = []
    for name, policy in policies.items():
        if not policy:
            continue
        state = "Suspended" if name in scale_set.suspended_services else "Running"
        running = policy.get("enabled") is True
        found.append({"serviceName": name, "serviceState": state if running else "NotRunning"})
    return found


def instance_document(
    scale_set: ScaleSet, instance: Instance, *, latest_model_applied: bool, with_view: bool
) -> dict[str, Any]:
    """Return one virtual machine of a set; `exactVersion` stands here and not on the set."""
    resource_id = f"{scale_set.key.resource_id}/virtualMachines/{instance.instance_id}"
    document: dict[str, Any] = {
        "name": instance.name,
        "id": resource_id,
        "type": INSTANCE_TYPE,
        "location": scale_set.body.get("location", ""),
        "tags": scale_set.body.get("tags", {}),
        "instanceId": instance.instance_id,
        "etag": instance.etag,
        "sku": {**_without(scale_set.body.get("sku", {}), "capacity"), "name": instance.vm_size},
    }
    if instance.zone is not None:
        document["zones"] = [instance.zone]
    profile = _profile(scale_set)
    properties: dict[str, Any] = {
        "latestModelApplied": latest_model_applied,
        "modelDefinitionApplied": instance.model_definition_applied,
        "vmId": instance.vm_id,
        "hardwareProfile": {"vmSize": instance.vm_size},
        "storageProfile": storage_profile(scale_set, instance),
        "osProfile": _os_profile(scale_set, instance),
        "provisioningState": instance.provisioning.value,
        "timeCreated": timestamp(instance.time_created),
    }
    properties |= _network(profile, resource_id)
    probe = health_probe(scale_set.body)
    if probe and instance.model_definition_applied == "VirtualMachineScaleSet":
        # Reported of real answers (azure-cli#30708), though no client library's model has it.
        properties.setdefault("networkProfileConfiguration", {})["healthProbe"] = probe
    if "securityProfile" in profile:
        properties["securityProfile"] = profile["securityProfile"]
    if instance.protection.from_scale_in or instance.protection.from_scale_set_actions:
        properties["protectionPolicy"] = {
            "protectFromScaleIn": instance.protection.from_scale_in,
            "protectFromScaleSetActions": instance.protection.from_scale_set_actions,
        }
    if with_view and instance.view is not InstanceView.MISSING:
        properties["instanceView"] = instance_view_document(scale_set, instance)
    document["properties"] = properties
    return document


def instance_view_document(scale_set: ScaleSet, instance: Instance) -> dict[str, Any]:
    """Return the instance view of a virtual machine: statuses, agent, extensions, health."""
    since = instance.health_since or instance.time_created
    document: dict[str, Any] = {}
    if instance.view is InstanceView.MISSING:
        return document
    # A Flexible set has no update domains.
    if instance.update_domain is not None:
        document["platformUpdateDomain"] = instance.update_domain
    if instance.fault_domain is not None:
        document["platformFaultDomain"] = instance.fault_domain
    if instance.placement_group_id is not None:
        document["placementGroupId"] = instance.placement_group_id
    document["computerName"] = _computer_name(scale_set, instance)
    document["vmAgent"] = _agent(instance, since)
    document["disks"] = [
        {
            "name": _disk_name(instance),
            "statuses": [_provisioning_status(ProvisioningState.SUCCEEDED, None, since)],
        }
    ]
    if instance.extensions:
        document["extensions"] = [
            {
                "name": extension.name,
                "type": f"{extension.publisher}.{extension.type}",
                "typeHandlerVersion": extension.version,
                "statuses": [_extension_status(extension)],
                **_custom_metrics(instance, extension),
            }
            for extension in instance.extensions
        ]
    if instance.health is not None:
        level, text = _HEALTH[instance.health]
        document["vmHealth"] = {
            "status": {
                "code": f"HealthState/{instance.health.value}",
                "level": level,
                "displayStatus": text,
                "time": timestamp(since),
            }
        }
    document["statuses"] = [
        _provisioning_status(instance.provisioning, instance.error, instance.time_created),
        {
            "code": f"PowerState/{instance.power.value}",
            "level": "Info",
            "displayStatus": f"VM {instance.power.value}",
        },
    ]
    return document


def operation_document(operation: Operation) -> dict[str, Any]:
    """Return an asynchronous operation; a failed one carries its ARM error."""
    document: dict[str, Any] = {
        "startTime": timestamp(operation.started_at),
        "status": operation.status.value,
        "name": operation.operation_id,
    }
    if operation.ended_at is not None:
        document["endTime"] = timestamp(operation.ended_at)
    if operation.error is not None:
        document["error"] = operation_error(operation)
    return document


def operation_error(operation: Operation) -> dict[str, Any]:
    """Return the ARM error of an operation that did not succeed."""
    if operation.error is None:
        return {"code": "OperationNotSucceeded", "message": "The operation did not succeed."}
    return {
        **_error(operation.error),
        **({"details": [_error(each) for each in operation.details]} if operation.details else {}),
    }


def _error(detail: ErrorDetail) -> dict[str, Any]:
    document = {"code": detail.code, "message": detail.message}
    if detail.target is not None:
        document["target"] = detail.target
    return document


def _summary(codes: Iterable[str]) -> list[dict[str, Any]]:
    return [{"code": code, "count": count} for code, count in sorted(Counter(codes).items())]


def _provisioning_status(
    state: ProvisioningState, error: ErrorDetail | None, since: datetime
) -> dict[str, Any]:
    code = f"ProvisioningState/{state.value.lower()}"
    status: dict[str, Any] = {
        "code": code,
        "level": "Info",
        "displayStatus": _PROVISIONING_TEXT[state],
        "time": timestamp(since),
    }
    if state is ProvisioningState.FAILED:
        status["level"] = "Error"
        if error is not None:
            status["code"] = f"{code}/{error.code}"
            status["message"] = error.message
    return status


def _extension_status(extension: ExtensionStatus) -> dict[str, Any]:
    status: dict[str, Any] = {
        "code": f"ProvisioningState/{'failed' if extension.failed else 'succeeded'}",
        "level": "Error" if extension.failed else "Info",
        "displayStatus": "Provisioning failed" if extension.failed else "Ready",
    }
    if extension.message is not None:
        status["message"] = extension.message
    return status


def _custom_metrics(instance: Instance, extension: ExtensionStatus) -> dict[str, Any]:
    """Return what the application says to rolling upgrades, under its health extension."""
    metrics = instance.custom_metrics
    if metrics is None or not extension.type.startswith("ApplicationHealth"):
        return {}
    said: dict[str, Any] = {"SkipUpgrade": metrics.skips_upgrade}
    if metrics.phase is not None:
        said["PhaseOrderingNumber"] = metrics.phase
    status = {
        "code": "ComponentStatus/CustomMetrics/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": json.dumps({"rollingUpgrade": said}),
    }
    return {"substatuses": [status]}


def _agent(instance: Instance, since: datetime) -> dict[str, Any]:
    is_settled = instance.provisioning in (ProvisioningState.SUCCEEDED, ProvisioningState.FAILED)
    is_running = instance.power is PowerState.RUNNING
    if is_running and is_settled and instance.view is InstanceView.COMPLETE:
        return {
            "vmAgentVersion": "2.11.1.12",
            "statuses": [
                {
                    "code": "ProvisioningState/succeeded",
                    "level": "Info",
                    "displayStatus": "Ready",
                    "message": "Guest Agent is running",
                    "time": timestamp(since),
                }
            ],
            "extensionHandlers": [
                {
                    "type": f"{extension.publisher}.{extension.type}",
                    "typeHandlerVersion": extension.version,
                    "status": {
                        "code": "ProvisioningState/succeeded",
                        "level": "Info",
                        "displayStatus": "Ready",
                    },
                }
                for extension in instance.extensions
            ],
        }
    return {
        "vmAgentVersion": "Unknown",
        "statuses": [
            {
                "code": "ProvisioningState/Unavailable",
                "level": "Warning",
                "displayStatus": "Not Ready",
                "message": "VM status blob is found but not yet populated.",
                "time": timestamp(since),
            }
        ],
    }


def _profile(scale_set: ScaleSet) -> Mapping[str, Any]:
    profile: Mapping[str, Any] = scale_set.body.get("properties", {}).get(
        "virtualMachineProfile", {}
    )
    return profile


def storage_profile(scale_set: ScaleSet, instance: Instance) -> dict[str, Any]:
    """Return the disks of a virtual machine, and the image they were made from."""
    storage = _profile(scale_set).get("storageProfile", {})
    model_disk = storage.get("osDisk", {})
    name = _disk_name(instance)
    disk: dict[str, Any] = {
        **{
            key: model_disk[key] for key in ("osType", "caching", "diskSizeGB") if key in model_disk
        },
        "name": name,
        "createOption": "FromImage",
    }
    attached = [
        {
            "lun": each["lun"],
            "name": each["id"].rpartition("/")[2],
            "createOption": "Attach",
            "caching": each["caching"],
            "managedDisk": {"id": each["id"]},
        }
        for each in instance.data_disks
    ]
    own = [_data_disk(scale_set, instance, each) for each in storage.get("dataDisks") or []]
    profile: dict[str, Any] = {"osDisk": disk, "dataDisks": [*own, *attached]}
    if "uri" in instance.image_reference:
        # A legacy image: the disk is a copy beside it, and there is no image reference.
        uri = str(instance.image_reference["uri"])
        disk["image"] = {"uri": uri}
        disk["vhd"] = {"uri": f"{uri.rpartition('/')[0]}/{name}.vhd"}
        return profile
    group_id = scale_set.key.resource_id.partition("/providers/")[0]
    disk["managedDisk"] = {
        **model_disk.get("managedDisk", {}),
        "id": f"{group_id}/providers/Microsoft.Compute/disks/{name}",
    }
    reference = dict(instance.image_reference)
    if instance.exact_version is not None:
        reference["exactVersion"] = instance.exact_version
    profile["imageReference"] = reference
    if "diskControllerType" in storage:
        profile["diskControllerType"] = storage["diskControllerType"]
    return profile


def _data_disk(scale_set: ScaleSet, instance: Instance, model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data disk of the model as the machine has it: with a name and an id of its own."""
    identity = uuid.uuid5(_DISKS, f"{instance.vm_id}/data/{model.get('lun')}").hex
    name = f"{instance.name}_disk{model.get('lun')}_{identity}"
    group_id = scale_set.key.resource_id.partition("/providers/")[0]
    managed = {**(model.get("managedDisk") or {})}
    managed["id"] = f"{group_id}/providers/Microsoft.Compute/disks/{name}"
    return {**model, "name": name, "managedDisk": managed}


def _disk_name(instance: Instance) -> str:
    # A new disk for every image: its name changes when the disk was replaced.
    image = "/".join(str(value) for _, value in sorted(instance.image_reference.items()))
    identity = uuid.uuid5(_DISKS, f"{instance.vm_id}/{image}/{instance.exact_version}").hex
    return f"{instance.name}_OsDisk_1_{identity}"


def _os_profile(scale_set: ScaleSet, instance: Instance) -> dict[str, Any]:
    model = _profile(scale_set).get("osProfile", {})
    return {
        "computerName": _computer_name(scale_set, instance),
        **_without(model, "computerNamePrefix", "adminPassword", "customData"),
        "requireGuestProvisionSignal": True,
    }


def _computer_name(scale_set: ScaleSet, instance: Instance) -> str:
    model = _profile(scale_set).get("osProfile", {})
    prefix = model.get("computerNamePrefix", scale_set.key.name[:9])
    if not instance.instance_id.isdecimal():
        return f"{prefix}{instance.instance_id[-6:]}"
    number, digits = int(instance.instance_id), ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE_36[digit] + digits
    return f"{prefix}{digits.rjust(6, '0')}"


def _network(profile: Mapping[str, Any], resource_id: str) -> dict[str, Any]:
    network = profile.get("networkProfile", {})
    configurations: Sequence[Mapping[str, Any]] = network.get("networkInterfaceConfigurations", [])
    if not configurations:
        return {}
    return {
        "networkProfileConfiguration": {"networkInterfaceConfigurations": configurations},
        "networkProfile": {
            "networkInterfaces": [
                {"id": f"{resource_id}/networkInterfaces/{each.get('name', 'nic')}"}
                for each in configurations
            ]
        },
    }


def _without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}
