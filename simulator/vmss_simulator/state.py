"""Everything that changes in a world: dictionaries of frozen values, the log, the timetable.

Mutated only through the methods here, so that the in-service count and the log always agree
with the instances. What happens next is kept as data (`Task`), never as a closure, so that a
copy of the state is a copy of the future too.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents
from vmss_simulator.errors import ErrorDetail
from vmss_simulator.faults import FailWork, Faults
from vmss_simulator.images import Catalogue
from vmss_simulator.options import Options
from vmss_simulator.randomness import Latencies, stream
from vmss_simulator.throttling import Throttle
from vmss_simulator.values import (
    ExtensionStatus,
    HealthState,
    Instance,
    Operation,
    PowerState,
    RollingUpgrade,
    ScaleSet,
    ScaleSetKey,
    WorldEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random


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
class Work:
    """What an operation does to one instance, decided when it starts."""

    operation_id: str
    key: ScaleSetKey
    instance_id: str
    verb: str
    target: Target
    power_after: PowerState = PowerState.RUNNING
    failure: FailWork | None = None
    factor: float = 1.0
    never_ends: bool = False
    never_healthy: bool = False
    unhealthy_after: float | None = None  # seconds after turning healthy; None is never


@dataclass(frozen=True, slots=True)
class ModelSettles:
    """The model write itself is done; what it sets off begins."""

    operation_id: str
    key: ScaleSetKey
    model_changed: bool
    capacity_changed: bool


@dataclass(frozen=True, slots=True)
class DiskReplaced:
    """The instance has its new OS disk and begins to boot."""

    work: Work


@dataclass(frozen=True, slots=True)
class WorkEnds:
    """The operation is done with the instance."""

    work: Work


@dataclass(frozen=True, slots=True)
class WorkFails:
    """The operation gives up on the instance."""

    work: Work
    failure: FailWork


@dataclass(frozen=True, slots=True)
class InstanceVanishes:
    """The instance is gone."""

    operation_id: str
    key: ScaleSetKey
    instance_id: str


@dataclass(frozen=True, slots=True)
class HealthTurns:
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


Task = (
    ModelSettles
    | DiskReplaced
    | WorkEnds
    | WorkFails
    | InstanceVanishes
    | HealthTurns
    | StepEnds
    | ActorWrites
)


@dataclass(frozen=True, slots=True)
class Running:
    """How far a running operation is: steps still to end, and what has failed so far."""

    remaining: int
    writes_model: bool
    failures: tuple[ErrorDetail, ...] = ()


@dataclass(slots=True)
class State:
    """The mutable part of a world; scale sets are stored under their folded keys."""

    now: datetime
    start: datetime
    seed: int
    options: Options
    latencies: Latencies
    images: Catalogue
    faults: Faults
    throttle: Throttle = field(default_factory=Throttle)
    scale_sets: dict[ScaleSetKey, ScaleSet] = field(default_factory=dict)
    in_service: dict[ScaleSetKey, int] = field(default_factory=dict)
    next_number: dict[ScaleSetKey, int] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    rolling_upgrades: dict[ScaleSetKey, RollingUpgrade] = field(default_factory=dict)
    epochs: dict[tuple[ScaleSetKey, str], int] = field(default_factory=dict)
    draws: dict[tuple[str, str], int] = field(default_factory=dict)
    log: list[WorldEvent] = field(default_factory=list)
    timetable: list[tuple[datetime, int, Task]] = field(default_factory=list)
    scheduled: int = 0
    fingerprints: dict[ScaleSetKey, tuple[Mapping[str, Any], str]] = field(default_factory=dict)

    def fork(self) -> State:
        """Return an independent copy; the values inside are frozen and shared."""
        return replace(
            self,
            faults=self.faults.fork(),
            throttle=self.throttle.fork(),
            scale_sets=dict(self.scale_sets),
            in_service=dict(self.in_service),
            next_number=dict(self.next_number),
            operations=dict(self.operations),
            running=dict(self.running),
            rolling_upgrades=dict(self.rolling_upgrades),
            epochs=dict(self.epochs),
            draws=dict(self.draws),
            log=list(self.log),
            timetable=list(self.timetable),
            fingerprints=dict(self.fingerprints),
        )

    def schedule(self, at: datetime, task: Task) -> None:
        """Put a task on the timetable; tasks of the same moment run in the order put."""
        self.scheduled += 1
        heapq.heappush(self.timetable, (at, self.scheduled, task))

    def due(self, until: datetime) -> Iterator[Task]:
        """Take the due tasks in order, moving the time to each; also those put meanwhile."""
        while self.timetable and self.timetable[0][0] <= until:
            at, _, task = heapq.heappop(self.timetable)
            self.now = max(self.now, at)
            yield task
        self.now = max(self.now, until)

    def random(self, resource: str, purpose: str) -> Random:
        """Return a fresh stream for one draw about a resource."""
        count = self.draws.get((resource, purpose), 0)
        self.draws[resource, purpose] = count + 1
        return stream(self.seed, resource, purpose, count)

    def emit(
        self, event: str, key: ScaleSetKey, instance_id: str | None = None, **data: Any
    ) -> None:
        """Write one line of the log."""
        line = WorldEvent(len(self.log), self.now, event, key.resource_id, instance_id, data)
        self.log.append(line)

    def fingerprint(self, scale_set: ScaleSet) -> str:
        """Return the fingerprint of the set's model, computed once for each model."""
        key = scale_set.key.folded()
        known = self.fingerprints.get(key)
        if known is not None and known[0] is scale_set.body:
            return known[1]
        computed = documents.fingerprint(scale_set.body)
        self.fingerprints[key] = (scale_set.body, computed)
        return computed

    def store(self, scale_set: ScaleSet) -> None:
        """Store a set whose instances have not changed."""
        self.scale_sets[scale_set.key.folded()] = scale_set

    def add(self, scale_set: ScaleSet) -> None:
        """Store a set that is new, with whatever instances it has."""
        key = scale_set.key.folded()
        self.scale_sets[key] = scale_set
        self.in_service[key] = scale_set.in_service_count

    def change(self, key: ScaleSetKey, instance: Instance, event: str, **data: Any) -> None:
        """Store a new or changed instance and log why, with the in-service count if it moved."""
        folded = key.folded()
        scale_set = self.scale_sets[folded]
        before = scale_set.instances.get(instance.instance_id)
        instances = {**scale_set.instances, instance.instance_id: instance}
        self.scale_sets[folded] = replace(scale_set, instances=instances)
        moved = instance.in_service - (before is not None and before.in_service)
        self._log_change(scale_set.key, instance.instance_id, event, moved, data)

    def remove(self, key: ScaleSetKey, instance_id: str, event: str, **data: Any) -> None:
        """Forget an instance and log why."""
        folded = key.folded()
        scale_set = self.scale_sets[folded]
        instances = dict(scale_set.instances)
        gone = instances.pop(instance_id)
        self.scale_sets[folded] = replace(scale_set, instances=instances)
        self._log_change(scale_set.key, instance_id, event, -int(gone.in_service), data)

    def _log_change(
        self, key: ScaleSetKey, instance_id: str, event: str, moved: int, data: dict[str, Any]
    ) -> None:
        if moved:
            self.in_service[key.folded()] += moved
            data["inService"] = self.in_service[key.folded()]
        self.emit(event, key, instance_id, **data)
