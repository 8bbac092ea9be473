"""What can happen in a Run: past tense, each with its time. The journal is a list of these.

Together they are enough to rebuild the state of a Run; nothing else is kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vmssplan.model import Method


class FailurePhase(StrEnum):
    """Where an instance failed."""

    OPERATION = "operation"
    HEALTH = "health"


class DeferralReason(StrEnum):
    """Why a request is put off."""

    CONFLICT = "conflict"
    THROTTLED = "throttled"
    ETAG_CHANGED = "etagChanged"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A Run of the Rollout with that digest began."""

    at: datetime
    run: str
    digest: str


@dataclass(frozen=True, slots=True)
class RunResumed:
    """The Run goes on after it was stopped, halted or killed."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step (1-based) began."""

    at: datetime
    step: int


@dataclass(frozen=True, slots=True)
class StepCompleted:
    """A step ended; `note` says why it did nothing, if so."""

    at: datetime
    step: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelWriteIntended:
    """The model is about to be written, if its etag is still this one."""

    at: datetime
    request: int
    step: int
    etag: str


@dataclass(frozen=True, slots=True)
class UpgradeIntended:
    """These instances are about to be operated on, in one call."""

    at: datetime
    request: int
    step: int
    method: Method
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OperationAccepted:
    """Azure took the request; `operation` is the id it gave, if any."""

    at: datetime
    request: int
    operation: str


@dataclass(frozen=True, slots=True)
class RequestDeferred:
    """A request did nothing, and is to be made again, not before `until`.

    `request` is its number, where it has one that is taken back by this. `blind_since` is given
    for a request that only looks: since when nothing could be seen.
    """

    at: datetime
    reason: DeferralReason
    until: datetime
    code: str
    message: str
    request: int | None = None
    blind_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """Azure refused the request, for good."""

    at: datetime
    request: int
    exit_code: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class OutcomeLost:
    """Nothing tells any more how the request ended; only looking at the instances can."""

    at: datetime
    request: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class OperationEnded:
    """The operation ended; `status` is "" when looking settled it, whatever was told."""

    at: datetime
    request: int
    status: str
    code: str = ""
    message: str = ""


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


@dataclass(frozen=True, slots=True)
class FloorReached:
    """Nothing more may start: it would bring the set below the floor."""

    at: datetime
    in_service: int
    floor: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The user asked to stop after what is in flight."""

    at: datetime


@dataclass(frozen=True, slots=True)
class RunHalted:
    """The Run stopped before its end; `exit_code` tells machines why, `reason` people."""

    at: datetime
    step: int
    exit_code: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunCompleted:
    """Every step is done."""

    at: datetime


Event = (
    RunStarted
    | RunResumed
    | StepStarted
    | StepCompleted
    | ModelWriteIntended
    | UpgradeIntended
    | OperationAccepted
    | RequestDeferred
    | RequestRefused
    | OutcomeLost
    | OperationEnded
    | InstanceUpgraded
    | InstanceNotStarted
    | InstanceSkipped
    | InstanceBecameHealthy
    | InstanceBecameUnhealthy
    | InstanceReady
    | InstanceFailed
    | FloorReached
    | CancelRequested
    | RunHalted
    | RunCompleted
)
