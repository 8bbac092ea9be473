"""Everything that changes in a world: dictionaries of frozen values, the log, the timetable.

Mutated only through the methods here, so that the in-service count and the log always agree
with the instances. What happens next is kept as data (`tasks`), so that a copy of the state is a
copy of the future too.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents
from vmss_simulator.faults import Faults
from vmss_simulator.images import Catalogue
from vmss_simulator.log import Log
from vmss_simulator.options import Options
from vmss_simulator.randomness import Latencies, draw_share, stream
from vmss_simulator.resource_groups import GroupKey, ResourceGroup, keep_group
from vmss_simulator.roles import OWNER, RoleAssignment
from vmss_simulator.rolling_run import RollingRun
from vmss_simulator.tasks import Running, Task
from vmss_simulator.throttling import Throttle
from vmss_simulator.values import (
    AutoscaleSetting,
    Instance,
    Operation,
    RollingUpgrade,
    ScaleSet,
    ScaleSetKey,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random


@dataclass(slots=True)
class State:
    """The mutable part of a world; scale sets are stored under their folded keys.

    `open_steps` counts, for each running operation, the steps that are still to end.
    `rolling_upgrades` is what `rollingUpgrades/latest` shows, `rolling_runs` are those that go
    on. `platform_waits` are sets whose OS upgrade waits until they are free, `deferred` those
    where it waits for approval, with the instances approved so far.

    `owned` are the instances of sets nobody outside has seen since they last changed: a machine
    of theirs is exchanged in place, because a copy for each of a thousand is slow. Whoever hands a
    set out, or keeps one for later, calls `hand_out` first.
    """

    now: datetime
    start: datetime
    seed: int
    options: Options
    latencies: Latencies
    images: Catalogue
    faults: Faults
    throttle: Throttle = field(default_factory=Throttle)
    roles: tuple[RoleAssignment, ...] = (OWNER,)
    scale_sets: dict[ScaleSetKey, ScaleSet] = field(default_factory=dict)
    in_service: dict[ScaleSetKey, int] = field(default_factory=dict)
    next_number: dict[ScaleSetKey, int] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    open_steps: dict[str, int] = field(default_factory=dict)
    rolling_upgrades: dict[ScaleSetKey, RollingUpgrade] = field(default_factory=dict)
    rolling_runs: dict[ScaleSetKey, RollingRun] = field(default_factory=dict)
    os_upgrades: dict[ScaleSetKey, tuple[RollingUpgrade, ...]] = field(default_factory=dict)
    platform_waits: list[ScaleSetKey] = field(default_factory=list)
    deferred: dict[ScaleSetKey, frozenset[str]] = field(default_factory=dict)
    autoscale: dict[str, AutoscaleSetting] = field(default_factory=dict)
    resource_groups: dict[GroupKey, ResourceGroup] = field(default_factory=dict)
    epochs: dict[tuple[ScaleSetKey, str], int] = field(default_factory=dict)
    draws: dict[tuple[str, str], int] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    timetable: list[tuple[datetime, int, Task]] = field(default_factory=list)
    scheduled: int = 0
    fingerprints: dict[ScaleSetKey, tuple[Mapping[str, Any], str]] = field(default_factory=dict)
    history: list[tuple[datetime, dict[ScaleSetKey, ScaleSet]]] = field(default_factory=list)
    owned: dict[ScaleSetKey, dict[str, Instance]] = field(default_factory=dict)

    def fork(self) -> State:
        """Return an independent copy; the values inside are frozen and shared."""
        self.owned.clear()
        return replace(
            self,
            owned={},
            faults=self.faults.fork(),
            throttle=self.throttle.fork(),
            scale_sets=dict(self.scale_sets),
            in_service=dict(self.in_service),
            next_number=dict(self.next_number),
            operations=dict(self.operations),
            running=dict(self.running),
            open_steps=dict(self.open_steps),
            rolling_upgrades=dict(self.rolling_upgrades),
            rolling_runs=dict(self.rolling_runs),
            os_upgrades=dict(self.os_upgrades),
            platform_waits=list(self.platform_waits),
            deferred=dict(self.deferred),
            autoscale=dict(self.autoscale),
            resource_groups=dict(self.resource_groups),
            epochs=dict(self.epochs),
            draws=dict(self.draws),
            log=self.log.copy(),
            timetable=list(self.timetable),
            fingerprints=dict(self.fingerprints),
            history=list(self.history),
        )

    def schedule(self, at: datetime, task: Task) -> None:
        """Put a task on the timetable; tasks of the same moment run in the order put."""
        self.scheduled += 1
        heapq.heappush(self.timetable, (at, self.scheduled, task))

    def due(self, until: datetime) -> Iterator[Task]:
        """Take the due tasks in order, moving the time to each; also those put meanwhile."""
        while self.timetable and self.timetable[0][0] <= until:
            at, _, task = heapq.heappop(self.timetable)
            self._move_to(at)
            yield task
        self._move_to(until)

    def _move_to(self, at: datetime) -> None:
        """Go to a later moment, and keep what was until then for reads that are behind."""
        if at <= self.now:
            return
        span = self.faults.longest_staleness if self.faults.rules else None
        if span:
            self.owned.clear()
            self.history.append((self.now, dict(self.scale_sets)))
            oldest = at - span
            while len(self.history) > 1 and self.history[1][0] <= oldest:
                del self.history[0]
        elif self.history:
            self.history.clear()
        self.now = at

    def scale_sets_at(self, moment: datetime) -> dict[ScaleSetKey, ScaleSet]:
        """Return the sets as they were, as far back as a fault may ask for."""
        if moment >= self.now:
            return self.scale_sets
        before = [kept for at, kept in self.history if at <= moment]
        if before:
            return before[-1]
        return self.history[0][1] if self.history else self.scale_sets

    def random(self, resource: str, purpose: str) -> Random:
        """Return a fresh stream for one draw about a resource."""
        count = self.draws.get((resource, purpose), 0)
        self.draws[resource, purpose] = count + 1
        return stream(self.seed, resource, purpose, count)

    def share(self, resource: str, purpose: str, part: str = "") -> float:
        """Return a fresh number from 0 to below 1 for one draw about a resource, or part of it."""
        place = (resource + part, purpose)
        count = self.draws.get(place, 0)
        self.draws[place] = count + 1
        return draw_share(self.seed, resource, purpose, count, part)

    def emit(
        self, event: str, key: ScaleSetKey, instance_id: str | None = None, **data: Any
    ) -> None:
        """Write one line of the log."""
        self.log.write(self.now, event, key.resource_id, instance_id, data)

    def fingerprint(self, scale_set: ScaleSet) -> str:
        """Return the fingerprint of the set's model, computed once for each model."""
        key = scale_set.key.folded()
        known = self.fingerprints.get(key)
        if known is not None and known[0] is scale_set.body:
            return known[1]
        computed = documents.fingerprint(scale_set.body)
        self.fingerprints[key] = (scale_set.body, computed)
        return computed

    def hand_out(self, key: ScaleSetKey) -> ScaleSet | None:
        """Return a set that stays as it is whatever happens from now on; None for no such set."""
        folded = key.folded()
        self.owned.pop(folded, None)
        return self.scale_sets.get(folded)

    def store(self, scale_set: ScaleSet) -> None:
        """Store a set whose instances have not changed."""
        self.scale_sets[scale_set.key.folded()] = scale_set

    def add(self, scale_set: ScaleSet) -> None:
        """Store a set that is new, with whatever instances it has; its group is made if need be."""
        key = scale_set.key.folded()
        keep_group(self, scale_set.key, documents.text(scale_set.body, "location") or "")
        self.scale_sets[key] = scale_set
        self.in_service[key] = scale_set.in_service_count

    def forget(self, key: ScaleSetKey) -> None:
        """Remove a set that has no instances any more.

        What counts its instances stays, so that nothing due for an old one meets a new one.
        """
        folded = key.folded()
        del self.scale_sets[folded]
        del self.in_service[folded]
        for kept in (self.next_number, self.rolling_upgrades, self.os_upgrades, self.fingerprints):
            kept.pop(folded, None)
        self.emit("scaleSetDeleted", key)

    def change(self, key: ScaleSetKey, instance: Instance, event: str, **data: Any) -> None:
        """Store a new or changed instance and log why, with the in-service count if it moved."""
        folded = key.folded()
        scale_set = self.scale_sets[folded]
        instance_id = instance.instance_id
        before = scale_set.instances.get(instance_id)
        owned = self.owned.get(folded)
        if before is None or owned is not scale_set.instances:
            self.owned[folded] = owned = dict(scale_set.instances)
            self.scale_sets[folded] = replace(scale_set, instances=owned)
        owned[instance_id] = instance
        moved = instance.in_service - (before is not None and before.in_service)
        if moved:
            data["inService"] = self.in_service[folded] = self.in_service[folded] + moved
        self.log.write(self.now, event, scale_set.key.resource_id, instance_id, data)

    def remove(self, key: ScaleSetKey, instance_id: str, event: str, **data: Any) -> None:
        """Forget an instance and log why."""
        folded = key.folded()
        scale_set = self.scale_sets[folded]
        instances = dict(scale_set.instances)
        gone = instances.pop(instance_id)
        self.scale_sets[folded] = replace(scale_set, instances=instances)
        if gone.in_service:
            data["inService"] = self.in_service[folded] = self.in_service[folded] - 1
        self.log.write(self.now, event, scale_set.key.resource_id, instance_id, data)
