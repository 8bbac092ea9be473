"""Making, changing and deleting resource groups."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_simulator import autoscale
from vmss_simulator.actions import delete_scale_set
from vmss_simulator.errors import ArmError
from vmss_simulator.resource_groups import (
    ResourceGroup,
    check_open,
    find_group,
    scale_sets_in,
    standing_group,
)
from vmss_simulator.values import ProvisioningState
from vmss_simulator.writes import check_no_conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.state import State


def put_group(
    state: State, subscription_id: str, name: str, location: str, tags: Mapping[str, str]
) -> None:
    """Make the group, or give it other tags; its location stays.

    ArmError 409 for another location, or when the group is being deleted.
    """
    check_open(state, subscription_id, name)
    group = ResourceGroup(subscription_id, name, location, dict(tags))
    before = standing_group(state, group.key)
    if before is not None:
        if before.location.casefold() != location.casefold():
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already "
                f"exists in location '{before.location}'.",
            )
        group = replace(before, tags=group.tags)
    state.resource_groups[group.key] = group


def delete_group(state: State, subscription_id: str, name: str) -> None:
    """Delete the group with all that is in it, or begin to; ArmError 404.

    ArmError 409 while an operation runs on one of its scale sets: Azure would wait for it.
    """
    group = find_group(state, subscription_id, name)
    if group.is_deleting:
        return
    scale_sets = scale_sets_in(state, group.key)
    for each in scale_sets:
        if each.provisioning is not ProvisioningState.DELETING:
            check_no_conflict(state, each, None)
    for each in scale_sets:
        delete_scale_set(state, each.key)
    for setting in list(state.autoscale.values()):
        if (setting.key.subscription_id.casefold(), setting.key.resource_group.casefold()) == (
            group.key
        ):
            autoscale.delete_setting(state, setting.key)
    state.resource_groups[group.key] = replace(group, is_deleting=True)
