"""What a new instance looks like: ids, names, domains, zones and placement groups.

Uniform: a decimal id that is never used again, named `{set}_{id}` (instance-ids page).
Flexible: the id is the machine's name, `{set}_{8 characters}`, and there is no update domain.
"""

from __future__ import annotations

import string
from functools import lru_cache
from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.randomness import draw_guid, stream
from vmss_simulator.values import HealthState, Instance, ScaleSetKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from vmss_simulator.tasks import Target

_PLACEMENT_GROUP_SIZE = 100
_BASE36 = string.digits + string.ascii_lowercase
_FLEXIBLE_NAME_LENGTH = 8
_COMPUTER_NUMBER_LENGTH = 6


def instance_name(key: ScaleSetKey, number: int, *, flexible: bool, seed: int) -> tuple[str, str]:
    """Return the id and the name of the set's machine with this running number."""
    if not flexible:
        return str(number), f"{key.name}_{number}"
    random = stream(seed, key.resource_id, "instanceName", number)
    name = f"{key.name}_" + "".join(random.choices(_BASE36, k=_FLEXIBLE_NAME_LENGTH))
    return name, name


@lru_cache(maxsize=8192)
def computer_name(prefix: str, number: int) -> str:
    """Return the host name Azure gives a Uniform machine: the prefix and six base-36 digits."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit].upper() + digits
    return prefix + digits.rjust(_COMPUTER_NUMBER_LENGTH, "0")


def new_instance(
    key: ScaleSetKey,
    body: Mapping[str, Any],
    number: int,
    target: Target,
    *,
    seed: int,
    update_domains: int,
    now: datetime,
    vm_id: str | None = None,
) -> Instance:
    """Make the machine with this running number, running and healthy; `vm_id` None draws one.

    Zones, update domains and fault domains go round robin, placement groups hold a hundred.
    That fault domains shift by one after each round of update domains is assumed.
    """
    flexible = documents.is_flexible(body)
    zones = documents.zones(body)
    zone = zones[number % len(zones)] if zones else None
    position = number // len(zones) if zones else number
    group, slot = divmod(position, _PLACEMENT_GROUP_SIZE)
    if documents.section(body, "properties").get("singlePlacementGroup") is True:
        # Numbers grow past a hundred as machines are replaced; the group stays the one there is.
        group = 0
    fault_domains = documents.fault_domain_count(body)
    shift = 0 if flexible else slot // update_domains
    instance_id, name = instance_name(key, number, flexible=flexible, seed=seed)
    return Instance(
        instance_id=instance_id,
        name=name,
        vm_id=vm_id or draw_guid(stream(seed, f"{key.resource_id}/{instance_id}", "vmId", 0)),
        image_reference=target.image_reference,
        exact_version=target.exact_version,
        vm_size=target.vm_size,
        applied_model=target.fingerprint,
        time_created=now,
        update_domain=None if flexible else slot % update_domains,
        fault_domain=(slot + shift) % fault_domains,
        zone=zone,
        placement_group_id=None
        if flexible
        else _placement_group(seed, f"{key.resource_id}/{zone}/{group}"),
        health=HealthState.HEALTHY if target.has_health else None,
        health_since=now if target.has_health else None,
        extensions=target.extensions,
    )


@lru_cache(maxsize=1024)
def _placement_group(seed: int, resource: str) -> str:
    return draw_guid(stream(seed, resource, "placementGroup", 0))
