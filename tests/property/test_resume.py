"""Every single moment of small Runs, one kill each: all strategies, both methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.runs import (
    Killed,
    Killer,
    MemoryJournal,
    applied,
    compute,
    floor_breaches,
    needless,
    run_in,
    upgrades,
)
from tests.support.values import at_most, minutes, plan, strategy
from tests.worlds import make_world
from vmssplan.errors import ExitCode
from vmssplan.model import Method, StrategyType

if TYPE_CHECKING:
    from vmss_simulator.world import World
    from vmssplan.rollout import Rollout


def small_run(kind: StrategyType, method: Method, operations: int) -> tuple[Rollout, World]:
    """Return four instances, one of them current from the start, two at a time."""
    world = make_world(
        capacity=4,
        updateDomains=2,
        options={"concurrentOperations": "disjoint", "updateDomainCount": 2},
        zones=["1", "2"],
    )
    made = plan(
        strategy=strategy(kind, 1, 2, method=method),
        availability=at_most(2, operations=operations),
    )
    return compute(world, made), world


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("kind", StrategyType)
def test_killed_at_every_moment(kind: StrategyType, method: Method) -> None:
    """At each journal line and request of a Run: killed there and resumed, it ends the same."""
    operations = 2 if kind is StrategyType.SLIDING_WINDOW else 1
    rollout, world = small_run(kind, method, operations)
    whole, counted = world.fork(), Killer()
    wanted = run_in(whole, rollout, killer=counted)
    assert wanted.outcome is not None
    assert wanted.outcome.exit_code is ExitCode.SUCCESS

    for moment in range(1, counted.moments + 1):
        world_then, journal = world.fork(), MemoryJournal()
        with pytest.raises(Killed):
            run_in(world_then, rollout, journal, Killer(moment))
        if moment % 3 == 0:
            world_then.advance_to(world_then.now + minutes(1))
        ended = run_in(world_then, rollout, journal)

        assert ended.outcome == wanted.outcome, moment
        assert applied(world_then) == applied(whole), moment
        assert upgrades(world_then) == dict.fromkeys("0123", 1), moment
        assert needless(world_then) == [], moment
        assert floor_breaches(world_then, rollout) == [], moment
