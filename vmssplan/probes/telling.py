"""What a program is told it is about: variables of its environment, and a JSON document.

The two say the same; the document, on standard input, also describes each instance.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING

from vmssplan.model import ProbeScope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmssplan.model import CommandProbe, Instance
    from vmssplan.ports import Subject


def variables_of(subject: Subject) -> Mapping[str, str | None]:
    """Return the variables; None for one that must not be there, not even inherited."""
    return {
        "VMSSPLAN_RUN": subject.run or None,
        "VMSSPLAN_SUBSCRIPTION_ID": subject.target.subscription_id,
        "VMSSPLAN_RESOURCE_GROUP": subject.target.resource_group,
        "VMSSPLAN_SCALE_SET": subject.target.name,
        "VMSSPLAN_OCCASION": subject.occasion,
        "VMSSPLAN_BATCH": None if subject.batch is None else str(subject.batch),
        "VMSSPLAN_INSTANCE_IDS": " ".join(one.instance_id for one in subject.instances),
    }


def document_of(subject: Subject) -> bytes:
    """Return the document: one line of JSON, UTF-8."""
    document = {
        "run": subject.run or None,
        "subscriptionId": subject.target.subscription_id,
        "resourceGroup": subject.target.resource_group,
        "scaleSet": subject.target.name,
        "occasion": subject.occasion,
        "batch": subject.batch,
        "instances": [
            {
                "instanceId": one.instance_id,
                "vmId": one.vm_id,
                "computerName": one.computer_name,
                "zone": one.zone,
                "privateIpAddress": one.private_ip_address,
                "health": _health_of(one),
            }
            for one in subject.instances
        ],
    }
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


def label_of(probe: CommandProbe, subject: Subject) -> str:
    """Return what stands before each line the program prints."""
    name = PurePath(probe.run[0]).name or probe.run[0]
    if probe.scope is ProbeScope.INSTANCE:
        return f"{name} {subject.instances[0].instance_id}"
    return name


def _health_of(instance: Instance) -> str | None:
    """Return what the Plan's probe said, else the extension; None where nobody said."""
    if instance.probed_healthy is not None:
        return "healthy" if instance.probed_healthy else "unhealthy"
    return instance.application_health.value if instance.application_health else None
