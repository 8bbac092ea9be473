"""The throttle of the compute service: token buckets per resource and per subscription and region.

Numbers: the table in Microsoft's compute-throttling-limits page (refill a minute, and the most a
bucket holds). Names: `x-ms-ratelimit-remaining-resource` as recorded in 2024; those not recorded
are formed alike and marked below.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vmss_simulator.errors import ArmError, ErrorDetail
from vmss_simulator.images import fold_location
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MINUTE = timedelta(minutes=1)
_ONE_TOKEN = 1.0
_MAX_RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit: its policy name, tokens back a minute, tokens at most, and what it counts by."""

    policy: str
    refill: int
    size: int
    per_resource: bool


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

POLICIES: dict[OperationKind, tuple[Bucket, ...]] = {
    OperationKind.GET_SCALE_SET: _LOW_COST_GET,
    OperationKind.GET_ROLLING_UPGRADE: _LOW_COST_GET,
    OperationKind.LIST_SCALE_SETS: _HIGH_COST_LIST,
    OperationKind.LIST_INSTANCES: _HIGH_COST_LIST,
    OperationKind.GET_INSTANCE_VIEW: _HIGH_COST_GET,
    OperationKind.GET_INSTANCE: _VM_GET,
    OperationKind.GET_OPERATION: _OPERATION_GET,
    OperationKind.PUT_SCALE_SET: _UPDATE,
    OperationKind.PATCH_SCALE_SET: _UPDATE,
    OperationKind.UPGRADE: _ACTION,
    OperationKind.REIMAGE: _ACTION,
    # The publisher's catalogue is not under these limits.
    OperationKind.LIST_IMAGE_VERSIONS: (),
}


class Throttle:
    """The buckets of one world. A bucket nobody has drawn from yet is full."""

    def __init__(self) -> None:
        # (policy, scope) to the tokens left and when that was counted
        self._levels: dict[tuple[str, str], tuple[float, datetime]] = {}

    def fork(self) -> Throttle:
        """Return an independent copy."""
        copy = Throttle()
        copy._levels = dict(self._levels)
        return copy

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
        region = f"{subscription.casefold()}/{fold_location(location)}"
        levels = list(self._fill(POLICIES[kind], resource, region, now))
        for bucket, _, tokens in levels:
            if tokens < _ONE_TOKEN:
                raise too_many_requests(bucket.policy, _wait(bucket, tokens), now, bucket.size)
        for _, scope, tokens in levels:
            self._levels[scope] = (tokens - 1, now)
        return tuple(
            (f"Microsoft.Compute/{bucket.policy}", int(tokens - 1)) for bucket, _, tokens in levels
        )

    def _fill(
        self, buckets: Iterable[Bucket], resource: str | None, region: str, now: datetime
    ) -> Iterator[tuple[Bucket, tuple[str, str], float]]:
        for bucket in buckets:
            if bucket.per_resource and resource is None:
                continue
            scope = (bucket.policy, str(resource) if bucket.per_resource else region)
            tokens, counted_at = self._levels.get(scope, (float(bucket.size), now))
            tokens = min(bucket.size, tokens + bucket.refill * ((now - counted_at) / _MINUTE))
            yield bucket, scope, tokens


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


def _wait(bucket: Bucket, tokens: float) -> timedelta:
    seconds = math.ceil((_ONE_TOKEN - tokens) / bucket.refill * 60)
    return timedelta(seconds=min(max(seconds, 1), _MAX_RETRY_AFTER_SECONDS))
