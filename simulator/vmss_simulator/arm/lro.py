"""How a long-running operation is announced: the addresses a client polls.

A write of the model answers 200 with the new model and only `Azure-AsyncOperation`; an action
answers 202 without a body and adds `Location`, the same address with `monitor=true` (recorded).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm.headers import poll_headers
from vmss_simulator.arm.messages import empty_response

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.commands import Command
    from vmss_simulator.values import Operation


def announcement(call: Call, operation: Operation) -> dict[str, str]:
    """Return the headers that announce an operation started by a write of the model."""
    return {
        "Azure-AsyncOperation": _address(call, operation),
        "azure-asyncnotification": "Enabled",
        **poll_headers(call.world, call.settings),
    }


def accepted(call: Call, operation: Operation) -> Response:
    """Return the 202 of an action."""
    return empty_response(
        202,
        {
            **announcement(call, operation),
            "Location": _address(call, operation, monitor="&monitor=true"),
        },
    )


def performed(call: Call, command: Command) -> Response:
    """Carry out a command; 202 when it started an operation, 204 when nothing was there for it."""
    operation = call.world.perform(command)
    return empty_response(204) if operation is None else accepted(call, operation)


def _address(call: Call, operation: Operation, monitor: str = "") -> str:
    return (
        f"{call.request.base_url}/subscriptions/{call.subscription_id}"
        f"/providers/Microsoft.Compute/locations/{operation.location}"
        f"/operations/{operation.operation_id}"
        f"?p={operation.operation_id}{monitor}&api-version={call.api_version}"
    )
