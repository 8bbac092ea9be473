"""What is true after an Event, and what is forgotten by it: field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.states import LIVE, WINDOW, at_step, put_off, started, upgrading
from tests.support.values import (
    START,
    at_most,
    autoscale_setting,
    minutes,
    rollout,
    seconds,
    strategy,
)
from vmssplan.engine import Phase, Pins, Progress, RunState, evolve
from vmssplan.engine import events as ev
from vmssplan.engine.state import Deferral, InFlight, People
from vmssplan.errors import ExitCode
from vmssplan.gates import Tally, Verdict
from vmssplan.model import Method

if TYPE_CHECKING:
    from vmssplan.engine import Event

MADE = rollout(LIVE, **WINDOW)
BATCHES = rollout(LIVE, strategy=strategy("fixedBatch", 2), availability=at_most(2))
LATER = START + minutes(1)
UNTIL = START + seconds(15)
SETTING = autoscale_setting()


def failed(
    instance_id: str, phase: ev.FailurePhase = ev.FailurePhase.OPERATION
) -> ev.InstanceFailed:
    """Return the failure of an instance."""
    return ev.InstanceFailed(START, instance_id, phase, "NoRoom", "No room.")


def refused(request: int | None = None) -> ev.RequestRefused:
    """Return a request refused for good."""
    return ev.RequestRefused(START, request, ExitCode.NOT_PERMITTED, "No", "no")


# Runs and steps.


def test_a_run_begins_before_its_first_step_and_request() -> None:
    """Both are counted from 1."""
    begun = RunState.begin(MADE)
    assert (begun.step, begun.requests, begun.in_flight, begun.outcome) == (0, 0, (), None)


def test_a_run_knows_who_it_is() -> None:
    """Its name, what was reviewed, and whether it stays for people."""
    for waits in (True, False):
        state = evolve(RunState.begin(MADE), ev.RunStarted(START, "web-1", "sha256:7", waits))
        assert (state.run, state.digest, state.people.waits) == ("web-1", "sha256:7", waits)


def test_a_resume_of_which_nothing_else_is_told_does_not_wait_for_people() -> None:
    """So it was when journals did not say it."""
    waiting = evolve(RunState.begin(MADE), ev.RunStarted(START, "web-1", "sha256:7", waits=True))

    assert not evolve(waiting, ev.RunResumed(LATER)).people.waits


def test_a_step_that_is_over_takes_its_deferrals_along() -> None:
    """The next one has not waited for anything yet."""
    state = upgrading(BATCHES, put_off(UNTIL))
    assert state.deferral is not None

    assert evolve(state, ev.StepCompleted(LATER, 2)).deferral is None


def test_the_floor_is_forgotten_when_something_starts() -> None:
    """There was room after all."""
    state = upgrading(MADE, ev.FloorReached(START, 2, 2))
    assert state.floor_reached_at == START

    assert evolve(state, started(1, "0")[0]).floor_reached_at is None


def test_the_floor_of_one_step_is_not_that_of_the_next() -> None:
    """What waited for room in one waits anew in the other."""
    state = upgrading(BATCHES, ev.FloorReached(START, 2, 2), ev.StepCompleted(LATER, 2))

    assert evolve(state, ev.StepStarted(LATER, 3)).floor_reached_at is None


# Instances.


def progress(*events: Event) -> Progress:
    """Return what is known of instance 0 after these Events."""
    return upgrading(MADE, *events).progress["0"]


UPGRADED = ev.InstanceUpgraded(START, "0")
WELL = ev.InstanceBecameHealthy(START + seconds(10), "0")
READY = ev.InstanceReady(START + seconds(40), "0")
SICK = ev.InstanceBecameUnhealthy(LATER, "0", "unhealthy")


def test_a_relapse_keeps_the_deadline_until_it_was_ready_once() -> None:
    """Then it gets one of its own."""
    assert progress(UPGRADED, WELL, SICK) == Progress(Phase.AWAITING, 2, START)
    fallen = progress(UPGRADED, WELL, READY, SICK)
    assert fallen == Progress(Phase.AWAITING, 2, LATER, falls=1)


def test_falls_are_counted_until_the_next_upgrade() -> None:
    """Whatever happens between them."""
    fall = (WELL, READY, SICK)

    assert progress(UPGRADED, *fall, *fall).falls == 2
    assert progress(UPGRADED, *fall, WELL, SICK, WELL, READY).falls == 1
    assert progress(UPGRADED, *fall, UPGRADED).falls == 0


def test_each_event_of_an_instance_leaves_it_as_it_says() -> None:
    """Phase, times, reason."""
    gone = ev.InstanceSkipped(START, "0", "gone")

    assert progress(UPGRADED) == Progress(Phase.AWAITING, 2, START)
    assert progress(UPGRADED, WELL) == Progress(Phase.AWAITING, 2, START, WELL.at)
    assert progress(UPGRADED, WELL, READY) == Progress(Phase.READY, 2, START, WELL.at)
    assert progress(started(1, "0")[0]) == Progress(Phase.OPERATING, 2)
    again = ev.InstanceNotStarted(START, "0")
    assert progress(started(1, "0")[0], again) == Progress(Phase.PENDING, 2)
    assert progress(failed("0")) == Progress(Phase.FAILED, 2, failure=failed("0"))
    assert progress(gone) == Progress(Phase.SKIPPED, 2, skip_reason="gone")


def test_what_was_upgraded_ends_a_row_of_deferrals_and_what_is_skipped_a_refusal() -> None:
    """Nothing else about instances does."""
    state = upgrading(MADE, UPGRADED, put_off(UNTIL), refused())
    for event in (WELL, READY, SICK, failed("1"), ev.InstanceNotStarted(START, "1")):
        after = evolve(state, event)
        assert (after.deferral, after.refusal) == (state.deferral, state.refusal)

    upgraded = evolve(state, ev.InstanceUpgraded(START, "1"))
    assert (upgraded.deferral, upgraded.refusal) == (None, state.refusal)
    skipped = evolve(state, ev.InstanceSkipped(START, "1", "gone"))
    assert (skipped.deferral, skipped.refusal) == (state.deferral, None)


PLAIN = (ev.InstanceUpgraded, ev.InstanceBecameHealthy, ev.InstanceReady)
TOLD = st.one_of(
    *(st.builds(kind, st.sampled_from([START, LATER]), st.sampled_from("0123")) for kind in PLAIN),
    st.builds(failed, st.sampled_from("0123")),
)


@given(st.lists(TOLD, max_size=12))
def test_whatever_is_told_of_instances_together_is_as_if_told_one_by_one(
    told: list[Event],
) -> None:
    """Of the same time or another, of instances that stood alike or did not."""
    one_by_one = upgrading(BATCHES)
    for event in told:
        one_by_one = evolve(one_by_one, event)
    assert evolve(upgrading(BATCHES), *told).progress == one_by_one.progress


def test_each_instance_of_a_request_keeps_what_it_is_apart_from_its_phase() -> None:
    """Also where they stood differently."""
    state = upgrading(BATCHES, ev.InstanceUpgraded(START, "1"), ev.InstanceUpgraded(LATER, "2"))
    before = state.progress
    after = evolve(state, ev.UpgradeIntended(LATER, 1, 2, Method.UPGRADE, tuple("0123"))).progress
    assert after == {i: replace(one, phase=Phase.OPERATING) for i, one in before.items()}
    assert len({*after.values()}) == 4


def test_events_taken_together_are_events_taken_one_by_one() -> None:
    """In any mixture, and in order."""
    events: list[Event] = [
        UPGRADED,
        put_off(UNTIL),
        WELL,
        ev.InstanceUpgraded(START, "1"),
        refused(),
        READY,
    ]
    one_by_one = upgrading(MADE)
    for event in events:
        one_by_one = evolve(one_by_one, event)

    assert evolve(upgrading(MADE), *events) == one_by_one
    assert one_by_one.deferral is None


# Requests.


def test_only_the_request_that_was_lost_is_in_doubt() -> None:
    """And keeps the name of its operation."""
    state = upgrading(MADE, *started(1, "0"), *started(2, "1"), ev.OutcomeLost(START, 2, "X", "x"))

    assert state.in_flight == (
        InFlight(1, START, ("0",), "operation-1"),
        InFlight(2, START, ("1",), "operation-2", is_in_doubt=True),
    )


def test_a_request_that_is_taken_ends_a_row_of_deferrals() -> None:
    """What is put off after it begins anew."""
    intended, accepted = started(1, "0")
    state = upgrading(MADE, put_off(UNTIL), intended)
    assert state.deferral is not None

    assert evolve(state, accepted).deferral is None


def test_deferrals_are_counted_until_something_gets_through_their_time_until_a_quiet_time() -> None:
    """Five quiet minutes from the end of the last pause begin a new row, and no new count."""
    first = put_off(UNTIL)
    quiet = UNTIL + minutes(5)
    near, far = put_off(quiet + seconds(30), quiet), put_off(quiet, quiet + seconds(1))

    assert upgrading(MADE, first).deferral == Deferral(START, 1, UNTIL, first)
    assert upgrading(MADE, first, near).deferral == Deferral(START, 2, near.until, near)
    assert upgrading(MADE, first, far).deferral == Deferral(far.at, 2, far.until, far)


def test_how_a_request_ended_is_no_deferral_unless_nobody_said_so() -> None:
    """Settled by looking, the row goes on from then: the time in doubt was no quiet time."""
    state = upgrading(MADE, *started(1, "0"), put_off(UNTIL))
    assert state.deferral is not None

    for status in ("Succeeded", "Failed"):
        assert evolve(state, ev.OperationEnded(LATER, 1, status)).deferral is None
    looked = evolve(state, ev.OperationEnded(LATER, 1, ""))
    assert looked.deferral == replace(state.deferral, until=LATER)
    early = evolve(state, ev.OperationEnded(START, 1, ""))
    assert early.deferral == state.deferral


def test_a_model_write_that_failed_is_a_refusal_and_an_upgrade_that_failed_is_none() -> None:
    """In Azure's words; its status where it gave no code."""
    model = ev.ModelWriteIntended(START, 1, 1, '"1"')
    state = at_step(MADE, 1, model, *started(2, "0"))
    why = ev.OperationEnded(LATER, 1, "Failed", "Preempted", "newer")
    exit_code = int(ExitCode.INSTANCE_FAILED)

    told = ev.RequestRefused(LATER, 1, exit_code, "Preempted", "newer")
    assert evolve(state, why).refusal == told
    bare = evolve(state, ev.OperationEnded(LATER, 1, "Failed")).refusal
    assert bare == ev.RequestRefused(LATER, 1, exit_code, "Failed", "")
    for status in ("Succeeded", ""):
        assert evolve(state, ev.OperationEnded(LATER, 1, status)).refusal is None
    upgrade = evolve(state, ev.OperationEnded(LATER, 2, "Failed", "NoRoom", ""))
    assert upgrade.refusal is None
    assert [one.request for one in upgrade.in_flight] == [1]


# Autoscale, gates and people.


def test_holding_autoscale_ends_a_row_of_deferrals() -> None:
    """Reading the settings was put off before."""
    state = at_step(MADE, 1, put_off(UNTIL))
    assert state.deferral is not None

    assert evolve(state, ev.AutoscalePinIntended(START, (SETTING,), 3)).deferral is None


def test_where_nothing_is_held_nothing_can_be_given_back() -> None:
    """What is told of it changes nothing."""
    state = at_step(MADE, 1)
    for event in (
        ev.AutoscalePinned(START),
        ev.AutoscaleDeferred(START, UNTIL, "Down", "x"),
        ev.AutoscaleLeftPinned(START, "no right"),
        ev.AutoscaleRestored(START),
    ):
        assert evolve(state, event).pins is None


def test_a_gate_is_asked_afresh_only_when_a_held_run_is_told_to_go_on() -> None:
    """What people say of other things does not make it forget."""
    measured = ev.GateMeasured(START, 4, Verdict.INCONCLUSIVE, "perhaps")
    state = at_step(BATCHES, 4, measured)
    assert state.tally.inconclusives == 1

    assert evolve(state, ev.RunHeld(START, "1", "ann", "x")).tally == state.tally
    assert evolve(state, ev.CancelRequested(START)).tally == state.tally
    assert evolve(state, ev.RunContinued(START, "2", "ann")).tally == Tally()


def test_approvals_of_several_steps_stand_beside_each_other() -> None:
    """And an approval takes a refusal back."""
    given = [ev.ApprovalGiven(START, str(step), "ann", START, step, "x") for step in (4, 7)]
    no = ev.ApprovalRefused(START, "9", "bob", 4, "no")
    state = at_step(MADE, 1, given[1], no)
    assert state.people.refusal == no

    after = evolve(state, given[0])
    assert after.people.approved == {4: given[0], 7: given[1]}
    assert after.people.refusal is None
    assert after.people.followed == {"4", "7", "9"}


# Going back, and going on.


def test_the_way_back_begins_afresh_and_keeps_what_the_run_is() -> None:
    """Its name, its number of requests, what it holds, who came, and what people have said."""
    approved = ev.ApprovalGiven(START, "1", "ann", START, 4, "x")
    told = (
        approved,
        ev.ApprovalRefused(START, "2", "bob", 7, "no"),
        ev.RunHeld(START, "3", "bob", "x"),
        ev.RollbackRequested(START, "4", "bob"),
    )
    pins = ev.AutoscalePinIntended(START, (SETTING,), 4)
    state = upgrading(MADE, *started(1, "0"), ev.OperationEnded(START, 1, "Failed"), pins, *told)
    back = ev.RollbackStarted(LATER, "bad", ("0",))
    after = evolve(state, back)

    assert (after.run, after.digest, after.requests) == (state.run, state.digest, 1)
    assert (after.pins, after.appeared, after.rollback) == (state.pins, {}, back)
    assert after.people == People(followed=frozenset("1234"), approved={4: approved})
    assert (after.step, after.step_started_at) == (0, None)
    assert [i for i, one in after.progress.items() if one.phase is Phase.PENDING] == ["0"]


def test_who_has_paused_the_run_has_paused_its_way_back() -> None:
    """What a gate has held is asked no more; who asks back wants it at once."""
    paused, gate = ev.RunHeld(START, "1", "bob", "x"), ev.RunHeld(START, "", "the gate", "x")
    asked = ev.RollbackRequested(START, "2", "bob")
    back = ev.RollbackStarted(LATER, "bad", ("0",))

    assert upgrading(MADE, paused, back).people.held == paused
    assert upgrading(MADE, gate, back).people.held is None
    assert upgrading(MADE, paused, asked).people.held is None


def test_a_no_takes_back_the_yes_to_that_step_alone() -> None:
    """The others stand."""
    given = [ev.ApprovalGiven(START, str(step), "ann", START, step, "x") for step in (4, 7)]
    no = ev.ApprovalRefused(START, "9", "bob", 7, "no")

    assert at_step(MADE, 1, *given, no).people.approved == {4: given[0]}


def test_who_came_is_not_forgotten_on_the_way_back() -> None:
    """Else they would be told again."""
    live = rollout(LIVE).instances[0]
    came = ev.InstanceAppeared(
        START, replace(live, vm_id="vm-9", instance_id="9"), is_current=False
    )
    back = ev.RollbackStarted(LATER, "bad", ("0",))

    assert upgrading(MADE, *started(1, "0"), came, back).appeared == {"vm-9": came}


def test_a_resume_forgets_what_it_is_to_try_again() -> None:
    """And what nobody watched meanwhile; what was reached and who was followed stays."""
    halt: Any = {
        "deferral": Deferral(START, 1, UNTIL, put_off(UNTIL)),
        "blindness": put_off(UNTIL),
        "refusal": refused(),
        "floor_reached_at": START,
        "tally": Tally(successes_in_row=1),
        "hook": ev.HookEnded(START, 2, Verdict.FAILED, "no"),
        "stop": ev.StopDecided(START, 4, "x"),
        "people": People(
            waits=False,
            followed=frozenset("12"),
            awaited_step=4,
            refusal=ev.ApprovalRefused(START, "1", "bob", 4, "no"),
            held=ev.RunHeld(START, "2", "bob", "x"),
            cancel=ev.CancelRequested(START),
            rollback=ev.RollbackRequested(START, "3", "ann"),
        ),
        "pins": Pins((SETTING,), 3, is_settled=True, given_up="no right", deferred_since=START),
    }
    before = upgrading(MADE, *started(1, "0"), UPGRADED, WELL, READY)
    halted = evolve(replace(before, **halt), ev.RunHalted(START, 2, 4, "x"))
    assert halted.outcome is not None

    resumed = replace(
        before,
        in_flight=(InFlight(1, START, ("0",), "operation-1", is_in_doubt=True),),
        people=People(waits=True, followed=frozenset("12"), rollback=halt["people"].rollback),
        pins=Pins((SETTING,), 3),
    )
    assert evolve(halted, ev.RunResumed(LATER, waits=True)) == resumed


def test_a_resume_tries_failed_operations_again_and_waits_for_health_anew() -> None:
    """What is ready, skipped or pending stays as it is."""
    awaiting = (ev.InstanceUpgraded(START, "1"), ev.InstanceBecameHealthy(START, "1"))
    sick = (ev.InstanceUpgraded(START, "2"), failed("2", ev.FailurePhase.HEALTH))
    state = upgrading(MADE, failed("0"), *awaiting, *sick)
    resumed = evolve(state, ev.RunResumed(LATER)).progress

    assert resumed == {
        "0": Progress(Phase.PENDING, 2),
        "1": Progress(Phase.AWAITING, 2, START),
        "2": Progress(Phase.AWAITING, 2, LATER),
        "3": Progress(Phase.PENDING, 2),
    }
    ready = upgrading(MADE, UPGRADED, WELL, READY, ev.InstanceSkipped(START, "1", "gone"))
    again = evolve(ready, ev.RunResumed(LATER))
    assert again.progress == ready.progress


FIRST, SECOND = 2, 4
"""The steps of the two batches."""


@pytest.mark.parametrize(
    ("events", "step", "is_open"),
    [
        pytest.param([failed("0")], FIRST, True, id="in the open step"),
        pytest.param([failed("0"), ev.StepCompleted(START, 2)], 1, False, id="its step is over"),
        pytest.param(
            [failed("0"), ev.StepCompleted(START, 2), ev.StepStarted(START, 3)],
            1,
            False,
            id="a later step is open",
        ),
        pytest.param(
            [failed("2"), failed("0"), ev.StepStarted(START, 5)], 1, False, id="the first of two"
        ),
        pytest.param([failed("2"), ev.StepStarted(START, 5)], 3, False, id="of the second batch"),
        pytest.param(
            [failed("0", ev.FailurePhase.HEALTH), ev.StepStarted(START, 3)],
            3,
            True,
            id="only its health",
        ),
        pytest.param(
            [failed("0", ev.FailurePhase.HEALTH), ev.StepCompleted(START, 2)],
            2,
            False,
            id="only its health, between two steps",
        ),
        pytest.param([ev.StepCompleted(START, 2)], 2, False, id="nothing, between two steps"),
        pytest.param([ev.StepStarted(START, 3)], 3, True, id="nothing"),
    ],
)
def test_a_resume_goes_back_to_the_first_step_that_is_to_be_done_again(
    events: list[Event], step: int, *, is_open: bool
) -> None:
    """To before it, where it is over; what failed by its health alone is no reason to."""
    state = evolve(upgrading(BATCHES, *events), ev.RunResumed(LATER))

    assert (state.step, state.step_started_at is not None) == (step, is_open)
    assert state.progress["2"].step == SECOND
