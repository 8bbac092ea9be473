"""The Steps of a Rollout: a closed union. What a Step needs to be carried out stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from vmssplan.diff import Change
from vmssplan.model import AutoscaleSetting, CommandProbe, Counting, HttpProbe, ModelFields


@dataclass(frozen=True, slots=True)
class SetModel:
    """Write these fields of the model; `skip_reason` when there is nothing to write.

    `no_way_back` says why what is written cannot be taken back; None where it can.
    """

    fields: ModelFields
    changes: tuple[Change, ...]
    skip_reason: str | None = None
    no_way_back: str | None = None


@dataclass(frozen=True, slots=True)
class UpgradeBatch:
    """Bring these instances to the model, together; `label` names the domain they share."""

    batch: int
    instance_ids: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class UpgradeWindow:
    """Bring these instances to the model, in order, at most `window` at a time not yet healthy."""

    instance_ids: tuple[str, ...]
    window: int


@dataclass(frozen=True, slots=True)
class AwaitHealth:
    """Wait until every instance of the batch has been healthy long enough."""

    batch: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this long before the next batch."""

    duration: timedelta


@dataclass(frozen=True, slots=True)
class Approval:
    """Wait for a person."""

    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """Ask the application, as often as `counting` says; `instance_ids` are those of the batch."""

    probe: HttpProbe | CommandProbe
    counting: Counting
    batch: int | None = None
    instance_ids: tuple[str, ...] = ()


class HookTime(StrEnum):
    """When a hook runs."""

    BEFORE_BATCH = "beforeBatch"
    AFTER_BATCH = "afterBatch"


@dataclass(frozen=True, slots=True)
class RunHook:
    """Run the user's program for these instances."""

    time: HookTime
    command: CommandProbe
    batch: int
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PinAutoscale:
    """Hold the instance count: bound every profile of these settings to what it is then."""

    settings: tuple[AutoscaleSetting, ...]


@dataclass(frozen=True, slots=True)
class RestoreAutoscale:
    """Give the autoscale settings their bounds back."""


Step = (
    SetModel
    | UpgradeBatch
    | UpgradeWindow
    | AwaitHealth
    | Pause
    | Approval
    | Check
    | RunHook
    | PinAutoscale
    | RestoreAutoscale
)
