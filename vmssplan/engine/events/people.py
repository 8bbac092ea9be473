"""Events of people: what somebody told the Run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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


PeopleEvent = (
    ApprovalGiven
    | ApprovalRefused
    | RunHeld
    | RunContinued
    | CancelRequested
    | RollbackRequested
    | InstructionIgnored
)
