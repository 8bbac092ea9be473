"""A Run on a simulated set, with the real engine and executor, watched from outside.

Forecasts, scenario tests and replays with other strategies are rehearsals: nothing of what they
say is computed by other rules than those of apply.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from vmssplan.engine import Event, RunState
from vmssplan.engine.events import RunResumed, RunStarted, UpgradeIntended
from vmssplan.executor import Executor
from vmssplan.inbox import EmptyInbox
from vmssplan.model import HealthSource
from vmssplan.rollout import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from vmssplan.model import ScaleSet
    from vmssplan.ports import Backend, Clock, Inbox, Probes
    from vmssplan.rollout import Rollout

RUN = "rehearsal"


@dataclass(frozen=True, slots=True)
class Glance:
    """How many instances were in service then, as far as the Run could know."""

    at: datetime
    in_service: int


@dataclass(frozen=True)
class Rehearsal:
    """How the Run went: all that happened, and what was seen."""

    state: RunState
    events: tuple[Event, ...]
    glances: tuple[Glance, ...]

    @property
    def makespan(self) -> timedelta:
        """The time from the first Event to the last."""
        return self.events[-1].at - self.events[0].at

    @property
    def lowest_in_service(self) -> int:
        """The fewest that served at any time."""
        return min(glance.in_service for glance in self.glances)


def _never(state: RunState) -> bool:
    del state
    return False


async def rehearse(
    rollout: Rollout,
    backend: Backend,
    clock: Clock,
    probes: Probes,
    inbox: Inbox | None = None,
    *,
    run: str = RUN,
    goes_on: Callable[[RunState], bool] = _never,
) -> Rehearsal:
    """Carry the Rollout out from its beginning; approvals are for `inbox` to give.

    Where it ends before it is done, `goes_on` says whether it is resumed.
    """
    journal, watcher = _Memory(), _Glances(rollout.health.source)
    people = inbox or EmptyInbox()

    async def carry_on(state: RunState, opening: Event) -> RunState:
        executor = Executor(backend, clock, journal, people, probes, watcher, state)
        return await executor.run(opening)

    begun = RunState.begin(rollout)
    ended = await carry_on(begun, RunStarted(clock.now(), run, digest(rollout)))
    while goes_on(ended):
        ended = await carry_on(ended, RunResumed(clock.now()))
    return Rehearsal(ended, tuple(journal.events), tuple(watcher.glances))


@dataclass(slots=True)
class _Memory:
    """`ports.Journal` of a Run that nobody will resume."""

    events: list[Event] = field(default_factory=list)

    def append(self, events: Sequence[Event]) -> None:
        self.events.extend(events)


@dataclass(slots=True)
class _Glances:
    """A Watcher that counts what serves: at every look, and when work begins on instances."""

    source: HealthSource
    glances: list[Glance] = field(default_factory=list)
    _serving: frozenset[str] = frozenset()

    def happened(self, event: Event, state: RunState) -> None:
        """Take what is about to be worked on out of what was last seen to serve."""
        if isinstance(event, UpgradeIntended):
            operated = {i for request in state.in_flight for i in request.instance_ids}
            self.glances.append(Glance(event.at, len(self._serving - operated)))

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Count what serves."""
        del state
        self._serving = scale_set.serving(self.source)
        self.glances.append(Glance(now, len(self._serving)))
