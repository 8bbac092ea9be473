"""Single decisions: Rollout, state, live set and time in, one Command out."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.runs import MemoryJournal, run
from tests.support.service import FakeService, with_instance
from tests.support.states import LIVE, WINDOW, started, upgrading, written
from tests.support.values import (
    NEW,
    NEW_IMAGE,
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
from vmssplan.engine import (
    Live,
    Look,
    Phase,
    Record,
    UpgradeInstances,
    Wait,
    decide,
    evolve,
)
from vmssplan.engine import events as ev
from vmssplan.engine.evidence import learn
from vmssplan.engine.waiting import backoff
from vmssplan.errors import ExitCode
from vmssplan.model import (
    AzureError,
    HealthState,
    OperationReport,
    OperationStatus,
)


def test_what_we_work_on_is_out_of_service_whatever_the_list_says() -> None:
    """A list that still shows an instance healthy does not make room for another."""
    lost = instance(
        "3", application_health=HealthState.UNHEALTHY, protected_from_scale_set_actions=True
    )
    members = scale_set([*scale_set(3).instances, lost])
    made = rollout(members, **WINDOW)
    behind = Live(written(members), {"operation-1": OperationReport(OperationStatus.IN_PROGRESS)})

    assert decide(upgrading(made), behind, START) == UpgradeInstances(2, ("0",))
    assert isinstance(decide(upgrading(made, *started(1, "0")), behind, START), Wait)


def test_beside_an_operation_in_doubt_nothing_starts() -> None:
    """Room or not: what is in doubt is settled first."""
    made = rollout(LIVE, **WINDOW)
    state = upgrading(made, started(1, "0")[0], ev.OutcomeLost(START, 1, "ConnectionLost", "Gone."))

    assert isinstance(decide(state, Live(written()), START), Wait)


@pytest.mark.parametrize("is_lost", [True, False])
def test_nothing_is_concluded_while_an_instance_is_worked_on(*, is_lost: bool) -> None:
    """An operation said to be over, or in doubt for long, waits for its instances to settle."""
    made = rollout(LIVE, **WINDOW)
    lost = [ev.OutcomeLost(START, 1, "ConnectionLost", "Gone.")] if is_lost else []
    state = upgrading(made, *started(1, "0", "1"), *lost)
    busy = with_instance(written(), "1", provisioning_state="Updating")
    live = Live(busy, {"operation-1": OperationReport(OperationStatus.SUCCEEDED)})

    assert learn(state, live, START + minutes(5)) == ()


def test_a_failure_is_told_in_the_best_words_there_are() -> None:
    """The operation's word on the instance, then the instance's own, then the operation's."""
    made = rollout(LIVE, **WINDOW)
    own, general = AzureError("Own", "own"), AzureError("General", "general")
    failed = with_instance(written(), "1", provisioning_state="Failed", error=own)
    report = OperationReport(OperationStatus.FAILED, general, {"0": AzureError("Detail", "detail")})
    state = upgrading(made, *started(1, "0", "1", "2"))
    facts = learn(state, Live(failed, {"operation-1": report}), START)

    assert [fact.code for fact in facts if isinstance(fact, ev.InstanceFailed)] == [
        "Detail",
        "Own",
        "General",
    ]
    assert facts[-1] == ev.OperationEnded(START, 1, "Failed", "General", "general")


def test_a_failed_instance_in_doubt_is_a_failure_only_if_azure_took_the_request() -> None:
    """Failed before a request that may never have arrived: tried again; after it: failed."""
    made = rollout(LIVE, **WINDOW)
    live = Live(with_instance(written(), "0", provisioning_state="Failed"))
    intended, accepted = started(1, "0")
    lost = ev.OutcomeLost(START, 1, "X", "x")
    later = START + minutes(1)

    maybe = learn(upgrading(made, intended, lost), live, later)
    surely = learn(upgrading(made, intended, accepted, lost), live, later)

    assert isinstance(maybe[0], ev.InstanceNotStarted)
    assert isinstance(surely[0], ev.InstanceFailed)


def test_a_floor_reached_long_ago_does_not_end_a_later_step() -> None:
    """Blocked, then done by somebody else: the long pause after it is no refusal."""
    service = FakeService(scale_set(4))
    for after, state in ((1, HealthState.UNHEALTHY), (180, HealthState.HEALTHY)):
        for instance_id in "23":
            change = partial(with_instance, instance_id=instance_id, application_health=state)
            service.at(seconds(after), change)
    service.at(
        minutes(2),
        lambda s: with_instance(
            s, "0", image=NEW_IMAGE, exact_version=NEW, latest_model_applied=True
        ),
    )
    made = rollout(
        service.scale_set,
        strategy=strategy("perInstance", pause_time_between_batches=minutes(30)),
        availability=at_most(1),
    )
    journal = MemoryJournal()
    ended = run(made, service, service.clock, journal)

    assert len(journal.of(ev.FloorReached)) == 1
    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.SUCCESS


def test_health_that_nobody_watched_is_proven_anew() -> None:
    """Killed while an instance proved itself, its time begins again when the Run is resumed."""
    service, journal = FakeService(scale_set(1)), MemoryJournal()
    made = rollout(service.scale_set)
    run(made, service, service.clock, journal)
    proving = journal.events.index(journal.of(ev.InstanceBecameHealthy)[0])
    again = MemoryJournal(journal.events[: proving + 1])
    resumed_at = service.clock.now()
    run(made, service, service.clock, again)

    assert len(again.of(ev.InstanceBecameHealthy)) == 2
    assert again.of(ev.InstanceReady)[0].at >= resumed_at + seconds(30)


def test_deferrals_grow_longer_up_to_two_minutes() -> None:
    """15 s, 30 s, 60 s, and then two minutes each."""
    made = rollout(LIVE)
    state = upgrading(made)
    pauses = []
    for _ in range(6):
        pauses.append(backoff(state))
        until = START + backoff(state)
        deferred = ev.RequestDeferred(START, ev.DeferralReason.CONFLICT, until, "Conflict", "x")
        state = evolve(state, deferred)

    assert pauses == [seconds(s) for s in (15, 30, 60, 120, 120, 120)]


def test_health_is_watched_while_a_request_is_put_off() -> None:
    """Told to wait twenty minutes, the Run still sees what its instances do."""
    made = rollout(LIVE, **WINDOW)
    state = upgrading(
        made,
        ev.InstanceUpgraded(START, "0"),
        ev.RequestDeferred(START, ev.DeferralReason.THROTTLED, START + minutes(20), "TooMany", "x"),
    )
    live = Live(with_instance(written(), "0", application_health=HealthState.INITIALIZING))

    assert decide(state, live, START) == Wait(START + seconds(10), Look.EVERYTHING)
    idle = upgrading(made, state.deferral.last) if state.deferral else state
    assert decide(idle, Live(written()), START) == Wait(START + minutes(20), Look.EVERYTHING)


def test_what_is_known_is_written_down_before_anything_is_done() -> None:
    """A current instance whose turn has come is noted first, and never upgraded."""
    made = rollout(LIVE)
    live = written()
    done = current("0")
    live = with_instance(
        live, "0", image=done.image, exact_version=done.exact_version, latest_model_applied=True
    )

    assert decide(upgrading(made), Live(live), START) == Record((ev.InstanceUpgraded(START, "0"),))


def test_instances_of_later_steps_are_left_alone() -> None:
    """Only the open step's instances are looked at, and taken."""
    made = rollout(LIVE)
    command = decide(upgrading(made), Live(written()), START)

    assert command == UpgradeInstances(2, ("0",))
    assert upgrading(made).ids(Phase.PENDING) == ("0", "1", "2", "3")


def test_repairs_do_not_wait_for_room() -> None:
    """At the floor, a sick instance of the step is taken, and the well ones are not."""
    sick = instance("3", application_health=HealthState.UNHEALTHY)
    members = scale_set([*scale_set(3).instances, sick])
    made = rollout(members, strategy=strategy("fixedBatch", 4), availability=at_most(1))
    batch = rollout(members, strategy=strategy("slidingWindow", 4), availability=at_most(1))

    assert decide(upgrading(made), Live(written(members)), START) == UpgradeInstances(2, ("3",))
    assert decide(upgrading(batch), Live(written(members)), START) == UpgradeInstances(2, ("3",))
