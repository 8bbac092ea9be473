"""Why a Run ends, to the second; what it sees through first; and when it turns round instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.service import with_instance, with_model
from tests.support.states import LIVE, WINDOW, at_step, put_off, started, upgrading, written
from tests.support.values import (
    NEW,
    NEW_IMAGE,
    OLD_IMAGE,
    START,
    at_most,
    current,
    instance,
    minutes,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import Live, Look, Record, RunState, UpgradeInstances, Wait, decide
from vmssplan.engine import events as ev
from vmssplan.engine.evidence import seen_instance
from vmssplan.errors import ExitCode
from vmssplan.model import (
    Failure,
    HealthSource,
    HealthState,
    ModelFields,
    OnFailure,
    OnScale,
    OperationReport,
    OperationStatus,
    PlatformImage,
)

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine import Command, Event

GOES_ON = OperationReport(OperationStatus.IN_PROGRESS)
MADE = rollout(LIVE, **WINDOW)
BACK = rollout(LIVE, **WINDOW, failure=Failure(on_failure=OnFailure.ROLLBACK))
OTHER = PlatformImage("Contoso", "server", "gen2", "6.6.6")
DEADLINE = minutes(10)
ASKED_BACK = ev.RollbackRequested(START, "1", "ann")
CANCELLED = ev.CancelRequested(START, "1", "ann")
NO_ROOM = ("AllocationFailed", "No room.")


def failed(instance_id: str, phase: ev.FailurePhase = ev.FailurePhase.OPERATION) -> Event:
    """Return the failure of an instance."""
    return ev.InstanceFailed(START, instance_id, phase, *NO_ROOM)


def halted(command: Command) -> tuple[int, str] | None:
    """Return how this ends the Run; None when it does not."""
    match command:
        case Record((ev.RunHalted(exit_code=code, reason=reason),)):
            return code, reason
    return None


def code(state: RunState, live: Live | None, now: datetime = START) -> ExitCode | None:
    """Return the exit code with which it ends now; None when it goes on."""
    found = halted(decide(state, live, now))
    return None if found is None else ExitCode(found[0])


# While something is in flight.


def test_an_operation_may_take_two_hours_and_no_longer() -> None:
    """The oldest in flight counts; nothing else ends the Run before."""
    later = ev.UpgradeIntended(START + minutes(30), 2, 2, MADE.method, ("1",))
    accepted = ev.OperationAccepted(START, 2, "operation-2")
    state = upgrading(MADE, *started(1, "0"), later, accepted, CANCELLED)
    busy = with_instance(written(), "0", provisioning_state="Updating")
    live = Live(busy, {"operation-1": GOES_ON, "operation-2": GOES_ON})

    assert code(state, live, START + minutes(120) - seconds(1)) is None
    assert code(state, live, START + minutes(120)) is ExitCode.DEADLINE


def test_after_a_failure_nothing_starts_beside_what_is_in_flight() -> None:
    """There is room for another operation, and none begins."""
    events = (*started(1, "0"), *started(2, "1"), failed("0"))
    state = upgrading(MADE, *events, ev.OperationEnded(START, 1, "Failed"))
    live = with_instance(written(), "0", provisioning_state="Failed")
    live = with_instance(live, "1", provisioning_state="Updating")

    assert isinstance(decide(state, Live(live, {"operation-2": GOES_ON}), START), Wait)


def test_no_more_operations_run_at_once_than_the_plan_says() -> None:
    """Two in flight are two, whatever the floor and the window would allow."""
    wide: dict[str, Any] = {"strategy": strategy("slidingWindow", 4)}
    two = rollout(LIVE, **wide, availability=at_most(4, operations=2))
    three = rollout(LIVE, **wide, availability=at_most(4, operations=3))
    events = (*started(1, "0"), *started(2, "1"))
    live = with_instance(written(), "0", provisioning_state="Updating")
    live = with_instance(live, "1", provisioning_state="Updating")
    seen = Live(live, {"operation-1": GOES_ON, "operation-2": GOES_ON})

    assert isinstance(decide(upgrading(two, *events), seen, START), Wait)
    assert decide(upgrading(three, *events), seen, START) == UpgradeInstances(2, ("2", "3"))
    in_doubt = ev.OutcomeLost(START, 2, "X", "x")
    assert isinstance(decide(upgrading(three, *events, in_doubt), seen, START), Wait)
    model = ev.ModelWriteIntended(START, 3, 2, '"1"')
    beside = upgrading(two, *started(1, "0"), model, ev.OperationAccepted(START, 3, "operation-3"))
    also = Live(live, {"operation-1": GOES_ON, "operation-3": GOES_ON})
    assert isinstance(decide(replace(beside, rollout=three), also, START), Wait)


def test_a_model_write_in_flight_is_not_made_again() -> None:
    """However many operations may run at once."""
    accepted = ev.OperationAccepted(START, 1, "operation-1")
    state = at_step(MADE, 1, ev.ModelWriteIntended(START, 1, 1, '"1"'), accepted)

    assert isinstance(decide(state, Live(LIVE, {"operation-1": GOES_ON}), START), Wait)


def test_an_instance_that_runs_what_nobody_reviewed_is_not_touched() -> None:
    """The Run ends, after what is in flight; what this Run itself did to one is no surprise."""
    other = with_instance(written(), "1", exact_version="1.9.5")
    own = with_instance(written(), "0", exact_version="1.9.5")
    beside = Live(
        with_instance(other, "0", provisioning_state="Updating"), {"operation-1": GOES_ON}
    )
    reason = "instance 1 ran 1.9.0 when planned, and runs 1.9.5 now"

    assert halted(decide(upgrading(MADE), Live(other), START)) == (ExitCode.STALE, reason)
    assert isinstance(decide(upgrading(MADE, *started(1, "0")), beside, START), Wait)
    again = upgrading(
        MADE,
        *started(1, "0"),
        ev.InstanceNotStarted(START, "0"),
        ev.OperationEnded(START, 1, ""),
    )
    assert decide(again, Live(own), START) == UpgradeInstances(2, ("0", "1"))
    both = with_instance(own, "1", exact_version="1.9.5")
    assert halted(decide(again, Live(both), START)) == (ExitCode.STALE, reason)


def test_on_the_way_back_it_does_not_matter_what_exactly_one_runs() -> None:
    """All that was touched goes back to the same."""
    back = ev.RollbackStarted(START, "bad", ("0",))
    state = upgrading(
        MADE, *started(1, "0"), ev.OperationEnded(START, 1, ""), back, ev.StepStarted(START, 2)
    )
    live = with_model(written(), image=OLD_IMAGE)
    live = with_instance(live, "0", image=NEW_IMAGE, exact_version="6.6.6")

    assert decide(state, Live(live), START) == UpgradeInstances(2, ("0",))


# What failed.


def test_one_failed_operation_among_failures_decides_the_exit_code() -> None:
    """The reason names the first of them, and counts the rest."""
    members = scale_set([instance(str(n), provisioning_state="Failed") for n in range(4)])
    live = Live(written(members))
    health, operation = ev.FailurePhase.HEALTH, ev.FailurePhase.OPERATION

    both = upgrading(MADE, failed("0", health), failed("1", operation))
    assert halted(decide(both, live, START)) == (
        ExitCode.INSTANCE_FAILED,
        "instance 0: AllocationFailed: No room. (and 1 more)",
    )
    sick = upgrading(MADE, failed("0", health), failed("1", health))
    assert code(sick, live) is ExitCode.GATE


# Who else has changed something.


def test_a_model_that_others_change_stops_the_run_from_the_moment_it_was_written() -> None:
    """Not before: until then it is the write itself that looks whether it may."""
    other = Live(with_model(LIVE, image=OTHER, vm_size="Standard_D8s_v5"))
    between = at_step(MADE, 1, ev.StepCompleted(START, 1))

    reason = "somebody changed model.image.version: this Run set 1.10.0, it is 6.6.6 now"
    assert halted(decide(between, other, START)) == (ExitCode.STALE, reason)
    assert halted(decide(upgrading(MADE), other, START)) == (ExitCode.STALE, reason)
    early = halted(decide(at_step(MADE, 1), other, START))
    assert early is not None
    assert early[1].startswith("model.image.version was 1.9.0 when planned")


def test_of_several_changes_by_others_the_first_is_named() -> None:
    """As the diff has them: the image before the size."""
    made = rollout(LIVE, model=ModelFields(NEW_IMAGE, "Standard_D4s_v5"))
    other = Live(with_model(LIVE, image=OTHER, vm_size="Standard_D8s_v5"))
    found = halted(decide(upgrading(made), other, START))

    assert found is not None
    assert found[1].startswith("somebody changed model.image.version: ")


def test_a_machine_in_the_place_of_another_is_no_scaling_that_may_be() -> None:
    """Seen before it has settled, too."""
    members = scale_set([*LIVE.instances, current("5")])
    new = with_instance(written(members), "5", vm_id="vm-another", provisioning_state="Creating")

    refusing = rollout(members, **WINDOW, on_scale=OnScale.REFUSE)
    assert code(upgrading(refusing), Live(new)) is ExitCode.STALE
    assert code(upgrading(rollout(members, **WINDOW)), Live(new)) is None


# What took too long.


def test_requests_are_put_off_as_long_as_the_health_deadline() -> None:
    """From the first of a row to the last, not a second longer."""

    def until(last: datetime) -> RunState:
        first = put_off(START + minutes(9))
        return upgrading(MADE, first, put_off(last + seconds(15), last))

    live = Live(written())
    assert code(until(START + DEADLINE - seconds(1)), live, START + DEADLINE) is None
    assert code(until(START + DEADLINE), live, START + DEADLINE) is ExitCode.DEADLINE


def test_the_floor_holds_a_run_as_long_as_the_health_deadline() -> None:
    """Then it is refused."""
    lost = {"application_health": HealthState.UNHEALTHY, "protected_from_scale_set_actions": True}
    members = scale_set([*scale_set(3).instances, instance("3", **lost)])
    made = rollout(members, availability=at_most(1))
    state = upgrading(made, ev.FloorReached(START, 3, 3))

    assert code(state, Live(written(members)), START + DEADLINE - seconds(1)) is None
    assert code(state, Live(written(members)), START + DEADLINE) is ExitCode.REFUSED


# When nothing can be seen.


def blind(last: datetime, *, since: datetime = START) -> ev.RequestDeferred:
    """Return a look that failed then."""
    reason = ev.DeferralReason.UNAVAILABLE
    until = last + seconds(15)
    return ev.RequestDeferred(last, reason, until, "Down", "No answer.", blind_since=since)


def test_a_run_that_sees_nothing_looks_again_when_it_may() -> None:
    """At once when that has passed, or when nothing is known of it."""
    state = upgrading(MADE, blind(START))

    assert decide(state, None, START) == Wait(START + seconds(15), Look.EVERYTHING)
    late = START + minutes(1)
    assert decide(state, None, late) == Wait(late, Look.EVERYTHING)
    assert decide(upgrading(MADE), None, START) == Wait(START, Look.EVERYTHING)


def test_a_run_that_sees_nothing_ends_after_the_health_deadline() -> None:
    """From the first failed look to the last; also with something in flight."""
    for events in ((), started(1, "0")):
        almost, over = START + DEADLINE - seconds(1), START + DEADLINE
        assert code(upgrading(MADE, *events, blind(almost)), None, over) is None
        assert code(upgrading(MADE, *events, blind(over)), None, over) is ExitCode.DEADLINE


def test_what_is_in_flight_is_not_left_because_nothing_can_be_seen() -> None:
    """Cancelled and blind: the operation that was started is seen through."""
    assert code(upgrading(MADE, blind(START), CANCELLED), None) is ExitCode.CANCELLED
    in_flight = upgrading(MADE, *started(1, "0"), blind(START), CANCELLED)
    assert code(in_flight, None) is None


def refused(request: int | None) -> ev.RequestRefused:
    """Return a request refused for good."""
    return ev.RequestRefused(START, request, ExitCode.NOT_PERMITTED, "NotPermitted", "not you")


def test_who_may_not_look_ends_the_run() -> None:
    """In its own words; what people want comes first; a refused write waits for a look."""
    look = upgrading(MADE, refused(None))

    assert halted(decide(look, None, START)) == (ExitCode.NOT_PERMITTED, "not you")
    in_flight = upgrading(MADE, *started(1, "0"), refused(None))
    assert code(in_flight, None) is ExitCode.NOT_PERMITTED
    assert code(upgrading(MADE, refused(None), CANCELLED), None) is ExitCode.CANCELLED
    assert code(upgrading(MADE, refused(7)), None) is None
    assert halted(decide(upgrading(MADE, refused(7)), Live(written()), START)) == (
        ExitCode.NOT_PERMITTED,
        "NotPermitted: not you",
    )


# Turning round.


def turns(state: RunState, live: Live | None, now: datetime = START) -> ev.RollbackStarted | None:
    """Return the way back that begins; None when none does."""
    match decide(state, live, now):
        case Record((ev.RollbackStarted() as started_back,)):
            return started_back
    return None


def test_a_stale_run_does_not_turn_round() -> None:
    """Even when asked: the way back would write over what somebody else wrote."""
    other = Live(with_model(LIVE, image=OTHER))

    assert turns(upgrading(MADE, ASKED_BACK), Live(written())) is not None
    assert code(upgrading(MADE, ASKED_BACK), other) is ExitCode.STALE


def test_a_run_turns_round_only_when_nothing_is_in_flight() -> None:
    """An operation that never ends cannot be turned round from."""
    state = upgrading(MADE, *started(1, "0"), ASKED_BACK)
    busy = with_instance(written(), "0", provisioning_state="Updating")
    live = Live(busy, {"operation-1": GOES_ON})

    assert isinstance(decide(state, live, START), Wait)
    assert code(state, live, START + minutes(120)) is ExitCode.DEADLINE


def test_without_a_way_back_who_asks_for_it_cancels() -> None:
    """There is nothing else to be done."""
    made = rollout(LIVE, **WINDOW, missing_image="1.9.0 is gone")

    assert halted(decide(upgrading(made, ASKED_BACK), Live(written()), START)) == (
        ExitCode.CANCELLED,
        "ann asked to roll back",
    )


@pytest.mark.parametrize(("made", "is_back"), [(MADE, False), (BACK, True)])
def test_a_failure_turns_round_where_the_plan_says_so(made: Any, *, is_back: bool) -> None:
    """Else it freezes; a cancel always does."""
    live = Live(with_instance(written(), "0", provisioning_state="Failed"))

    assert (turns(upgrading(made, failed("0")), live) is not None) == is_back
    assert code(upgrading(made, CANCELLED), live) is ExitCode.CANCELLED


def test_what_goes_back_is_what_was_touched_and_what_came_with_the_new_model() -> None:
    """Each once: a machine in the place of another is one that came; an outdated one is left."""
    made = rollout(LIVE, **WINDOW, failure=Failure(max_failed_instances=1))
    new: dict[str, Any] = {
        "image": NEW_IMAGE,
        "exact_version": NEW,
        "latest_model_applied": True,
    }
    source = HealthSource.APPLICATION_HEALTH
    come = [
        seen_instance(instance(number, vm_id=f"vm-new-{number}", **new), source) for number in "18"
    ]
    old = seen_instance(instance("9"), source)
    events: list[Event] = [
        *started(1, "0", "1"),
        ev.InstanceUpgraded(START, "0"),
        failed("1"),
        ev.OperationEnded(START, 1, "Succeeded"),
        *(ev.InstanceAppeared(START, one, is_current=True) for one in come),
        ev.InstanceAppeared(START, old, is_current=False),
        ASKED_BACK,
    ]
    live = with_instance(written(), "0", **new, application_health=HealthState.UNHEALTHY)
    live = with_instance(live, "1", vm_id="vm-new-1", **new)

    assert turns(upgrading(made, *events), Live(live)) == ev.RollbackStarted(
        START, "ann asked to roll back", ("0",), tuple(come), ("0",)
    )
