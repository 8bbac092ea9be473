"""A native rolling upgrade under way, as a value: how far it is and what it will do next.

Apart from `rolling_turns.py`, which moves it, so that the world's state can hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vmss_simulator.errors import ErrorDetail
from vmss_simulator.rolling import Breach
from vmss_simulator.upgrade_policy import RollingPolicy
from vmss_simulator.values import Instance, ScaleSetKey


class RollingKind(StrEnum):
    """What moves the instances: a new model, a new OS image, or new extensions."""

    MODEL = "model"
    OS = "os"
    EXTENSIONS = "extensions"


class Stage(StrEnum):
    """What a rolling upgrade is waiting for."""

    PAUSING = "pausing"  # for the moment to start the next batch
    WORKING = "working"  # for the work on the batch to end
    SETTLING = "settling"  # for the batch to turn healthy, until the health timeout
    CLEARING = "clearing"  # for replaced machines to go, or failed ones to get their disk back
    ROLLING_BACK = "rollingBack"  # for failed ones to get their disk back, to end then


@dataclass(frozen=True, slots=True)
class RollingRun:
    """One rolling upgrade.

    `pending` are the instances still to be upgraded, `upgraded` those that were tried,
    `failures` why some of them failed, with the instance as target. `current` counts those that
    had nothing to upgrade. `until` ends the pause, or the wait for health. `surge` pairs, with
    maxSurge, the replaced instance with its new one. `before` holds instances as they were before
    their upgrade, where they may have to be restored, `restoring` are those being restored.
    `cancelled_by` are the operations that asked for its end.
    """

    operation_id: str
    key: ScaleSetKey
    kind: RollingKind
    policy: RollingPolicy
    exact_version: str | None
    started_at: datetime
    until: datetime
    pending: tuple[str, ...]
    current: int = 0
    started_by: str = "User"
    restores_failed: bool = False
    stage: Stage = Stage.PAUSING
    batch: tuple[str, ...] = ()
    surge: tuple[tuple[str, str], ...] = ()
    upgraded: tuple[str, ...] = ()
    failures: tuple[ErrorDetail, ...] = ()
    before: Mapping[str, Instance] = field(default_factory=dict)
    restoring: tuple[str, ...] = ()
    restored: int = 0
    restore_failed: int = 0
    breach: Breach | None = None
    cancelled_by: tuple[str, ...] = ()
    last_action_at: datetime | None = None
