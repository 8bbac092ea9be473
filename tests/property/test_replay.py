"""Killed anywhere and resumed, a Run ends as if nothing had happened, each upgrade done once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

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
from tests.support.strategies import world_plans, worlds
from tests.support.values import minutes
from tests.worlds import make_world
from vmssplan.engine import Phase, RunState, evolve, replay
from vmssplan.errors import ExitCode, Refused
from vmssplan.rollout import Disposition, Rollout

if TYPE_CHECKING:
    from vmss_simulator.world import World
    from vmssplan.model import Plan


def planned(plan: Plan, arguments: dict[str, Any]) -> tuple[Rollout, World]:
    """Return a Rollout and the world it was computed in."""
    world = make_world(**arguments)
    try:
        return compute(world, plan), world
    except Refused:
        assume(False)
        raise


def expected_upgrades(rollout: Rollout) -> dict[str, int]:
    """Return one upgrade for each instance that is to be upgraded."""
    return {
        one.instance_id: 1 for one in rollout.instances if one.disposition is Disposition.UPGRADE
    }


@settings(max_examples=100)
@given(worlds(faulty=False), world_plans())
def test_without_faults_every_instance_is_upgraded_once(
    arguments: dict[str, Any], plan: Plan
) -> None:
    """A good day's Run completes, upgrades each instance once, and leaves nothing to plan."""
    rollout, world = planned(plan, arguments)
    ended = run_in(world, rollout)

    assert ended.outcome is not None
    if ended.outcome.exit_code is ExitCode.REFUSED:
        # What was sick and may not be touched can leave no room above the floor.
        assert rollout.bounds.in_service < rollout.bounds.total
        return
    assert ended.outcome.exit_code is ExitCode.SUCCESS
    assert upgrades(world) == expected_upgrades(rollout)
    again = compute(world, plan)
    assert not again.has_changes


@settings(max_examples=150)
@given(worlds(largest=6, faulty=False), world_plans(), st.data())
def test_killed_anywhere_and_resumed_it_ends_the_same(
    arguments: dict[str, Any], plan: Plan, data: st.DataObject
) -> None:
    """Any number of kills, at any moment, resumed soon or late: the same end, once each."""
    rollout, world = planned(plan, arguments)
    undisturbed = world.fork()
    counted = Killer()
    wanted = run_in(undisturbed, rollout, killer=counted)
    assert wanted.outcome is not None
    assume(wanted.outcome.exit_code is ExitCode.SUCCESS)
    journal = MemoryJournal()
    for _ in range(data.draw(st.integers(1, 3))):
        moment = data.draw(st.integers(1, counted.moments))
        try:
            run_in(world, rollout, journal, Killer(moment))
        except Killed:
            world.advance_to(world.now + minutes(data.draw(st.sampled_from([0, 0, 3, 60]))))

    ended = run_in(world, rollout, journal)

    assert ended.outcome == wanted.outcome
    assert applied(world) == applied(undisturbed)
    assert upgrades(world) == expected_upgrades(rollout)
    assert needless(world) == []
    assert floor_breaches(world, rollout) == []


@settings(max_examples=60)
@given(worlds(largest=8, faulty=False), world_plans(), st.data())
def test_a_journal_that_lost_its_tail_repeats_nothing(
    arguments: dict[str, Any], plan: Plan, data: st.DataObject
) -> None:
    """With any prefix of the journal and the work done, a resumed Run completes without any."""
    rollout, world = planned(plan, arguments)
    journal = MemoryJournal()
    wanted = run_in(world, rollout, journal)
    assert wanted.outcome is not None
    assume(wanted.outcome.exit_code is ExitCode.SUCCESS)
    kept = data.draw(st.integers(1, len(journal.events)))

    ended = run_in(world, rollout, MemoryJournal(journal.events[:kept]))

    assert ended.outcome == wanted.outcome
    assert upgrades(world) == expected_upgrades(rollout)


@settings(max_examples=40)
@given(worlds(largest=8), world_plans())
def test_replay_is_the_state_the_run_had(arguments: dict[str, Any], plan: Plan) -> None:
    """The state rebuilt from the journal is the one the Run ended with, event by event."""
    rollout, world = planned(plan, {**arguments, "faults": []})
    world = make_world(**arguments)
    journal = MemoryJournal()
    ended = run_in(world, rollout, journal)

    assert replay(rollout, journal.events) == ended
    state = RunState.begin(rollout)
    for event in journal.events:
        state = evolve(state, event)
        operating = {i for request in state.in_flight for i in request.instance_ids}
        assert set(state.ids(Phase.OPERATING)) <= operating
