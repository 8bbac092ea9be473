"""The shape of a scale set's model: what a write may not get wrong.

Only what the simulator later reads is checked; everything else is stored and given back as it
came. A model that passes renders without surprises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.intake import invalid_content

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXTS = {"*": str}
_REFERENCE = {
    "id": str,
    "publisher": str,
    "offer": str,
    "sku": str,
    "version": str,
    "sharedGalleryImageId": str,
    "communityGalleryImageId": str,
}
_DISK = {
    "osType": str,
    "createOption": str,
    "caching": str,
    "diskSizeGB": int,
    "managedDisk": {"storageAccountType": str},
    "image": {"uri": str},
}
_EXTENSION = {
    "name": str,
    "properties": {
        "publisher": str,
        "type": str,
        "typeHandlerVersion": str,
        "settings": {},
        "autoUpgradeMinorVersion": bool,
    },
}
_PROFILE = {
    "storageProfile": {
        "imageReference": _REFERENCE,
        "osDisk": _DISK,
        "dataDisks": [{"lun": int, "managedDisk": {}}],
        "diskControllerType": str,
    },
    "osProfile": {"computerNamePrefix": str, "adminUsername": str},
    "networkProfile": {
        "healthProbe": {"id": str},
        "networkInterfaceConfigurations": [{"name": str, "properties": {}}],
    },
    "securityProfile": {},
    "extensionProfile": {"extensions": [_EXTENSION]},
    "userData": str,
}
_MODEL = {
    "location": str,
    "tags": _TEXTS,
    "zones": [str],
    "sku": {"name": str, "tier": str, "capacity": int},
    "identity": {},
    "plan": {},
    "properties": {
        "orchestrationMode": str,
        "singlePlacementGroup": bool,
        "overprovision": bool,
        "platformFaultDomainCount": int,
        "upgradePolicy": {
            "mode": str,
            "rollingUpgradePolicy": {
                "maxBatchInstancePercent": int,
                "maxUnhealthyInstancePercent": int,
                "maxUnhealthyUpgradedInstancePercent": int,
                "pauseTimeBetweenBatches": str,
                "enableCrossZoneUpgrade": bool,
                "prioritizeUnhealthyInstances": bool,
                "rollbackFailedInstancesOnPolicyBreach": bool,
                "maxSurge": bool,
            },
            "automaticOSUpgradePolicy": {
                "enableAutomaticOSUpgrade": bool,
                "disableAutomaticRollback": bool,
                "useRollingUpgradePolicy": bool,
                "osRollingUpgradeDeferral": bool,
            },
        },
        "virtualMachineProfile": _PROFILE,
    },
}


def check_model(document: Mapping[str, Any]) -> None:
    """Refuse a model whose members have the wrong type.

    Raises:
        ArmError: 400 InvalidRequestContent, naming the path of the member.

    """
    _check(document, _MODEL, "")


def _check(value: Any, shape: Any, path: str) -> None:
    # A null takes a member away, whatever its type.
    if value is None:
        return
    if isinstance(shape, dict):
        _require(isinstance(value, dict), path, "an object")
        for name, item in value.items():
            inner = shape.get(name, shape.get("*"))
            if inner is not None:
                _check(item, inner, f"{path}.{name}" if path else name)
    elif isinstance(shape, list):
        _require(isinstance(value, list), path, "a list")
        for index, item in enumerate(value):
            _require(item is not None, f"{path}[{index}]", "not null")
            _check(item, shape[0], f"{path}[{index}]")
    elif shape is int:
        _require(isinstance(value, int) and not isinstance(value, bool), path, "an integer")
    else:
        _require(isinstance(value, shape), path, "a string" if shape is str else "a boolean")


def _require(holds: bool, path: str, expected: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise invalid_content(
            "The request content was invalid and could not be deserialized: "
            f"the member '{path}' has to be {expected}."
        )
