"""The network interfaces of a scale set, as the network provider lists them below it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.call import SCALE_SET, ApiVersions, Route
from vmss_simulator.arm.messages import json_response
from vmss_simulator.arm.paging import page
from vmss_simulator.network import network_interfaces
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.arm.paging import SortKey
    from vmss_simulator.network import Address, NetworkInterface
    from vmss_simulator.values import ScaleSet

_ETAGS = uuid.UUID("0d9f6a52-7c7c-5b0e-8a0e-64b1f3b70003")
_DONE = "Succeeded"


def list_in_scale_set(call: Call) -> Response:
    """Answer a page of the interfaces of all machines of a Uniform set."""
    scale_set = call.world.scale_set(call.scale_set_key)
    interfaces, next_link = page(call, network_interfaces(scale_set), _sort_key)
    document: dict[str, Any] = {"value": [_document(scale_set, each) for each in interfaces]}
    if next_link is not None:
        document["nextLink"] = next_link
    return json_response(document)


def _sort_key(interface: NetworkInterface) -> SortKey:
    return (int(interface.instance.instance_id), interface.index)


def _document(scale_set: ScaleSet, interface: NetworkInterface) -> dict[str, Any]:
    machine_id = f"{scale_set.key.resource_id}/virtualMachines/{interface.instance.instance_id}"
    resource_id = f"{machine_id}/networkInterfaces/{interface.name}"
    guid = uuid.uuid5(_ETAGS, f"{interface.instance.vm_id}/{interface.name}")
    etag = f'W/"{guid}"'
    return {
        "name": interface.name,
        "id": resource_id,
        "etag": etag,
        "properties": {
            "provisioningState": _DONE,
            "resourceGuid": str(guid),
            "ipConfigurations": [
                _ip_configuration(resource_id, etag, each) for each in interface.addresses
            ],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "enableAcceleratedNetworking": interface.model.get("enableAcceleratedNetworking")
            is True,
            "enableIPForwarding": interface.model.get("enableIPForwarding") is True,
            "primary": interface.is_primary,
            "virtualMachine": {"id": machine_id},
        },
    }


def _ip_configuration(interface_id: str, etag: str, address: Address) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "provisioningState": _DONE,
        "privateIPAddress": address.private_ip,
        "privateIPAllocationMethod": "Dynamic",
        "primary": address.is_primary,
        "privateIPAddressVersion": "IPv4",
    }
    if "subnet" in address.model:
        properties["subnet"] = address.model["subnet"]
    return {
        "name": address.name,
        "id": f"{interface_id}/ipConfigurations/{address.name}",
        "etag": etag,
        "properties": properties,
    }


_VERSIONS = ApiVersions("virtualMachineScaleSets/networkInterfaces", first="2017-03-30")

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        SCALE_SET + "/networkInterfaces",
        list_in_scale_set,
        OperationKind.LIST_NETWORK_INTERFACES,
        _VERSIONS,
    ),
)
