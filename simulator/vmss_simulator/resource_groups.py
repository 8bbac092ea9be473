"""Resource groups: made by hand, or there because a scale set was put into them.

A group outlives its scale sets. One that is being deleted is there as long as it has any, and
goes on living when one of them cannot be deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vmss_simulator.errors import ArmError
from vmss_simulator.values import ProvisioningState

if TYPE_CHECKING:
    from vmss_simulator.state import State
    from vmss_simulator.values import ScaleSet, ScaleSetKey

GroupKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """One resource group; `is_deleting` from when its deletion began until it is gone."""

    subscription_id: str
    name: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict)
    is_deleting: bool = False

    @property
    def key(self) -> GroupKey:
        """What the group is stored under: subscription and name without case."""
        return group_key(self.subscription_id, self.name)

    @property
    def resource_id(self) -> str:
        """The ARM id."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"


def group_key(subscription_id: str, name: str) -> GroupKey:
    """Return what a group of that name is stored under."""
    return subscription_id.casefold(), name.casefold()


def find_group(state: State, subscription_id: str, name: str) -> ResourceGroup:
    """Return the group; ArmError 404 ResourceGroupNotFound."""
    found = standing_group(state, group_key(subscription_id, name))
    if found is None:
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    return found


def list_groups(state: State, subscription_id: str) -> list[ResourceGroup]:
    """List the groups of a subscription, by creation."""
    wanted = subscription_id.casefold()
    keys = [key for key in state.resource_groups if key[0] == wanted]
    groups = [standing_group(state, key) for key in keys]
    return [each for each in groups if each is not None]


def standing_group(state: State, key: GroupKey) -> ResourceGroup | None:
    """Return the group as it is now, None for one that there is not, or not any more."""
    group = state.resource_groups.get(key)
    if group is None or not group.is_deleting:
        return group
    left = scale_sets_in(state, key)
    if not left:
        return None
    if any(each.provisioning is ProvisioningState.DELETING for each in left):
        return group
    return replace(group, is_deleting=False)


def scale_sets_in(state: State, key: GroupKey) -> list[ScaleSet]:
    """List the scale sets in a group, by creation."""
    return [
        each
        for folded, each in state.scale_sets.items()
        if (folded.subscription_id, folded.resource_group) == key
    ]


def check_open(state: State, subscription_id: str, name: str) -> None:
    """Refuse what would be made in a group that is being deleted; ArmError 409."""
    group = standing_group(state, group_key(subscription_id, name))
    if group is not None and group.is_deleting:
        raise ArmError(
            409,
            "ResourceGroupBeingDeleted",
            f"The resource group '{group.name}' is in deprovisioning state and cannot perform "
            "this operation.",
        )


def keep_group(state: State, key: ScaleSetKey, location: str) -> None:
    """Make the group that a new scale set is put into, unless there is one."""
    group = ResourceGroup(key.subscription_id, key.resource_group, location)
    if standing_group(state, group.key) is None:
        state.resource_groups[group.key] = group
