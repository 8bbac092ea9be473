"""Times and provisioning statuses, as every document of the service writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.values import ProvisioningState

if TYPE_CHECKING:
    from datetime import datetime

    from vmss_simulator.errors import ErrorDetail

_PROVISIONING_TEXT = {
    ProvisioningState.CREATING: "Creating",
    ProvisioningState.UPDATING: "Updating",
    ProvisioningState.SUCCEEDED: "Provisioning succeeded",
    ProvisioningState.FAILED: "Provisioning failed",
    ProvisioningState.DELETING: "Deleting",
}


def timestamp(moment: datetime) -> str:
    """Return a UTC time as Azure writes it, with seven decimals."""
    text = moment.isoformat(timespec="microseconds")
    return f"{text[:26]}0{text[26:]}"


def provisioning_status(
    state: ProvisioningState, error: ErrorDetail | None, since: datetime
) -> dict[str, Any]:
    """Return `ProvisioningState/<state>[/<error code>]` as a status of an instance view."""
    code = f"ProvisioningState/{state.value.lower()}"
    status: dict[str, Any] = {
        "code": code,
        "level": "Info",
        "displayStatus": _PROVISIONING_TEXT[state],
        "time": timestamp(since),
    }
    if state is ProvisioningState.FAILED:
        status["level"] = "Error"
        if error is not None:
            status["code"] = f"{code}/{error.code}"
            status["message"] = error.message
    return status
