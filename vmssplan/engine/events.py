"""What can happen in a Run: past tense, each with its time. The journal is a list of these.

Together they are enough to rebuild the state of a Run; nothing else is kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vmssplan.gates import Verdict
from vmssplan.model import AutoscaleSetting, Method
from vmssplan.rollout import PlannedInstance


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
    """A Run of the Rollout with that digest began.

    `waits`: it stays and waits for people, where another one would end with exit code 10.
    """

    at: datetime
    run: str
    digest: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class RunResumed:
    """The Run goes on after it was stopped, halted or killed."""

    at: datetime
    waits: bool = False


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
    """Azure refused the request, for good; `request` is None for one that only looks."""

    at: datetime
    request: int | None
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
class InstanceAppeared:
    """An instance that is not in the Rollout was seen; `is_current`: it needs no upgrade.

    It is left alone: whoever wants it upgraded plans again.
    """

    at: datetime
    instance: PlannedInstance
    is_current: bool


@dataclass(frozen=True, slots=True)
class GateMeasured:
    """The gate of that step was measured once."""

    at: datetime
    step: int
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class HookStarted:
    """The program of that step is about to run; without an end in the journal it runs again."""

    at: datetime
    step: int


@dataclass(frozen=True, slots=True)
class HookEnded:
    """The program of that step ended; only Successful lets the Run go on."""

    at: datetime
    step: int
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class AutoscalePinIntended:
    """The profiles of these settings, here as they are, are about to be bound to `count`."""

    at: datetime
    settings: tuple[AutoscaleSetting, ...]
    count: int


@dataclass(frozen=True, slots=True)
class AutoscalePinned:
    """Autoscale holds the count now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AutoscaleRestored:
    """The bounds are as they were; `left_alone` says what somebody else has changed meanwhile."""

    at: datetime
    left_alone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AutoscaleDeferred:
    """Holding or giving back did not get through, and is to be tried again at `until`."""

    at: datetime
    until: datetime
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AutoscaleLeftPinned:
    """The bounds could not be given back; `vmssplan recover` tries again."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ApprovalAwaited:
    """The Run waits for somebody to approve that step."""

    at: datetime
    step: int


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """Somebody approved that step of the Rollout with that digest, at `given_at`."""

    at: datetime
    key: str
    by: str
    given_at: datetime
    step: int
    digest: str


@dataclass(frozen=True, slots=True)
class ApprovalRefused:
    """Somebody said no at that step."""

    at: datetime
    key: str
    by: str
    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunHeld:
    """Nothing more starts until somebody says so; `key` is "" when a gate held the Run."""

    at: datetime
    key: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunContinued:
    """Somebody told the held Run to go on."""

    at: datetime
    key: str
    by: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The user asked to stop after what is in flight; `key` is "" for an interrupt."""

    at: datetime
    key: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class RollbackRequested:
    """Somebody asked to bring back what this Run has changed."""

    at: datetime
    key: str
    by: str


@dataclass(frozen=True, slots=True)
class InstructionIgnored:
    """An instruction does not fit: it is about something else, or too late."""

    at: datetime
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class RollbackStarted:
    """From here the Run carries out its way back.

    For these instances, and for `added` ones that came with the new model while it ran. The `sick`
    of them are out of service, and go first. Steps count from 1 again.
    """

    at: datetime
    reason: str
    instance_ids: tuple[str, ...]
    added: tuple[PlannedInstance, ...] = ()
    sick: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopDecided:
    """The Run is about to halt for this reason, and first gives back what it holds."""

    at: datetime
    exit_code: int
    reason: str


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


InstanceEvent = (
    InstanceUpgraded
    | InstanceNotStarted
    | InstanceSkipped
    | InstanceBecameHealthy
    | InstanceBecameUnhealthy
    | InstanceReady
    | InstanceFailed
)
RequestEvent = (
    ModelWriteIntended
    | UpgradeIntended
    | OperationAccepted
    | RequestDeferred
    | RequestRefused
    | OutcomeLost
    | OperationEnded
)
AutoscaleEvent = (
    AutoscalePinIntended
    | AutoscalePinned
    | AutoscaleRestored
    | AutoscaleDeferred
    | AutoscaleLeftPinned
)
GateEvent = GateMeasured | HookStarted | HookEnded | ApprovalAwaited
PeopleEvent = (
    ApprovalGiven
    | ApprovalRefused
    | RunHeld
    | RunContinued
    | CancelRequested
    | RollbackRequested
    | InstructionIgnored
)
RunEvent = (
    RunStarted
    | RunResumed
    | StepStarted
    | StepCompleted
    | FloorReached
    | InstanceAppeared
    | RollbackStarted
    | StopDecided
    | RunHalted
    | RunCompleted
)
Event = InstanceEvent | RequestEvent | AutoscaleEvent | GateEvent | PeopleEvent | RunEvent
