"""Events of the Run as a whole: its beginnings, its steps, its turn, its ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vmssplan.rollout import PlannedInstance


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
