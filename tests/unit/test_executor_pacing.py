"""When the executor asks: looks and polls each by what the service said of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.support.runs import MemoryJournal, executor, run
from tests.support.service import FakeService
from tests.support.values import rollout, scale_set, seconds
from vmssplan.engine import Phase
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode, Throttled
from vmssplan.ports import Allowance, Pacing

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from vmssplan.model import OperationReport, ScaleSet, ScaleSetId
    from vmssplan.ports import OperationHandle

EXPENSIVE = Pacing(None, (Allowance("HighCostGetVMScaleSetResource", 0, 10),))
"""What a list of ten pages says when it took the last of the bucket: a minute's refill."""


@dataclass
class Told(FakeService):
    """A service that says different things of looks and of polls."""

    of_looks: Pacing = field(default_factory=Pacing)
    of_polls: Pacing = field(default_factory=Pacing)

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Answer with what is said of looks."""
        return (await super().observe(target))[0], self.of_looks

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Answer with what is said of polls."""
        return (await super().operation_report(operation))[0], self.of_polls

    def times(self, kind: str) -> list[datetime]:
        """Return when it was asked."""
        return [at for at, what, _ in self.requests if what == kind]


def carried_out(service: FakeService) -> MemoryJournal:
    """Run to the end."""
    journal = MemoryJournal()
    run(rollout(service.scale_set), service, service.clock, journal)
    assert isinstance(journal.events[-1], ev.RunCompleted)
    return journal


def gaps(moments: list[datetime]) -> list[timedelta]:
    """Return how far apart they are."""
    return [later - earlier for earlier, later in pairwise(moments)]


def test_expensive_looks_are_rare_and_polls_are_not() -> None:
    """What a look costs delays looks alone: an operation is asked after every ten seconds."""
    service = Told(scale_set(2), of_looks=EXPENSIVE)
    carried_out(service)

    assert min(gaps(service.times("observe"))) >= seconds(60)
    assert min(gaps(service.times("report"))) == seconds(10)


def test_operations_are_polled_as_azure_asks() -> None:
    """`Retry-After` of an operation delays its next poll."""
    service = Told(scale_set(1), of_polls=Pacing(seconds(45)))
    carried_out(service)

    assert min(gaps(service.times("report"))) >= seconds(45)


def test_a_refused_write_is_not_made_again_before_its_time() -> None:
    """A 429 says when to come back; nobody comes earlier, nor at that very moment."""
    service = FakeService(scale_set(1))
    service.refusals["upgrade"].append(Throttled("TooMany", "slow down", retry_after=seconds(40)))
    [refused] = carried_out(service).of(ev.RequestDeferred)

    assert refused.until - refused.at > seconds(40)
    first, again = [at for at, kind, _ in service.requests if kind == "upgrade"]
    assert again >= first + seconds(40)


def test_a_cancel_is_heard_while_the_service_is_left_alone() -> None:
    """Woken by the user, a Run looks once more at once instead of waiting for its turn."""
    service = Told(scale_set(1), of_looks=EXPENSIVE)
    begun = executor(rollout(service.scale_set), service, service.clock, MemoryJournal())
    cancelled_at: list[datetime] = []

    def cancel() -> None:
        if begun.state.ids(Phase.AWAITING) and not cancelled_at:
            cancelled_at.append(service.clock.now())
            begun.request_cancel()

    service.clock.on_sleep = cancel
    ended = asyncio.run(begun.run(ev.RunStarted(service.clock.now(), "web-1", "sha256:0")))

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.CANCELLED
    assert service.clock.now() <= cancelled_at[0] + seconds(10)
