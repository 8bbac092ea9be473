"""Operations on native rolling upgrades: start, cancel, approve, the latest one, the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm import lro
from vmss_simulator.arm.call import INSTANCE, SCALE_SET, BodyRule, Route
from vmss_simulator.arm.intake import invalid_content
from vmss_simulator.arm.messages import json_response
from vmss_simulator.arm.rolling_documents import history_document, rolling_upgrade_document
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response


def latest(call: Call) -> Response:
    """Answer the latest rolling upgrade, or 404 where there never was one."""
    scale_set = call.world.scale_set(call.scale_set_key)
    upgrade = call.world.rolling_upgrade(call.scale_set_key)
    if upgrade is None:
        raise ArmError(
            404,
            "NotFound",
            f"There is no rolling upgrade of the scale set '{scale_set.key.name}'.",
        )
    return json_response(rolling_upgrade_document(scale_set, upgrade))


def history(call: Call) -> Response:
    """Answer the last OS upgrades, newest first; the order is assumed."""
    scale_set = call.world.scale_set(call.scale_set_key)
    upgrades = call.world.os_upgrade_history(call.scale_set_key)
    return json_response({"value": [history_document(scale_set, each) for each in upgrades[::-1]]})


def start_os_upgrade(call: Call) -> Response:
    """Begin to move all instances to the newest version of their image."""
    return _started(call, OperationKind.START_OS_UPGRADE)


def start_extension_upgrade(call: Call) -> Response:
    """Begin to move the extensions of all instances to the newest version."""
    return _started(call, OperationKind.START_EXTENSION_UPGRADE)


def cancel(call: Call) -> Response:
    """Stop the rolling upgrade."""
    return lro.accepted(call, call.world.cancel_rolling_upgrade(call.scale_set_key))


def approve(call: Call) -> Response:
    """Let a deferred OS upgrade begin, on the instances of the body or on all."""
    named = call.document.get("instanceIds")
    if named is not None and not (
        isinstance(named, list) and all(isinstance(item, str) for item in named)
    ):
        raise invalid_content("The member 'instanceIds' is a list of strings.")
    ids = call.instance_ids
    return lro.accepted(call, call.world.approve_rolling_upgrade(call.scale_set_key, ids))


def _started(call: Call, kind: OperationKind) -> Response:
    return lro.accepted(call, call.world.start_rolling_upgrade(kind, call.scale_set_key))


_APPROVE = OperationKind.APPROVE_ROLLING_UPGRADE

ROUTES: tuple[Route, ...] = (
    Route("GET", SCALE_SET + "/rollingUpgrades/latest", latest, OperationKind.GET_ROLLING_UPGRADE),
    Route(
        "GET",
        SCALE_SET + "/osUpgradeHistory",
        history,
        OperationKind.LIST_OS_UPGRADE_HISTORY,
    ),
    Route(
        "POST",
        SCALE_SET + "/osRollingUpgrade",
        start_os_upgrade,
        OperationKind.START_OS_UPGRADE,
    ),
    Route(
        "POST",
        SCALE_SET + "/extensionRollingUpgrade",
        start_extension_upgrade,
        OperationKind.START_EXTENSION_UPGRADE,
    ),
    Route(
        "POST",
        SCALE_SET + "/rollingUpgrades/cancel",
        cancel,
        OperationKind.CANCEL_ROLLING_UPGRADE,
    ),
    Route(
        "POST",
        SCALE_SET + "/approveRollingUpgrade",
        approve,
        _APPROVE,
        body=BodyRule.OPTIONAL,
    ),
    Route("POST", INSTANCE + "/approveRollingUpgrade", approve, _APPROVE),
)
