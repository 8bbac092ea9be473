"""What Azure does to a scale set of its own accord, while a rollout is at work on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AutomaticRepairs:
    """Azure repairs what stays unhealthy that long after a change of the instance is done.

    `action` is Azure's own word: Replace, Restart or Reimage. The set does not tell whether the
    repairs are suspended; its instance view would.
    """

    grace_period: timedelta
    action: str


@dataclass(frozen=True, slots=True)
class PlatformActions:
    """Every such thing that the model of a set switches on.

    `repairs` is None where they are off. `spot` machines may be evicted at any time,
    `zone_rebalancing` makes and deletes instances, `guest_patching` is patchMode
    AutomaticByPlatform, which restarts them.
    """

    os_upgrades: bool = False
    repairs: AutomaticRepairs | None = None
    spot: bool = False
    zone_rebalancing: bool = False
    guest_patching: bool = False
