"""What can happen in a Run: past tense, each with its time. The journal is a list of these.

Together they are enough to rebuild the state of a Run; nothing else is kept of it. The files are
their kinds; here is the union of all.
"""

from __future__ import annotations

from vmssplan.engine.events.autoscaling import (
    AutoscaleDeferred,
    AutoscaleEvent,
    AutoscaleLeftPinned,
    AutoscalePinIntended,
    AutoscalePinned,
    AutoscaleRestored,
)
from vmssplan.engine.events.gating import (
    ApprovalAwaited,
    GateEvent,
    GateMeasured,
    HookEnded,
    HookStarted,
)
from vmssplan.engine.events.instances import (
    FailurePhase,
    InstanceBecameHealthy,
    InstanceBecameUnhealthy,
    InstanceEvent,
    InstanceFailed,
    InstanceNotStarted,
    InstanceReady,
    InstanceSkipped,
    InstanceUpgraded,
)
from vmssplan.engine.events.people import (
    ApprovalGiven,
    ApprovalRefused,
    CancelRequested,
    InstructionIgnored,
    PeopleEvent,
    RollbackRequested,
    RunContinued,
    RunHeld,
)
from vmssplan.engine.events.requests import (
    DeferralReason,
    ModelWriteIntended,
    OperationAccepted,
    OperationEnded,
    OutcomeLost,
    RequestDeferred,
    RequestEvent,
    RequestRefused,
    UpgradeIntended,
)
from vmssplan.engine.events.running import (
    FloorReached,
    InstanceAppeared,
    RollbackStarted,
    RunCompleted,
    RunEvent,
    RunHalted,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepStarted,
    StopDecided,
)

__all__ = [
    "ApprovalAwaited",
    "ApprovalGiven",
    "ApprovalRefused",
    "AutoscaleDeferred",
    "AutoscaleEvent",
    "AutoscaleLeftPinned",
    "AutoscalePinIntended",
    "AutoscalePinned",
    "AutoscaleRestored",
    "CancelRequested",
    "DeferralReason",
    "Event",
    "FailurePhase",
    "FloorReached",
    "GateEvent",
    "GateMeasured",
    "HookEnded",
    "HookStarted",
    "InstanceAppeared",
    "InstanceBecameHealthy",
    "InstanceBecameUnhealthy",
    "InstanceEvent",
    "InstanceFailed",
    "InstanceNotStarted",
    "InstanceReady",
    "InstanceSkipped",
    "InstanceUpgraded",
    "InstructionIgnored",
    "ModelWriteIntended",
    "OperationAccepted",
    "OperationEnded",
    "OutcomeLost",
    "PeopleEvent",
    "RequestDeferred",
    "RequestEvent",
    "RequestRefused",
    "RollbackRequested",
    "RollbackStarted",
    "RunCompleted",
    "RunContinued",
    "RunEvent",
    "RunHalted",
    "RunHeld",
    "RunResumed",
    "RunStarted",
    "StepCompleted",
    "StepStarted",
    "StopDecided",
    "UpgradeIntended",
]

Event = InstanceEvent | RequestEvent | AutoscaleEvent | GateEvent | PeopleEvent | RunEvent
