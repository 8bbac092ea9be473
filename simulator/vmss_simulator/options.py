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


class ConcurrentOperations(StrEnum):
    """Whether a second operation may start on a scale set while one runs."""

    CONFLICT = "conflict"
    DISJOINT = "disjoint"


class ProtectedInstances(StrEnum):
    """What an upgrade or reimage through the set does with a protected instance."""

    SKIP = "skip"
    REFUSE = "refuse"


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
        if values.get("operation_retry_after") is not None:
            values["operation_retry_after"] = parse_duration(values["operation_retry_after"])
        return cls(**values)
