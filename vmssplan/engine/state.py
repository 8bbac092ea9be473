"""What is true of a Run after the Events so far; and what was just seen of its scale set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import compress
from operator import is_not

from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.gates import HealthEvidence, Tally, next_verdict_at
from vmssplan.model import (
    UNSEEN,
    AutoscaleSetting,
    Health,
    HealthSource,
    Instance,
    OperationReport,
    ScaleSet,
)
from vmssplan.rollout import Rollout, UpgradeBatch, UpgradeWindow


class Phase(StrEnum):
    """Where an instance to be upgraded stands."""

    PENDING = "pending"
    OPERATING = "operating"
    AWAITING = "awaiting"
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Progress:
    """One instance: its phase, the step that upgrades it, and what is known of it.

    `upgraded_at` is where its health deadline counts from; `healthy_since` is None while it is
    not healthy, and after a break in the observation; `falls` is how often it was ready, and sick
    again after that.
    """

    phase: Phase
    step: int
    upgraded_at: datetime | None = None
    healthy_since: datetime | None = None
    failure: ev.InstanceFailed | None = None
    skip_reason: str = ""
    falls: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to learn from, besides the progress: a look at the set, and what was known."""

    scale_set: ScaleSet
    step: int
    appeared: Mapping[str, ev.InstanceAppeared]

    def is_same(self, other: Sight) -> bool:
        """Tell whether it is the very same."""
        return (
            self.scale_set is other.scale_set
            and self.step == other.step
            and self.appeared is other.appeared
        )


class Standing:
    """What a progress comes to; worked out once, because many questions are asked of a state.

    Most instances stand where they stood before the last Events, so that it is brought up to date
    rather than worked out anew.
    """

    def __init__(self, progress: Mapping[str, Progress]) -> None:
        self._progress = progress
        self._members: dict[Phase, frozenset[str]] = {}
        self._pending: dict[int, Sequence[str]] = {}
        self._failures: tuple[ev.InstanceFailed, ...] | None = None
        self._all_well_in: frozenset[str] | None = None
        self._due: list[tuple[datetime, frozenset[str]]] | None = None
        self._learned: tuple[Sight, datetime | None] | None = None

    def learned(self, seen: Sight, until: datetime | None) -> None:
        """Take note that there is nothing new in it until then; None: as long as it is the same."""
        self._learned = (seen, until)

    def has_learned(self, seen: Sight, now: datetime) -> bool:
        """Tell whether it is known already that there is nothing new in it."""
        if self._learned is None:
            return False
        known, until = self._learned
        return known.is_same(seen) and (until is None or now < until)

    def after(self, progress: Mapping[str, Progress]) -> Standing:
        """Return the standing of a later progress of the same instances, in the same order."""
        now, before = Standing(progress), self._progress
        # By identity, because whoever stands alike mostly shares one value.
        groups: dict[tuple[int, int], list[str]] = {}
        for instance_id in compress(progress, map(is_not, progress.values(), before.values())):
            pair = (id(before[instance_id]), id(progress[instance_id]))
            groups.setdefault(pair, []).append(instance_id)
        moves = [(before[ids[0]], progress[ids[0]], ids) for ids in groups.values()]
        now._members = members = dict(self._members)
        for old, new, ids in moves if members else ():
            members[old.phase] = members[old.phase].difference(ids)
            members[new.phase] = members[new.phase].union(ids)
        if not any(Phase.PENDING in (old.phase, new.phase) for old, new, _ in moves):
            now._pending = self._pending
        if all(old.failure is new.failure for old, new, _ in moves):
            now._failures = self._failures
        return now

    def members(self, phase: Phase) -> frozenset[str]:
        """Return the instances in that phase."""
        if not self._members:
            found: dict[Phase, list[str]] = {one: [] for one in Phase}
            for instance_id, one in self._progress.items():
                found[one.phase].append(instance_id)
            self._members = {one: frozenset(ids) for one, ids in found.items()}
        return self._members[phase]

    def in_order(self, instance_ids: Collection[str]) -> Sequence[str]:
        """Return these instances in the order of the steps."""
        return [i for i in self._progress if i in instance_ids] if instance_ids else ()

    def pending(self, step: int) -> Sequence[str]:
        """Return the instances of a step whose turn has not come."""
        if step not in self._pending:
            progress = self._progress
            pending = [i for i in self.members(Phase.PENDING) if progress[i].step == step]
            self._pending[step] = self.in_order(frozenset(pending))
        return self._pending[step]

    def fallen(self, serving: frozenset[str]) -> Sequence[str]:
        """Return the instances that were ready and are not among those that serve."""
        if self._all_well_in is not serving:
            fallen = self.members(Phase.READY) - serving
            if fallen:
                return self.in_order(fallen)
            self._all_well_in = serving
        return ()

    def due(self, health: Health) -> Sequence[tuple[datetime, frozenset[str]]]:
        """Return when time alone will settle the health of which instances."""
        if self._due is None:
            self._due = [
                (next_verdict_at(evidence, health), ids) for evidence, ids in self._awaiting.items()
            ]
        return self._due

    @cached_property
    def well(self) -> frozenset[str]:
        """The instances whose health is awaited, and was last seen to be good."""
        known = self._awaiting.items()
        return frozenset().union(*(ids for one, ids in known if one.healthy_since is not None))

    @cached_property
    def unwell(self) -> frozenset[str]:
        """The instances whose health is awaited, and was not last seen to be good."""
        return self.members(Phase.AWAITING) - self.well

    @cached_property
    def _awaiting(self) -> Mapping[HealthEvidence, frozenset[str]]:
        """The instances whose health is awaited, by what is known of it."""
        found: dict[tuple[datetime, datetime | None], list[str]] = {}
        for instance_id in self.members(Phase.AWAITING):
            one = self._progress[instance_id]
            if one.upgraded_at is None:
                raise ValueError(f"{instance_id} awaits health, and was never upgraded")
            found.setdefault((one.upgraded_at, one.healthy_since), []).append(instance_id)
        return {HealthEvidence(*times): frozenset(ids) for times, ids in found.items()}

    @property
    def failures(self) -> tuple[ev.InstanceFailed, ...]:
        """The failures that stand, in the order of the steps."""
        if self._failures is None:
            self._failures = tuple(one.failure for one in self._progress.values() if one.failure)
        return self._failures


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request intended and not yet settled; no `instance_ids` means the model write.

    `operation` is "" until Azure accepted it. `is_in_doubt`: nobody holds the address of its
    status any more, so only looking at the instances can settle it.
    """

    request: int
    intended_at: datetime
    instance_ids: tuple[str, ...] = ()
    operation: str = ""
    is_in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Deferral:
    """Writes put off in a row: since when, how often, until when, and why last."""

    since: datetime
    count: int
    until: datetime
    last: ev.RequestDeferred


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the Run ended, for now."""

    exit_code: ExitCode
    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class Pins:
    """Autoscale settings held by this Run: their bounds before, and the count they are bound to.

    `is_settled`: all of them are known to be bound. `given_up` says why they could not be given
    back; only a resumed Run, or `recover`, tries again. `deferred_since` is when a write first
    did not get through, `deferred` the last time.
    """

    settings: tuple[AutoscaleSetting, ...]
    count: int
    is_settled: bool = False
    given_up: str | None = None
    deferred_since: datetime | None = None
    deferred: ev.AutoscaleDeferred | None = None


@dataclass(frozen=True, slots=True)
class People:
    """What people have told the Run, and what it waits for.

    `followed` are the keys of instructions that have taken effect or were ignored; `approved` the
    approvals by step; `held` why nothing starts, None when the Run is not held.
    """

    waits: bool = False
    followed: frozenset[str] = frozenset()
    approved: Mapping[int, ev.ApprovalGiven] = field(default_factory=dict)
    awaited_step: int | None = None
    refusal: ev.ApprovalRefused | None = None
    held: ev.RunHeld | None = None
    cancel: ev.CancelRequested | None = None
    rollback: ev.RollbackRequested | None = None


@dataclass(frozen=True)
class RunState:
    """All that `decide` needs to remember. `step` is the current or last one, 1-based.

    `rollout` is the one in force: after a RollbackStarted it is the way back, and `rollback` is
    that Event. `touched` are the instances a request of this Run may have reached. `tally` is of
    the gate, and `hook` how the hook ended, of the step that is open. `blindness` is the last look
    that failed; it matters only while there is nothing to see. `appeared` is by vm id.
    """

    rollout: Rollout
    run: str = ""
    digest: str = ""
    step: int = 0
    step_started_at: datetime | None = None  # None means no step is open
    progress: Mapping[str, Progress] = field(default_factory=dict)
    requests: int = 0
    in_flight: tuple[InFlight, ...] = ()
    deferral: Deferral | None = None
    blindness: ev.RequestDeferred | None = None
    refusal: ev.RequestRefused | None = None
    floor_reached_at: datetime | None = None
    tally: Tally = Tally()  # noqa: RUF009 - a frozen value
    hook: ev.HookEnded | None = None
    people: People = field(default_factory=People)
    pins: Pins | None = None
    touched: frozenset[str] = frozenset()
    appeared: Mapping[str, ev.InstanceAppeared] = field(default_factory=dict)
    rollback: ev.RollbackStarted | None = None
    stop: ev.StopDecided | None = None
    outcome: Outcome | None = None

    @classmethod
    def begin(cls, rollout: Rollout) -> RunState:
        """Return the state before the first Event."""
        progress: dict[str, Progress] = {}
        for number, step in enumerate(rollout.steps, start=1):
            if isinstance(step, UpgradeBatch | UpgradeWindow):
                progress |= dict.fromkeys(step.instance_ids, Progress(Phase.PENDING, number))
        return cls(rollout, progress=progress)

    def ids(self, *phases: Phase) -> tuple[str, ...]:
        """Return the instances in any of these phases, in the order of the steps."""
        found = frozenset[str]().union(*(self.standing.members(phase) for phase in phases))
        return tuple(self.standing.in_order(found))

    @cached_property
    def standing(self) -> Standing:
        """What the progress comes to."""
        return Standing(self.progress)

    def after(self, before: RunState) -> RunState:
        """Return this state; what was worked out before is brought up to date, where it can be."""
        if "standing" in before.__dict__ and self.rollout is before.rollout:
            is_same = self.progress is before.progress
            known = before.standing
            self.__dict__["standing"] = known if is_same else known.after(self.progress)
        return self

    def counts(self) -> Counter[Phase]:
        """Return how many instances are in each phase."""
        return Counter(one.phase for one in self.progress.values())

    def to_take_back(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what a way back is for: the touched instances, and those of them that are sick."""
        touched = {i: one for i, one in self.progress.items() if i in self.touched}
        sick = (
            i
            for i, one in touched.items()
            if one.phase is Phase.FAILED
            or (one.phase is Phase.AWAITING and one.healthy_since is None)
        )
        return tuple(touched), tuple(sick)

    @property
    def failures(self) -> tuple[ev.InstanceFailed, ...]:
        """The failures that stand, in the order of the steps."""
        return self.standing.failures


@dataclass(frozen=True)
class Live:
    """What was just seen: the set, and the operations in flight by their ids.

    `ended_at` has the moment at which an operation was first seen to be over. `is_rolling`:
    Azure's own rolling upgrade runs on it, as far as that was asked.
    """

    scale_set: ScaleSet
    operations: Mapping[str, OperationReport] = field(default_factory=dict)
    ended_at: Mapping[str, datetime] = field(default_factory=dict)
    is_rolling: bool = False

    @cached_property
    def instances(self) -> Mapping[str, Instance]:
        """The instances by id."""
        return self.scale_set.by_id()

    def serving(self, source: HealthSource) -> frozenset[str]:
        """Return the ids of the instances in service."""
        return self.scale_set.serving(source)

    def may_serve(self, source: HealthSource) -> frozenset[str]:
        """Return the ids of the instances that are in service, or may be for all that is known."""
        unseen = (one for one in self.scale_set.instances if one.power_state == UNSEEN)
        return self.serving(source).union(
            one.instance_id for one in unseen if one.may_be_in_service(source)
        )

    def gone(self, machines: Mapping[str, str]) -> frozenset[str]:
        """Return which of these machines (vm ids by instance id) are not there any more."""
        if not self.strangers(machines) and len(self.scale_set.instances) == len(machines):
            return frozenset()
        found = self.instances
        return frozenset(
            i for i, vm_id in machines.items() if i not in found or found[i].vm_id != vm_id
        )

    def with_operations(
        self, operations: Mapping[str, OperationReport], ended_at: Mapping[str, datetime]
    ) -> Live:
        """Return the same look at the set with newer reports."""
        return Live(self.scale_set, operations, ended_at, self.is_rolling)

    def strangers(self, machines: Mapping[str, str]) -> Sequence[Instance]:
        """Return the instances that are not these machines (vm ids by instance id)."""
        return self.scale_set.roster.strangers(machines)
