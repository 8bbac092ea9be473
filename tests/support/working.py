"""Work on chosen instances, carried out in a world or against the fake, without a command line."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.support.copying import replace
from tests.support.service import FakeService, with_instance, without_instance
from tests.support.values import instance, seconds
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.errors import EtagChanged
from vmssplan.model import FAILED, RUNNING, SUCCEEDED, HealthState
from vmssplan.operating import Operation, Protection, Switch
from vmssplan.working import Asker, Note, WorkOutcome, carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmss_simulator.world import World
    from vmssplan.model import ScaleSet, ScaleSetId
    from vmssplan.ports import OperationHandle

TAKING_OUT = ("restart", "powerOff", "deallocate", "reimage", "delete")
"""How the world's log calls the work that takes an instance out of service."""


@dataclass
class Notes:
    """`working.Onlooker` that keeps what it is told."""

    told_so_far: list[Note] = field(default_factory=list)

    def told(self, note: Note) -> None:
        """Keep it."""
        self.told_so_far.append(note)

    @property
    def texts(self) -> list[str]:
        """What was told."""
        return [note.text for note in self.told_so_far]


def held() -> None:
    """Find that the lock is still ours."""


@dataclass
class WorkService(FakeService):
    """The fake service, whose instances can also be turned on and off, deleted and protected."""

    async def switch_instances(
        self, target: ScaleSetId, switch: Switch, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Turn them on or off, in two minutes."""
        assert target == self.scale_set.id
        ends: dict[str, Any] = {"power_state": RUNNING, "application_health": HealthState.HEALTHY}
        if switch is Switch.STOP:
            ends = {"power_state": "stopped", "application_health": None}
        if switch is Switch.DEALLOCATE:
            ends = {"power_state": "deallocated", "application_health": None}
        return self._begin_work(switch.value, tuple(instance_ids), ends)

    async def delete_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Delete them, in two minutes."""
        assert target == self.scale_set.id
        handle = self._begin_work("delete", tuple(instance_ids), {})
        for instance_id in instance_ids:
            gone = partial(without_instance, instance_id=instance_id)
            self._schedule(self.clock.now() + self.upgrade_takes, gone)
        return handle

    async def protect_instance(
        self, target: ScaleSetId, instance_id: str, protection: Protection
    ) -> OperationHandle | None:
        """Protect it, at once."""
        assert target == self.scale_set.id
        self._receive("protect", (instance_id,))
        self.change(
            partial(
                with_instance,
                instance_id=instance_id,
                protected_from_scale_in=bool(protection.scale_in),
                protected_from_scale_set_actions=bool(protection.scale_set_actions),
            )
        )
        return self._answer("protect", self._begin(self.clock.now() + seconds(10), ()))

    async def write_capacity(
        self, target: ScaleSetId, capacity: int, etag: str
    ) -> OperationHandle | None:
        """Have so many instances in two minutes: new ones at the end, the last ones gone."""
        assert target == self.scale_set.id
        self._receive("capacity", (str(capacity),))
        if etag != self.scale_set.etag:
            raise EtagChanged("PreconditionFailed", "the etag is another")
        self.change(lambda s: replace(s, provisioning_state="Updating"))
        done_at = self.clock.now() + self.upgrade_takes

        def settle(scale_set: ScaleSet) -> ScaleSet:
            kept = scale_set.instances[:capacity]
            numbers = range(100, 100 + capacity - len(kept))
            return replace(scale_set, instances=(*kept, *(instance(str(n)) for n in numbers)))

        self._schedule(done_at, settle)
        return self._answer("capacity", self._begin(done_at, ()))

    def _begin_work(
        self, kind: str, ids: tuple[str, ...], ends: dict[str, Any]
    ) -> OperationHandle | None:
        self._receive(kind, ids)
        done_at = self.clock.now() + self.upgrade_takes
        for instance_id in ids:
            busy: dict[str, Any] = {"provisioning_state": "Updating", "power_state": "stopping"}
            self.change(partial(with_instance, instance_id=instance_id, **busy))
            error = self.failing.get(instance_id)
            state = SUCCEEDED if error is None else FAILED
            done = {**ends, "provisioning_state": state, "error": error}
            self._schedule(done_at, partial(with_instance, instance_id=instance_id, **done))
        return self._answer(kind, self._begin(done_at, ids))


def work(
    service: WorkService,
    operation: Operation,
    notes: Notes | None = None,
    check_lock: Callable[[], None] = held,
    **how: Any,
) -> WorkOutcome:
    """Carry it out against the fake."""
    asker = Asker(operation, service, service.clock, notes or Notes(), check_lock)
    return asyncio.run(carry_out(asker, service, **how))


def work_in(world: World, operation: Operation, clock: SimulatedClock | None = None) -> WorkOutcome:
    """Carry it out in a world."""
    backend = SimulatedBackend(world)
    asker = Asker(operation, backend, clock or SimulatedClock(world), Notes(), held)
    return asyncio.run(carry_out(asker, backend))


def taken_below(world: World, floor: int) -> list[str]:
    """Return every instance that the world's log has leaving the service below that floor."""
    kinds = {f"{verb}Started" for verb in TAKING_OUT}
    return [
        f"{line.at}: {line.type} of {line.instance_id} leaves {line.data['inService']}"
        for line in world.log
        if line.type in kinds and "inService" in line.data and line.data["inService"] < floor
    ]
