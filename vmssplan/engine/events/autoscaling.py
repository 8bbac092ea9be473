"""Events of autoscale, which is held while a Run lasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vmssplan.model import AutoscaleSetting


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


AutoscaleEvent = (
    AutoscalePinIntended
    | AutoscalePinned
    | AutoscaleRestored
    | AutoscaleDeferred
    | AutoscaleLeftPinned
)
