"""What is true of a Run after the Events so far; and what was just seen of its scale set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import assert_never

from msgspec import Struct

from vmssplan.engine import events as ev
from vmssplan.engine.progress import Phase, Progress, Standing
from vmssplan.errors import ExitCode
from vmssplan.gates import Tally
from vmssplan.model import (
    UNSEEN,
    AutoscaleSetting,
    HealthSource,
    Instance,
    OperationReport,
    ScaleSet,
)
from vmssplan.rollout import Rollout, UpgradeBatch, UpgradeWindow


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


def pins_after(pins: Pins | None, event: ev.AutoscaleEvent) -> Pins | None:
    """Return what is held after this; None when nothing is."""
    if isinstance(event, ev.AutoscalePinIntended):
        return Pins(event.settings, event.count)
    if pins is None:
        return None
    match event:
        case ev.AutoscalePinned():
            return Pins(pins.settings, pins.count, is_settled=True)
        case ev.AutoscaleRestored():
            return None
        case ev.AutoscaleDeferred(at=at):
            return replace(pins, deferred=event, deferred_since=pins.deferred_since or at)
        case ev.AutoscaleLeftPinned(reason=reason):
            return replace(pins, given_up=reason)
    assert_never(event)


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

    def after(self, event: ev.PeopleEvent) -> People:
        """Return what is true when they have said one thing more."""
        people = replace(self, followed=self.followed | ({event.key} - {""}))
        match event:
            case ev.ApprovalGiven(step=step):
                return replace(people, approved={**people.approved, step: event}, refusal=None)
            case ev.ApprovalRefused(step=step):
                rest = {n: one for n, one in people.approved.items() if n != step}
                return replace(people, approved=rest, refusal=event)
            case ev.RunHeld():
                return replace(people, held=event)
            case ev.RunContinued():
                return replace(people, held=None)
            case ev.CancelRequested():
                return replace(people, cancel=event)
            case ev.RollbackRequested():
                return replace(people, rollback=event, held=None)
            case ev.InstructionIgnored():
                return people
        assert_never(event)


class RunState(Struct, frozen=True, dict=True):
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
    progress: Mapping[str, Progress] = {}
    requests: int = 0
    in_flight: tuple[InFlight, ...] = ()
    deferral: Deferral | None = None
    blindness: ev.RequestDeferred | None = None
    refusal: ev.RequestRefused | None = None
    floor_reached_at: datetime | None = None
    tally: Tally = Tally()
    hook: ev.HookEnded | None = None
    people: People = People()
    pins: Pins | None = None
    touched: frozenset[str] = frozenset()
    appeared: Mapping[str, ev.InstanceAppeared] = {}
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
