"""Resource groups: made by hand, or there because a scale set was put into them.

A group outlives its scale sets. One that is being deleted is there as long as it has any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from vmss_simulator.state import State

GroupKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """One resource group; `is_deleting` until the last of its scale sets is gone."""

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
    found = state.resource_groups.get(group_key(subscription_id, name))
    if found is None or _is_gone(state, found):
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    return found


def list_groups(state: State, subscription_id: str) -> list[ResourceGroup]:
    """List the groups of a subscription, by creation."""
    wanted = subscription_id.casefold()
    return [
        group
        for (subscription, _), group in state.resource_groups.items()
        if subscription == wanted and not _is_gone(state, group)
    ]


def put_group(state: State, group: ResourceGroup) -> ResourceGroup:
    """Make the group, or give it other tags; its location stays.

    ArmError 409 for another location, or when the group is being deleted.
    """
    before = state.resource_groups.get(group.key)
    if before is not None and not _is_gone(state, before):
        if before.is_deleting:
            raise ArmError(
                409,
                "ResourceGroupBeingDeleted",
                f"The resource group '{before.name}' is in deprovisioning state and cannot "
                "perform this operation.",
            )
        if before.location.casefold() != group.location.casefold():
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{group.location}'. The Resource group already "
                f"exists in location '{before.location}'.",
            )
        group = ResourceGroup(before.subscription_id, before.name, before.location, group.tags)
    state.resource_groups[group.key] = group
    return group


def _is_gone(state: State, group: ResourceGroup) -> bool:
    return group.is_deleting and not any(
        (key.subscription_id, key.resource_group) == group.key for key in state.scale_sets
    )
