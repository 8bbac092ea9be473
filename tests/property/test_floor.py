"""The floor holds in every state of every Run, whatever goes wrong; and every Run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.runs import MemoryJournal, floor_breaches, needless, run_in
from tests.support.strategies import planned_on_a_fine_day, world_plans, worlds
from tests.support.values import minutes
from tests.worlds import make_world
from vmssplan.errors import ExitCode

if TYPE_CHECKING:
    from vmssplan.model import Plan

EXPECTED = {
    ExitCode.SUCCESS,
    ExitCode.INSTANCE_FAILED,
    ExitCode.REFUSED,
    ExitCode.DEADLINE,
    ExitCode.GATE,
}


@settings(max_examples=250)
@given(worlds(largest=30), world_plans())
def test_no_operation_of_ours_goes_below_the_floor(arguments: dict[str, Any], plan: Plan) -> None:
    """Whatever fails, no start leaves fewer in service than the floor; and the Run ends."""
    rollout = planned_on_a_fine_day(plan, arguments)
    world = make_world(**arguments)

    ended = run_in(world, rollout)

    assert floor_breaches(world, rollout) == []
    assert needless(world) == []
    assert ended.outcome is not None
    assert ended.outcome.exit_code in EXPECTED
    assert (ended.outcome.exit_code is ExitCode.SUCCESS) == (ended.outcome.reason == "")


@settings(max_examples=100)
@given(worlds(), world_plans(), st.lists(st.sampled_from([0, 1, 45]), min_size=1, max_size=4))
def test_the_floor_holds_over_halts_and_resumes(
    arguments: dict[str, Any], plan: Plan, rests: list[int]
) -> None:
    """Halted and resumed again and again, soon or late, no start goes below the floor."""
    rollout = planned_on_a_fine_day(plan, arguments)
    world, journal = make_world(**arguments), MemoryJournal()
    run_in(world, rollout, journal)
    for rest in rests:
        world.advance_to(world.now + minutes(rest))
        ended = run_in(world, rollout, journal)
        assert ended.outcome is not None

    assert floor_breaches(world, rollout) == []
    assert needless(world) == []
