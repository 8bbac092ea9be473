"""Which subscriptions there are: those a door was told of, and those that own a scale set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from vmss_simulator.arm.settings import Settings
    from vmss_simulator.world import World

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def check_subscription(world: World, settings: Settings, subscription_id: str) -> None:
    """Refuse a subscription id that is malformed or that there is not.

    Raises:
        ArmError: 400 InvalidSubscriptionId, 404 SubscriptionNotFound.

    """
    if subscription_id in settings.subscription_ids:
        return
    if not _GUID.fullmatch(subscription_id):
        raise ArmError(
            400,
            "InvalidSubscriptionId",
            f"The provided subscription identifier '{subscription_id}' is malformed or invalid.",
        )
    known = {each.casefold() for each in settings.subscription_ids}
    if subscription_id.casefold() not in known and not world.scale_sets(subscription_id):
        raise ArmError(
            404,
            "SubscriptionNotFound",
            f"The subscription '{subscription_id}' could not be found.",
        )
