"""A fake scale set service at the port: one set, a clock of its own, and others who meddle.

Smaller than the simulator and easier to bend: instances vanish, ids go to other machines, lists
lag behind. What it is told to refuse it refuses once each, in order.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.support.copying import replace
from tests.support.values import START, seconds
from vmssplan.errors import EtagChanged, NotFound, VmssplanError
from vmssplan.model import (
    FAILED,
    RUNNING,
    SUCCEEDED,
    AutoscaleSetting,
    AzureError,
    Deprecation,
    HealthState,
    ImageReference,
    ModelFields,
    OperationReport,
    OperationStatus,
    PlatformImage,
    ScaleSet,
    ScaleSetId,
    image_version,
)
from vmssplan.ports import OperationHandle, Pacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FakeClock:
    """`ports.Clock` that jumps; remembers how it was slept on."""

    def __init__(self) -> None:
        self.time = START
        self.sleeps: list[datetime] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self.woken = 0

    def now(self) -> datetime:
        """Return the time it is made to be."""
        return self.time

    async def sleep_until(self, when: datetime) -> None:
        """Jump there."""
        self.sleeps.append(when)
        self.on_sleep()
        self.time = max(self.time, when)

    def wake(self) -> None:
        """Count."""
        self.woken += 1


@dataclass
class FakeService:
    """`ports.Backend` of one scale set."""

    scale_set: ScaleSet
    clock: FakeClock = field(default_factory=FakeClock)
    upgrade_takes: timedelta = timedelta(minutes=2)
    healthy_after: timedelta | None = timedelta(seconds=20)
    list_lag: timedelta = timedelta(0)
    failing: dict[str, AzureError] = field(default_factory=dict)
    stale_failure: AzureError | None = None
    without_effect: bool = False
    refusals: dict[str, list[VmssplanError]] = field(default_factory=lambda: defaultdict(list))
    losses: dict[str, list[VmssplanError]] = field(default_factory=lambda: defaultdict(list))
    answers_at_once: bool = False
    pacing: Pacing = field(default_factory=Pacing)
    autoscale: tuple[AutoscaleSetting, ...] = ()
    is_rolling: bool = False
    requests: list[tuple[datetime, str, tuple[str, ...]]] = field(default_factory=list)
    operations: dict[str, OperationReport] = field(default_factory=dict)
    _agenda: list[tuple[datetime, int, Callable[[ScaleSet], ScaleSet]]] = field(
        default_factory=list
    )
    _history: list[tuple[datetime, ScaleSet]] = field(default_factory=list)
    _scheduled: int = 0

    def at(self, after: timedelta, change: Callable[[ScaleSet], ScaleSet]) -> None:
        """Let somebody else change the set that long after the start."""
        self._schedule(START + after, change)

    def asked(self, kind: str) -> list[tuple[str, ...]]:
        """Return the instances of every request of a kind."""
        return [ids for _, what, ids in self.requests if what == kind]

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Answer with the set, or with what it was a while ago."""
        assert target == self.scale_set.id
        self._receive("observe")
        seen_at = self.clock.now() - self.list_lag
        known = [state for moment, state in self._history if moment <= seen_at]
        return (known[-1] if known else self._history[0][1]), self.pacing

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Answer how the operation stands."""
        self._receive("report")
        if operation.address not in self.operations:
            raise NotFound(f"no operation {operation.address}")
        return self.operations[operation.address], self.pacing

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """Say what the test says."""
        assert target == self.scale_set.id
        return self.is_rolling

    async def image_versions(self, image: ImageReference, location: str) -> Sequence[str]:
        """There is no catalogue."""
        return [f"{location}:{image_version(image)}"]

    async def image_deprecation(self, image: PlatformImage, location: str) -> Deprecation | None:
        """Nothing is deprecated."""
        del image, location
        return None

    async def sizes(self, target: ScaleSetId) -> Sequence[str]:
        """Only the one it has."""
        assert target == self.scale_set.id
        return [self.scale_set.model.vm_size or ""]

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """Merge the fields, and settle a while later."""
        assert target == self.scale_set.id
        self._receive("write")
        if etag != self.scale_set.etag:
            raise EtagChanged("PreconditionFailed", "the etag is another")
        wanted = {
            name: value
            for name in ("image", "vm_size", "upgrade_policy")
            if (value := getattr(fields, name)) is not None
        }
        self.change(partial(with_model, provisioning_state="Updating", **wanted))
        operation = self._begin(self.clock.now() + seconds(15), ())
        return self._answer("write", operation)

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Bring them to the model."""
        return self._work("upgrade", target, tuple(instance_ids))

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Bring them to the model, too."""
        return self._work("reimage", target, tuple(instance_ids))

    async def autoscale_settings(self, target: ScaleSetId) -> Sequence[AutoscaleSetting]:
        """Answer the settings it was given."""
        assert target == self.scale_set.id
        self._receive("autoscale")
        return self.autoscale

    async def write_autoscale(self, setting: AutoscaleSetting) -> None:
        """Change the capacities of the profiles named there."""
        self._receive("writeAutoscale", tuple(each.name for each in setting.profiles))
        known = {each.resource_id: each for each in self.autoscale}
        if setting.resource_id not in known:
            raise NotFound(f"no autoscale setting {setting.resource_id}")
        wanted = {each.name: each for each in setting.profiles}
        there = known[setting.resource_id]
        changed = tuple(wanted.pop(each.name, each) for each in there.profiles)
        if wanted:
            raise NotFound(f"no profile {', '.join(wanted)}")
        known[setting.resource_id] = replace(there, profiles=changed)
        self.autoscale = tuple(known.values())
        if self.losses["writeAutoscale"]:
            raise self.losses["writeAutoscale"].pop(0)

    async def addresses(self, target: ScaleSetId) -> Mapping[str, str]:
        """Answer an address made of the number of each instance."""
        assert target == self.scale_set.id
        self._receive("addresses")
        numbers = (one.instance_id for one in self.scale_set.instances)
        return {number: f"10.0.0.{4 + int(number)}" for number in numbers if number.isdecimal()}

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _work(self, kind: str, target: ScaleSetId, ids: tuple[str, ...]) -> OperationHandle | None:
        assert target == self.scale_set.id
        self._receive(kind, ids)
        done_at = self.clock.now() + self.upgrade_takes
        model = self.scale_set.model
        self.change(lambda s: replace(s, provisioning_state="Updating"))
        for instance_id in ids:
            self.change(
                partial(
                    with_instance,
                    instance_id=instance_id,
                    provisioning_state="Updating",
                    power_state="starting",
                    application_health=HealthState.UNKNOWN,
                )
            )
            self._schedule(done_at, self._ending(instance_id, model))
            if self.healthy_after is not None and instance_id not in self.failing:
                self._schedule(
                    done_at + self.healthy_after,
                    partial(
                        with_instance,
                        instance_id=instance_id,
                        application_health=HealthState.HEALTHY,
                    ),
                )
        return self._answer(kind, self._begin(done_at, ids))

    def _ending(self, instance_id: str, model: ModelFields) -> Callable[[ScaleSet], ScaleSet]:
        error = self.failing.get(instance_id)
        if error is not None:
            return partial(
                with_instance, instance_id=instance_id, provisioning_state=FAILED, error=error
            )
        done: dict[str, Any] = {}
        if not self.without_effect:
            done = {
                "image": model.image,
                "exact_version": image_version(model.image) if model.image else None,
                "vm_size": model.vm_size,
                "latest_model_applied": True,
            }
        return partial(
            with_instance,
            instance_id=instance_id,
            provisioning_state=SUCCEEDED,
            power_state=RUNNING,
            application_health=HealthState.INITIALIZING,
            error=None,
            **done,
        )

    def _begin(self, ends_at: datetime, ids: tuple[str, ...]) -> OperationHandle:
        number = f"operation-{len(self.operations) + 1}"
        self.operations[number] = OperationReport(OperationStatus.IN_PROGRESS)
        errors = {i: self.failing[i] for i in ids if i in self.failing}
        stale = None if errors else self.stale_failure

        def end(scale_set: ScaleSet) -> ScaleSet:
            for instance_id in errors:
                self.failing.pop(instance_id, None)
            failure = next(iter(errors.values()), stale)
            status = OperationStatus.FAILED if failure else OperationStatus.SUCCEEDED
            self.operations[number] = OperationReport(status, failure, errors)
            return replace(scale_set, provisioning_state=FAILED if failure else SUCCEEDED)

        self._schedule(ends_at, end)
        return OperationHandle(number, number)

    def _answer(self, kind: str, operation: OperationHandle) -> OperationHandle | None:
        if self.losses[kind]:
            raise self.losses[kind].pop(0)
        return None if self.answers_at_once else operation

    def _receive(self, kind: str, ids: tuple[str, ...] = ()) -> None:
        self._catch_up()
        self.requests.append((self.clock.now(), kind, ids))
        if self.refusals[kind]:
            raise self.refusals[kind].pop(0)

    def _schedule(self, moment: datetime, change: Callable[[ScaleSet], ScaleSet]) -> None:
        self._scheduled += 1
        heapq.heappush(self._agenda, (moment, self._scheduled, change))

    def _catch_up(self) -> None:
        if not self._history:
            self._history.append((START, self.scale_set))
        while self._agenda and self._agenda[0][0] <= self.clock.now():
            moment, _, change = heapq.heappop(self._agenda)
            self.scale_set = change(self.scale_set)
            self._history.append((moment, self.scale_set))

    def change(self, change: Callable[[ScaleSet], ScaleSet]) -> None:
        """Change the set now."""
        self.scale_set = change(self.scale_set)
        self._history.append((self.clock.now(), self.scale_set))


def with_instance(scale_set: ScaleSet, instance_id: str, **changes: Any) -> ScaleSet:
    """Return the set with one instance changed."""
    return replace(
        scale_set,
        instances=tuple(
            replace(one, **changes) if one.instance_id == instance_id else one
            for one in scale_set.instances
        ),
    )


def without_instance(scale_set: ScaleSet, instance_id: str) -> ScaleSet:
    """Return the set without one instance."""
    rest = tuple(one for one in scale_set.instances if one.instance_id != instance_id)
    return replace(scale_set, instances=rest)


def with_model(scale_set: ScaleSet, provisioning_state: str = "", **fields: Any) -> ScaleSet:
    """Return the set with its model written: a new etag, and no instance has it yet."""
    model = replace(scale_set.model, **fields)
    is_other = replace(model, upgrade_policy=None) != replace(scale_set.model, upgrade_policy=None)
    return replace(
        scale_set,
        model=model,
        etag=f'"{int(scale_set.etag.strip(chr(34))) + 1}"',
        provisioning_state=provisioning_state or scale_set.provisioning_state,
        instances=tuple(
            replace(one, latest_model_applied=False) if is_other else one
            for one in scale_set.instances
        ),
    )
