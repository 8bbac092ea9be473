"""From the short form of a scale set in a scenario to its ARM document.

Rendered as a recorded GET of a Uniform set shows it, so that clients read what Azure would
answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_LOCATION = "westeurope"
_DEFAULT_SIZE = "Standard_D2s_v5"
_SINGLE_GROUP_LIMIT = 100
_PREFIX_LENGTH = 9


def render_body(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ARM document of a scale set given in short form."""
    flexible = raw.get("orchestrationMode") == "Flexible"
    capacity = raw.get("capacity", len(raw.get("instances", ())))
    single = not flexible and capacity <= _SINGLE_GROUP_LIMIT
    policy = raw.get("upgradePolicy", "Manual")
    properties: dict[str, Any] = {
        "singlePlacementGroup": raw.get("singlePlacementGroup", single),
        "orchestrationMode": "Flexible" if flexible else "Uniform",
        "upgradePolicy": {"mode": policy} if isinstance(policy, str) else policy,
        "virtualMachineProfile": _profile(raw, flexible=flexible),
        "platformFaultDomainCount": raw.get("faultDomains", 1 if flexible else 5),
    }
    if flexible:
        properties["constrainedMaximumCapacity"] = False
    else:
        properties |= {"overprovision": True, "doNotRunExtensionsOnOverprovisionedVMs": False}
    body: dict[str, Any] = {
        "location": raw.get("location", _DEFAULT_LOCATION),
        "tags": raw.get("tags", {}),
        "sku": {
            "name": raw.get("vmSize", _DEFAULT_SIZE),
            "tier": "Standard",
            "capacity": capacity,
        },
        "properties": properties,
    }
    if raw.get("zones"):
        body["zones"] = raw["zones"]
    return body


def _profile(raw: Mapping[str, Any], *, flexible: bool) -> dict[str, Any]:
    windows = _is_windows(raw)
    profile: dict[str, Any] = {
        "osProfile": {
            "computerNamePrefix": raw["name"][:_PREFIX_LENGTH],
            "adminUsername": "azureuser",
            **_os_configuration(windows=windows),
            "secrets": [],
            "allowExtensionOperations": True,
            "requireGuestProvisionSignal": True,
        },
        "storageProfile": _storage_profile(raw, windows=windows, flexible=flexible),
        "networkProfile": _network_profile(raw["name"], flexible=flexible),
    }
    extensions = list(raw.get("extensions", ()))
    if raw.get("applicationHealth"):
        extensions.insert(0, _application_health(windows=windows))
    if extensions:
        profile["extensionProfile"] = {"extensions": [_extension(each) for each in extensions]}
    return profile


def _is_windows(raw: Mapping[str, Any]) -> bool:
    if "osType" in raw:
        return bool(raw["osType"] == "Windows")
    publisher = raw.get("image", {}).get("publisher", "")
    return str(publisher).casefold().startswith("microsoftwindows")


def _os_configuration(*, windows: bool) -> dict[str, Any]:
    if windows:
        return {"windowsConfiguration": {"provisionVMAgent": True, "enableAutomaticUpdates": False}}
    return {"linuxConfiguration": {"disablePasswordAuthentication": True, "provisionVMAgent": True}}


def _storage_profile(raw: Mapping[str, Any], *, windows: bool, flexible: bool) -> dict[str, Any]:
    image = raw.get("image", {})
    disk: dict[str, Any] = {
        "osType": "Windows" if windows else "Linux",
        "createOption": "FromImage",
        "caching": "ReadWrite",
    }
    if "uri" in image:
        # A legacy set has unmanaged disks: named, in containers, and from an image by URI.
        container = str(image["uri"]).rsplit("/", 1)[0]
        legacy = {"name": f"{raw['name']}-os", "image": image, "vhdContainers": [container]}
        return {"osDisk": {**disk, **legacy}}
    disk["managedDisk"] = {"storageAccountType": "Premium_LRS"}
    disk["diskSizeGB"] = 127 if windows else 30
    if flexible:
        disk["deleteOption"] = "Delete"
    storage: dict[str, Any] = {"osDisk": disk, "diskControllerType": "SCSI"}
    if image:
        storage["imageReference"] = image
    return storage


def _network_profile(name: str, *, flexible: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "primary": True,
        "disableTcpStateTracking": False,
        "dnsSettings": {"dnsServers": []},
        "enableIPForwarding": False,
        "ipConfigurations": [{"name": f"{name}-ip", "properties": {"primary": True}}],
    }
    profile: dict[str, Any] = {
        "networkInterfaceConfigurations": [{"name": f"{name}-nic", "properties": properties}]
    }
    if flexible:
        properties["deleteOption"] = "Delete"
        profile["networkApiVersion"] = "2020-11-01"
    return profile


def _application_health(*, windows: bool) -> dict[str, Any]:
    system = "Windows" if windows else "Linux"
    return {
        "name": "HealthExtension",
        "publisher": "Microsoft.ManagedServices",
        "type": f"ApplicationHealth{system}",
        "version": "2.0",
        "settings": {"protocol": "http", "port": 8080, "requestPath": "/health"},
    }


def _extension(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": raw["name"],
        "properties": {
            "autoUpgradeMinorVersion": True,
            "publisher": raw["publisher"],
            "type": raw["type"],
            "typeHandlerVersion": raw.get("version", "1.0"),
            "settings": raw.get("settings", {}),
        },
    }
