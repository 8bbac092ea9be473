"""Which instances start, how many, and when a step of them is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.service import with_instance
from tests.support.states import LIVE, WINDOW, started, upgrading, written
from tests.support.values import START, at_most, instance, rollout, scale_set, strategy
from vmssplan.engine import (
    Live,
    Record,
    ReimageInstances,
    RunProgram,
    UpgradeInstances,
    Wait,
    decide,
)
from vmssplan.engine import events as ev
from vmssplan.engine.upgrading import in_service, startable
from vmssplan.model import (
    UNSEEN,
    AzureError,
    CommandProbe,
    Failure,
    HealthState,
    Hooks,
    Method,
    OperationReport,
    OperationStatus,
)

if TYPE_CHECKING:
    from vmssplan.engine import Event
    from vmssplan.model import ScaleSet

GOES_ON = OperationReport(OperationStatus.IN_PROGRESS)
SICK = {"application_health": HealthState.UNHEALTHY}
PAIR: dict[str, Any] = {
    "strategy": strategy("fixedBatch", 2),
    "availability": at_most(2, operations=2),
}
OF_TWO: dict[str, Any] = {**WINDOW, "failure": Failure(max_failed_instances=1)}


def reached(phase: str, instance_id: str) -> list[Event]:
    """Return what has happened to an instance that is in that phase now."""
    steps: dict[str, list[Event]] = {
        "operating": [*started(int(instance_id) + 1, instance_id)],
        "awaiting": [ev.InstanceUpgraded(START, instance_id)],
        "ready": [ev.InstanceUpgraded(START, instance_id), ev.InstanceReady(START, instance_id)],
        "failed": [
            ev.InstanceFailed(START, instance_id, ev.FailurePhase.OPERATION, "NoRoom", "No room.")
        ],
        "skipped": [ev.InstanceSkipped(START, instance_id, "gone")],
    }
    return steps[phase]


def seen(phases: tuple[str, ...], members: ScaleSet) -> Live:
    """Return the set as it is when its instances are in these phases."""
    live = written(members)
    for number, phase in enumerate(phases):
        done = {"latest_model_applied": True, "image": live.model.image, "exact_version": "1.10.0"}
        changes: dict[str, dict[str, Any]] = {
            "operating": {"provisioning_state": "Updating"},
            "awaiting": {**done, **SICK},
            "ready": done,
            "failed": {"provisioning_state": "Failed", "error": AzureError("NoRoom", "No room.")},
            "skipped": {"protected_from_scale_set_actions": True},
        }
        live = with_instance(live, str(number), **changes[phase])
    return Live(live, {"operation-1": GOES_ON, "operation-2": GOES_ON})


@pytest.mark.parametrize(
    ("kind", "phases", "is_over"),
    [
        ("slidingWindow", ("operating", "ready"), False),
        ("slidingWindow", ("ready", "operating"), False),
        ("slidingWindow", ("awaiting", "ready"), False),
        ("slidingWindow", ("ready", "awaiting"), False),
        ("slidingWindow", ("ready", "ready"), True),
        ("slidingWindow", ("failed", "ready"), True),
        ("slidingWindow", ("skipped", "ready"), True),
        ("fixedBatch", ("operating", "awaiting"), False),
        ("fixedBatch", ("ready", "operating"), False),
        ("fixedBatch", ("awaiting", "ready"), True),
        ("fixedBatch", ("awaiting", "awaiting"), True),
        ("fixedBatch", ("failed", "awaiting"), True),
    ],
)
def test_when_a_step_of_instances_is_over(
    kind: str, phases: tuple[str, ...], *, is_over: bool
) -> None:
    """A batch when nothing of it is operated on, a window when all of it is well, or given up."""
    made = rollout(scale_set(2), **{**OF_TWO, "strategy": strategy(kind, 2)})
    events = [event for number, one in enumerate(phases) for event in reached(one, str(number))]
    command = decide(upgrading(made, *events), seen(phases, scale_set(2)), START)

    if is_over:
        assert command == Record((ev.StepCompleted(START, 2),))
    else:
        assert isinstance(command, Wait)


def test_the_next_batch_does_not_start_beside_the_last_one() -> None:
    """However many operations may run at once: a batch is a barrier."""
    made = rollout(LIVE, **PAIR)
    batch = upgrading(made, *started(1, "0", "1"))
    live = with_instance(written(), "0", provisioning_state="Updating")
    live = with_instance(live, "1", provisioning_state="Updating")

    assert isinstance(decide(batch, Live(live, {"operation-1": GOES_ON}), START), Wait)


@pytest.mark.parametrize("room", [2, 4])
def test_a_window_holds_no_more_than_it_says(room: int) -> None:
    """Whatever the floor would allow."""
    made = rollout(LIVE, strategy=strategy("slidingWindow", 2), availability=at_most(room))

    assert decide(upgrading(made), Live(written()), START) == UpgradeInstances(2, ("0", "1"))


def test_a_full_window_is_no_floor() -> None:
    """Two being proven fill it: the next is waited for, and nothing is said of the floor."""
    made = rollout(LIVE, strategy=strategy("slidingWindow", 2), availability=at_most(3))
    full = [*reached("awaiting", "0"), *reached("awaiting", "1")]

    assert isinstance(decide(upgrading(made, *full), seen(("awaiting",) * 2, LIVE), START), Wait)


def test_a_window_that_a_relapse_overfills_starts_nothing() -> None:
    """Three of a window of two are not well: none starts until two of them are."""
    made = rollout(scale_set(6), strategy=strategy("slidingWindow", 2), availability=at_most(5))
    ready = [event for number in "012" for event in reached("ready", number)]
    fallen: list[Event] = [ev.InstanceBecameUnhealthy(START, number, "sick") for number in "012"]
    live = seen(("awaiting",) * 3, scale_set(6))

    assert isinstance(decide(upgrading(made, *ready, *fallen), live, START), Wait)


def test_instances_that_others_work_on_are_a_conflict() -> None:
    """All that is left is busy: put off like any other conflict, and no matter of the floor."""
    made = rollout(LIVE, **WINDOW)
    live = written()
    for one in "0123":
        live = with_instance(live, one, provisioning_state="Updating")
    command = decide(upgrading(made), Live(live), START)

    assert isinstance(command, Record)
    [deferred] = command.events
    assert isinstance(deferred, ev.RequestDeferred)
    assert deferred.code == "ScaleSetBusy"
    ours = upgrading(made, *started(1, "0"))
    assert isinstance(decide(ours, Live(live, {"operation-1": GOES_ON}), START), Wait)


LOST = instance("3", **SICK, protected_from_scale_set_actions=True)
AT_THE_FLOOR = scale_set([*scale_set(3).instances, LOST])
DRAIN = Hooks(before_batch=CommandProbe(("./drain",)))


def test_the_floor_is_written_down_once() -> None:
    """With both values; then the Run waits."""
    made = rollout(AT_THE_FLOOR, availability=at_most(1))
    live, floor = Live(written(AT_THE_FLOOR)), ev.FloorReached(START, 3, 3)

    assert decide(upgrading(made), live, START) == Record((floor,))
    assert isinstance(decide(upgrading(made, floor), live, START), Wait)


def test_the_floor_may_have_room_again_while_something_is_in_flight() -> None:
    """Only when nothing goes on is it the floor that holds the Run."""
    made = rollout(AT_THE_FLOOR, strategy=WINDOW["strategy"], availability=at_most(2, operations=2))
    state = upgrading(made, *started(1, "0"))
    live = with_instance(written(AT_THE_FLOOR), "0", provisioning_state="Updating")

    assert isinstance(decide(state, Live(live, {"operation-1": GOES_ON}), START), Wait)


@pytest.mark.parametrize(("spare", "drains"), [(0, False), (1, False), (2, True)])
def test_a_batch_is_drained_only_when_all_of_it_may_go_out_of_service(
    spare: int, *, drains: bool
) -> None:
    """Two to drain need room for two."""
    out = [instance(str(2 + n), **SICK, protected_from_scale_set_actions=True) for n in range(2)]
    members = scale_set(
        [instance("0"), instance("1"), *out[: 2 - spare], *scale_set(8).instances[4:]]
    )
    made = rollout(
        members, strategy=strategy("fixedBatch", 2), availability=at_most(2), hooks=DRAIN
    )
    command = decide(upgrading(made), Live(written(members)), START)

    assert isinstance(command, RunProgram) == drains
    if not drains:
        assert isinstance(command, Record)
        assert isinstance(command.events[0], ev.FloorReached)


def test_one_alone_is_not_drained_at_the_floor() -> None:
    """It would leave one too few."""
    made = rollout(AT_THE_FLOOR, availability=at_most(1), hooks=DRAIN)
    floor = ev.FloorReached(START, 3, 3)

    assert decide(upgrading(made), Live(written(AT_THE_FLOOR)), START) == Record((floor,))


def test_the_sick_are_drained_below_the_floor_as_well() -> None:
    """They serve nobody, so no room is needed."""
    members = scale_set([instance(str(n), **SICK) for n in range(4)])
    made = rollout(
        members, strategy=strategy("fixedBatch", 2), availability=at_most(2), hooks=DRAIN
    )
    command = decide(upgrading(made), Live(written(members)), START)

    assert isinstance(command, RunProgram)
    assert command.instance_ids == ("0", "1")


def test_what_cannot_be_seen_may_serve_and_needs_room_like_what_does() -> None:
    """It is not counted as serving, and not taken out as if it were known not to."""
    unseen = scale_set([instance(str(n), power_state=UNSEEN) for n in range(2)])
    members = scale_set([*unseen.instances, instance("2"), instance("3", **SICK)])
    made = rollout(members, strategy=strategy("slidingWindow", 4), availability=at_most(3))
    state, live = upgrading(made), Live(written(members))

    assert in_service(state, live) == 1
    assert startable(members.instances, 4, state, live) == ("3",)
    drain = rollout(
        members, strategy=strategy("fixedBatch", 3), availability=at_most(3), hooks=DRAIN
    )
    command = decide(upgrading(drain), live, START)
    assert isinstance(command, Record)
    assert isinstance(command.events[0], ev.FloorReached)


def test_what_we_work_on_does_not_serve_whatever_the_list_says() -> None:
    """An operation that has begun takes its instances out, seen or not."""
    made = rollout(LIVE, **WINDOW)

    assert in_service(upgrading(made), Live(written())) == 4
    assert in_service(upgrading(made, *started(1, "0", "1")), Live(written())) == 2


@pytest.mark.parametrize(
    ("limit", "chosen"), [(0, ()), (1, ("0",)), (2, ("0", "1")), (4, ("0", "1"))]
)
def test_no_more_start_than_wanted_and_than_may_go(limit: int, chosen: tuple[str, ...]) -> None:
    """In order, up to the limit, and down to the floor."""
    made = rollout(LIVE, **WINDOW)

    assert startable(LIVE.instances, limit, upgrading(made), Live(written())) == chosen


def test_instances_are_reimaged_where_the_plan_says_so() -> None:
    """The method is that of the Rollout."""
    made = rollout(LIVE, strategy=strategy(method=Method.REIMAGE))

    assert decide(upgrading(made), Live(written()), START) == ReimageInstances(2, ("0",))


def test_room_that_comes_back_at_the_last_moment_is_used() -> None:
    """The deadline of the floor ends a Run only where there is still no room."""
    made = rollout(scale_set(4), availability=at_most(1))
    state = upgrading(made, ev.FloorReached(START, 3, 3))
    late = START + made.health.deadline

    again = decide(state, Live(written(), {}), late)
    still = decide(state, Live(with_instance(written(), "3", **SICK), {}), late)

    assert isinstance(again, UpgradeInstances)
    assert isinstance(still, Record)
    assert [
        (type(one), one.exit_code) for one in still.events if isinstance(one, ev.RunHalted)
    ] == [(ev.RunHalted, 5)]
