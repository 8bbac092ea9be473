"""What Azure is known to say when something goes wrong: codes and texts, as people reported them.

A scenario names the failure, and need not know the words. Where a text was found stands beside
it; what was not found is marked assumed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmss_simulator.effects import FailWork, RefuseRequest
from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

NO_HOST = FailWork(
    # Text assumed; the code and the link are those of every zonal failure reported.
    "ZonalAllocationFailed",
    "Allocation failed. There is not sufficient capacity for the requested VM size in this zone."
    " Read more about improving likelihood of allocation success at"
    " http://aka.ms/allocation-guidance",
)
"""What an operation on an instance meets whose host is gone."""


def allocation_failed() -> FailWork:
    """Return the failure for want of room in the cluster (azure-powershell#11896)."""
    return FailWork(
        "AllocationFailed",
        "Allocation failed. If you are trying to add a new VM to a Virtual Machine Scale Set with"
        " a single placement group or update/resize an existing VM in a Virtual Machine Scale Set"
        " with a single placement group, please note that such allocation is scoped to a single"
        " cluster, and it is possible that the cluster is out of capacity. Please read more about"
        " improving likelihood of allocation success at http://aka.ms/allocation-guidance.",
    )


def overconstrained(constraints: Sequence[str], *, zonal: bool) -> FailWork:
    """Return the failure of an allocation that asks for too much at once (helpdesk#4459)."""
    listed = "".join(f"\n  - {each}" for each in constraints)
    return FailWork(
        "OverconstrainedZonalAllocationRequest" if zonal else "OverconstrainedAllocationRequest",
        "Allocation failed. VM(s) with the following constraints cannot be allocated, because the"
        " condition is too restrictive. Please remove some constraints and try again. Constraints"
        f" applied are:{listed}",
    )


def extension_timed_out(extension: str, after: timedelta) -> FailWork:
    """Return the failure of an extension that takes too long (custom-script-extension-linux#172).

    Azure gives extensions 90 minutes.
    """
    return FailWork(
        "VMExtensionProvisioningTimeout",
        f"Provisioning of VM extension {extension} has timed out. Extension provisioning has taken"
        ' too long to complete. The extension last reported "Plugin enabled".',
        disk_replaced=True,
        extension=extension,
        after=after,
    )


def extension_failed(extension: str, code: str) -> FailWork:
    """Return the failure of an extension on a machine that runs (vm-scale-sets#82).

    The text of VMExtensionHandlerNonTransientError is assumed.
    """
    return FailWork(
        code,
        f"The handler for VM extension '{extension}' has reported a failure on VM '{{vmName}}'"
        " that will not go away by itself. More information on troubleshooting is available at"
        " https://aka.ms/vmextensionlinuxtroubleshoot.",
        disk_replaced=True,
        extension=extension,
    )


def disk_error() -> FailWork:
    """Return the failure of a machine that the disk service lets down (aks-engine#1860)."""
    return FailWork(
        "VMScaleSetDiskProcessingError",  # the code is assumed, only the text was reported
        "The operation was halted because of one or more disk processing errors encountered by VM"
        " '{vmName}' in the same Availability Set or scale set.",
    )


def os_provisioning_timed_out(after: timedelta) -> FailWork:
    """Return the failure of a machine that does not come up (40 minutes; 90 with extensions)."""
    return FailWork(
        "OSProvisioningTimedOut",
        "OS Provisioning for VM '{vmName}' did not finish in the allotted time. The VM may still"
        " finish provisioning successfully. Please check provisioning state later.",
        disk_replaced=True,
        after=after,
    )


def quota_exceeded(family: str, limit: int, location: str) -> RefuseRequest:
    """Return the refusal of what needs more cores than the subscription may have (409)."""
    return RefuseRequest(
        409,
        "OperationNotAllowed",
        f"Operation could not be completed as it results in exceeding approved {family} Cores"
        f" quota. Additional details - Deployment Model: Resource Manager, Location: {location},"
        f" Current Limit: {limit}, Current Usage: {limit}, Additional Required: 2, (Minimum) New"
        f" Limit Required: {limit + 2}. Submit a request for Quota increase by specifying"
        " parameters listed in the 'Details' section for deployment to succeed.",
    )


def expired_token(now: datetime) -> ArmError:
    """Return the refusal of a token that has expired (its text is assumed)."""
    expired_at = now - timedelta(seconds=1)
    return ArmError(
        401,
        "ExpiredAuthenticationToken",
        f"The access token expiry UTC time '{expired_at:%m/%d/%Y %H:%M:%S}' is earlier than"
        f" current UTC time '{now:%m/%d/%Y %H:%M:%S}'.",
    )
