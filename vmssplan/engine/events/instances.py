"""Events of one instance: upgraded, left alone, well, ready, failed.

Structs, because a Run has thousands of them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class FailurePhase(StrEnum):
    """Where an instance failed."""

    OPERATION = "operation"
    HEALTH = "health"


class InstanceUpgraded(Struct, frozen=True):
    """The instance runs the wanted model; its health is awaited now."""

    at: datetime
    instance_id: str


class InstanceNotStarted(Struct, frozen=True):
    """The operation in doubt never reached the instance: it is to be done again."""

    at: datetime
    instance_id: str


class InstanceSkipped(Struct, frozen=True):
    """The instance is left alone after all."""

    at: datetime
    instance_id: str
    reason: str


class InstanceBecameHealthy(Struct, frozen=True):
    """The health source calls it healthy, for the first time or again."""

    at: datetime
    instance_id: str


class InstanceBecameUnhealthy(Struct, frozen=True):
    """It was healthy, and is not now."""

    at: datetime
    instance_id: str
    detail: str


class InstanceReady(Struct, frozen=True):
    """It has been healthy long enough."""

    at: datetime
    instance_id: str


class InstanceFailed(Struct, frozen=True):
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
