"""What the program needs from outside: a service, a clock, a place for Runs and locks.

One small Protocol per outside thing. Real ones live in `backends` and `stores`; tests pass
fakes of the same shape. Every way a Backend can fail is an error of `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self

from vmssplan.model import Instance, ScaleSetId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from vmssplan.engine import Event
    from vmssplan.engine.instructions import Instruction
    from vmssplan.gates import Measurement
    from vmssplan.model import (
        AutoscaleSetting,
        CommandProbe,
        Deprecation,
        HttpProbe,
        ImageReference,
        ListedScaleSet,
        ModelFields,
        OperationReport,
        PlatformImage,
        ScaleSet,
        Told,
    )
    from vmssplan.operating import Protection, Switch
    from vmssplan.permissions import Permission
    from vmssplan.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Allowance:
    """One bucket of the service's throttle, as last told.

    `policy` names it, without the provider; `left` is how many requests it still lets through,
    `drawn` how many requests of the call counted there.
    """

    policy: str
    left: int
    drawn: int = 1


@dataclass(frozen=True, slots=True)
class Pacing:
    """How the service wants to be polled, after one call, which may have been many requests.

    `retry_after` is its `Retry-After`, None when it did not say; `allowances` are the buckets of
    `x-ms-ratelimit-remaining-resource`.
    """

    retry_after: timedelta | None = None
    allowances: tuple[Allowance, ...] = ()

    @classmethod
    def told(
        cls, answers: Iterable[Iterable[tuple[str, int]]], retry_after: timedelta | None = None
    ) -> Self:
        """Sum up answers, oldest first, each with the pairs `<provider>/<policy>`, count left."""
        last: dict[str, int] = {}
        drawn: dict[str, int] = {}
        for answer in answers:
            for name, left in answer:
                policy = name.rpartition("/")[2]
                last[policy] = left
                drawn[policy] = drawn.get(policy, 0) + 1
        allowances = [Allowance(policy, left, drawn[policy]) for policy, left in last.items()]
        return cls(retry_after, tuple(allowances))


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """A token bucket when it was emptiest: its `share` that was used up then, 1.0 for all of it.

    `size` is how many requests it holds, `refill` how many come back a minute.
    """

    policy: str
    size: int
    refill: int
    share: float


@dataclass(frozen=True, slots=True)
class OperationHandle:
    """A long-running operation just started.

    `operation_id` names it in the journal. `address` is where its status is read: signed by
    Azure, so it stays in memory and is never written anywhere.
    """

    operation_id: str
    address: str = field(repr=False)


class Backend(Protocol):
    """The scale set service.

    Methods raise NotFound, NotPermitted, RequestRejected or a Retryable. After OutcomeUnknown a
    write may have been carried out; after any other error it was not.
    """

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Read the set and one list of its instances with their instance views."""
        ...

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Read the status of an operation."""
        ...

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """Tell whether Azure's own rolling upgrade is running (`rollingUpgrades/latest`)."""
        ...

    async def image_versions(self, image: ImageReference, location: str) -> Sequence[str]:
        """List the versions that `latest` may mean, oldest first.

        Versions excluded from latest are left out. Raises NotFound where there is no such image.
        """
        ...

    async def image_deprecation(self, image: PlatformImage, location: str) -> Deprecation | None:
        """Read what the publisher of an exact version says of its end; None for nothing."""
        ...

    async def sizes(self, target: ScaleSetId) -> Sequence[str]:
        """List the sizes that the set may have."""
        ...

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """PATCH only these fields, with If-Match; None when it was done at once."""
        ...

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the manual upgrade of these instances, in one call."""
        ...

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the reimage of these instances, in one call."""
        ...

    async def autoscale_settings(self, target: ScaleSetId) -> Sequence[AutoscaleSetting]:
        """List the autoscale settings that scale this set, disabled ones too."""
        ...

    async def write_autoscale(self, setting: AutoscaleSetting) -> None:
        """Give the profiles named there these capacities, and change nothing else of it."""
        ...

    async def addresses(self, target: ScaleSetId) -> Mapping[str, str]:
        """Return the private address of each instance's primary interface, by instance id.

        Empty for a Flexible set: the interfaces of its machines are resources of their own, which
        no list of the set has.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and files."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What a probe or hook is about.

    `occasion` is one word: health, gate, beforeBatch, afterBatch. `batch` is None where there is
    none; `instances` are those concerned, as last seen.
    """

    target: ScaleSetId
    occasion: str
    run: str
    batch: int | None
    instances: Sequence[Instance]


class Access(Protocol):
    """What the caller may do."""

    async def permissions(self, scope: str) -> Sequence[Permission]:
        """List what role assignments grant at that id and above; raises as Backend does."""
        ...


class Directory(Protocol):
    """What there is, and what is told of one instance; raises as Backend does."""

    async def scale_sets(self, subscription_id: str) -> Sequence[ListedScaleSet]:
        """List the scale sets of a subscription, as the service orders them."""
        ...

    async def told(self, target: ScaleSetId, instance_id: str) -> Sequence[Told]:
        """Read every status of one instance's view, in the service's own words."""
        ...


class InstanceWork(Protocol):
    """Work on instances that brings none of them to a model; raises as Backend does."""

    async def switch_instances(
        self, target: ScaleSetId, switch: Switch, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Turn these instances on or off, in one call."""
        ...

    async def delete_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Delete these instances, in one call; the capacity falls by as many."""
        ...

    async def protect_instance(
        self, target: ScaleSetId, instance_id: str, protection: Protection
    ) -> OperationHandle | None:
        """Write the whole protection policy of one instance, and nothing else of it."""
        ...

    async def write_capacity(
        self, target: ScaleSetId, capacity: int, etag: str
    ) -> OperationHandle | None:
        """PATCH only the capacity, with If-Match."""
        ...


class WorkBackend(Backend, InstanceWork, Protocol):
    """What work on chosen instances is done with."""


class Service(WorkBackend, Access, Directory, Protocol):
    """All that a command is connected to."""


class Probes(Protocol):
    """Asks the application, and runs the user's programs."""

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Ask once; whatever goes wrong is a Measurement too, never an exception.

        With scope INSTANCE every instance is asked, and the worst answer counts.
        """
        ...


class Inbox(Protocol):
    """What others have told a Run."""

    def instructions(self) -> Sequence[Instruction]:
        """Return all of them, oldest first, those already followed too."""
        ...

    async def rest(self) -> None:
        """Return when there may be something new, or a moment later by the wall clock."""
        ...


class Clock(Protocol):
    """Time, as the Run lives it: the wall clock, or a simulator's."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return once `now()` is not before `when`, or earlier when woken."""
        ...

    def wake(self) -> None:
        """Cut the present sleep short."""
        ...


class Journal(Protocol):
    """The record of one Run: append only, durable when `append` returns."""

    def append(self, events: Sequence[Event]) -> None:
        """Write events, in order.

        Raises StateUnreadable when they cannot be made durable, and LockHeld when the scale set
        is no longer this process's to touch.
        """
        ...


class OpenJournal(Journal, Protocol):
    """A Journal that a store has opened for one holder."""

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds a scale set, where, since when, for which Run.

    `run` is "" until that has a name, and for work on chosen instances, which has none.

    `epoch` counts the holders a set has had, 0 where nobody counts. `lease` is how long the lock
    outlives a holder that is gone; None when it goes with the process.
    """

    user: str
    host: str
    process_id: int
    since: datetime
    run: str
    epoch: int = 0
    lease: timedelta | None = None

    def __str__(self) -> str:
        """Say who, for a message."""
        return (
            f"{self.run or 'work without a Run yet'} of {self.user} on {self.host}"
            f" (process {self.process_id}) since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        )


class StateStore(Protocol):
    """Where Runs and locks are kept, for one person or for a team.

    Every method raises StateUnreadable, or NotPermitted, for what the place itself refuses, and
    those that take a Run raise NotFound when there is no such Run.
    """

    def create_run(self, rollout: Rollout) -> str:
        """Keep the Rollout under a new Run id, `<plan>-<number>`, and return that."""
        ...

    def runs(self) -> tuple[str, ...]:
        """List the Runs, oldest first."""
        ...

    def rollout(self, run: str) -> Rollout:
        """Return the Rollout of a Run."""
        ...

    def events(self, run: str) -> tuple[Event, ...]:
        """Return what happened in a Run so far."""
        ...

    def journal(self, run: str) -> OpenJournal:
        """Open the journal of a Run for appending; only for who holds its scale set."""
        ...

    def instruct(self, run: str, instruction: Instruction) -> None:
        """Tell a Run something; the same key again changes nothing."""
        ...

    def instructions(self, run: str) -> tuple[Instruction, ...]:
        """Return what a Run was told, oldest first, each key once."""
        ...

    def hold(
        self, target: ScaleSetId, holder: LockHolder
    ) -> AbstractContextManager[Callable[[str], None]]:
        """Hold the set while the context lasts; raises LockHeld, naming the other holder.

        Gives a function that tells others for which Run it is held, once that has a name.
        """
        ...

    def holder(self, target: ScaleSetId) -> LockHolder | None:
        """Return who holds the scale set now; None when nobody does."""
        ...

    def unlock(self, target: ScaleSetId) -> LockHolder | None:
        """Take the lock away from a holder that is gone, and return who that was, None if nobody.

        Raises LockHeld when the holder is known to be alive.
        """
        ...
