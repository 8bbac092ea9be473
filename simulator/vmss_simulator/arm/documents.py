"""The world's values as ARM documents, field by field as recorded from the service.

Shapes: recordings of the command line client's tests and the client library's models.
Bodies deserialise in azure-mgmt-compute 39 without an unknown or missing field.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.instance_views import instance_view_document
from vmss_simulator.arm.machines import network, os_profile, profile_of, storage_profile
from vmss_simulator.arm.statuses import provisioning_status, timestamp
from vmss_simulator.documents import health_probe
from vmss_simulator.values import InstanceView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmss_simulator.errors import ErrorDetail
    from vmss_simulator.values import (
        Instance,
        Operation,
        ScaleSet,
    )

SCALE_SET_TYPE = "Microsoft.Compute/virtualMachineScaleSets"
INSTANCE_TYPE = f"{SCALE_SET_TYPE}/virtualMachines"


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
            provisioning_status(scale_set.provisioning, scale_set.error, scale_set.time_created)
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
    profile = profile_of(scale_set)
    properties: dict[str, Any] = {
        "latestModelApplied": latest_model_applied,
        "modelDefinitionApplied": instance.model_definition_applied,
        "vmId": instance.vm_id,
        "hardwareProfile": {"vmSize": instance.vm_size},
        "storageProfile": storage_profile(scale_set, instance),
        "osProfile": os_profile(scale_set, instance),
        "provisioningState": instance.provisioning.value,
        "timeCreated": timestamp(instance.time_created),
    }
    properties |= network(profile, resource_id)
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


def _without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}
