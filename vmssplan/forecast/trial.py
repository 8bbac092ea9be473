"""One rehearsal of the Rollout on the twin, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from vmssplan.backends.probing import probing
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Approve
from vmssplan.forecast.limits import time_parts
from vmssplan.gates import Measurement, Verdict
from vmssplan.ports import BudgetUse
from vmssplan.rehearsal import RUN, Rehearsal, rehearse
from vmssplan.rollout import Approval, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine.instructions import Instruction
    from vmssplan.model import CommandProbe, HttpProbe
    from vmssplan.ports import Backend, Clock, Probes, Subject
    from vmssplan.rollout import Rollout


LOOKS_BEFORE = 2
"""How often `apply` looks at the set before it begins: before it is held, and then."""
WELL = Measurement(Verdict.SUCCESSFUL, "taken to be well")
BAD = Measurement(Verdict.FAILED, "taken to be bad")
NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """One seed. `touched` counts instances that were operated on, `calls` requests to Azure.

    `budget` is the one of the documented request budgets that was used most.
    """

    seed: int
    exit_code: int
    makespan: timedelta
    lowest_in_service: int
    calls: int
    throttled: int
    touched: int
    budget: BudgetUse | None = None
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

    @property
    def budget(self) -> BudgetUse | None:
        """The request budget that was closest to its end."""
        ...


async def trial(rollout: Rollout, twin: Twin, seed: int, probes: Probes | None = None) -> Trial:
    """Rehearse once; people say yes at once, and so does the application unless `probes` differ."""
    went = await rehearse_as_applied(rollout, twin, RUN, probes or AllIsWell())
    return summary(rollout, went, seed, twin)


async def rehearse_as_applied(rollout: Rollout, twin: Twin, run: str, probes: Probes) -> Rehearsal:
    """Rehearse a saved Rollout with every request that `apply` makes, before the first Event too.

    What that asks before counts in the same budgets, so it can slow down what comes after.
    """
    backend = probing(twin.backend, probes, rollout.health, run=run)
    for _ in range(LOOKS_BEFORE):
        await backend.observe(rollout.target)
        await backend.rolling_upgrade_in_progress(rollout.target)
    return await rehearse(rollout, backend, twin.clock, probes, YesMan(rollout), run=run)


def summary(rollout: Rollout, went: Rehearsal, seed: int, twin: Twin) -> Trial:
    """Return what is kept of a rehearsal."""
    outcome = went.state.outcome
    return Trial(
        seed=seed,
        exit_code=int(outcome.exit_code) if outcome else -1,
        makespan=went.makespan,
        lowest_in_service=went.lowest_in_service,
        calls=twin.calls,
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
        budget=twin.budget,
        parts=time_parts(rollout, went.events),
    )


class AllIsWell:
    """`ports.Probes` of an application that is always well, and programs that take no time."""

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Say so."""
        del probe, subject
        return WELL


class NewIsBad:
    """`ports.Probes` that find unwell whatever runs the wanted model, and let gates pass.

    What a gate asks is not known, so it is not relied on to find out.
    """

    def __init__(self, rollout: Rollout) -> None:
        self._rollout = rollout

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Say so."""
        del probe
        is_bad = subject.occasion == "health" and any(
            one.is_current(self._rollout.model) for one in subject.instances
        )
        return BAD if is_bad else WELL


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
