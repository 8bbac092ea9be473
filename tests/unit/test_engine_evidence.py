"""What one look proves, and what it does not: facts, each once, and none too early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.service import with_instance, without_instance
from tests.support.states import LIVE, WINDOW, started, upgrading, written
from tests.support.values import (
    NEW,
    NEW_IMAGE,
    START,
    at_most,
    instance,
    minutes,
    rollout,
    seconds,
    strategy,
)
from vmssplan.engine import Live, evolve, replay
from vmssplan.engine import events as ev
from vmssplan.engine.evidence import GONE, MOST_FALLS, learn
from vmssplan.model import (
    AzureError,
    HealthState,
    OperationReport,
    OperationStatus,
    ResourceImage,
)
from vmssplan.rollout import Disposition, PlannedInstance, UpgradeBatch

if TYPE_CHECKING:
    from vmssplan.engine import Event
    from vmssplan.model import ScaleSet

MADE = rollout(LIVE, **WINDOW)
BATCHES = rollout(LIVE, strategy=strategy("fixedBatch", 2), availability=at_most(2))
DONE: dict[str, Any] = {"image": NEW_IMAGE, "exact_version": NEW, "latest_model_applied": True}
ERROR = AzureError("AllocationFailed", "No room.")
SUCCEEDED = OperationReport(OperationStatus.SUCCEEDED)
FAILED = OperationReport(OperationStatus.FAILED, ERROR)
LOST = ev.OutcomeLost(START, 1, "ConnectionLost", "Gone.")
PROVEN = (
    ev.InstanceUpgraded(START, "0"),
    ev.InstanceBecameHealthy(START, "0"),
    ev.InstanceReady(START + seconds(30), "0"),
)


def changed(instance_id: str = "0", live: ScaleSet | None = None, **changes: Any) -> ScaleSet:
    """Return the set with the new model and one instance changed."""
    return with_instance(live or written(), instance_id, **changes)


# Before its turn came.


def test_only_the_open_step_has_its_instances_looked_at() -> None:
    """What became of those of a later batch is told when their turn comes."""
    live = Live(without_instance(changed("2", protected_from_scale_set_actions=True), "3"))

    assert learn(upgrading(BATCHES), live, START) == ()
    assert [type(one) for one in learn(upgrading(MADE), live, START)] == [ev.InstanceSkipped] * 2


def test_a_look_that_had_nothing_new_for_one_step_may_have_for_the_next() -> None:
    """The same look is asked again when the next batch has its turn."""
    live = Live(without_instance(written(), "2"))
    state = upgrading(BATCHES)
    assert learn(state, live, START) == ()
    later = evolve(state, ev.StepStarted(START, state.step + 2))
    second = later.rollout.steps[later.step - 1]
    assert isinstance(second, UpgradeBatch)
    assert second.batch == 2
    assert learn(later, live, START) == (ev.InstanceSkipped(START, "2", GONE),)


def test_the_same_look_tells_the_same_however_often_it_is_asked() -> None:
    """Until what it told has been taken in."""
    live = Live(without_instance(written(), "0"))
    state = upgrading(BATCHES)
    assert learn(state, live, START) == learn(state, live, START)
    assert learn(state, live, START) == (ev.InstanceSkipped(START, "0", GONE),)


def test_a_look_without_news_has_some_when_time_has_passed() -> None:
    """The first of those that have been well long enough is told at its moment, not the last's."""
    well = changed("1", changed(**DONE), **DONE)
    state = upgrading(
        BATCHES,
        *(ev.InstanceUpgraded(START, i) for i in "01"),
        ev.InstanceBecameHealthy(START, "0"),
        ev.InstanceBecameHealthy(START + seconds(10), "1"),
    )
    live = Live(well)
    assert learn(state, live, START + seconds(29)) == ()
    told = learn(state, live, START + seconds(30))
    assert told == (ev.InstanceReady(START + seconds(30), "0"),)


def test_a_look_without_news_has_some_when_one_of_two_operations_is_over() -> None:
    """The other one goes on."""
    both = (*started(1, "0"), *started(2, "1"))
    state = upgrading(MADE, *both)
    done = changed(**DONE)
    going = OperationReport(OperationStatus.IN_PROGRESS)
    assert learn(state, Live(done, {"operation-1": going, "operation-2": going}), START) == ()
    told = learn(state, Live(done, {"operation-1": SUCCEEDED, "operation-2": going}), START)
    assert told[0] == ev.InstanceUpgraded(START, "0")


@pytest.mark.parametrize(
    "changes", [DONE, {"protected_from_scale_set_actions": True}, {"power_state": "deallocated"}]
)
def test_nothing_is_told_of_an_instance_that_others_work_on(changes: dict[str, Any]) -> None:
    """Current, protected or stopped: as long as it is busy, that may change."""
    live = Live(changed(provisioning_state="Updating", **changes))

    assert learn(upgrading(MADE), live, START) == ()


def test_a_failed_instance_that_stands_still_is_to_be_cured() -> None:
    """An operation that failed may have left it stopped: it is not skipped."""
    stopped = changed(power_state="stopped")

    assert learn(upgrading(MADE), Live(stopped), START) == (
        ev.InstanceSkipped(START, "0", "stopped; start it, then plan again"),
    )
    assert (
        learn(upgrading(MADE), Live(changed(live=stopped, provisioning_state="Failed")), START)
        == ()
    )


def test_a_failed_instance_on_the_new_model_is_not_upgraded_yet() -> None:
    """It is to be operated on."""
    assert learn(upgrading(MADE), Live(changed(**DONE)), START) == (
        ev.InstanceUpgraded(START, "0"),
    )
    failed = changed(provisioning_state="Failed", **DONE)
    assert learn(upgrading(MADE), Live(failed), START) == ()


# Nobody planned for it.


def with_new(*more: Any) -> Live:
    """Return the set with more instances."""
    live = written()
    return Live(replace(live, instances=(*live.instances, *more)))


def test_an_instance_that_came_is_told_when_it_has_settled() -> None:
    """As the Rollout would have it; and again when it has become current."""
    state = upgrading(MADE)
    busy = instance("9", provisioning_state="Creating", zone="2", update_domain=4, fault_domain=1)
    old = replace(busy, provisioning_state="Succeeded")
    told = ev.InstanceAppeared(
        START,
        PlannedInstance(
            "9", "vm-9", Disposition.UPGRADE, "came during the Run", "1.9.0", True, 4, 1, "2"
        ),
        is_current=False,
    )

    assert learn(state, with_new(busy), START) == ()
    assert learn(state, with_new(old), START) == (told,)
    known = upgrading(MADE, told)
    assert learn(known, with_new(old), START) == ()
    assert learn(known, with_new(busy), START) == ()
    [again] = learn(known, with_new(replace(old, **DONE)), START)
    assert isinstance(again, ev.InstanceAppeared)
    assert again.is_current
    both = upgrading(MADE, told, again)
    assert learn(both, with_new(replace(old, **DONE)), START) == ()
    assert learn(both, with_new(old), START) == ()


def test_one_without_a_version_is_named_by_its_image() -> None:
    """A managed image has none."""
    custom = instance("9", image=ResourceImage("/images/golden"), exact_version=None)
    [told] = learn(upgrading(MADE), with_new(custom), START)

    assert isinstance(told, ev.InstanceAppeared)
    assert "golden" in told.instance.version


# Its health.


def test_a_ready_instance_that_is_well_or_gone_is_no_news() -> None:
    """Only one that has fallen sick is."""
    state = upgrading(MADE, *PROVEN)
    ready = changed(**DONE)
    later = START + minutes(5)

    assert learn(state, Live(ready), later) == ()
    assert learn(state, Live(without_instance(ready, "0")), later) == ()
    assert learn(state, Live(changed(live=ready, vm_id="vm-another")), later)[0] == (
        ev.InstanceAppeared(
            later,
            PlannedInstance(
                "0", "vm-another", Disposition.UPGRADE, "came during the Run", NEW, True, 0, 0, "1"
            ),
            is_current=True,
        )
    )
    sick = changed(live=ready, application_health=HealthState.UNHEALTHY)
    assert learn(state, Live(sick), later) == (
        ev.InstanceBecameUnhealthy(later, "0", "application health unhealthy"),
    )


def test_one_whose_health_is_awaited_and_that_goes_is_skipped() -> None:
    """Gone, or another machine in its place."""
    state = upgrading(MADE, PROVEN[0])
    gone = ev.InstanceSkipped(START, "0", GONE)

    assert learn(state, Live(without_instance(written(), "0")), START) == (gone,)
    assert gone in learn(state, Live(changed(vm_id="vm-another", **DONE)), START)


def test_another_machine_is_not_taken_for_the_one_that_was_well() -> None:
    """It serves under the same id, and yet the one whose health was awaited is gone."""
    state = upgrading(MADE, *PROVEN[:2])
    facts = learn(state, Live(changed(vm_id="vm-another", **DONE)), START)

    assert ev.InstanceSkipped(START, "0", GONE) in facts
    assert learn(state, Live(changed(**DONE)), START) == ()


def test_one_is_ready_at_the_very_moment() -> None:
    """Healthy for as long as was asked, and not a moment longer."""
    state, ready = upgrading(MADE, *PROVEN[:2]), Live(changed(**DONE))

    assert learn(state, ready, START + seconds(29.999)) == ()
    assert learn(state, ready, START + seconds(30)) == (PROVEN[2],)


def test_one_that_is_ready_and_sick_again_and_again_has_failed() -> None:
    """Each fall gets a deadline of its own, but not without end."""
    fall = (*PROVEN[1:], ev.InstanceBecameUnhealthy(START + minutes(1), "0", "sick"))
    sick = Live(changed(application_health=HealthState.UNHEALTHY, **DONE))

    def seen(falls: int) -> tuple[ev.Event, ...]:
        state = upgrading(MADE, PROVEN[0], *(fall * falls), *PROVEN[1:])
        return learn(state, sick, START + minutes(2))

    wavering = upgrading(MADE, PROVEN[0], *(fall * MOST_FALLS), PROVEN[1])
    assert [type(one) for one in learn(wavering, sick, START + minutes(2))] == [
        ev.InstanceBecameUnhealthy
    ]
    assert [type(one) for one in seen(MOST_FALLS - 1)] == [ev.InstanceBecameUnhealthy]
    [failed] = seen(MOST_FALLS)
    assert isinstance(failed, ev.InstanceFailed)
    assert (failed.phase, failed.code) == (ev.FailurePhase.HEALTH, "HealthFlaps")
    assert failed.message == "ready and sick again 21 times: application health unhealthy"


# How a request ended.


def test_what_is_in_doubt_is_judged_after_half_a_minute() -> None:
    """So long a request may still be on its way; not a second longer."""
    state = upgrading(MADE, *started(1, "0"), LOST)

    assert learn(state, Live(written()), START + seconds(29.9)) == ()
    assert learn(state, Live(written()), START + seconds(30)) == (
        ev.InstanceNotStarted(START + seconds(30), "0"),
        ev.OperationEnded(START + seconds(30), 1, ""),
    )


def test_what_is_in_doubt_is_judged_by_looking_alone() -> None:
    """Whatever a report says: nobody knows whose it is."""
    state = upgrading(MADE, *started(1, "0"), LOST)
    later = START + minutes(1)

    assert learn(state, Live(written(), {"operation-1": FAILED}), later) == (
        ev.InstanceNotStarted(later, "0"),
        ev.OperationEnded(later, 1, ""),
    )


def test_an_accepted_operation_without_a_report_is_waited_for() -> None:
    """Nobody has said that it is over."""
    state = upgrading(MADE, *started(1, "0"))

    assert learn(state, Live(written()), START + minutes(60)) == ()


@pytest.mark.parametrize("live", [without_instance(written(), "0"), changed(vm_id="vm-another")])
def test_what_went_during_its_operation_is_skipped(live: ScaleSet) -> None:
    """The machine that has its id now is judged by nobody."""
    state = upgrading(MADE, *started(1, "0"))
    facts = learn(state, Live(live, {"operation-1": SUCCEEDED}), START)

    assert ev.InstanceSkipped(START, "0", GONE) in facts
    assert not any(isinstance(one, ev.InstanceFailed | ev.InstanceUpgraded) for one in facts)


def test_what_was_settled_already_is_not_told_again() -> None:
    """Killed between two lines of the journal: the rest follows."""
    state = upgrading(MADE, *started(1, "0", "1"), PROVEN[0])
    live = changed("1", changed(application_health=HealthState.UNHEALTHY, **DONE), **DONE)

    assert learn(state, Live(live, {"operation-1": SUCCEEDED}), START) == (
        ev.InstanceUpgraded(START, "1"),
        ev.OperationEnded(START, 1, "Succeeded"),
    )


def writing(*more: Event) -> Any:
    """Return the state in which the model write was accepted."""
    begun: list[Event] = [
        ev.RunStarted(START, "web-1", "sha256:0"),
        ev.StepStarted(START, 1),
        ev.ModelWriteIntended(START, 1, 1, '"1"'),
        ev.OperationAccepted(START, 1, "operation-1"),
    ]
    return replay(MADE, [*begun, *more])


def test_a_model_write_is_over_when_the_set_has_settled() -> None:
    """It says how it ended; a failure that left the model as wanted says nothing of it."""
    busy = replace(written(), provisioning_state="Updating")
    ended = ev.OperationEnded(START, 1, "Succeeded")
    failure = ev.OperationEnded(START, 1, "Failed", ERROR.code, ERROR.message)

    assert learn(writing(), Live(busy, {"operation-1": SUCCEEDED}), START) == ()
    assert learn(writing(), Live(written(), {"operation-1": SUCCEEDED}), START) == (ended,)
    assert learn(writing(), Live(LIVE, {"operation-1": SUCCEEDED}), START) == (ended,)
    assert learn(writing(), Live(LIVE, {"operation-1": FAILED}), START) == (failure,)
    stands = Live(written(), {"operation-1": FAILED})
    assert learn(writing(), stands, START) == (replace(failure, status=""),)


# A list that is behind.

ENDED_AT = START + minutes(2)


def just_over(live: ScaleSet, report: OperationReport = SUCCEEDED, after: float = 1) -> Any:
    """Return what is learned that many seconds after an operation on 0 and 1 ended."""
    seen = Live(live, {"operation-1": report}, {"operation-1": ENDED_AT})
    return learn(upgrading(MADE, *started(1, "0", "1")), seen, ENDED_AT + seconds(after))


def kinds(facts: tuple[Event, ...]) -> list[str]:
    """Return the names of what was learned."""
    return [type(one).__name__ for one in facts]


BOTH = ["InstanceUpgraded", "InstanceUpgraded", "OperationEnded"]


def test_what_is_listed_as_outdated_after_a_success_is_looked_at_again_for_a_while() -> None:
    """For half a minute the list may be behind; then the operation had no effect."""
    half, whole = changed(**DONE), changed("1", changed(**DONE), **DONE)

    for behind in (written(), half):
        assert just_over(behind, after=0) == ()
        assert just_over(behind, after=29.9) == ()
    assert kinds(just_over(half, after=30)) == [BOTH[0], "InstanceFailed", BOTH[2]]
    assert kinds(just_over(whole, after=0)) == BOTH


def test_only_a_success_on_what_could_be_upgraded_makes_a_list_late() -> None:
    """A failure is believed at once, and so is an instance that failed or is protected."""
    half = changed("1", **DONE)
    failed = changed("0", half, provisioning_state="Failed")
    protected = changed("0", half, protected_from_scale_set_actions=True)

    assert kinds(just_over(half, FAILED)) == ["InstanceFailed", *BOTH[1:]]
    assert kinds(just_over(failed)) == ["InstanceFailed", *BOTH[1:]]
    assert kinds(just_over(protected)) == ["InstanceSkipped", *BOTH[1:]]
    unseen = Live(half, {"operation-1": SUCCEEDED})
    state = upgrading(MADE, *started(1, "0", "1"))
    assert kinds(learn(state, unseen, START)) == ["InstanceFailed", *BOTH[1:]]


def test_failed_on_the_new_model_is_failed() -> None:
    """Current is not enough."""
    live = changed("1", changed("0", provisioning_state="Failed", **DONE), **DONE)

    assert kinds(just_over(live)) == ["InstanceFailed", *BOTH[1:]]
