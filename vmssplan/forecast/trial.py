"""One rehearsal of the Rollout on the twin, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Approve
from vmssplan.forecast.limits import time_parts
from vmssplan.gates import Measurement, Verdict
from vmssplan.rehearsal import Rehearsal, rehearse
from vmssplan.rollout import Approval, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine.instructions import Instruction
    from vmssplan.model import CommandProbe, HttpProbe
    from vmssplan.ports import Backend, Clock, Subject
    from vmssplan.rollout import Rollout


NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """One seed. `touched` counts instances that were operated on, `calls` requests to Azure."""

    seed: int
    exit_code: int
    makespan: timedelta
    lowest_in_service: int
    calls: int
    throttled: int
    touched: int
    parts: tuple[tuple[str, timedelta], ...] = ()


class Twin(Protocol):
    """The live scale set in a world of its own, where `seed` decides what is left to chance."""

    @property
    def backend(self) -> Backend:
        """The service of that world."""
        ...

    @property
    def clock(self) -> Clock:
        """Its time."""
        ...

    @property
    def calls(self) -> int:
        """How many requests its service has had."""
        ...


async def trial(rollout: Rollout, twin: Twin, seed: int) -> Trial:
    """Rehearse once; people say yes at once, and so does the application."""
    before = twin.calls
    went = await rehearse(rollout, twin.backend, twin.clock, AllIsWell(), YesMan(rollout))
    return summary(rollout, went, seed, twin.calls - before)


def summary(rollout: Rollout, went: Rehearsal, seed: int, calls: int) -> Trial:
    """Return what is kept of a rehearsal."""
    outcome = went.state.outcome
    return Trial(
        seed=seed,
        exit_code=int(outcome.exit_code) if outcome else -1,
        makespan=went.makespan,
        lowest_in_service=went.lowest_in_service,
        calls=calls,
        throttled=sum(
            isinstance(event, ev.RequestDeferred) and event.reason is ev.DeferralReason.THROTTLED
            for event in went.events
        ),
        touched=len(
            {
                instance_id
                for event in went.events
                if isinstance(event, ev.UpgradeIntended)
                for instance_id in event.instance_ids
            }
        ),
        parts=time_parts(rollout, went.events),
    )


class AllIsWell:
    """`ports.Probes` of an application that is always well, and programs that take no time."""

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Say so."""
        del probe, subject
        return Measurement(Verdict.SUCCESSFUL, "taken to be well")


class YesMan:
    """`ports.Inbox` with an approval of every step that asks for one."""

    def __init__(self, rollout: Rollout) -> None:
        wanted = digest(rollout) if any(isinstance(s, Approval) for s in rollout.steps) else ""
        self._told = tuple(
            # The time of an approval is for people; nothing is judged by it.
            Approve(f"yes-{number}", "the forecast", NO_TIME, number, wanted)
            for number, step in enumerate(rollout.steps, start=1)
            if isinstance(step, Approval)
        )

    def instructions(self) -> Sequence[Instruction]:
        """Approve."""
        return self._told

    async def rest(self) -> None:
        """Return at once."""
