"""Every instance has one explanation at every moment of every Run, and it names what binds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_replay import planned
from tests.support.copying import replace
from tests.support.runs import MemoryJournal, ScriptedProbes, run_in
from tests.support.strategies import world_plans, worlds
from tests.worlds import make_world
from vmssplan.engine import Phase, RunState, evolve
from vmssplan.errors import NotFound
from vmssplan.explaining import Explanation, explain_plan, explain_run, state_at
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import CommandProbe, Failure, Gate, Hooks, HttpProbe, OnFailure
from vmssplan.rollout import Disposition, Rollout

if TYPE_CHECKING:
    from vmss_simulator.world import World
    from vmssplan.engine import Event
    from vmssplan.model import Plan

STANDINGS = {
    Phase.PENDING: "waiting",
    Phase.OPERATING: "being upgraded",
    Phase.AWAITING: "awaiting health",
    Phase.READY: "ready",
    Phase.FAILED: "failed",
    Phase.SKIPPED: "skipped",
}
FAILURES = st.builds(Failure, st.integers(0, 1), st.sampled_from(OnFailure))
GATES = st.sampled_from(
    [(), (Gate(HttpProbe("https://web.invalid/ok")),), (Gate(CommandProbe(("./smoke.sh",)), 1),)]
)
HOOKS = st.sampled_from([Hooks(), Hooks(CommandProbe(("./drain.sh",)))])
VERDICTS = st.lists(st.sampled_from(Verdict), min_size=1, max_size=6)


def in_foul_weather(plan: Plan, arguments: dict[str, Any]) -> tuple[Rollout, World]:
    """Return a Rollout, planned while all was well, and the world in which it is not."""
    rollout, _ = planned(plan, {**arguments, "faults": []})
    return rollout, make_world(**arguments)


def explained(state: RunState, event: Event) -> dict[str, Explanation]:
    """Return what is said of every instance of the Rollout and of those that came."""
    planned_ones = [one.instance_id for one in state.rollout.instances]
    come = [one.instance.instance_id for one in state.appeared.values()]
    return {i: explain_run(state, i, event.at) for i in (*planned_ones, *come)}


def check(state: RunState, found: dict[str, Explanation]) -> None:
    """Check that each says where the instance stands, in one line, for a reason there is."""
    reasons = {one.instance_id: one.reason for one in state.rollout.instances}
    waiting = set()
    for instance_id, one in found.items():
        assert one.reason, instance_id
        assert "\n" not in one.reason
        assert "None" not in one.reason
        progress = state.progress.get(instance_id)
        if progress is not None:
            assert one.standing == STANDINGS[progress.phase]
            if progress.phase is Phase.PENDING:
                waiting.add(one.reason.rpartition(" comes later: ")[2])
            if progress.phase is Phase.FAILED and progress.failure is not None:
                assert progress.failure.code in one.reason
        elif instance_id in reasons:
            assert one.reason == reasons[instance_id]
    # All that wait are bound by the same thing: there is one reason, whatever else is true.
    assert len(waiting) <= 1, waiting
    for reason in waiting:
        named = [i for request in state.in_flight for i in request.instance_ids]
        if state.outcome is not None:
            assert state.outcome.reason in reason
        elif state.stop is not None:
            assert state.stop.reason in reason
        elif named and len(state.in_flight) >= state.rollout.bounds.max_concurrent_operations:
            assert named[0] in reason


@settings(max_examples=60)
@given(worlds(largest=8), world_plans(), FAILURES, GATES, HOOKS, VERDICTS)
def test_every_instance_is_explained_after_every_event(
    arguments: dict[str, Any],
    plan: Plan,
    failure: Failure,
    gates: tuple[Gate, ...],
    hooks: Hooks,
    verdicts: list[Verdict],
) -> None:
    """Upgrades, gates, failures, ways back: never an exception, never two reasons."""
    asked = replace(plan, failure=failure, gates=gates, hooks=hooks)
    rollout, world = in_foul_weather(asked, arguments)
    journal = MemoryJournal()
    probes = ScriptedProbes([Measurement(one, "so it is") for one in verdicts])
    run_in(world, rollout, journal, probes=probes)

    state = RunState.begin(rollout)
    for event in journal.events:
        state = evolve(state, event)
        check(state, explained(state, event))
    check(state, explained(state, journal.events[-1]))


@settings(max_examples=60)
@given(worlds(largest=20, faulty=False), world_plans())
def test_every_instance_of_a_rollout_is_explained(arguments: dict[str, Any], plan: Plan) -> None:
    """Before anything is begun: in which step it has its turn, or why it is left alone."""
    rollout, _ = planned(plan, arguments)

    for one in rollout.instances:
        found = explain_plan(rollout, one.instance_id)
        if one.disposition is Disposition.UPGRADE:
            step = int(found.reason.rpartition("(step ")[2].rstrip(")"))
            assert one.instance_id in rollout.steps[step - 1].instance_ids  # type: ignore[union-attr]
        else:
            assert found == Explanation(one.disposition.value, one.reason)
    with pytest.raises(NotFound):
        explain_plan(rollout, "no-such")


@settings(max_examples=30)
@given(worlds(largest=6), world_plans(), st.data())
def test_the_state_of_any_time_is_that_of_the_events_until_then(
    arguments: dict[str, Any], plan: Plan, data: st.DataObject
) -> None:
    """`--at` looks at what had happened, and nothing else."""
    rollout, world = in_foul_weather(plan, arguments)
    journal = MemoryJournal()
    run_in(world, rollout, journal)
    chosen = data.draw(st.sampled_from(journal.events))

    known = [event for event in journal.events if event.at <= chosen.at]

    assert state_at(rollout, journal.events, chosen.at) == evolve(RunState.begin(rollout), *known)
    assert state_at(rollout, journal.events, None) == _end(rollout, journal.events)


def _end(rollout: Rollout, events: list[Event]) -> RunState:
    return evolve(RunState.begin(rollout), *events)
