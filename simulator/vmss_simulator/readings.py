"""What can be asked of a world: everything that only reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator import documents, rolling_upgrades
from vmss_simulator.autoscale import find_setting
from vmss_simulator.errors import ArmError
from vmss_simulator.resource_groups import find_group, list_groups
from vmss_simulator.roles import OWNER
from vmss_simulator.writes import find, find_instance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vmss_simulator.faults import FaultRule
    from vmss_simulator.log import Log
    from vmss_simulator.options import Options
    from vmss_simulator.randomness import Latencies
    from vmss_simulator.resource_groups import ResourceGroup
    from vmss_simulator.roles import RoleAssignment
    from vmss_simulator.state import State
    from vmss_simulator.values import (
        AutoscaleKey,
        AutoscaleSetting,
        ImageVersion,
        Instance,
        Operation,
        RollingUpgrade,
        ScaleSet,
        ScaleSetKey,
    )


class Readable:
    """A world to look at. All times are aware UTC datetimes of virtual time."""

    _state: State

    @property
    def now(self) -> datetime:
        """The moment of virtual time the world is at."""
        return self._state.now

    @property
    def start(self) -> datetime:
        """The moment the world began."""
        return self._state.start

    @property
    def seed(self) -> int:
        """The seed every draw comes from."""
        return self._state.seed

    @property
    def log(self) -> Log:
        """What has happened, oldest first; one event's `sequence` is its index."""
        return self._state.log

    @property
    def options(self) -> Options:
        """The named choices about what is not known of Azure."""
        return self._state.options

    @property
    def latencies(self) -> Latencies:
        """How long things take here, by median and 95th percentile."""
        return self._state.latencies

    @property
    def roles(self) -> tuple[RoleAssignment, ...]:
        """What the caller may do, one entry an assignment."""
        return self._state.roles

    @property
    def allows_everything(self) -> bool:
        """Whether the caller may do anything anywhere."""
        return OWNER in self._state.roles

    def next_event_at(self) -> datetime | None:
        """Return when something next happens by itself; None when nothing will."""
        timetable = self._state.timetable
        return timetable[0][0] if timetable else None

    @property
    def fault_rules(self) -> tuple[FaultRule, ...]:
        """The rules of what goes wrong, in the order requests meet them."""
        return self._state.faults.rules

    def fault_counts(self, name: str) -> tuple[int, int]:
        """Return how often the rule of this name has matched, and how often applied."""
        return self._state.faults.counts(name)

    def subscription_ids(self) -> tuple[str, ...]:
        """List the subscriptions the world has scale sets in, folded, by first use."""
        return tuple(dict.fromkeys(each.subscription_id for each in self._state.scale_sets))

    def scale_set(self, key: ScaleSetKey) -> ScaleSet:
        """Return the set as it is now; ArmError 404."""
        return self._state.hand_out(key) or find(self._state, key)

    def has_scale_set(self, key: ScaleSetKey) -> bool:
        """Whether there is such a set."""
        return key.folded() in self._state.scale_sets

    def scale_sets(self, subscription_id: str, resource_group: str | None = None) -> list[ScaleSet]:
        """List the sets of a subscription, or of one of its resource groups, by creation."""
        subscription = subscription_id.casefold()
        group = None if resource_group is None else resource_group.casefold()
        self._state.owned.clear()
        return [
            each
            for folded, each in self._state.scale_sets.items()
            if folded.subscription_id == subscription and group in (None, folded.resource_group)
        ]

    def resource_groups(self, subscription_id: str) -> list[ResourceGroup]:
        """List the resource groups of a subscription, by creation."""
        return list_groups(self._state, subscription_id)

    def resource_group(self, subscription_id: str, name: str) -> ResourceGroup:
        """Return a resource group; ArmError 404."""
        return find_group(self._state, subscription_id, name)

    def instance(self, key: ScaleSetKey, instance_id: str) -> Instance:
        """Return one instance; ArmError 404 for the set, 400 for the instance."""
        return find_instance(find(self._state, key), instance_id)

    def latest_model_applied(self, scale_set: ScaleSet, instance: Instance) -> bool:
        """Whether the instance has the set's model; says nothing about a newer `latest`."""
        return instance.applied_model == self.model_fingerprint(scale_set)

    def model_fingerprint(self, scale_set: ScaleSet) -> str:
        """Return what `applied_model` is of an instance that has the set's model."""
        return self._state.fingerprint(scale_set)

    def operation(self, operation_id: str) -> Operation:
        """Return a long-running operation as it is now; ArmError 404."""
        found = self._state.operations.get(operation_id)
        if found is None:
            raise ArmError(404, "NotFound", f"The operation '{operation_id}' was not found.")
        return found

    def rolling_upgrade(self, key: ScaleSetKey) -> RollingUpgrade | None:
        """Return the set's latest rolling upgrade, None when it never had one; ArmError 404."""
        return self._state.rolling_upgrades.get(find(self._state, key).key.folded())

    def os_upgrade_history(self, key: ScaleSetKey) -> tuple[RollingUpgrade, ...]:
        """List the set's last OS upgrades, oldest first; ArmError 404."""
        return rolling_upgrades.os_upgrade_history(self._state, key)

    def image_versions(self, reference: Mapping[str, Any], location: str) -> tuple[str, ...]:
        """List the versions of an image published by now, ascending; ArmError 404."""
        return tuple(each.version for each in self.image_catalogue(reference, location))

    def image_catalogue(
        self, reference: Mapping[str, Any], location: str
    ) -> tuple[ImageVersion, ...]:
        """List the same versions with what a gallery says of them; ArmError 404."""
        return self._state.images.versions(reference, location, self.now)

    def image_version(self, reference: Mapping[str, Any], location: str) -> ImageVersion:
        """Return the version that the reference names; ArmError 404 when there is none such."""
        for each in self.image_catalogue(reference, location):
            if each.version == reference.get("version"):
                return each
        raise ArmError(404, "NotFound", "Artifact: VMImage was not found.")

    def sizes(self, key: ScaleSetKey) -> tuple[str, ...]:
        """List the sizes the set may have, its own first; ArmError 404."""
        own = documents.vm_size(self.scale_set(key).body)
        return (own, *(each for each in self.options.vm_sizes if each != own))

    def exact_version(self, reference: Mapping[str, Any], location: str) -> str | None:
        """Return what the reference resolves to now, None for an image without versions.

        ArmError 404 when the image or version does not exist.
        """
        return self._state.images.resolve(reference, location, self.now)

    def autoscale_settings(
        self, subscription_id: str, resource_group: str | None = None
    ) -> list[AutoscaleSetting]:
        """List the autoscale settings of a subscription, or of one of its resource groups."""
        wanted = (subscription_id.casefold(), (resource_group or "").casefold())
        return [
            each
            for each in self._state.autoscale.values()
            if each.key.subscription_id.casefold() == wanted[0]
            and wanted[1] in ("", each.key.resource_group.casefold())
        ]

    def autoscale_setting(self, key: AutoscaleKey) -> AutoscaleSetting:
        """Return one autoscale setting; ArmError 404."""
        return find_setting(self._state, key)
