"""The network interfaces of a Uniform set's machines, and the private addresses they have.

An address comes from the instance's number, so that it is the same in every process and stays
until the instance is replaced. One set is one network of its own: two sets use the same addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents
from vmss_simulator.errors import ArmError
from vmss_simulator.values import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_simulator.values import ScaleSet

# Azure keeps the first four addresses of a subnet for itself.
_FIRST = int(IPv4Address("10.0.0.4"))
_SUBNET = 2**16
_CONFIGURATIONS_EACH = 16
_SUBNETS = 256


@dataclass(frozen=True, slots=True)
class Address:
    """One IP configuration of a network interface, with the address it has."""

    name: str
    private_ip: str
    is_primary: bool
    model: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """One network interface of a machine; `model` is its configuration in the set's model."""

    instance: Instance
    index: int
    name: str
    is_primary: bool
    model: Mapping[str, Any]
    addresses: tuple[Address, ...]


def network_interfaces(scale_set: ScaleSet) -> list[NetworkInterface]:
    """Return the interfaces of all machines, by machine.

    ArmError 404 for a Flexible set: its interfaces are resources of their own, and the network
    provider does not know the set (azure-cli#27341).
    """
    if documents.is_flexible(scale_set.body):
        message = f"Resource {scale_set.key.resource_id} not found."
        raise ArmError(404, "NotFound", message)
    return [
        each
        for instance in sorted(scale_set.instances.values(), key=lambda one: int(one.instance_id))
        for each in _of_machine(scale_set, instance)
    ]


def private_addresses(interfaces: list[NetworkInterface]) -> dict[str, str]:
    """Return the primary address of the primary interface, by instance id."""
    return {
        interface.instance.instance_id: address.private_ip
        for interface in interfaces
        if interface.is_primary
        for address in interface.addresses
        if address.is_primary
    }


def _of_machine(scale_set: ScaleSet, instance: Instance) -> Iterator[NetworkInterface]:
    profile = documents.section(scale_set.body, "properties", "virtualMachineProfile")
    configurations = _named(profile.get("networkProfile"), "networkInterfaceConfigurations")
    primary = _primary(configurations)
    for index, (name, properties) in enumerate(configurations):
        addresses = _named(properties, "ipConfigurations")
        primary_address = _primary(addresses)
        yield NetworkInterface(
            instance,
            index,
            name,
            is_primary=index == primary,
            model=properties,
            addresses=tuple(
                Address(
                    address,
                    _private_ip(instance, index * _CONFIGURATIONS_EACH + position),
                    is_primary=position == primary_address,
                    model=model,
                )
                for position, (address, model) in enumerate(addresses)
            ),
        )


def _private_ip(instance: Instance, subnet: int) -> str:
    return str(IPv4Address(_FIRST + subnet % _SUBNETS * _SUBNET + int(instance.instance_id)))


def _named(raw: Any, key: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return name and properties of what is in a list there; what has no such form is left out."""
    listed = raw.get(key) if isinstance(raw, Mapping) else None
    found = []
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, Mapping):
            properties = each.get("properties")
            known = properties if isinstance(properties, Mapping) else {}
            found.append((str(each.get("name") or "nic"), known))
    return found


def _primary(found: list[tuple[str, Mapping[str, Any]]]) -> int:
    """Return which is the primary one: that which says so, else the first."""
    flagged = (i for i, (_, properties) in enumerate(found) if properties.get("primary") is True)
    return next(flagged, 0)
