"""What happens next in a world, as data: never a closure, so that a copy of it is a copy.

`Running` and `Work` are what is under way, a `Task` is what comes due at a moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from msgspec import Struct

from vmss_simulator.effects import (
    Action,
    EndOperation,
    FailWork,
    KeepInstanceUpdating,
    OperationEffect,
    SilenceAgent,
)
from vmss_simulator.errors import ErrorDetail
from vmss_simulator.values import (
    ExtensionStatus,
    HealthState,
    OperationKind,
    PowerState,
    ScaleSetKey,
)


@dataclass(frozen=True, slots=True)
class Target:
    """What an instance is made of: a model, with `latest` resolved."""

    image_reference: Mapping[str, Any]
    exact_version: str | None
    vm_size: str
    fingerprint: str
    extensions: tuple[ExtensionStatus, ...]
    has_health: bool


@dataclass(frozen=True, slots=True)
class Job:
    """What an operation does to each of its instances; the machines run on through a quiet one."""

    operation_id: str
    kind: OperationKind
    key: ScaleSetKey
    verb: str
    target: Target
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Affliction:
    """What faults do to the work on one instance; as it is made, nothing."""

    failure: FailWork | None = None
    factor: float = 1.0
    never_ends: bool = False
    settles_as: HealthState = HealthState.HEALTHY
    turns: tuple[tuple[timedelta, HealthState], ...] = ()  # counted from when it has settled
    keeps_extensions: bool = False
    silence: SilenceAgent | None = None
    stays_updating: KeepInstanceUpdating | None = None


UNAFFLICTED = Affliction()


class Work(Struct, frozen=True):
    """A job on one instance, decided when it starts.

    It is void as soon as something else is done to the instance (`epoch`).
    """

    job: Job
    instance_id: str
    epoch: int
    power_after: PowerState = PowerState.RUNNING
    affliction: Affliction = UNAFFLICTED


@dataclass(frozen=True, slots=True)
class ModelSettles:
    """The model write itself is done; what it sets off begins."""

    operation_id: str
    key: ScaleSetKey
    model_changed: bool
    capacity_changed: bool


class DiskReplaced(Struct, frozen=True):
    """The instance has its new OS disk and begins to boot."""

    work: Work


class WorkEnds(Struct, frozen=True):
    """The operation is done with the instance."""

    work: Work


class WorkFails(Struct, frozen=True):
    """The operation gives up on the instance."""

    work: Work
    failure: FailWork


@dataclass(frozen=True, slots=True)
class InstanceVanishes:
    """The instance is gone."""

    operation_id: str
    key: ScaleSetKey
    instance_id: str


class HealthTurns(Struct, frozen=True):
    """The instance's health changes, unless it has been worked on since (`epoch`)."""

    key: ScaleSetKey
    instance_id: str
    epoch: int
    health: HealthState


@dataclass(frozen=True, slots=True)
class StepEnds:
    """A part of an operation that is about no instance is done."""

    operation_id: str


@dataclass(frozen=True, slots=True)
class ActorWrites:
    """Somebody else patches the model."""

    actor: str
    key: ScaleSetKey
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ActorActs:
    """Somebody else does something to a set or its instances."""

    actor: str
    key: ScaleSetKey
    action: Action


@dataclass(frozen=True, slots=True)
class FaultStrikes:
    """What a rule has happen at a time happens to a set, if the rule is still there."""

    rule: str
    key: ScaleSetKey


@dataclass(frozen=True, slots=True)
class HostsReturn:
    """The hosts that an outage took away are back."""

    rule: str
    key: ScaleSetKey


@dataclass(frozen=True, slots=True)
class AgentReports:
    """The machine's agent reports again, unless it has been worked on since (`epoch`)."""

    key: ScaleSetKey
    instance_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class InstanceSettles:
    """An instance that went on saying `Updating` stops to, unless worked on since (`epoch`)."""

    key: ScaleSetKey
    instance_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ScaleSetSettles:
    """A set that went on saying `Updating` stops to, unless an operation runs on it."""

    key: ScaleSetKey


@dataclass(frozen=True, slots=True)
class OperationCut:
    """An operation is ended before its time."""

    operation_id: str
    end: EndOperation


FaultTask = (
    ActorWrites
    | ActorActs
    | FaultStrikes
    | HostsReturn
    | AgentReports
    | InstanceSettles
    | ScaleSetSettles
    | OperationCut
)


@dataclass(frozen=True, slots=True)
class EvictionDue:
    """The platform takes a spot instance away."""

    key: ScaleSetKey
    instance_id: str


@dataclass(frozen=True, slots=True)
class RepairDue:
    """An unhealthy instance may be repaired now, unless it has been worked on since (`epoch`)."""

    key: ScaleSetKey
    instance_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class AutoscaleDue:
    """Autoscale looks at a set: it wants this capacity, None for the one the set has."""

    key: ScaleSetKey
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class RollingTurn:
    """The pause of a native rolling upgrade is over, or its wait for health."""

    key: ScaleSetKey


@dataclass(frozen=True, slots=True)
class PlatformLooks:
    """The platform looks whether a set is to have an automatic OS upgrade."""

    key: ScaleSetKey


RollingTask = RollingTurn | PlatformLooks

EverydayTask = DiskReplaced | WorkEnds | HealthTurns
"""What a rollout has most of; it begins no rolling upgrade, and only moves one that goes on."""

Task = (
    ModelSettles
    | DiskReplaced
    | WorkEnds
    | WorkFails
    | InstanceVanishes
    | HealthTurns
    | StepEnds
    | FaultTask
    | EvictionDue
    | RepairDue
    | AutoscaleDue
    | RollingTask
)


@dataclass(frozen=True, slots=True)
class Running:
    """What matters of a running operation until it ends: what has failed so far, what faults do."""

    writes_model: bool
    failures: tuple[ErrorDetail, ...] = ()
    effects: tuple[OperationEffect, ...] = ()
