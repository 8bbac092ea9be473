"""The throttle of the compute service: token buckets per resource and per subscription and region.

Numbers: the table in Microsoft's compute-throttling-limits page (refill a minute, and the most a
bucket holds). Names: `x-ms-ratelimit-remaining-resource` as recorded in 2024; those not recorded
are formed alike and marked below.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

from vmss_simulator.errors import ArmError, ErrorDetail
from vmss_simulator.images import fold_location
from vmss_simulator.values import OperationKind

_MINUTE = timedelta(minutes=1)
_ONE_TOKEN = 1.0
_MAX_RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True)
class Bucket:
    """One limit: its policy name, tokens back a minute, tokens at most, and what it counts by."""

    policy: str
    refill: int
    size: int
    per_resource: bool

    @cached_property
    def header(self) -> str:
        """What `x-ms-ratelimit-remaining-resource` calls it."""
        return f"Microsoft.Compute/{self.policy}"


def _pair(
    name: str, resource: tuple[int, int] | None, subscription: tuple[int, int]
) -> tuple[Bucket, ...]:
    buckets = [Bucket(f"{name}SubscriptionMaximum", *subscription, per_resource=False)]
    if resource is not None:
        buckets.append(Bucket(f"{name}Resource", *resource, per_resource=True))
    return tuple(buckets)


_LOW_COST_GET = _pair("GetVMScaleSet", (12, 36), (800, 2400))
_HIGH_COST_GET = _pair("HighCostGetVMScaleSet", (10, 30), (360, 1080))
_HIGH_COST_LIST = _pair("HighCostGetVMScaleSet", None, (360, 1080))
_VM_GET = _pair("GetVMScaleSetVM", (12, 36), (2000, 6000))  # name assumed
_OPERATION_GET = _pair("GetOperation", (15, 45), (5000, 15000))
_UPDATE = _pair("UpdateVMScaleSet", (4, 12), (500, 1500))  # name assumed
# Recorded for start and restart; the table has no line for manualupgrade, a recording counts it so.
_ACTION = _pair("VMScaleSetActions", None, (500, 1500))
_DELETE = _pair("DeleteVMScaleSet", (4, 12), (175, 525))
_POWER_OFF = _pair("DeleteVMScaleSet", None, (175, 525))
_VM_ACTION = _pair("VMScaleSetVMActions", (4, 12), (500, 1500))  # named so in old recordings
_VM_DELETE = _pair("DeleteVMScaleSetVM", (4, 12), (500, 1500))  # name assumed

POLICIES: dict[OperationKind, tuple[Bucket, ...]] = {
    OperationKind.GET_SCALE_SET: _LOW_COST_GET,
    OperationKind.GET_ROLLING_UPGRADE: _LOW_COST_GET,
    OperationKind.LIST_SCALE_SETS: _HIGH_COST_LIST,
    # The table names no lists of instances; a recording counts them so, by set as well.
    OperationKind.LIST_INSTANCES: _HIGH_COST_GET,
    OperationKind.GET_INSTANCE_VIEW: _HIGH_COST_GET,
    OperationKind.GET_INSTANCE: _VM_GET,
    OperationKind.GET_OPERATION: _OPERATION_GET,
    OperationKind.PUT_SCALE_SET: _UPDATE,
    OperationKind.PATCH_SCALE_SET: _UPDATE,
    OperationKind.UPGRADE: _ACTION,
    OperationKind.REIMAGE: _ACTION,
    OperationKind.REIMAGE_ALL: _ACTION,
    OperationKind.START: _ACTION,
    OperationKind.RESTART: _ACTION,
    OperationKind.REDEPLOY: _ACTION,
    OperationKind.PERFORM_MAINTENANCE: _ACTION,
    OperationKind.REAPPLY: _ACTION,
    OperationKind.POWER_OFF: _POWER_OFF,
    OperationKind.DEALLOCATE: _DELETE,
    OperationKind.DELETE_INSTANCES: _DELETE,
    OperationKind.DELETE_SCALE_SET: _DELETE,
    OperationKind.SCALE_OUT: _UPDATE,
    OperationKind.CONVERT_TO_SINGLE_PLACEMENT_GROUP: _UPDATE,
    OperationKind.FORCE_UPDATE_DOMAIN_WALK: _UPDATE,
    OperationKind.SET_ORCHESTRATION_SERVICE_STATE: _UPDATE,
    OperationKind.START_OS_UPGRADE: _ACTION,
    OperationKind.START_EXTENSION_UPGRADE: _ACTION,
    OperationKind.CANCEL_ROLLING_UPGRADE: _UPDATE,
    OperationKind.APPROVE_ROLLING_UPGRADE: _UPDATE,
    OperationKind.LIST_OS_UPGRADE_HISTORY: _LOW_COST_GET,
    OperationKind.AUTOMATIC_OS_UPGRADE: (),
    OperationKind.PUT_EXTENSION: _UPDATE,
    OperationKind.DELETE_EXTENSION: _UPDATE,
    OperationKind.LIST_SKUS: _LOW_COST_GET,
    OperationKind.LIST_LIFECYCLE_HOOK_EVENTS: _LOW_COST_GET,
    OperationKind.GET_EXTENSION: _LOW_COST_GET,
    OperationKind.GET_BOOT_DIAGNOSTICS: _VM_GET,
    OperationKind.GET_INSTANCE_EXTENSION: _VM_GET,
    OperationKind.PUT_INSTANCE: _VM_ACTION,
    OperationKind.REIMAGE_INSTANCE: _VM_ACTION,
    OperationKind.REIMAGE_ALL_INSTANCE: _VM_ACTION,
    OperationKind.START_INSTANCE: _VM_ACTION,
    OperationKind.RESTART_INSTANCE: _VM_ACTION,
    OperationKind.REDEPLOY_INSTANCE: _VM_ACTION,
    OperationKind.PERFORM_MAINTENANCE_INSTANCE: _VM_ACTION,
    OperationKind.SIMULATE_EVICTION: _VM_ACTION,
    OperationKind.ATTACH_DETACH_DATA_DISKS: _VM_ACTION,
    OperationKind.RUN_COMMAND: _VM_ACTION,
    OperationKind.PUT_INSTANCE_EXTENSION: _VM_ACTION,
    OperationKind.DELETE_INSTANCE_EXTENSION: _VM_ACTION,
    OperationKind.DELETE_INSTANCE: _VM_DELETE,
    OperationKind.POWER_OFF_INSTANCE: _VM_DELETE,
    OperationKind.DEALLOCATE_INSTANCE: _VM_DELETE,
    # Another provider's, not under these limits.
    OperationKind.LIST_NETWORK_INTERFACES: (),
    OperationKind.GET_AUTOSCALE: (),
    OperationKind.PUT_AUTOSCALE: (),
    OperationKind.DELETE_AUTOSCALE: (),
    OperationKind.REPAIR: (),
    # The publisher's catalogue is not under these limits.
    OperationKind.LIST_IMAGE_VERSIONS: (),
}


@dataclass(slots=True)
class Throttle:
    """The buckets of one world. A bucket nobody has drawn from yet is full.

    `levels` holds, by policy and scope, the tokens left and when that was counted.
    """

    levels: dict[tuple[str, str], tuple[float, datetime]] = field(default_factory=dict)

    def fork(self) -> Throttle:
        """Return an independent copy."""
        return Throttle(dict(self.levels))

    def take(
        self,
        kind: OperationKind,
        *,
        resource: str | None,
        subscription: str,
        location: str,
        now: datetime,
    ) -> tuple[tuple[str, int], ...]:
        """Take one token from every bucket of the request, or none and raise ArmError 429.

        `resource` is what the per-resource buckets count by; None leaves them out. Returns the
        header's pairs, `Microsoft.Compute/<policy>` and the tokens remaining.
        """
        region = _region(subscription, location)
        levels: list[tuple[Bucket, tuple[str, str], float]] = []
        for bucket in POLICIES[kind]:
            if bucket.per_resource and resource is None:
                continue
            scope = (bucket.policy, str(resource) if bucket.per_resource else region)
            tokens = self._tokens(bucket, scope, now)
            if tokens < _ONE_TOKEN:
                raise too_many_requests(bucket.policy, _wait(bucket, tokens), now, bucket.size)
            levels.append((bucket, scope, tokens - 1))
        for _, scope, tokens in levels:
            self.levels[scope] = (tokens, now)
        return tuple([(bucket.header, int(tokens)) for bucket, _, tokens in levels])

    def _tokens(self, bucket: Bucket, scope: tuple[str, str], now: datetime) -> float:
        held = self.levels.get(scope)
        if held is None:
            return float(bucket.size)
        tokens, counted_at = held
        return min(bucket.size, tokens + bucket.refill * ((now - counted_at) / _MINUTE))


def too_many_requests(policy: str, wait: timedelta, now: datetime, allowed: int) -> ArmError:
    """Return the 429 of the compute service, with the body Microsoft documents."""
    measured = {
        "operationGroup": policy,
        "startTime": (now - _MINUTE).isoformat(),
        "endTime": now.isoformat(),
        "allowedRequestCount": allowed,
        "measuredRequestCount": allowed + 1,
    }
    return ArmError(
        429,
        "OperationNotAllowed",
        "The server rejected the request because too many requests have been received for this"
        " subscription.",
        details=(ErrorDetail("TooManyRequests", json.dumps(measured), policy),),
        retry_after=wait,
    )


@lru_cache(maxsize=1024)
def _region(subscription: str, location: str) -> str:
    return f"{subscription.casefold()}/{fold_location(location)}"


def _wait(bucket: Bucket, tokens: float) -> timedelta:
    seconds = math.ceil((_ONE_TOKEN - tokens) / bucket.refill * 60)
    return timedelta(seconds=min(max(seconds, 1), _MAX_RETRY_AFTER_SECONDS))
