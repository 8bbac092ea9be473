"""Rules about what only the computed Rollout tells: how it ends, and by what it is stopped."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.lint.course import Course, End, bad_course, good_course
from vmssplan.lint.finding import Finding, error, warning
from vmssplan.model import HealthSource, OnFailure
from vmssplan.rollout import Check, Disposition, Rollout, UpgradeBatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

_FAILED = "failure.maxFailedInstances"
_FLOOR = "availability"


def lint_rollout(
    rollout: Rollout, boot: timedelta | None = None, busy: int = 0
) -> tuple[Finding, ...]:
    """Return what is wrong with the Rollout, in the order of the rules.

    `busy` is how many instances others are working on: out of service, and to come back.
    `boot` is how long half of the instances need here from the end of their upgrade until their
    health is known; None where nobody has measured it. Nothing is found where nothing is upgraded.
    """
    if not rollout.count(Disposition.UPGRADE):
        return ()
    good, bad = good_course(rollout), bad_course(rollout)
    return tuple(
        chain(
            _floor(rollout, good, busy),
            () if good.end is End.FLOOR else _stopping(rollout, bad),
            _deadline_shorter_than_boot(rollout, boot),
        )
    )


def _floor(rollout: Rollout, good: Course, busy: int) -> Iterator[Finding]:
    bounds = rollout.bounds
    seen = f"{bounds.in_service} of {bounds.total} instances are in service, and the floor is"
    seen = f"{seen} {bounds.floor}"
    fix = "bring the sick instances back, select them too, or lower the floor"
    is_passing = busy > 0 and bounds.in_service + busy > bounds.floor
    if good.end is End.FLOOR and not good.touched and is_passing:
        message = f"{seen}: nothing is started until {busy} that others work on are back"
        yield warning("floor-awaits-others", _FLOOR, message, "plan again when that is over")
    elif good.end is End.FLOOR and not good.touched:
        yield error("floor-stuck", _FLOOR, f"{seen}: no instance can be started", fix)
    elif good.end is End.FLOOR:
        left = rollout.count(Disposition.UPGRADE) - good.touched
        message = f"{seen}: after {good.touched} instances there is no room for the other {left}"
        yield warning("floor-stops-midway", _FLOOR, message, fix)
    elif bounds.in_service < bounds.floor:
        message = f"{seen}: until it holds again only instances out of service are upgraded"
        yield warning("floor-broken", _FLOOR, message, "look at why they are out of service")


def _stopping(rollout: Rollout, bad: Course) -> Iterator[Finding]:
    """Find what does not stop a bad image; a gate that asks the application may stop it sooner."""
    tolerated = rollout.failure.max_failed_instances
    count = rollout.count(Disposition.UPGRADE)
    batches = sum(isinstance(step, UpgradeBatch) for step in rollout.steps)
    is_asked = any(isinstance(step, Check) for step in rollout.steps)
    if bad.end is End.FLOOR:
        back = rollout.failure.on_failure is OnFailure.ROLLBACK
        yield warning(
            "floor-stops-first",
            _FAILED,
            f"instances that fail stay out of service, and the floor is reached with"
            f" {bad.touched}: more than {tolerated} never fail, so the floor stops a bad image"
            f"{', and nothing is rolled back' if back else ''}",
            f"use {max(0, bad.touched - 1)} or less",
        )
    elif is_asked:
        return
    elif bad.end is End.COMPLETE:
        yield warning(
            "abort-never-triggers",
            _FAILED,
            f"all {count} instances may fail, and the rollout would still be complete"
            if count > 1
            else "the one instance may fail, and the rollout would still be complete",
            f"use {count - 1} or less",
        )
    elif bad.touched == count and batches > 1:
        yield warning(
            "abort-comes-last",
            _FAILED,
            f"a bad image is stopped only when all {count} instances run it: until the last of"
            f" {batches} batches no more than {tolerated} have failed",
            "use a smaller number, so that an earlier batch stops it",
        )


def _deadline_shorter_than_boot(rollout: Rollout, boot: timedelta | None) -> Iterator[Finding]:
    health = rollout.health
    # What is known is when application health is: nobody has measured how long a probe fails.
    is_measured = health.source is HealthSource.APPLICATION_HEALTH
    if boot is None or not is_measured or boot <= health.deadline:
        return
    yield warning(
        "deadline-shorter-than-boot",
        "health.deadline",
        f"half of the instances need {format_duration(boot)} here until their health is known,"
        f" and have {format_duration(health.deadline)}",
        f"use well over {format_duration(boot)}",
    )
