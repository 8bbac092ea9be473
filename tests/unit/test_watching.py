"""Who looks on beside the screen never stops a Run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.runs import MemoryJournal, Nobody, compute, executor
from tests.support.values import START, plan
from tests.worlds import make_world
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.cli.console import Console
from vmssplan.cli.watching import Several
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.rollout import digest

if TYPE_CHECKING:
    from datetime import datetime

    import pytest

    from vmssplan.engine import Event, RunState
    from vmssplan.model import ScaleSet


class Counting(Nobody):
    """A watcher that counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def happened(self, event: Event, state: RunState) -> None:
        """Count."""
        super().happened(event, state)
        self.told += 1


class Fainting(Counting):
    """One that cannot stand the third Event, or any look."""

    def __init__(self, *, at_looks: bool) -> None:
        super().__init__()
        self._at_looks = at_looks

    def happened(self, event: Event, state: RunState) -> None:
        """Count, and faint at the third."""
        super().happened(event, state)
        if self.told == 3:
            raise RuntimeError("too much")

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Faint."""
        super().looked(scale_set, state, now)
        if self._at_looks:
            raise RuntimeError("too bright")


def test_one_that_fails_is_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """The Run and the others go on without it; that it is gone is said once."""
    world = make_world(capacity=3)
    rollout = compute(world, plan())
    journal, clock = MemoryJournal(), SimulatedClock(world)
    shown, other = Counting(), Counting()
    fainting = [Fainting(at_looks=False), Fainting(at_looks=True)]
    begun = executor(rollout, SimulatedBackend(world), clock, journal)
    begun.watcher = Several(shown, [*fainting, other], Console())

    ended = asyncio.run(begun.run(ev.RunStarted(START, "web-1", digest(rollout))))

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.SUCCESS
    assert shown.told == other.told == len(journal.events)
    assert [one.told for one in fainting] == [3, 1]
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 2
    assert all("Fainting has stopped looking on: RuntimeError: too" in one for one in warnings)
