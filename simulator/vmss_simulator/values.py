"""The values the simulated service is made of, in Azure's own words.

Frozen, so that a world can be forked by copying references. The model of a scale set is kept
as the ARM document itself (`ScaleSet.body`), because clients read back whatever they wrote;
typed fields exist only for what the simulation acts on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from msgspec import Struct

from vmss_simulator.errors import ErrorDetail, ReplyLost
from vmss_simulator.words import (
    HealthState,
    InstanceView,
    OperationKind,
    OperationStatus,
    PowerState,
    ProvisioningState,
)

__all__ = [
    "Allowance",
    "AutoscaleKey",
    "AutoscaleSetting",
    "CustomMetrics",
    "ExtensionStatus",
    "HealthState",
    "ImageVersion",
    "Instance",
    "InstanceView",
    "Operation",
    "OperationKind",
    "OperationStatus",
    "PowerState",
    "Protection",
    "ProvisioningState",
    "RollingUpgrade",
    "ScaleSet",
    "ScaleSetKey",
    "WorldEvent",
]

_SETTLED = (ProvisioningState.SUCCEEDED, ProvisioningState.FAILED)


class _Names(NamedTuple):
    subscription_id: str
    resource_group: str
    name: str


class ScaleSetKey(_Names):
    """Which scale set; names compare as Azure compares them, without case, once folded.

    A tuple, because everything about a set is looked up by it, for each instance again; what is
    worked out of it is kept.
    """

    def folded(self) -> ScaleSetKey:
        """Return the key under which the world stores the set."""
        return self._folded

    @cached_property
    def resource_id(self) -> str:
        """The ARM id, in the spelling the set was created with."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Compute/virtualMachineScaleSets/{self.name}"
        )

    @cached_property
    def machines(self) -> str:
        """What the ARM ids of the set's machines begin with."""
        return f"{self.resource_id}/virtualMachines/"

    @cached_property
    def _folded(self) -> ScaleSetKey:
        folded = ScaleSetKey(*(part.casefold() for part in self))
        return self if folded == self else folded


@dataclass(frozen=True, slots=True)
class Protection:
    """`protectionPolicy` of an instance."""

    from_scale_in: bool = False
    from_scale_set_actions: bool = False


@dataclass(frozen=True, slots=True)
class CustomMetrics:
    """What the application tells rolling upgrades by its health: its phase, or to pass it by."""

    phase: int | None = None
    skips_upgrade: bool = False


@dataclass(frozen=True, slots=True)
class ExtensionStatus:
    """One VM extension as the instance view shows it."""

    name: str
    publisher: str
    type: str
    version: str
    failed: bool = False
    message: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    auto_upgrade: bool = True


class Instance(Struct, frozen=True):
    """One virtual machine of a set, at one moment; a struct, since each change makes another.

    `image_reference` is the ARM `imageReference` (or `{"uri": ...}` for a legacy disk image) it
    was made from, `exact_version` what that resolved to. `applied_model` is the fingerprint of
    the model last applied: `latestModelApplied` is that it equals the set's own.
    `health` is None when the set has no application health source.
    `busy_with` names the operation working on it. `settled_at` is when the last operation on it
    ended, None when there was none. `data_disks` are those attached to this one machine.
    `view` is how much its instance view shows.
    """

    instance_id: str
    name: str
    vm_id: str
    image_reference: Mapping[str, Any]
    exact_version: str | None
    vm_size: str
    applied_model: str
    time_created: datetime
    update_domain: int | None = None
    fault_domain: int | None = None
    zone: str | None = None
    placement_group_id: str | None = None
    provisioning: ProvisioningState = ProvisioningState.SUCCEEDED
    power: PowerState = PowerState.RUNNING
    health: HealthState | None = HealthState.HEALTHY
    health_since: datetime | None = None
    protection: Protection = Protection()
    extensions: tuple[ExtensionStatus, ...] = ()
    error: ErrorDetail | None = None
    busy_with: str | None = None
    model_definition_applied: str = "VirtualMachineScaleSet"
    etag_number: int = 1
    settled_at: datetime | None = None
    data_disks: tuple[Mapping[str, Any], ...] = ()
    custom_metrics: CustomMetrics | None = None
    view: InstanceView = InstanceView.COMPLETE

    @property
    def etag(self) -> str:
        """The etag as Azure writes it: a quoted integer that grows with every write."""
        return f'"{self.etag_number}"'

    @property
    def in_service(self) -> bool:
        """Running, settled, and healthy as far as anybody knows.

        A machine that says it is healthy serves even if an extension of it has failed.
        """
        if self.busy_with is not None or self.power is not PowerState.RUNNING:
            return False
        if self.health is HealthState.HEALTHY:
            return self.provisioning in _SETTLED
        return self.health is None and self.provisioning is ProvisioningState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class ScaleSet:
    """A scale set at one moment; `body` is its ARM document without id, name, type and etag.

    `suspended_services` are its orchestration services that somebody or the platform suspended,
    `repairs_in_vain` how many automatic repairs in a row brought no instance back to health.
    """

    key: ScaleSetKey
    body: Mapping[str, Any]
    etag_number: int
    unique_id: str
    time_created: datetime
    instances: Mapping[str, Instance] = field(default_factory=dict)
    provisioning: ProvisioningState = ProvisioningState.SUCCEEDED
    error: ErrorDetail | None = None
    suspended_services: frozenset[str] = frozenset()
    repairs_in_vain: int = 0

    @property
    def etag(self) -> str:
        """The etag as Azure writes it: a quoted integer that grows with every model write."""
        return f'"{self.etag_number}"'

    @property
    def in_service_count(self) -> int:
        """How many instances are in service."""
        return sum(instance.in_service for instance in self.instances.values())


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation; `ends_at` is None while its end is not known."""

    operation_id: str
    kind: OperationKind
    key: ScaleSetKey
    location: str
    instance_ids: tuple[str, ...]
    started_at: datetime
    status: OperationStatus = OperationStatus.IN_PROGRESS
    ended_at: datetime | None = None
    error: ErrorDetail | None = None
    details: tuple[ErrorDetail, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class AutoscaleKey:
    """Which autoscale setting; names compare without case."""

    subscription_id: str
    resource_group: str
    name: str

    @property
    def resource_id(self) -> str:
        """The ARM id, in the spelling the setting was created with."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Insights/autoscalesettings/{self.name}"
        )


@dataclass(frozen=True, slots=True)
class AutoscaleSetting:
    """An autoscale setting; `body` is its ARM document without id, name and type."""

    key: AutoscaleKey
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImageVersion:
    """One version in the image catalogue, published at some moment of virtual time.

    `deprecated_at` is when its publisher deprecates it, None for never; `use_instead` what the
    publisher names in its place. Here that is only told: it can still be used.
    """

    version: str
    published_at: datetime | None = None
    exclude_from_latest: bool = False
    deprecated_at: datetime | None = None
    use_instead: str | None = None


@dataclass(frozen=True, slots=True)
class WorldEvent:
    """One line of the world's own log: what happened, when, to what."""

    sequence: int
    at: datetime
    type: str
    scale_set: str
    instance_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RollingUpgrade:
    """`rollingUpgrades/latest` of a set, and one entry of its OS upgrade history.

    `code` is RollingForward, RollingBack, Cancelled, Completed or Faulted; `started_by` is User
    or Platform. `target_image` is what an OS upgrade goes to, with its version resolved.
    `restored` and `restore_failed` count instances that were to get their old disk back.
    """

    code: str
    started_at: datetime
    last_action: str = "Start"
    successful: int = 0
    failed: int = 0
    in_progress: int = 0
    pending: int = 0
    last_action_at: datetime | None = None
    ended_at: datetime | None = None
    error: ErrorDetail | None = None
    details: tuple[ErrorDetail, ...] = ()
    started_by: str = "User"
    target_image: Mapping[str, Any] | None = None
    restored: int = 0
    restore_failed: int = 0

    @property
    def is_going_on(self) -> bool:
        """Whether it still moves instances."""
        return self.code in ("RollingForward", "RollingBack")


class Allowance(Struct, frozen=True):
    """What a request was let in with.

    `remaining` pairs the throttle's buckets, as `Microsoft.Compute/<policy>`, with what they
    still allow; `charge` is what the request cost.

    The rest are faults, for the door to see to. `reply_lost`, `reply_cut` and `reply_delay`: the
    request is carried out, but its reply never arrives, breaks off, or arrives that much later.
    `deliveries`: how often it is carried out; the last answer counts. `stale_by` and
    `hidden_views` are for `World.seen`. `date_skew`: how far off the answer's `Date` is.
    """

    remaining: tuple[tuple[str, int], ...] = ()
    charge: int = 1
    reply_lost: bool = False
    reply_delay: timedelta = timedelta(0)
    reply_cut: bool = False
    deliveries: int = 1
    stale_by: timedelta = timedelta(0)
    hidden_views: frozenset[str] = frozenset()
    date_skew: timedelta = timedelta(0)

    def deliver(self) -> None:
        """Raise ReplyLost when the reply is not to arrive whole; call it after carrying it out."""
        if self.reply_lost or self.reply_cut:
            raise ReplyLost("the request was carried out, but its reply was lost on the way")
