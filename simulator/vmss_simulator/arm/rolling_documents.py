"""Native rolling upgrades as ARM documents: the latest one, and the history of OS upgrades.

Shapes: recorded answers, and for errors the output of the service's own troubleshooting pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.documents import SCALE_SET_TYPE
from vmss_simulator.arm.statuses import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.errors import ErrorDetail
    from vmss_simulator.values import RollingUpgrade, ScaleSet

_TYPE = f"{SCALE_SET_TYPE}/rollingUpgrades"


def rolling_upgrade_document(scale_set: ScaleSet, upgrade: RollingUpgrade) -> dict[str, Any]:
    """Return the latest rolling upgrade, with the policy it goes by."""
    policy = scale_set.body.get("properties", {}).get("upgradePolicy", {})
    action_at = upgrade.last_action_at or upgrade.started_at
    properties: dict[str, Any] = {
        "policy": {
            "maxBatchInstancePercent": 20,
            "maxUnhealthyInstancePercent": 20,
            "maxUnhealthyUpgradedInstancePercent": 20,
            "pauseTimeBetweenBatches": "PT0S",
            **(policy.get("rollingUpgradePolicy") or {}),
        },
        "runningStatus": {
            "code": upgrade.code,
            "startTime": timestamp(upgrade.started_at),
            "lastAction": upgrade.last_action,
            "lastActionTime": timestamp(action_at),
        },
        "progress": _progress(upgrade),
    }
    return _document(scale_set, properties, upgrade)


def history_document(scale_set: ScaleSet, upgrade: RollingUpgrade) -> dict[str, Any]:
    """Return one entry of the OS upgrade history; one that goes on has no `endTime`."""
    status = {"code": upgrade.code, "startTime": timestamp(upgrade.started_at)}
    if upgrade.ended_at is not None:
        status["endTime"] = timestamp(upgrade.ended_at)
    properties: dict[str, Any] = {
        "runningStatus": status,
        "progress": _progress(upgrade),
        "startedBy": upgrade.started_by,
        "targetImageReference": dict(upgrade.target_image or {}),
        "rollbackInfo": {
            "successfullyRolledbackInstanceCount": upgrade.restored,
            "failedRolledbackInstanceCount": upgrade.restore_failed,
        },
    }
    return _document(scale_set, properties, upgrade)


def _document(
    scale_set: ScaleSet, properties: dict[str, Any], upgrade: RollingUpgrade
) -> dict[str, Any]:
    if upgrade.error is not None:
        properties["error"] = {
            **_error(upgrade.error),
            "details": [_error(each) for each in upgrade.details],
        }
    location = scale_set.body.get("location", "")
    return {"type": _TYPE, "location": location, "properties": properties}


def _progress(upgrade: RollingUpgrade) -> Mapping[str, int]:
    return {
        "successfulInstanceCount": upgrade.successful,
        "failedInstanceCount": upgrade.failed,
        "inProgressInstanceCount": upgrade.in_progress,
        "pendingInstanceCount": upgrade.pending,
    }


def _error(detail: ErrorDetail) -> dict[str, str]:
    document = {"code": detail.code, "message": detail.message}
    if detail.target is not None:
        document["target"] = detail.target
    return document
