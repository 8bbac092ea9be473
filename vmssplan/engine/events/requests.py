"""Events of requests to Azure: the intent before each, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vmssplan.model import Method


class DeferralReason(StrEnum):
    """Why a request is put off."""

    CONFLICT = "conflict"
    THROTTLED = "throttled"
    ETAG_CHANGED = "etagChanged"
    UNAVAILABLE = "unavailable"


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


RequestEvent = (
    ModelWriteIntended
    | UpgradeIntended
    | OperationAccepted
    | RequestDeferred
    | RequestRefused
    | OutcomeLost
    | OperationEnded
)
