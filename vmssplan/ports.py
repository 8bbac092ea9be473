"""What the executor needs from outside: a service, a clock, a journal, a lock.

One small Protocol per outside thing. Real ones live in `backends` and `stores`; tests pass
fakes of the same shape. Every way a Backend can fail is an error of `errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from vmssplan.model import Instance, ScaleSetId

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from vmssplan.engine import Event
    from vmssplan.engine.instructions import Instruction
    from vmssplan.gates import Measurement
    from vmssplan.model import (
        AutoscaleSetting,
        CommandProbe,
        HttpProbe,
        ImageReference,
        ModelFields,
        OperationReport,
        ScaleSet,
    )


@dataclass(frozen=True, slots=True)
class Pacing:
    """How the service wants to be polled.

    `retry_after` is its `Retry-After`; `remaining` the smallest count in
    `x-ms-ratelimit-remaining-resource`. None means: it did not say.
    """

    retry_after: timedelta | None = None
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class OperationHandle:
    """A long-running operation just started.

    `operation_id` names it in the journal. `address` is where its status is read: signed by
    Azure, so it stays in memory and is never written anywhere.
    """

    operation_id: str
    address: str


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
        """Write events, in order; raises StateUnreadable when they cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds a scale set, where, since when, for which Run ("" until that has a name)."""

    user: str
    host: str
    process_id: int
    since: datetime
    run: str


class Locks(Protocol):
    """One owner per scale set."""

    def hold(
        self, target: ScaleSetId, holder: LockHolder
    ) -> AbstractContextManager[Callable[[str], None]]:
        """Hold the set while the context lasts; raises LockHeld, naming the other holder.

        Gives a function that tells others for which Run it is held, once that has a name.
        """
        ...
