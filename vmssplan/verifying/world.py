"""The abstract world: what is really there, in small values that compare and hash fast.

Only what the engine can tell apart is kept. Builds and models are numbers into the tables of a
`Ground`, times are whole seconds since the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from vmssplan.model import (
    FAILED,
    RUNNING,
    SUCCEEDED,
    AzureError,
    HealthSource,
    HealthState,
    Instance,
    ModelFields,
    OperationReport,
    OperationStatus,
    ScaleSet,
    image_version,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmssplan.model import ImageReference

OTHERS = -1
"""Who works on an instance, when it is none of our requests; 0 is nobody."""
LATEST_DELIVERY_SECONDS = 30
"""A request whose reply was lost reaches the service sooner than that, or never; and a list that
is behind has caught up by then. The engine's settling time rests on it."""
NO_ERROR = AzureError("OperationFailed", "it failed there")


class Status(IntEnum):
    """How a request of ours stands with the service."""

    LATE = 0
    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3
    CANCELED = 4


class Machine(NamedTuple):
    """One machine: which build it runs, whether it is well, and what is the matter with it.

    `busy` is the number of the request that works on it, OTHERS, or 0.
    """

    id: str
    vm: str
    build: int
    is_well: bool = True
    is_failed: bool = False
    busy: int = 0
    is_stopped: bool = False
    is_protected: bool = False

    def serves(self, source: HealthSource) -> bool:
        """Tell whether it is in service."""
        if self.busy or self.is_stopped or not self.is_well:
            return False
        return not (self.is_failed and source is HealthSource.INSTANCE_VIEW)


class Operation(NamedTuple):
    """A request of ours that the service has, or will have; no ids is the model write.

    `model` is what it brings the instances to, `errors` the instances it failed on, `etag` the one
    it was made with. `is_lost`: nobody can ask any more how it stands.
    """

    number: int
    ids: tuple[str, ...]
    status: Status
    at: int
    model: int
    errors: tuple[str, ...] = ()
    is_lost: bool = False
    etag: int = 0


class World(NamedTuple):
    """Everything that is really there; `behind` is what a list shows while it is behind."""

    machines: tuple[Machine, ...]
    model: int
    operations: tuple[Operation, ...] = ()
    etag: int = 1
    is_others: bool = False
    behind: tuple[Machine, ...] | None = None
    behind_since: int = 0

    @property
    def shown(self) -> tuple[Machine, ...]:
        """The machines as a list has them."""
        return self.machines if self.behind is None else self.behind

    def with_machine(self, machine: Machine) -> World:
        """Return the world with this machine in the place of the one with its id."""
        return self._replace(
            machines=tuple(machine if one.id == machine.id else one for one in self.machines)
        )

    def with_operation(self, operation: Operation) -> World:
        """Return the world with this in the place of the one with its number."""
        return self._replace(
            operations=tuple(
                operation if one.number == operation.number else one for one in self.operations
            )
        )

    def is_busy(self) -> bool:
        """Tell whether any operation runs on the set."""
        return self.is_others or any(one.status is Status.RUNNING for one in self.operations)

    def operated(self) -> frozenset[str]:
        """Return the instances that requests of ours work on, or are about to.

        A machine that has got the id of one that is gone is not worked on.
        """
        late = (i for one in self.operations if one.status is Status.LATE for i in one.ids)
        return frozenset(late).union(one.id for one in self.machines if one.busy > 0)


class Build(NamedTuple):
    """What a machine runs; `core` is the number of the model it was made from, -1 for none."""

    image: ImageReference | None
    exact_version: str | None
    vm_size: str | None
    core: int


@dataclass
class Ground:
    """The tables behind the numbers, and what never changes of the set and its instances."""

    live: ScaleSet
    models: list[ModelFields] = field(default_factory=list)
    builds: list[Build] = field(default_factory=list)
    _plain: dict[str, Instance] = field(default_factory=dict)
    _seen: dict[tuple[object, ...], ScaleSet] = field(default_factory=dict)
    _current: dict[tuple[int, int, int], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._plain = {one.vm_id: one for one in self.live.instances}
        self._instance = lru_cache(maxsize=None)(self._made)

    def model(self, fields: ModelFields) -> int:
        """Return the number of a model."""
        if fields not in self.models:
            self.models.append(fields)
        return self.models.index(fields)

    def core(self, model: int) -> int:
        """Return the number of the first model that makes the same machines."""
        wanted = replace(self.models[model], upgrade_policy=None)
        same = (n for n, m in enumerate(self.models) if replace(m, upgrade_policy=None) == wanted)
        return next(same)

    def build(self, build: Build) -> int:
        """Return the number of a build."""
        if build not in self.builds:
            self.builds.append(build)
        return self.builds.index(build)

    def made_from(self, model: int) -> int:
        """Return the build that an operation makes from a model."""
        image, size = self.models[model].image, self.models[model].vm_size
        version = image_version(image) if image is not None else None
        return self.build(Build(image, version, size, self.core(model)))

    def begin(self) -> World:
        """Return the set as it was observed."""
        first = self.model(self.live.model)
        source = self.live.health_source
        return World(
            tuple(self._machine(one, self.core(first), source) for one in self.live.instances),
            first,
        )

    def _machine(self, one: Instance, core: int, source: HealthSource) -> Machine:
        applied = core if one.latest_model_applied else -1
        build = self.build(Build(one.image, one.exact_version, one.vm_size, applied))
        idle = structs.replace(one, provisioning_state=SUCCEEDED, power_state=RUNNING)
        return Machine(
            one.instance_id,
            one.vm_id,
            build,
            is_well=idle.is_healthy(source) or one.probed_healthy is True,
            is_failed=one.provisioning_state == FAILED,
            busy=OTHERS if one.is_busy else 0,
            is_stopped=one.power_state != RUNNING,
            is_protected=one.protected_from_scale_set_actions,
        )

    def is_current(self, machine: Machine, model: int, wanted: int) -> bool:
        """Tell whether the machine runs the wanted model, and it is the one in force."""
        key = (machine.build, model, wanted)
        if key not in self._current:
            shown = self._shown(machine, self.core(model))
            self._current[key] = shown.is_current(self.models[wanted])
        return self._current[key]

    def observe(self, world: World) -> ScaleSet:
        """Return what a look shows."""
        shown, is_busy = world.shown, world.is_busy()
        key = (shown, world.model, world.etag, is_busy)
        if key not in self._seen:
            core = self.core(world.model)
            self._seen[key] = replace(
                self.live,
                etag=f'"{world.etag}"',
                model=self.models[world.model],
                provisioning_state="Updating" if is_busy else SUCCEEDED,
                instances=tuple(self._shown(one, core) for one in shown),
            )
        return self._seen[key]

    def _shown(self, machine: Machine, core: int) -> Instance:
        is_latest = self.builds[machine.build].core == core
        return self._instance(machine._replace(busy=1 if machine.busy else 0), is_latest)

    def _made(self, machine: Machine, is_latest: bool) -> Instance:  # noqa: FBT001 - cached by place
        plain = self._plain.get(machine.vm) or next(iter(self._plain.values()))
        build = self.builds[machine.build]
        is_well = machine.is_well and not machine.busy
        provisioning = FAILED if machine.is_failed else SUCCEEDED
        return structs.replace(
            plain,
            instance_id=machine.id,
            vm_id=machine.vm,
            image=build.image,
            exact_version=build.exact_version,
            vm_size=build.vm_size,
            latest_model_applied=is_latest,
            provisioning_state="Updating" if machine.busy else provisioning,
            power_state="deallocated" if machine.is_stopped else RUNNING,
            application_health=HealthState.HEALTHY if is_well else HealthState.UNHEALTHY,
            failed_extensions=() if is_well else ("Agent",),
            probed_healthy=is_well,
            protected_from_scale_set_actions=machine.is_protected,
            error=NO_ERROR if machine.is_failed else None,
        )


_STATUS: Mapping[Status, OperationStatus] = {
    Status.RUNNING: OperationStatus.IN_PROGRESS,
    Status.SUCCEEDED: OperationStatus.SUCCEEDED,
    Status.FAILED: OperationStatus.FAILED,
    Status.CANCELED: OperationStatus.CANCELED,
}


def report_of(operation: Operation) -> OperationReport:
    """Return what the address of its status answers."""
    is_bad = operation.status in (Status.FAILED, Status.CANCELED)
    return OperationReport(
        _STATUS[operation.status],
        NO_ERROR if is_bad else None,
        dict.fromkeys(operation.errors, NO_ERROR),
    )


def ended(
    world: World, operation: Operation, ground: Ground, failed: Iterable[tuple[str, bool]] = ()
) -> World:
    """Return the world after the operation: all its instances are done, these have failed.

    One that failed is out of service where the flag says so, and otherwise as it was.
    """
    wrong = dict(failed)
    build = ground.made_from(operation.model)
    machines = []
    for one in world.machines:
        if one.busy != operation.number:
            machines.append(one)
        elif one.id in wrong:
            is_well = one.is_well and not wrong[one.id]
            machines.append(one._replace(busy=0, is_failed=True, is_well=is_well))
        else:
            machines.append(
                one._replace(busy=0, build=build, is_failed=False, is_well=False, is_stopped=False)
            )
    status = Status.FAILED if wrong else Status.SUCCEEDED
    settled = operation._replace(status=status, errors=tuple(wrong))
    return world._replace(machines=tuple(machines)).with_operation(settled)
