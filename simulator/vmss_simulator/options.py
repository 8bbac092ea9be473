"""What is not known for certain about Azure, as named choices.

Every member says what it decides and why the default was taken. A scenario sets them under
`options`, so that a client can be tested against each possibility.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from vmss_simulator.durations import parse_duration
from vmss_simulator.randomness import camel_case

if TYPE_CHECKING:
    from collections.abc import Mapping


USUAL_SIZES = tuple(
    f"Standard_{family}{cores}s_v{generation}"
    for family in "DEF"
    for generation in ((2,) if family == "F" else (3, 4, 5))
    for cores in (2, 4, 8, 16, 32, 64)
)


class ConcurrentOperations(StrEnum):
    """Whether a second operation may start on a scale set while one runs."""

    CONFLICT = "conflict"
    DISJOINT = "disjoint"


class ProtectedInstances(StrEnum):
    """What an upgrade or reimage through the set does with a protected instance."""

    SKIP = "skip"
    REFUSE = "refuse"


class WhileRolling(StrEnum):
    """What a write of the model meets while a native rolling upgrade goes on."""

    REFUSE = "refuse"
    PREEMPT = "preempt"


@dataclass(frozen=True, slots=True)
class Options:
    """The named choices of a world.

    * throttling: whether token buckets refuse requests at all.
    * concurrent_operations: parallel manual upgrades on one set are reported to conflict
      (azure-powershell#23105), hence `conflict`; `disjoint` lets operations on different
      instances run side by side.
    * conflict_code: both `Conflict` and `OperationNotAllowed` are reported with that message.
    * protected_instances: the documentation only says that such operations are blocked.
    * reimage_applies_model: documentation says that reimage takes the latest image, the client
      library that it takes the instance's own; False takes the instance's own model.
    * reimage_resolves_latest: when the instance's own model says `latest`, whether a reimage
      takes the newest version or the one it already has. Only without reimage_applies_model.
    * upgrade_resolves_latest: whether upgrading an instance that has the current model still
      replaces its disk when a newer version stands behind `latest`.
    * failed_operation_fails_scale_set: whether a failed instance operation leaves the whole
      set in `Failed`, as it does for extension failures (vm-scale-sets#82).
    * initializing_health: whether a booted instance reports `initializing` until it is
      healthy (application health 2.0) or `unknown` (1.0).
    * max_instances_per_request: no limit is documented; None means none.
    * update_domain_count: five are commonly seen in a placement group.
    * instance_page_size: how many instances one page of a list holds.
    * while_rolling: a conflict is reported for scale sets in general, and so is an operation that
      a newer write preempts; hence `refuse`, or `preempt`, which ends the upgrade as cancelled.
    * rolling_health_timeout: five minutes a batch is documented for automatic OS upgrades only.
    * rolling_counts_current_instances: whether instances that were current already count as
      successful; a recording of 2019 counts them, a document of 2023 does not.
    * rolling_counts_stopped_instances: whether an instance that somebody switched off counts as
      unhealthy; False leaves it out, as otherwise no set with parked machines could roll.
    * rolling_counts_batch: whether a batch counts as unhealthy before it starts. The documentation
      says "either as a result of being upgraded"; with it a set of two never rolls at 20%.
    * rolling_upgraded_of_all: whether unhealthy upgraded instances are a share of all instances
      (Microsoft's example) or of those upgraded so far (the reference).
    * surge_quota: how many instances more than its capacity the quota lets a set have with
      `maxSurge`; beyond that a batch is upgraded in place. None is no limit.
    * automatic_os_upgrade_delay: from the publication of a version to the platform's upgrade; in
      Azure days, as regions take turns.
    * overprovision_percent: how many machines a set with `overprovision` makes on top; twenty
      percent is documented, rounded up by assumption. 0 turns it off.
    * scale_in_honours_protection: whether lowering the capacity passes protected instances by;
      documented for autoscale only.
    * maintenance_eligible: whether performMaintenance finds the machines eligible; recorded
      tests only ever show it refused.
    * repairs_before_suspension: after how many automatic repairs in a row that bring no
      instance back to health the service suspends itself; that it does is documented.
    * vm_sizes: what a set may be resized to besides what it has; in Azure a question of region,
      subscription and the day. It is told only: a write of any other size is taken.
    * operation_retry_after: the `Retry-After` of a running operation; None leaves it out.
    """

    throttling: bool = True
    concurrent_operations: ConcurrentOperations = ConcurrentOperations.CONFLICT
    conflict_code: str = "Conflict"
    protected_instances: ProtectedInstances = ProtectedInstances.SKIP
    reimage_applies_model: bool = True
    reimage_resolves_latest: bool = True
    upgrade_resolves_latest: bool = False
    failed_operation_fails_scale_set: bool = True
    initializing_health: bool = True
    max_instances_per_request: int | None = None
    update_domain_count: int = 5
    instance_page_size: int = 100
    while_rolling: WhileRolling = WhileRolling.REFUSE
    rolling_health_timeout: timedelta = timedelta(minutes=5)
    rolling_counts_current_instances: bool = True
    rolling_counts_stopped_instances: bool = False
    rolling_counts_batch: bool = False
    rolling_upgraded_of_all: bool = False
    surge_quota: int | None = None
    automatic_os_upgrade_delay: timedelta = timedelta(0)
    overprovision_percent: int = 20
    scale_in_honours_protection: bool = True
    maintenance_eligible: bool = False
    repairs_before_suspension: int = 3
    vm_sizes: tuple[str, ...] = USUAL_SIZES
    operation_retry_after: timedelta | None = timedelta(seconds=10)

    @classmethod
    def from_document(cls, raw: Mapping[str, Any]) -> Self:
        """Read the `options` of a scenario, already checked against its schema."""
        values = {
            each.name: raw[name] for each in fields(cls) if (name := camel_case(each.name)) in raw
        }
        if "concurrent_operations" in values:
            values["concurrent_operations"] = ConcurrentOperations(values["concurrent_operations"])
        if "protected_instances" in values:
            values["protected_instances"] = ProtectedInstances(values["protected_instances"])
        if "while_rolling" in values:
            values["while_rolling"] = WhileRolling(values["while_rolling"])
        if "vm_sizes" in values:
            values["vm_sizes"] = tuple(values["vm_sizes"])
        for name in ("rolling_health_timeout", "automatic_os_upgrade_delay"):
            if name in values:
                values[name] = parse_duration(values[name])
        if values.get("operation_retry_after") is not None:
            values["operation_retry_after"] = parse_duration(values["operation_retry_after"])
        return cls(**values)
