"""Events of one instance: upgraded, left alone, well, ready, failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FailurePhase(StrEnum):
    """Where an instance failed."""

    OPERATION = "operation"
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class InstanceUpgraded:
    """The instance runs the wanted model; its health is awaited now."""

    at: datetime
    instance_id: str


@dataclass(frozen=True, slots=True)
class InstanceNotStarted:
    """The operation in doubt never reached the instance: it is to be done again."""

    at: datetime
    instance_id: str


@dataclass(frozen=True, slots=True)
class InstanceSkipped:
    """The instance is left alone after all."""

    at: datetime
    instance_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class InstanceBecameHealthy:
    """The health source calls it healthy, for the first time or again."""

    at: datetime
    instance_id: str


@dataclass(frozen=True, slots=True)
class InstanceBecameUnhealthy:
    """It was healthy, and is not now."""

    at: datetime
    instance_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class InstanceReady:
    """It has been healthy long enough."""

    at: datetime
    instance_id: str


@dataclass(frozen=True, slots=True)
class InstanceFailed:
    """The operation failed on it, or it was not healthy in time."""

    at: datetime
    instance_id: str
    phase: FailurePhase
    code: str
    message: str


InstanceEvent = (
    InstanceUpgraded
    | InstanceNotStarted
    | InstanceSkipped
    | InstanceBecameHealthy
    | InstanceBecameUnhealthy
    | InstanceReady
    | InstanceFailed
)
