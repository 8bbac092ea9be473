"""Stands between the Run and its world, and judges each request by what is really there.

What the engine believes does not count: in service is what the world says, at the moment at which
a request is carried out. Where others did something after the Run last looked, and it has not slept
since, it could not know, and is not blamed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.runs import Killer, MemoryJournal, MortalBackend, ScriptedProbes
from tests.swarm.others import Others
from tests.worlds import SUBSCRIPTION, WEB
from vmss_simulator import documents
from vmss_simulator.values import (
    HealthState,
    Instance,
    OperationStatus,
    PowerState,
    ProvisioningState,
)
from vmss_simulator.world import World
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.engine.events import RollbackStarted
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import CommandProbe, HealthSource, HttpProbe, ModelFields
from vmssplan.rollout import Disposition, Rollout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vmss_simulator.values import ScaleSet as WorldScaleSet
    from vmssplan.model import AutoscaleSetting, ScaleSet, ScaleSetId
    from vmssplan.ports import OperationHandle, Pacing, Subject

_BUSY = (ProvisioningState.CREATING, ProvisioningState.UPDATING, ProvisioningState.DELETING)
_STARTED = ("upgradeStarted", "reimageStarted")
OWNED = (
    "properties.virtualMachineProfile.storageProfile.imageReference",
    "sku.name",
    "properties.upgradePolicy",
)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must always be true, and was not: which, and what happened."""

    kind: str
    text: str

    def __str__(self) -> str:
        """Render for people."""
        return f"{self.kind}: {self.text}"


@dataclass
class Evidence:
    """What was seen of a Case by all its Runs, and what was wrong with it."""

    world: World
    others: Others
    rollout: Rollout
    journal: MemoryJournal
    violations: list[Violation] = field(default_factory=list)
    operations: set[str] = field(default_factory=set)
    operated: set[str] = field(default_factory=set)
    bounds_before: list[Any] = field(default_factory=list)
    writes: int = 0

    @property
    def is_image_gone(self) -> bool:
        """Whether a version was withdrawn by its publisher."""
        return any(line.type == "imageWithdrawn" for line in self.world.log)

    @property
    def reviewed(self) -> set[str]:
        """The vm ids that may be operated on; on the way back also what came meanwhile."""
        turned = self.journal.of(RollbackStarted)
        return {
            *(
                one.vm_id
                for one in self.rollout.instances
                if one.disposition is Disposition.UPGRADE
            ),
            *(one.vm_id for each in turned for one in each.added),
        }

    def blame(self, kind: str, text: str) -> None:
        """Take note of a violation."""
        self.violations.append(Violation(kind, f"{self.world.now:%H:%M:%S} {text}"))


@dataclass(frozen=True, slots=True)
class Look:
    """What was really there when the Run last looked, and what it was told."""

    serving: frozenset[str]
    told_serving: frozenset[str]
    instances: dict[str, Instance]
    etag: str
    model: ModelFields
    is_true: bool


def serves(instance: Instance, source: HealthSource) -> bool:
    """Tell whether the instance is in service by that source of health."""
    if instance.busy_with is not None or instance.provisioning in _BUSY:
        return False
    if instance.power is not PowerState.RUNNING:
        return False
    if source is HealthSource.APPLICATION_HEALTH:
        return instance.health is HealthState.HEALTHY
    if source is HealthSource.COMMAND:
        return instance.health in (None, HealthState.HEALTHY)
    has_failed = any(each.failed for each in instance.extensions)
    return instance.provisioning is ProvisioningState.SUCCEEDED and not has_failed


def serving(scale_set: WorldScaleSet, source: HealthSource) -> frozenset[str]:
    """Return the ids of what is in service."""
    return frozenset(i for i, one in scale_set.instances.items() if serves(one, source))


class Witness(MortalBackend):
    """A Backend that sees all requests of one process, which may die around each of them."""

    def __init__(self, evidence: Evidence, killer: Killer) -> None:
        super().__init__(SimulatedBackend(evidence.world), killer)
        self.evidence = evidence
        self.look: Look | None = None

    def slept(self) -> None:
        """Forget what was seen: after a sleep the Run has to look again."""
        self.look = None

    @property
    def _source(self) -> HealthSource:
        return self.evidence.rollout.health.source

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Remember what is really there beside what is told."""
        before = self._truth()
        told, pacing = await super().observe(target)
        after = self._truth()
        self.look = Look(
            serving(before, self._source) | serving(after, self._source),
            self._told_serving(told, after),
            {**before.instances, **after.instances},
            told.etag,
            told.model,
            before.instances == after.instances and _is_true(told, after),
        )
        return told, pacing

    def _told_serving(self, told: ScaleSet, scale_set: WorldScaleSet) -> frozenset[str]:
        if self._source is HealthSource.COMMAND:
            return serving(scale_set, self._source)
        return frozenset(i.instance_id for i in told.instances if i.is_in_service(self._source))

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Judge it."""
        begin = super().upgrade_instances
        return await self._operate(instance_ids, lambda: begin(target, instance_ids))

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Judge it."""
        begin = super().reimage_instances
        return await self._operate(instance_ids, lambda: begin(target, instance_ids))

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """Judge it: only owned fields, and only over what was seen."""
        self._begin_write()
        if self.look is None or etag != self.look.etag:
            self.evidence.blame("etag", f"writes with {etag}, and last saw {self.look}")
        self._judge_overwriting(fields)
        before, log = self._truth(), len(self.evidence.world.log)
        now = self.evidence.world.now
        try:
            return await super().write_model(target, fields, etag)
        finally:
            written = [
                line for line in self.evidence.world.log[log:] if line.type == "modelWritten"
            ]
            self._claim_operations(log)
            # While a slow reply is on its way, others may write too.
            if len(written) == 1 and written[0].at == now:
                self._judge_write(before, etag)

    def _judge_overwriting(self, fields: ModelFields) -> None:
        """Nothing is written over a value that neither a reviewer nor the Run itself knows."""
        if self.look is None:
            return
        rollout, back = self.evidence.rollout, self.evidence.rollout.rollback
        known = [rollout.fingerprint.model, rollout.model, *([back.model] if back else [])]
        for name in ("image", "vm_size", "upgrade_policy"):
            found = getattr(self.look.model, name)
            if getattr(fields, name) is not None and found not in [getattr(k, name) for k in known]:
                self.evidence.blame("overwritten", f"writes {name} over {found}")

    def _judge_write(self, before: WorldScaleSet, etag: str) -> None:
        if before.etag != etag:
            self.evidence.blame("etag", f"wrote over {before.etag} with {etag}")
        changed = sorted(differing(before.body, self._truth().body))
        foreign = [path for path in changed if not path.startswith(OWNED)]
        if foreign:
            self.evidence.blame("owned", f"wrote {', '.join(foreign)}")

    async def write_autoscale(self, setting: AutoscaleSetting) -> None:
        """Judge it: nothing but capacities is written."""
        self._begin_write()
        before = self._bounds_apart()
        await super().write_autoscale(setting)
        if before != self._bounds_apart():
            self.evidence.blame("owned", f"changed more of {setting.name} than its bounds")

    def _bounds_apart(self) -> list[Any]:
        """Return the autoscale settings without what we may write."""
        return [
            {
                **each.body,
                "properties": {
                    **each.body["properties"],
                    "profiles": [
                        {**profile, "capacity": None}
                        for profile in each.body["properties"]["profiles"]
                    ],
                },
            }
            for each in self.evidence.world.autoscale_settings(SUBSCRIPTION)
        ]

    async def _operate(
        self,
        ids: Sequence[str],
        begin: Callable[[], Awaitable[OperationHandle | None]],
    ) -> OperationHandle | None:
        self._begin_write()
        before, log = self._truth(), len(self.evidence.world.log)
        now = self.evidence.world.now
        try:
            return await begin()
        finally:
            lines = [each for each in self.evidence.world.log[log:] if each.at == now]
            started = {
                each.instance_id
                for each in lines
                if each.type in _STARTED and each.instance_id is not None
            }
            self._claim_operations(log)
            self._judge_parallel()
            # Only if it was let in: others' operations may begin while a reply is late.
            self._judge_started(before, started & set(ids))

    def _judge_parallel(self) -> None:
        world = self.evidence.world
        running = [
            each
            for each in self.evidence.operations
            if world.operation(each).status is OperationStatus.IN_PROGRESS
        ]
        limit = self.evidence.rollout.bounds.max_concurrent_operations
        if len(running) > limit:
            self.evidence.blame("parallel", f"{len(running)} operations at once, at most {limit}")

    def _judge_started(self, before: WorldScaleSet, started: set[str]) -> None:
        evidence, look = self.evidence, self.look
        back = evidence.rollout.rollback if evidence.journal.of(RollbackStarted) else None
        wanted = back.model if back else evidence.rollout.model
        if started and look is not None and not wanted.is_met_by(look.model):
            evidence.blame("model", f"operates on {sorted(started)}, and the model says otherwise")
        evidence.operated |= {before.instances[i].vm_id for i in started}
        for instance_id in sorted(started):
            one = before.instances[instance_id]
            if one.vm_id not in evidence.reviewed:
                evidence.blame("reviewed", f"operates on {instance_id}, which nobody reviewed")
            if _is_current(before, one) and self._could_know(one):
                evidence.blame("once", f"operates on {instance_id}, which is current")
        self._judge_floor(before, started)

    def _could_know(self, one: Instance) -> bool:
        """Tell whether the Run could know how the instance is.

        A list that is behind may hide what an operation has done, until a while after a success.
        """
        look, world = self.look, self.evidence.world
        if look is None:
            return True
        if look.instances.get(one.instance_id) != one:
            return False
        ours = [world.operation(each) for each in self.evidence.operations]
        done = [each for each in ours if one.instance_id in each.instance_ids and each.ended_at]
        last = max(done, key=lambda each: each.started_at, default=None)
        return look.is_true or last is None or last.status is OperationStatus.SUCCEEDED

    def _judge_floor(self, before: WorldScaleSet, started: set[str]) -> None:
        floor = self.evidence.rollout.bounds.floor
        serving_now = serving(before, self._source)
        taken = serving_now & started
        left = len(serving_now) - len(taken)
        if not taken or left >= floor:
            return
        look = self.look
        if look is None:
            text = f"takes {sorted(taken)} out unseen, and leaves {left} of {floor}"
            self.evidence.blame("floor", text)
            return
        known = look.serving if look.is_true else look.serving | look.told_serving
        seen_taken = started & (known if look.is_true else look.told_serving)
        if len(known) - len(seen_taken) < floor and seen_taken:
            self.evidence.blame("floor", f"takes {sorted(taken)}, and leaves {left} of {floor}")

    def _begin_write(self) -> None:
        self.evidence.writes += 1
        self.evidence.others.race(self.evidence.writes)

    def _claim_operations(self, log: int) -> None:
        now = self.evidence.world.now
        self.evidence.operations |= {
            each.data["operationId"]
            for each in self.evidence.world.log[log:]
            if each.type == "operationStarted" and each.at == now
        }

    def _truth(self) -> WorldScaleSet:
        return self.evidence.world.scale_set(WEB)


class Honest(ScriptedProbes):
    """Probes of health that answer what is so."""

    def __init__(self, evidence: Evidence, killer: Killer) -> None:
        super().__init__(killer=killer)
        self.evidence = evidence

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Answer for the one instance."""
        assert isinstance(probe, CommandProbe)
        self.killer.reach()
        [instance] = subject.instances
        real = self.evidence.world.scale_set(WEB).instances.get(instance.instance_id)
        if real is not None and serves(real, HealthSource.COMMAND):
            return Measurement(Verdict.SUCCESSFUL, "serves")
        return Measurement(Verdict.FAILED, "does not serve")


def _is_true(told: ScaleSet, scale_set: WorldScaleSet) -> bool:
    """Tell whether what was told is how it is; what a view is missing of is no lie."""
    if told.instances and len(told.instances) != len(scale_set.instances):
        return False
    for one in told.instances:
        real = scale_set.instances.get(one.instance_id)
        if real is None or (one.vm_id, one.exact_version, one.provisioning_state) != (
            real.vm_id,
            real.exact_version,
            real.provisioning.value,
        ):
            return False
        if one.power_state not in ("unknown", real.power.value):
            return False
        health = real.health.value if real.health else None
        if one.application_health not in (None, health):
            return False
    return True


def _is_current(scale_set: WorldScaleSet, instance: Instance) -> bool:
    """Tell whether upgrading it would change nothing."""
    wanted = documents.image_reference(scale_set.body).get("version")
    return (
        instance.provisioning is ProvisioningState.SUCCEEDED
        and instance.applied_model == documents.fingerprint(scale_set.body)
        and wanted in ("latest", instance.exact_version)
    )


def differing(before: Any, after: Any, path: str = "") -> set[str]:
    """Return the paths at which two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        return {
            found
            for key in before.keys() | after.keys()
            for found in differing(
                before.get(key), after.get(key), f"{path}.{key}" if path else str(key)
            )
        }
    return set() if before == after else {path}
