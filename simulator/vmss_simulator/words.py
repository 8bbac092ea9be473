"""The words Azure has for states and operations."""

from __future__ import annotations

from enum import StrEnum


class ProvisioningState(StrEnum):
    """`provisioningState` of a scale set or an instance (states-billing.md)."""

    CREATING = "Creating"
    UPDATING = "Updating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    DELETING = "Deleting"


class PowerState(StrEnum):
    """The last part of the `PowerState/...` status code of an instance view."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DEALLOCATING = "deallocating"
    DEALLOCATED = "deallocated"
    UNKNOWN = "unknown"


class InstanceView(StrEnum):
    """How much the instance view of a machine shows."""

    COMPLETE = "complete"
    AGENT_SILENT = "agentSilent"
    MISSING = "missing"


class HealthState(StrEnum):
    """The last part of the `HealthState/...` code in `vmHealth.status`."""

    INITIALIZING = "initializing"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class OperationStatus(StrEnum):
    """`status` of an asynchronous operation resource."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


class OperationKind(StrEnum):
    """What a request does; the name a fault or a latency in a scenario matches on."""

    GET_SCALE_SET = "getScaleSet"
    LIST_SCALE_SETS = "listScaleSets"
    GET_INSTANCE_VIEW = "getInstanceView"
    LIST_INSTANCES = "listInstances"
    GET_INSTANCE = "getInstance"
    GET_OPERATION = "getOperation"
    LIST_IMAGE_VERSIONS = "listImageVersions"
    GET_ROLLING_UPGRADE = "getRollingUpgrade"
    LIST_OS_UPGRADE_HISTORY = "listOsUpgradeHistory"
    PUT_SCALE_SET = "putScaleSet"
    PATCH_SCALE_SET = "patchScaleSet"
    UPGRADE = "upgrade"
    REIMAGE = "reimage"
    REIMAGE_ALL = "reimageAll"
    START = "start"
    RESTART = "restart"
    POWER_OFF = "powerOff"
    DEALLOCATE = "deallocate"
    REDEPLOY = "redeploy"
    PERFORM_MAINTENANCE = "performMaintenance"
    REAPPLY = "reapply"
    DELETE_INSTANCES = "deleteInstances"
    DELETE_SCALE_SET = "deleteScaleSet"
    SCALE_OUT = "scaleOut"
    CONVERT_TO_SINGLE_PLACEMENT_GROUP = "convertToSinglePlacementGroup"
    FORCE_UPDATE_DOMAIN_WALK = "forceUpdateDomainWalk"
    SET_ORCHESTRATION_SERVICE_STATE = "setOrchestrationServiceState"
    LIST_SKUS = "listSkus"
    LIST_LIFECYCLE_HOOK_EVENTS = "listLifecycleHookEvents"
    GET_EXTENSION = "getExtension"
    PUT_EXTENSION = "putExtension"
    DELETE_EXTENSION = "deleteExtension"
    PUT_INSTANCE = "putInstance"
    DELETE_INSTANCE = "deleteInstance"
    REIMAGE_INSTANCE = "reimageInstance"
    REIMAGE_ALL_INSTANCE = "reimageAllInstance"
    START_INSTANCE = "startInstance"
    RESTART_INSTANCE = "restartInstance"
    POWER_OFF_INSTANCE = "powerOffInstance"
    DEALLOCATE_INSTANCE = "deallocateInstance"
    REDEPLOY_INSTANCE = "redeployInstance"
    PERFORM_MAINTENANCE_INSTANCE = "performMaintenanceInstance"
    SIMULATE_EVICTION = "simulateEviction"
    ATTACH_DETACH_DATA_DISKS = "attachDetachDataDisks"
    RUN_COMMAND = "runCommand"
    GET_BOOT_DIAGNOSTICS = "getBootDiagnostics"
    GET_INSTANCE_EXTENSION = "getInstanceExtension"
    PUT_INSTANCE_EXTENSION = "putInstanceExtension"
    DELETE_INSTANCE_EXTENSION = "deleteInstanceExtension"
    LIST_NETWORK_INTERFACES = "listNetworkInterfaces"
    GET_AUTOSCALE = "getAutoscale"
    PUT_AUTOSCALE = "putAutoscale"
    DELETE_AUTOSCALE = "deleteAutoscale"
    START_OS_UPGRADE = "startOsUpgrade"
    START_EXTENSION_UPGRADE = "startExtensionUpgrade"
    CANCEL_ROLLING_UPGRADE = "cancelRollingUpgrade"
    APPROVE_ROLLING_UPGRADE = "approveRollingUpgrade"
    # Nobody requests it: an OS upgrade the platform starts by itself.
    AUTOMATIC_OS_UPGRADE = "automaticOsUpgrade"
    # Nobody requests it: the automatic repair of an instance, by the platform.
    REPAIR = "repair"

    @property
    def is_read(self) -> bool:
        """Whether it leaves everything as it is."""
        return self.value.startswith(("get", "list"))
