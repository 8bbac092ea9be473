"""The instance view of a machine: statuses, agent, extensions, health.

The texts of health states other than `unknown` are not recorded anywhere and are by analogy.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.machines import computer_name, disk_name
from vmss_simulator.arm.statuses import provisioning_status, timestamp
from vmss_simulator.values import HealthState, InstanceView, PowerState, ProvisioningState

if TYPE_CHECKING:
    from datetime import datetime

    from vmss_simulator.values import ExtensionStatus, Instance, ScaleSet

_HEALTH = {
    HealthState.INITIALIZING: ("Info", "The VM is reporting itself as initializing"),
    HealthState.HEALTHY: ("Info", "The VM is reporting itself as healthy"),
    HealthState.UNHEALTHY: ("Warning", "The VM is reporting itself as unhealthy"),
    HealthState.UNKNOWN: ("Warning", "The VM health is unknown"),
}


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
    document["computerName"] = computer_name(scale_set, instance)
    document["vmAgent"] = _agent(instance, since)
    document["disks"] = [
        {
            "name": disk_name(instance),
            "statuses": [provisioning_status(ProvisioningState.SUCCEEDED, None, since)],
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
        provisioning_status(instance.provisioning, instance.error, instance.time_created),
        {
            "code": f"PowerState/{instance.power.value}",
            "level": "Info",
            "displayStatus": f"VM {instance.power.value}",
        },
    ]
    return document


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
