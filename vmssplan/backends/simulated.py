"""The direct door to the simulator: the same requests as over the wire, without a wire.

Drives the world in-process, request by request, so that throttling and faults count as they
would over HTTPS. Virtual time moves when the executor sleeps, and when a fault makes a reply late.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.documents import scale_set_document
from vmss_simulator.arm.instance_views import instance_view_document
from vmss_simulator.commands import (
    ActOnInstances,
    DeleteInstances,
    WriteAutoscale,
    WriteInstance,
)
from vmss_simulator.errors import ArmError
from vmss_simulator.network import network_interfaces, private_addresses
from vmss_simulator.values import AutoscaleKey, OperationKind, ScaleSetKey
from vmss_simulator.values import OperationStatus as WorldOperationStatus
from vmssplan.backends import simulated_access as access
from vmssplan.backends.arm_documents import (
    read_listed,
    read_told,
    write_capacity,
    write_model,
    write_protection,
)
from vmssplan.backends.autoscale_documents import (
    MAY_NOT_READ,
    MAY_NOT_WRITE,
    place_of,
    read_settings,
    write_capacities,
)
from vmssplan.backends.budgets import Budgets
from vmssplan.backends.simulated_clock import SimulatedClock
from vmssplan.backends.simulated_failures import translated
from vmssplan.backends.simulated_reading import BEFORE_ALL, Beginnings, Reader, read_operation
from vmssplan.errors import NotFound
from vmssplan.model import (
    Deprecation,
    ImageReference,
    Instance,
    ListedScaleSet,
    ModelFields,
    OperationReport,
    PlatformImage,
    ScaleSet,
    ScaleSetId,
    Told,
    UriImage,
    image_fields,
)
from vmssplan.operating import Switch
from vmssplan.ports import OperationHandle, Pacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from vmss_simulator.commands import Command
    from vmss_simulator.network import NetworkInterface
    from vmss_simulator.values import Allowance, Operation
    from vmss_simulator.values import AutoscaleSetting as WorldAutoscaleSetting
    from vmss_simulator.world import World
    from vmssplan.model import AutoscaleSetting
    from vmssplan.operating import Protection
    from vmssplan.permissions import Permission

__all__ = ["SWITCH_KINDS", "SimulatedBackend", "SimulatedClock"]

SWITCH_KINDS = {
    Switch.START: OperationKind.START,
    Switch.STOP: OperationKind.POWER_OFF,
    Switch.RESTART: OperationKind.RESTART,
    Switch.DEALLOCATE: OperationKind.DEALLOCATE,
}


class SimulatedBackend:
    """`ports.Backend` over a World.

    `requests` counts what it has asked, by kind, `budgets` what that has used of the throttle's.
    """

    def __init__(self, world: World, beginnings: Beginnings | None = None) -> None:
        self._world = world
        self.requests: Counter[OperationKind] = Counter()
        self.budgets = Budgets()
        self._reader = Reader(beginnings or Beginnings(()))
        self._subscription_id = ""

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Read the set and its instances, page by page as over the wire."""
        key, allowances, size = _key(target), [], self._world.options.instance_page_size
        with translated(is_read=True):
            allowance = self._admit(OperationKind.GET_SCALE_SET, target)
            raw = self._world.seen(allowance).scale_set(key)
            self._deliver(allowance)
            allowances.append(allowance)
            instances: list[Instance] = []
            last, is_last_page = BEFORE_ALL, False
            while not is_last_page:
                allowance = self._admit(OperationKind.LIST_INSTANCES, target)
                seen = self._world.seen(allowance)
                listing = self._reader.listing(seen, seen.scale_set(key))
                page, last, is_last_page = listing.page(last, size)
                instances += page
                self._deliver(allowance)
                allowances.append(allowance)
        return self._reader.scale_set(raw, target, instances), _pacing(allowances)

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Read the status of an operation."""
        with translated(is_read=True):
            key = self._world.operation(operation.operation_id).key
            access.authorize_following(self._world, key)
            allowance = self._counted(OperationKind.GET_OPERATION, key, key.subscription_id)
            found = self._world.seen(allowance).operation(operation.operation_id)
            self._deliver(allowance)
        retry_after = None
        if found.status is WorldOperationStatus.IN_PROGRESS:
            retry_after = self._world.options.operation_retry_after
        return read_operation(found), _pacing([allowance], retry_after)

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """Tell whether Azure's own rolling upgrade is running."""
        with translated(is_read=True):
            allowance = self._admit(OperationKind.GET_ROLLING_UPGRADE, target)
            upgrade = self._world.seen(allowance).rolling_upgrade(_key(target))
            self._deliver(allowance)
        return upgrade is not None and upgrade.code in ("RollingForward", "RollingBack")

    async def image_versions(self, image: ImageReference, location: str) -> Sequence[str]:
        """List the versions that `latest` may mean, oldest first."""
        if isinstance(image, UriImage):
            return []
        with translated(is_read=True):
            self.requests[OperationKind.LIST_IMAGE_VERSIONS] += 1
            access.authorize_versions(self._world, image, self._subscription_id)
            allowance = self._world.admit(
                OperationKind.LIST_IMAGE_VERSIONS,
                None,
                subscription_id=self._subscription_id,
                location=location,
            )
            catalogue = self._world.image_catalogue(image_fields(image), location)
            self._deliver(allowance)
        return [each.version for each in catalogue if not each.exclude_from_latest]

    async def image_deprecation(self, image: PlatformImage, location: str) -> Deprecation | None:
        """Read what the publisher of an exact version says of its end; None for nothing."""
        with translated(is_read=True):
            self.requests[OperationKind.LIST_IMAGE_VERSIONS] += 1
            access.authorize_versions(self._world, image, self._subscription_id)
            allowance = self._world.admit(
                OperationKind.LIST_IMAGE_VERSIONS,
                None,
                subscription_id=self._subscription_id,
                location=location,
            )
            found = self._world.image_version(image_fields(image), location)
            self._deliver(allowance)
        if found.deprecated_at is None:
            return None
        is_over = found.deprecated_at <= self._world.now
        return Deprecation(is_over, found.deprecated_at, found.use_instead)

    async def sizes(self, target: ScaleSetId) -> Sequence[str]:
        """List the sizes that the set may have."""
        with translated(is_read=True):
            allowance = self._admit(OperationKind.LIST_SKUS, target)
            found = self._world.sizes(_key(target))
            self._deliver(allowance)
        return found

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """PATCH only these fields, with If-Match."""
        key, body = _key(target), write_model(fields)
        with translated(is_read=False):
            access.authorize(self._world, OperationKind.PATCH_SCALE_SET, target.resource_id)
            access.authorize_use(self._world, fields.image)
            allowance = self._admit(OperationKind.PATCH_SCALE_SET, target)
        return self._carry_out(
            allowance, lambda: self._world.patch_scale_set(key, body, if_match=etag)
        )

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the manual upgrade of these instances."""
        allowance = self._admit_write(OperationKind.UPGRADE, target, instance_ids)
        return self._carry_out(allowance, lambda: self._world.upgrade(_key(target), instance_ids))

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the reimage of these instances."""
        allowance = self._admit_write(OperationKind.REIMAGE, target, instance_ids)
        return self._carry_out(allowance, lambda: self._world.reimage(_key(target), instance_ids))

    async def autoscale_settings(self, target: ScaleSetId) -> Sequence[AutoscaleSetting]:
        """List the autoscale settings that scale this set, disabled ones too."""
        subscription = target.subscription_id
        with translated(is_read=True, when_forbidden=MAY_NOT_READ):
            allowance = self._admit_autoscale(
                OperationKind.GET_AUTOSCALE, subscription, f"/subscriptions/{subscription}"
            )
            listed = self._world.seen(allowance).autoscale_settings(subscription)
            self._deliver(allowance)
        return read_settings([_autoscale_document(each) for each in listed], target)

    async def write_autoscale(self, setting: AutoscaleSetting) -> None:
        """Give the profiles named there these capacities, and change nothing else of it."""
        key = AutoscaleKey(*place_of(setting))
        admit = partial(
            self._admit_autoscale, subscription_id=key.subscription_id, scope=key.resource_id
        )
        with translated(is_read=True, when_forbidden=MAY_NOT_READ):
            allowance = admit(OperationKind.GET_AUTOSCALE)
            found = self._world.seen(allowance).autoscale_setting(key)
            self._deliver(allowance)
        patch = write_capacities(_autoscale_document(found), setting)
        if patch is None:
            return
        with translated(is_read=False, when_forbidden=MAY_NOT_WRITE):
            allowance = admit(OperationKind.PUT_AUTOSCALE)
            for _ in range(allowance.deliveries):
                self._world.perform(WriteAutoscale(key, patch, merge=True))
            self._deliver(allowance)

    async def addresses(self, target: ScaleSetId) -> Mapping[str, str]:
        """Return the private address of each instance's primary interface, by instance id."""
        key = _key(target)
        found: list[NetworkInterface] = []
        try:
            with translated(is_read=True):
                is_last_page = False
                while not is_last_page:
                    allowance = self._admit(OperationKind.LIST_NETWORK_INTERFACES, target)
                    seen = self._world.seen(allowance)
                    interfaces = network_interfaces(seen.scale_set(key))
                    self._deliver(allowance)
                    found += interfaces[len(found) :][: seen.options.instance_page_size]
                    is_last_page = len(found) >= len(interfaces)
        except NotFound:
            return {}
        return private_addresses(found)

    async def permissions(self, scope: str) -> Sequence[Permission]:
        """List what the caller may do there."""
        with translated(is_read=True):
            return access.list_permissions(self._world, scope)

    async def scale_sets(self, subscription_id: str) -> Sequence[ListedScaleSet]:
        """List the scale sets of a subscription."""
        scope = f"/subscriptions/{subscription_id}"
        with translated(is_read=True):
            access.authorize(self._world, OperationKind.LIST_SCALE_SETS, scope)
            allowance = self._counted(OperationKind.LIST_SCALE_SETS, None, subscription_id)
            found = self._world.seen(allowance).scale_sets(subscription_id)
            self._deliver(allowance)
        listed = (read_listed(scale_set_document(each)) for each in found)
        return [each for each in listed if each is not None]

    async def told(self, target: ScaleSetId, instance_id: str) -> Sequence[Told]:
        """Read every status of one instance's view."""
        with translated(is_read=True):
            allowance = self._admit(OperationKind.GET_INSTANCE, target, [instance_id])
            seen = self._world.seen(allowance).scale_set(_key(target))
            found = seen.instances.get(instance_id)
            self._deliver(allowance)
        if found is None:
            raise NotFound(f"InstanceNotFound: {target} has no instance {instance_id}")
        return read_told(instance_view_document(seen, found))

    async def switch_instances(
        self, target: ScaleSetId, switch: Switch, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Turn these instances on or off, in one call."""
        kind, key = SWITCH_KINDS[switch], _key(target)
        allowance = self._admit_write(kind, target, instance_ids)
        return self._perform(allowance, ActOnInstances(kind, key, tuple(instance_ids)))

    async def delete_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Delete these instances, in one call."""
        kind = OperationKind.DELETE_INSTANCES
        allowance = self._admit_write(kind, target, instance_ids)
        ids = tuple(instance_ids)
        return self._perform(allowance, DeleteInstances(kind, _key(target), ids))

    async def protect_instance(
        self, target: ScaleSetId, instance_id: str, protection: Protection
    ) -> OperationHandle | None:
        """Write the whole protection policy of one instance, and nothing else of it."""
        allowance = self._admit_write(OperationKind.PUT_INSTANCE, target, [instance_id])
        body = write_protection(protection)
        return self._perform(allowance, WriteInstance(_key(target), instance_id, body))

    async def write_capacity(
        self, target: ScaleSetId, capacity: int, etag: str
    ) -> OperationHandle | None:
        """PATCH only the capacity, with If-Match."""
        key, body = _key(target), write_capacity(capacity)
        allowance = self._admit_write(OperationKind.PATCH_SCALE_SET, target)
        return self._carry_out(
            allowance, lambda: self._world.patch_scale_set(key, body, if_match=etag)
        )

    async def aclose(self) -> None:
        """Nothing to let go of; whoever opened the world closes it."""

    def _admit(
        self, kind: OperationKind, target: ScaleSetId, instance_ids: Sequence[str] = ()
    ) -> Allowance:
        self._subscription_id = target.subscription_id
        access.authorize(self._world, kind, target.resource_id)
        return self._counted(kind, _key(target), target.subscription_id, instance_ids)

    def _admit_autoscale(self, kind: OperationKind, subscription_id: str, scope: str) -> Allowance:
        access.authorize(self._world, kind, scope)
        return self._counted(kind, None, subscription_id)

    def _counted(
        self,
        kind: OperationKind,
        key: ScaleSetKey | None,
        subscription_id: str,
        instance_ids: Sequence[str] = (),
    ) -> Allowance:
        self.requests[kind] += 1
        try:
            allowance = self._world.admit(
                kind, key, subscription_id=subscription_id, instance_ids=instance_ids
            )
        except ArmError as error:
            self.budgets.note_refusal(error)
            raise
        self.budgets.note(allowance.remaining)
        return allowance

    def _admit_write(
        self, kind: OperationKind, target: ScaleSetId, instance_ids: Sequence[str] = ()
    ) -> Allowance:
        with translated(is_read=False):
            return self._admit(kind, target, instance_ids)

    def _perform(self, allowance: Allowance, command: Command) -> OperationHandle | None:
        """Carry out a command, as often as it is delivered; None when there was nothing to do."""
        with translated(is_read=False):
            for _ in range(allowance.deliveries):
                operation = self._world.perform(command)
            self._deliver(allowance)
        if operation is None:
            return None
        return OperationHandle(operation.operation_id, operation.operation_id)

    def _carry_out(self, allowance: Allowance, start: Callable[[], Operation]) -> OperationHandle:
        """Carry out a write, as often as it is delivered; the last answer counts."""
        with translated(is_read=False):
            for _ in range(allowance.deliveries):
                operation = start()
            self._deliver(allowance)
        return OperationHandle(operation.operation_id, operation.operation_id)

    def _deliver(self, allowance: Allowance) -> None:
        """Let the answer arrive: never, at once, or after as much virtual time as it is late."""
        allowance.deliver()
        if allowance.reply_delay:
            self._world.advance_to(self._world.now + allowance.reply_delay)


@lru_cache(maxsize=1024)
def _key(target: ScaleSetId) -> ScaleSetKey:
    """Return which set that is; kept, with what the key itself keeps."""
    return ScaleSetKey(target.subscription_id, target.resource_group, target.name)


def _autoscale_document(setting: WorldAutoscaleSetting) -> dict[str, Any]:
    return {**setting.body, "id": setting.key.resource_id, "name": setting.key.name}


def _pacing(allowances: Sequence[Allowance], retry_after: timedelta | None = None) -> Pacing:
    return Pacing.told((one.remaining for one in allowances), retry_after)
