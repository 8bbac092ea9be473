"""The decisions of a native rolling upgrade: which instances next, and when to stop.

Pure: instances as the upgrade sees them in, a batch or a breach out; `rolling_upgrades.py` carries
them out over time. Rules: Microsoft's rolling upgrade pages; error texts as users report them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmss_simulator.errors import ErrorDetail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.upgrade_policy import RollingPolicy

_UNHEALTHY = "Instance found to be unhealthy or unreachable."
_UNHEALTHY_CODE = "RollingUpgradeInstanceUnhealthyError"
_BEFORE = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
_DURING = "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
_AFTER = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"


@dataclass(frozen=True, slots=True)
class Member:
    """One instance as a rolling upgrade sees it.

    `is_pending` is that it is still to be upgraded and may be now. `phase` is the number of the
    custom metrics of application health: lower ones first, none is last. `error` is why it failed.
    """

    instance_id: str
    is_healthy: bool = True
    is_pending: bool = True
    update_domain: int | None = None
    zone: str | None = None
    phase: int | None = None
    error: ErrorDetail | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """The policy is violated: the error of the upgrade, and one for each unhealthy instance."""

    error: ErrorDetail
    details: tuple[ErrorDetail, ...]


def unhealthy_instance() -> ErrorDetail:
    """Return the error of an instance that is unhealthy for no reason it could tell."""
    return ErrorDetail(_UNHEALTHY_CODE, _UNHEALTHY)


def batch_limit(total: int, percent: int) -> int:
    """Return how many instances one batch may have: rounded down, never below one."""
    return max(1, total * percent // 100)


def next_batch(members: Sequence[Member], policy: RollingPolicy) -> tuple[str, ...]:
    """Return the instances to upgrade together next; empty when none is pending.

    A batch keeps to one phase, one zone unless `cross_zone`, and one update domain. Together with
    the unhealthy instances outside it, it is at most `batch_limit`, but always at least one.
    """
    pending = [each for each in members if each.is_pending]
    if not pending:
        return ()
    first = min(pending, key=lambda each: _order(each, policy))
    together = [each for each in pending if _order(each, policy) == _order(first, policy)]
    limit = batch_limit(len(members), policy.max_batch)
    down = sum(not each.is_healthy for each in members)
    batch: list[str] = []
    for each in together:
        cost = 1 if each.is_healthy else 0  # an unhealthy one is down already
        if batch and (len(batch) >= limit or (cost and down + cost > limit)):
            continue
        down += cost
        batch.append(each.instance_id)
    return tuple(batch)


def breach_before_batch(
    members: Sequence[Member], policy: RollingPolicy, *, is_first: bool, batch: Sequence[str] = ()
) -> Breach | None:
    """Return why no further batch may start: too many of all instances are unhealthy.

    `batch` are instances to count as unhealthy although they are not yet being upgraded.
    """
    sick = [each for each in members if not each.is_healthy]
    count = len(sick) + sum(each.is_healthy and each.instance_id in batch for each in members)
    if not _exceeds(count, len(members), policy.max_unhealthy):
        return None
    share = _share(count, len(members))
    if is_first:
        message = (
            "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined"
            f" in the RollingUpgradePolicy) before any batch was attempted. {share}% of instances"
            f" are in an unhealthy state, more than the threshold of {policy.max_unhealthy}%"
            " configured in the RollingUpgradePolicy. The most impactful error is: "
            f" {_most_impactful(sick)} For details on rolling upgrades, use"
            " http://aka.ms/AzureVMSSRollingUpgrade"
        )
        return Breach(ErrorDetail(_BEFORE, message), _details(sick))
    message = (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in"
        f" the RollingUpgradePolicy. {share}% of instances are in an unhealthy state - more than"
        f" the threshold of {policy.max_unhealthy}%. To apply upgrades, consider increasing the"
        " MaxUnhealthyInstancePercent value."
    )
    return Breach(ErrorDetail(_DURING, message), _details(sick))


def breach_after_batch(
    unhealthy: Sequence[Member], of: int, policy: RollingPolicy
) -> Breach | None:
    """Return why the upgrade stops: too many of the upgraded instances are unhealthy.

    `unhealthy` are those upgraded so far that failed or are unhealthy, `of` what they are a
    share of.
    """
    if not unhealthy or not _exceeds(len(unhealthy), of, policy.max_unhealthy_upgraded):
        return None
    message = (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value"
        f" defined in the RollingUpgradePolicy. {_share(len(unhealthy), of)}% of instances are in"
        " an unhealthy state after being upgraded - more than the threshold of"
        f" {policy.max_unhealthy_upgraded}%. The most impactful error is:"
        f" {_most_impactful(unhealthy)}. First failed instance ID is:"
        f" {unhealthy[0].instance_id}."
    )
    return Breach(ErrorDetail(_AFTER, message), _details(unhealthy))


def _order(member: Member, policy: RollingPolicy) -> tuple[bool, int, bool, str, int]:
    """Return what orders batches; members of one batch agree in all of it."""
    return (
        member.phase is None,
        member.phase or 0,
        policy.unhealthy_first and member.is_healthy,
        "" if policy.cross_zone else member.zone or "",
        -1 if member.update_domain is None else member.update_domain,
    )


def _exceeds(count: int, total: int, percent: int) -> bool:
    return count * 100 > percent * total


def _share(count: int, total: int) -> int:
    """Return the percentage, rounded up, so that it is above the threshold it exceeds."""
    return -(-count * 100 // total)


def _most_impactful(members: Sequence[Member]) -> str:
    found = (each.error.message for each in members if each.error is not None)
    return next(found, _UNHEALTHY)


def _details(members: Sequence[Member]) -> tuple[ErrorDetail, ...]:
    return tuple(
        replace(each.error or unhealthy_instance(), target=each.instance_id) for each in members
    )
