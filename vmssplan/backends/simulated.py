"""The direct door to the simulator: the same requests as over the wire, without a wire.

Drives the world in-process, request by request, so that throttling and faults count as they
would over HTTPS. Its clock is the world's: virtual time moves when the executor sleeps, and when a
fault makes a reply late.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.machines import computer_name
from vmss_simulator.commands import WriteAutoscale
from vmss_simulator.errors import ArmError, ConnectionBroken, ErrorDetail
from vmss_simulator.network import network_interfaces, private_addresses
from vmss_simulator.values import AutoscaleKey, InstanceView, OperationKind, ScaleSetKey
from vmss_simulator.values import Instance as WorldInstance
from vmss_simulator.values import OperationStatus as WorldOperationStatus
from vmss_simulator.values import ScaleSet as WorldScaleSet
from vmssplan.backends import simulated_access as access
from vmssplan.backends.arm_documents import (
    has_application_health,
    read_error,
    read_image,
    read_model,
    read_platform_actions,
    write_model,
)
from vmssplan.backends.autoscale_documents import (
    MAY_NOT_READ,
    MAY_NOT_WRITE,
    place_of,
    read_settings,
    write_capacities,
)
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
    VmssplanError,
)
from vmssplan.model import (
    AzureError,
    Deprecation,
    HealthState,
    ImageReference,
    Instance,
    ModelFields,
    OperationReport,
    OperationStatus,
    OrchestrationMode,
    PlatformImage,
    ScaleSet,
    ScaleSetId,
    UriImage,
    image_fields,
)
from vmssplan.permissions import CHECK
from vmssplan.ports import OperationHandle, Pacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vmss_simulator.network import NetworkInterface
    from vmss_simulator.values import Allowance, Operation
    from vmss_simulator.values import AutoscaleSetting as WorldAutoscaleSetting
    from vmss_simulator.world import World
    from vmssplan.model import AutoscaleSetting
    from vmssplan.permissions import Permission


class SimulatedBackend:
    """`ports.Backend` over a World; `requests` counts what it has asked, by kind."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.requests: Counter[OperationKind] = Counter()
        self._read: dict[str, tuple[WorldInstance, Mapping[str, Any], Instance]] = {}
        self._ordered: tuple[Mapping[str, WorldInstance], list[WorldInstance]] | None = None
        self._subscription_id = ""

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Read the set and its instances, page by page as over the wire."""
        key, allowances = _key(target), []
        with _translated(is_read=True):
            allowance = self._admit(OperationKind.GET_SCALE_SET, target)
            raw = self._world.seen(allowance).scale_set(key)
            self._deliver(allowance)
            allowances.append(allowance)
            instances: list[Instance] = []
            last, is_last_page = (-1, 0, ""), False
            while not is_last_page:
                allowance = self._admit(OperationKind.LIST_INSTANCES, target)
                seen = self._world.seen(allowance)
                listed = seen.scale_set(key)
                ordered = self._in_order(listed)
                start = bisect_right(ordered, last, key=_list_order)
                page = ordered[start : start + seen.options.instance_page_size]
                is_last_page = start + len(page) == len(ordered)
                instances += [self._instance(listed, each) for each in page]
                last = _list_order(page[-1]) if page else last
                self._deliver(allowance)
                allowances.append(allowance)
        return self._scale_set(raw, target, instances), _pacing(allowances)

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Read the status of an operation."""
        with _translated(is_read=True):
            key = self._world.operation(operation.operation_id).key
            access.authorize_following(self._world, key)
            allowance = self._counted(OperationKind.GET_OPERATION, key, key.subscription_id)
            found = self._world.seen(allowance).operation(operation.operation_id)
            self._deliver(allowance)
        retry_after = None
        if found.status is WorldOperationStatus.IN_PROGRESS:
            retry_after = self._world.options.operation_retry_after
        return _report(found), _pacing([allowance], retry_after)

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """Tell whether Azure's own rolling upgrade is running."""
        with _translated(is_read=True):
            allowance = self._admit(OperationKind.GET_ROLLING_UPGRADE, target)
            upgrade = self._world.seen(allowance).rolling_upgrade(_key(target))
            self._deliver(allowance)
        return upgrade is not None and upgrade.code in ("RollingForward", "RollingBack")

    async def image_versions(self, image: ImageReference, location: str) -> Sequence[str]:
        """List the versions that `latest` may mean, oldest first."""
        if isinstance(image, UriImage):
            return []
        with _translated(is_read=True):
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
        with _translated(is_read=True):
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
        with _translated(is_read=True):
            allowance = self._admit(OperationKind.LIST_SKUS, target)
            found = self._world.sizes(_key(target))
            self._deliver(allowance)
        return found

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """PATCH only these fields, with If-Match."""
        key, body = _key(target), write_model(fields)
        with _translated(is_read=False):
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
        with _translated(is_read=True, when_forbidden=MAY_NOT_READ):
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
        with _translated(is_read=True, when_forbidden=MAY_NOT_READ):
            allowance = admit(OperationKind.GET_AUTOSCALE)
            found = self._world.seen(allowance).autoscale_setting(key)
            self._deliver(allowance)
        patch = write_capacities(_autoscale_document(found), setting)
        if patch is None:
            return
        with _translated(is_read=False, when_forbidden=MAY_NOT_WRITE):
            allowance = admit(OperationKind.PUT_AUTOSCALE)
            for _ in range(allowance.deliveries):
                self._world.perform(WriteAutoscale(key, patch, merge=True))
            self._deliver(allowance)

    async def addresses(self, target: ScaleSetId) -> Mapping[str, str]:
        """Return the private address of each instance's primary interface, by instance id."""
        key = _key(target)
        found: list[NetworkInterface] = []
        try:
            with _translated(is_read=True):
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
        with _translated(is_read=True):
            return access.list_permissions(self._world, scope)

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
        return self._world.admit(
            kind, key, subscription_id=subscription_id, instance_ids=instance_ids
        )

    def _admit_write(
        self, kind: OperationKind, target: ScaleSetId, instance_ids: Sequence[str] = ()
    ) -> Allowance:
        with _translated(is_read=False):
            return self._admit(kind, target, instance_ids)

    def _carry_out(self, allowance: Allowance, start: Callable[[], Operation]) -> OperationHandle:
        """Carry out a write, as often as it is delivered; the last answer counts."""
        with _translated(is_read=False):
            for _ in range(allowance.deliveries):
                operation = start()
            self._deliver(allowance)
        return OperationHandle(operation.operation_id, operation.operation_id)

    def _deliver(self, allowance: Allowance) -> None:
        """Let the answer arrive: never, at once, or after as much virtual time as it is late."""
        allowance.deliver()
        if allowance.reply_delay:
            self._world.advance_to(self._world.now + allowance.reply_delay)

    def _scale_set(
        self, raw: WorldScaleSet, target: ScaleSetId, instances: Sequence[Instance]
    ) -> ScaleSet:
        properties: dict[str, Any] = raw.body.get("properties") or {}
        return ScaleSet(
            id=target,
            location=str(raw.body.get("location") or ""),
            etag=raw.etag,
            model=read_model(raw.body),
            orchestration_mode=OrchestrationMode(properties.get("orchestrationMode", "Uniform")),
            provisioning_state=raw.provisioning.value,
            has_application_health=has_application_health(raw.body),
            platform=read_platform_actions(raw.body),
            instances=tuple(instances),
        )

    def _in_order(self, scale_set: WorldScaleSet) -> list[WorldInstance]:
        """Return the instances as a list has them; sorted once for the pages of one look."""
        if self._ordered is None or self._ordered[0] is not scale_set.instances:
            ordered = sorted(scale_set.instances.values(), key=_list_order)
            self._ordered = (scale_set.instances, ordered)
        return self._ordered[1]

    def _instance(self, scale_set: WorldScaleSet, raw: WorldInstance) -> Instance:
        """Read one instance, again only when it or the model is another value than last time."""
        before = self._read.get(raw.vm_id)
        if before is not None and before[0] is raw and before[1] is scale_set.body:
            return before[2]
        read = _instance(scale_set, raw, is_latest=self._world.latest_model_applied(scale_set, raw))
        self._read[raw.vm_id] = (raw, scale_set.body, read)
        return read


class SimulatedClock:
    """`ports.Clock` of a World: as fast as it can, or `speed` times the wall clock."""

    def __init__(self, world: World, speed: float | None = None) -> None:
        self._world = world
        self._speed = speed
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        """Return virtual time."""
        return self._world.now

    async def sleep_until(self, when: datetime) -> None:
        """Move virtual time there, watchably when a speed was asked for."""
        if self._speed is None:
            # One turn of the event loop, so that a signal is heard in a run of virtual sleeps.
            await asyncio.sleep(0)
            self._move_to(when)
            return
        self._woken.clear()
        slice_ = timedelta(seconds=self._speed / 10)
        while self._world.now < when and not self._woken.is_set():
            until = min(when, self._world.now + slice_)
            wall_seconds = (until - self._world.now).total_seconds() / self._speed
            await asyncio.sleep(wall_seconds)
            self._move_to(until)

    def wake(self) -> None:
        """Cut the present sleep short; virtual sleeps without a speed are never long."""
        self._woken.set()

    def _move_to(self, when: datetime) -> None:
        if when > self._world.now:
            self._world.advance_to(when)


def _key(target: ScaleSetId) -> ScaleSetKey:
    return ScaleSetKey(target.subscription_id, target.resource_group, target.name)


def _list_order(raw: WorldInstance) -> tuple[int, int, str]:
    """Return where a list has the instance: by number, then by name."""
    if raw.instance_id.isdecimal():
        return (0, int(raw.instance_id), "")
    return (1, 0, raw.instance_id)


def _instance(scale_set: WorldScaleSet, raw: WorldInstance, *, is_latest: bool) -> Instance:
    storage: dict[str, Any] = {"imageReference": raw.image_reference}
    if "uri" in raw.image_reference:
        storage = {"osDisk": {"image": raw.image_reference}}
    return Instance(
        instance_id=raw.instance_id,
        vm_id=raw.vm_id,
        image=read_image(storage),
        exact_version=raw.exact_version,
        vm_size=raw.vm_size,
        latest_model_applied=is_latest,
        provisioning_state=raw.provisioning.value,
        zone=raw.zone,
        protected_from_scale_set_actions=raw.protection.from_scale_set_actions,
        protected_from_scale_in=raw.protection.from_scale_in,
        computer_name=computer_name(scale_set, raw),
        **_view(raw),
    )


def _view(raw: WorldInstance) -> dict[str, Any]:
    """Return what only the instance view tells; without one, no more than that."""
    if raw.view is InstanceView.MISSING:
        return {"power_state": "unknown"}
    return {
        "power_state": raw.power.value,
        "application_health": HealthState(raw.health.value) if raw.health else None,
        "failed_extensions": tuple(each.name for each in raw.extensions if each.failed),
        "update_domain": raw.update_domain,
        "fault_domain": raw.fault_domain,
        "error": _azure_error(raw.error) if raw.error else None,
    }


def _autoscale_document(setting: WorldAutoscaleSetting) -> dict[str, Any]:
    return {**setting.body, "id": setting.key.resource_id, "name": setting.key.name}


def _azure_error(detail: ErrorDetail) -> AzureError:
    return read_error({"code": detail.code, "message": detail.message})


def _report(operation: Operation) -> OperationReport:
    return OperationReport(
        OperationStatus(operation.status.value),
        _azure_error(operation.error) if operation.error else None,
        {each.target: _azure_error(each) for each in operation.details if each.target},
    )


def _pacing(allowances: Sequence[Allowance], retry_after: timedelta | None = None) -> Pacing:
    return Pacing.told((one.remaining for one in allowances), retry_after)


@contextmanager
def _translated(*, is_read: bool, when_forbidden: str | None = None) -> Iterator[None]:
    """Turn what the world raises into our errors; a read whose fate is unknown did no harm."""
    try:
        yield
    except ArmError as error:
        raise _refused(error, is_read=is_read, when_forbidden=when_forbidden) from error
    except ConnectionBroken as error:
        kind = ServiceUnavailable if is_read else OutcomeUnknown
        raise kind("ConnectionLost", str(error)) from error


def _refused(error: ArmError, *, is_read: bool, when_forbidden: str | None) -> VmssplanError:
    """Return our error for an ARM error, by status as the wire doors do.

    A write that ends in a server error may have been carried out all the same.
    """
    match error.status:
        case 401 | 403:
            return NotPermitted(f"{error.code}: {error.message}", hint=when_forbidden or CHECK)
        case 404:
            return NotFound(f"{error.code}: {error.message}")
        case 409:
            return Conflict(error.code, error.message, retry_after=error.retry_after)
        case 412:
            return EtagChanged(error.code, error.message)
        case 429:
            return Throttled(error.code, error.message, retry_after=error.retry_after)
        case status if status >= 500:  # noqa: PLR2004 - server errors
            kind = ServiceUnavailable if is_read else OutcomeUnknown
            return kind(error.code, error.message, retry_after=error.retry_after)
        case _:
            return RequestRejected(error.code, error.message)
