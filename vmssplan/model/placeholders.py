"""The words in braces that stand for an instance in the address of a probe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from vmssplan.model.live import Instance

PLACEHOLDERS = {
    "instanceId": "instance_id",
    "vmId": "vm_id",
    "computerName": "computer_name",
    "zone": "zone",
    "privateIpAddress": "private_ip_address",
}
"""How a Plan writes them, and the field of an Instance each stands for."""

# `${...}` is how a Plan writes a variable, which is another matter.
_BRACES = re.compile(r"(?<!\$)\{([^{}]*)\}")


def placeholders(url: str) -> tuple[str, ...]:
    """Return what stands in braces, in order, whether it is known or not."""
    return tuple(_BRACES.findall(url))


def missing_values(url: str, instance: Instance) -> tuple[str, ...]:
    """Return the placeholders for which this instance has no value, such as a zone."""
    return tuple(name for name in placeholders(url) if not _value(name, instance))


def filled(url: str, instance: Instance) -> str:
    """Return the address for this instance; there must be no `missing_values`."""
    return _BRACES.sub(lambda found: _written(_value(found[1], instance)), url)


def _written(value: str) -> str:
    is_ipv6 = ":" in value
    return f"[{value}]" if is_ipv6 else quote(value, safe="")


def _value(name: str, instance: Instance) -> str:
    value = getattr(instance, PLACEHOLDERS[name]) if name in PLACEHOLDERS else None
    return value or ""
