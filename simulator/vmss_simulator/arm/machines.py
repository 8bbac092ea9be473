"""What a machine of a set is made of, as documents: disks, OS, network; from model and name."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from vmss_simulator import topology

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmss_simulator.values import Instance, ScaleSet

_DISKS = uuid.UUID("0d9f6a52-7c7c-5b0e-8a0e-64b1f3b70002")
_NOT_OF_ONE_MACHINE = frozenset({"computerNamePrefix", "adminPassword", "customData"})


def profile_of(scale_set: ScaleSet) -> Mapping[str, Any]:
    """Return the set's virtualMachineProfile, empty where it has none."""
    profile: Mapping[str, Any] = scale_set.body.get("properties", {}).get(
        "virtualMachineProfile", {}
    )
    return profile


def storage_profile(scale_set: ScaleSet, instance: Instance) -> dict[str, Any]:
    """Return the disks of a virtual machine, and the image they were made from."""
    storage = profile_of(scale_set).get("storageProfile", {})
    model_disk = storage.get("osDisk", {})
    name = disk_name(instance)
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


def disk_name(instance: Instance) -> str:
    """Return the name of the OS disk, which tells one disk from the next."""
    # A new disk for every image: its name changes when the disk was replaced.
    image = "/".join(str(value) for _, value in sorted(instance.image_reference.items()))
    identity = uuid.uuid5(_DISKS, f"{instance.vm_id}/{image}/{instance.exact_version}").hex
    return f"{instance.name}_OsDisk_1_{identity}"


def os_profile(scale_set: ScaleSet, instance: Instance) -> dict[str, Any]:
    """Return the machine's osProfile: the model's, without what is the set's or secret."""
    model = profile_of(scale_set).get("osProfile", {})
    return {
        "computerName": computer_name(scale_set, instance),
        **{key: value for key, value in model.items() if key not in _NOT_OF_ONE_MACHINE},
        "requireGuestProvisionSignal": True,
    }


def computer_name(scale_set: ScaleSet, instance: Instance) -> str:
    """Return the host name: the set's prefix and the instance id in base 36, or Flexible's."""
    return host_name(host_prefix(scale_set), instance.instance_id)


def host_prefix(scale_set: ScaleSet) -> str:
    """Return what the host names of the set's machines begin with."""
    model = profile_of(scale_set).get("osProfile", {})
    return str(model.get("computerNamePrefix", scale_set.key.name[:9]))


def host_name(prefix: str, instance_id: str) -> str:
    """Return the host name of a machine of a set with that prefix."""
    if not instance_id.isdecimal():
        return f"{prefix}{instance_id[-6:]}"
    return topology.computer_name(prefix, int(instance_id))


def network(profile: Mapping[str, Any], resource_id: str) -> dict[str, Any]:
    """Return the properties that name the machine's network interfaces."""
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
