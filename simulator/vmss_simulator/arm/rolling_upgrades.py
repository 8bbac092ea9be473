"""The latest rolling upgrade of a scale set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm.call import SCALE_SET, Route
from vmss_simulator.arm.documents import rolling_upgrade_document
from vmss_simulator.arm.messages import json_response
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


ROUTES: tuple[Route, ...] = (
    Route("GET", SCALE_SET + "/rollingUpgrades/latest", latest, OperationKind.GET_ROLLING_UPGRADE),
)
