"""What a Run does when an operation fails, health does not come, or requests do not get through."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.runs import MemoryJournal, run
from tests.support.service import FakeService, with_instance, with_model
from tests.support.values import (
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
from vmssplan.engine import Phase
from vmssplan.engine import events as ev
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    ExitCode,
    NotPermitted,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from vmssplan.model import AzureError, Failure, Health, HealthState
from vmssplan.ports import Allowance, Pacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmssplan.engine import RunState
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

NO_ROOM = AzureError("AllocationFailed", "No room.")
PAIRS: dict[str, Any] = {"strategy": strategy("fixedBatch", 2), "availability": at_most(2)}


def carry_out(
    service: FakeService, plan: Rollout | None = None, journal: MemoryJournal | None = None
) -> tuple[RunState, MemoryJournal]:
    """Run, or go on from the journal; the outcome is there."""
    journal = journal or MemoryJournal()
    ended = run(plan or rollout(service.scale_set), service, service.clock, journal)
    assert ended.outcome is not None
    return ended, journal


def code(state: RunState) -> ExitCode:
    """Return how the Run ended."""
    assert state.outcome is not None
    return state.outcome.exit_code


def why(state: RunState) -> str:
    """Return the reason the Run ended with."""
    assert state.outcome is not None
    return state.outcome.reason


def health_of(instance_id: str, state: HealthState | None) -> Callable[[ScaleSet], ScaleSet]:
    """Return the change that makes one instance report that health."""
    return partial(with_instance, instance_id=instance_id, application_health=state)


def test_a_failed_operation_halts_with_azures_own_code() -> None:
    """An operation that fails ends the Run with exit 4, the instance and Azure's code."""
    service = FakeService(scale_set(4), failing={"1": NO_ROOM})
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.INSTANCE_FAILED
    assert why(ended) == "instance 1: AllocationFailed: No room."
    assert service.asked("upgrade") == [("0",), ("1",)]
    assert ended.ids(Phase.PENDING) == ("2", "3")


def test_what_is_in_flight_ends_first() -> None:
    """After a failure nothing new starts, and the other operation in flight is waited for."""
    service = FakeService(scale_set(6), failing={"0": NO_ROOM})
    plan = rollout(
        service.scale_set,
        strategy=strategy("slidingWindow", 2),
        availability=at_most(1, operations=2),
    )
    ended, _ = carry_out(service, plan)

    assert code(ended) is ExitCode.INSTANCE_FAILED
    assert ended.in_flight == ()
    assert ended.ids(Phase.OPERATING) == ()


def test_failures_within_the_tolerance_do_not_halt() -> None:
    """As many as maxFailedInstances may fail; the Run completes and says which ones did."""
    service = FakeService(scale_set(4), failing={"1": NO_ROOM})
    plan = rollout(
        service.scale_set, failure=Failure(max_failed_instances=1), availability=at_most(2)
    )
    ended, _ = carry_out(service, plan)

    assert code(ended) is ExitCode.SUCCESS
    assert [failure.instance_id for failure in ended.failures] == ["1"]
    assert ended.ids(Phase.READY) == ("0", "2", "3")


def test_one_failure_more_than_tolerated_halts() -> None:
    """The failure after the last tolerated one ends the Run, and both are counted."""
    service = FakeService(scale_set(4), failing={"0": NO_ROOM, "2": NO_ROOM})
    plan = rollout(
        service.scale_set, failure=Failure(max_failed_instances=1), availability=at_most(3)
    )
    ended, _ = carry_out(service, plan)

    assert code(ended) is ExitCode.INSTANCE_FAILED
    assert why(ended).endswith("(and 1 more)")


def test_an_instance_that_never_turns_healthy_halts_the_run() -> None:
    """Not healthy by its deadline is exit 11, with what the health source said last."""
    service = FakeService(scale_set(2), healthy_after=None)
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.GATE
    assert "not healthy within PT10M of its upgrade: application health initializing" in why(ended)
    assert service.asked("upgrade") == [("0",)]


@pytest.mark.parametrize(
    "state", [None, *(one for one in HealthState if one is not HealthState.HEALTHY)]
)
def test_only_healthy_counts_as_healthy(state: HealthState | None) -> None:
    """No report, unknown, initializing and unhealthy are all not healthy."""
    service = FakeService(scale_set(2), healthy_after=None)
    service.at(minutes(3), health_of("0", state))
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.GATE


def test_a_break_in_health_starts_the_time_again() -> None:
    """The minHealthyTime counts without a break: a relapse begins it anew."""
    service = FakeService(scale_set(1))
    service.at(seconds(180), health_of("0", HealthState.UNHEALTHY))
    service.at(seconds(240), health_of("0", HealthState.HEALTHY))
    plan = rollout(service.scale_set, health=Health(min_healthy_time=minutes(2)))
    _, journal = carry_out(service, plan)

    kinds = (ev.InstanceBecameHealthy, ev.InstanceBecameUnhealthy, ev.InstanceReady)
    seen = [event for event in journal.events if isinstance(event, kinds)]
    assert [type(event) for event in seen] == [kinds[0], kinds[1], kinds[0], kinds[2]]
    assert seen[-1].at - seen[-2].at >= minutes(2)


def test_resume_tries_failed_instances_again() -> None:
    """After a halt, resume operates again on what failed, and only then goes on."""
    service = FakeService(scale_set(3), failing={"1": NO_ROOM})
    plan = rollout(service.scale_set)
    _, journal = carry_out(service, plan)
    ended, _ = carry_out(service, plan, journal)

    assert code(ended) is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",), ("1",), ("1",), ("2",)]


def test_resume_goes_back_to_the_step_of_a_tolerated_failure() -> None:
    """A failure that was tolerated, steps ago, is tried again when the Run is resumed."""
    service = FakeService(scale_set(6), failing={"1": NO_ROOM, "4": NO_ROOM})
    plan = rollout(
        service.scale_set,
        strategy=strategy("fixedBatch", 2),
        availability=at_most(4),
        failure=Failure(max_failed_instances=1),
    )
    halted, journal = carry_out(service, plan)
    ended, _ = carry_out(service, plan, journal)

    assert code(halted) is ExitCode.INSTANCE_FAILED
    assert code(ended) is ExitCode.SUCCESS
    assert ended.failures == ()
    assert service.asked("upgrade") == [("0", "5"), ("1", "2"), ("3", "4"), ("1",), ("4",)]


def test_resume_after_the_step_of_a_tolerated_failure_was_completed() -> None:
    """Stopped between the failed step's end and the next one, resume still tries it again."""
    service = FakeService(scale_set(2), failing={"1": NO_ROOM})
    plan = rollout(service.scale_set, **PAIRS, failure=Failure(max_failed_instances=1))
    _, journal = carry_out(service, plan)
    step = next(n for n, s in enumerate(plan.steps, 1) if getattr(s, "batch", 0) == 1)
    over = next(
        n
        for n, event in enumerate(journal.events)
        if isinstance(event, ev.StepCompleted) and event.step == step
    )
    ended, _ = carry_out(service, plan, MemoryJournal(journal.events[: over + 1]))

    assert ended.failures == ()
    assert ended.ids(Phase.READY) == ("0", "1")


def test_an_instance_that_failed_on_the_new_model_is_operated_on_again() -> None:
    """Current but in a failed state is no success: resume does it again."""
    failed = current("0", provisioning_state="Failed")
    service = FakeService(scale_set([instance("0"), instance("1")]), failing={"0": NO_ROOM})
    plan = rollout(service.scale_set)
    _, journal = carry_out(service, plan)
    renewed = partial(
        with_instance,
        instance_id="0",
        image=failed.image,
        exact_version=failed.exact_version,
        latest_model_applied=True,
    )
    service.change(renewed)
    ended, _ = carry_out(service, plan, journal)

    assert code(ended) is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",), ("0",), ("1",)]


def test_an_old_failure_told_again_is_no_failure_of_current_instances() -> None:
    """A set-wide failure while our instances are current and settled counts as success."""
    service = FakeService(scale_set(2), stale_failure=AzureError("Old", "From last week."))
    ended, journal = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert journal.of(ev.InstanceFailed) == []
    assert journal.of(ev.RequestRefused) == []


def test_a_model_write_that_failed_but_stands_goes_on() -> None:
    """The model is what it should be: the failure of the write is an instance's, an old one."""
    service = FakeService(scale_set(1), stale_failure=AzureError("Old", "From last week."))
    _, journal = carry_out(service)

    ended = journal.of(ev.OperationEnded)
    assert ended[0] == ev.OperationEnded(ended[0].at, 1, "", "Old", "From last week.")


def test_an_operation_without_effect_is_a_failure() -> None:
    """Succeeded, and still outdated long after: that is said, and not tried for ever."""
    service = FakeService(scale_set(2), without_effect=True)
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.INSTANCE_FAILED
    assert "NotUpgraded" in why(ended)
    assert service.asked("upgrade") == [("0",)]


@pytest.mark.parametrize("lag", [5, 25])
def test_a_list_that_is_behind_is_waited_for(lag: int) -> None:
    """An operation that succeeded on what is still listed as outdated has not failed."""
    service = FakeService(scale_set(3), list_lag=seconds(lag))
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",), ("1",), ("2",)]


def test_a_conflict_waits_and_is_no_error() -> None:
    """409 is waited out, as long as its Retry-After says, and tried again."""
    conflict = Conflict("Conflict", "Another operation.", retry_after=seconds(70))
    service = FakeService(scale_set(1))
    service.refusals["upgrade"] = [conflict]
    ended, journal = carry_out(service)
    [first, second] = [moment for moment, kind, _ in service.requests if kind == "upgrade"]

    assert code(ended) is ExitCode.SUCCESS
    assert second - first == seconds(70)
    [deferred] = journal.of(ev.RequestDeferred)
    assert deferred == ev.RequestDeferred(
        first,
        ev.DeferralReason.CONFLICT,
        first + seconds(70),
        "Conflict",
        "Another operation.",
        request=2,
    )


def test_nothing_is_asked_while_a_throttled_request_waits() -> None:
    """Told to stay away with nothing in flight, the Run sends no request until then."""
    service = FakeService(scale_set(1))
    service.refusals["upgrade"] = [Throttled("TooMany", "Slow down.", retry_after=minutes(3))]
    carry_out(service)
    refused = [kind for _, kind, _ in service.requests].index("upgrade")
    told_at, _, _ = service.requests[refused]
    meanwhile = [
        kind for moment, kind, _ in service.requests[refused + 1 :] if moment < told_at + minutes(3)
    ]

    assert meanwhile == []


@pytest.mark.parametrize("kind", ["upgrade", "write"])
def test_conflicts_without_end_are_a_passed_deadline(kind: str) -> None:
    """When no request gets through for as long as the deadline, that is exit 9."""
    service = FakeService(scale_set(1))
    service.refusals[kind] = [Conflict("Conflict", "Another one.") for _ in range(50)]
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.DEADLINE
    assert why(ended) == "no request got through for PT10M: Conflict: Another one."
    assert minutes(10) <= service.clock.now() - START <= minutes(15)


def test_a_service_that_does_not_answer_is_a_passed_deadline() -> None:
    """When nothing can be seen for as long as the deadline, that is exit 9."""
    service = FakeService(scale_set(1))
    service.refusals["observe"] = [ServiceUnavailable("Down", "No answer.") for _ in range(50)]
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.DEADLINE
    assert why(ended) == "nothing could be seen for PT10M: Down: No answer."


def test_looks_that_fail_now_and_then_do_not_add_up() -> None:
    """A look that succeeds ends the row: only blindness without a break meets the deadline."""
    service = FakeService(scale_set(1), upgrade_takes=minutes(60))
    for _ in range(200):
        service.refusals["report"].append(Throttled("TooMany", "Slow.", retry_after=seconds(20)))
    flaky = service.operation_report

    async def every_other_time(operation: Any) -> Any:
        if len(service.requests) % 2:
            service.refusals["report"] = [Throttled("TooMany", "Slow.", retry_after=seconds(20))]
        else:
            service.refusals["report"] = []
        return await flaky(operation)

    service.operation_report = every_other_time  # type: ignore[method-assign]
    ended, journal = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert len(journal.of(ev.RequestDeferred)) > 20


def test_a_lost_reply_is_settled_by_looking() -> None:
    """A write that was carried out although its reply was lost is not made again."""
    service = FakeService(scale_set(2))
    for kind in ("write", "upgrade"):
        service.losses[kind] = [OutcomeUnknown("ConnectionLost", "Gone.")]
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert len(service.asked("write")) == 1
    assert service.asked("upgrade") == [("0",), ("1",)]


def test_a_lost_request_is_made_again() -> None:
    """A write that never arrived is found not to have been done, and made again."""
    service = FakeService(scale_set(1))
    for kind in ("write", "upgrade"):
        service.refusals[kind] = [OutcomeUnknown("ConnectionLost", "Gone.")]
    ended, journal = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert len(service.asked("write")) == 2
    assert service.asked("upgrade") == [("0",), ("0",)]
    assert [event.instance_id for event in journal.of(ev.InstanceNotStarted)] == ["0"]


def test_replies_lost_without_end_are_a_passed_deadline() -> None:
    """Requests that fail each time, their replies lost each time, do not go on for ever."""
    service = FakeService(scale_set(1), upgrade_takes=minutes(8), healthy_after=None)
    service.losses["upgrade"] = [OutcomeUnknown("ConnectionLost", "Gone.") for _ in range(99)]
    service.without_effect = True
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.DEADLINE
    assert len(service.asked("upgrade")) < 10


def test_a_reply_that_says_done_at_once_is_believed_after_a_look() -> None:
    """Without an operation to follow, the instances tell."""
    service = FakeService(scale_set(2), answers_at_once=True)
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",), ("1",)]


def test_an_operation_nobody_knows_any_more_is_settled_by_looking() -> None:
    """When the address of the status answers 404, the instances tell."""
    service = FakeService(scale_set(1))

    def forget(scale_set: ScaleSet) -> ScaleSet:
        del service.operations["operation-2"]
        return scale_set

    service.at(seconds(60), forget)
    ended, journal = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert [event.code for event in journal.of(ev.OutcomeLost)] == ["OperationNotFound"]


def test_an_operation_nobody_knows_any_more_is_never_settled_by_an_old_look() -> None:
    """While the operation runs nothing but its status is polled: the list from before it is old."""
    service = FakeService(scale_set(1), upgrade_takes=minutes(5))

    def forget(scale_set: ScaleSet) -> ScaleSet:
        del service.operations["operation-2"]
        return scale_set

    service.at(seconds(90), forget)
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",)]


def test_an_operation_that_never_ends_is_a_passed_deadline() -> None:
    """After two hours the Run stops with exit 9, and names the instances."""
    service = FakeService(scale_set(2), upgrade_takes=minutes(6000))
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.DEADLINE
    assert why(ended) == "the operation on instance 0 has not ended within PT2H"


def test_a_refused_request_halts_with_azures_words() -> None:
    """A request that Azure refuses for good is exit 4, and nothing is tried again."""
    service = FakeService(scale_set(2))
    service.refusals["upgrade"] = [RequestRejected("QuotaExceeded", "No more cores.")]
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.INSTANCE_FAILED
    assert why(ended) == "QuotaExceeded: No more cores."
    assert len(service.asked("upgrade")) == 1


@pytest.mark.parametrize("kind", ["observe", "write", "upgrade"])
def test_a_missing_permission_is_exit_3(kind: str) -> None:
    """Wherever the permission is missing, the exit code says so."""
    service = FakeService(scale_set(1))
    service.refusals[kind] = [NotPermitted("AuthorizationFailed: not you")]
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.NOT_PERMITTED
    assert "not you" in why(ended)


def test_a_ready_instance_that_falls_sick_holds_the_next_batch() -> None:
    """Nothing new starts while an upgraded instance is sick; it gets a deadline of its own."""
    service = FakeService(scale_set(4))
    sick, well = minutes(5.5), minutes(11)
    service.at(sick, health_of("0", HealthState.UNHEALTHY))
    service.at(well, health_of("0", HealthState.HEALTHY))
    plan = rollout(
        service.scale_set,
        strategy=strategy("fixedBatch", 1, pause_time_between_batches=minutes(4)),
        availability=at_most(2),
    )
    ended, _ = carry_out(service, plan)
    starts = [moment - START for moment, kind, _ in service.requests if kind == "upgrade"]

    assert code(ended) is ExitCode.SUCCESS
    assert not any(sick < start < well for start in starts)


def test_a_ready_instance_that_stays_sick_halts_the_run() -> None:
    """A relapse that outlasts the deadline is a failure of that instance, exit 11."""
    service = FakeService(scale_set(3))
    service.at(minutes(4.5), health_of("0", HealthState.UNHEALTHY))
    ended, _ = carry_out(service, rollout(service.scale_set, availability=at_most(2)))

    assert code(ended) is ExitCode.GATE
    assert why(ended).startswith("instance 0: HealthDeadlineExceeded")


def test_the_floor_that_stays_reached_is_exit_5() -> None:
    """When nothing may start for as long as the deadline, the Run is refused, not hung."""
    service = FakeService(scale_set(4))
    service.at(seconds(1), health_of("2", HealthState.UNHEALTHY))
    service.at(seconds(1), health_of("3", HealthState.UNHEALTHY))
    plan = rollout(service.scale_set, availability=at_most(1), strategy=strategy("perInstance"))
    ended, journal = carry_out(service, plan)

    assert service.asked("upgrade") == []
    assert code(ended) is ExitCode.REFUSED
    assert why(ended) == "for PT10M nothing could start without going below 3 of 4 in service"
    assert len(journal.of(ev.FloorReached)) == 1


def test_sick_instances_are_cured_even_at_the_floor() -> None:
    """Repairing what is out of service already takes nothing from the floor."""
    members = [instance(str(n), application_health=HealthState.UNHEALTHY) for n in range(3)]
    service = FakeService(scale_set([*members, instance("3")]))
    ended, _ = carry_out(service, rollout(service.scale_set, availability=at_most(1)))

    assert code(ended) is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",), ("1",), ("2",), ("3",)]


def test_a_set_that_stays_busy_is_a_passed_deadline() -> None:
    """Somebody else's operation that never ends is waited for until the deadline."""
    service = FakeService(scale_set(2, provisioning_state="Updating"))
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.DEADLINE
    assert "ScaleSetBusy" in why(ended)
    assert service.asked("write") == []


def test_the_service_is_polled_as_it_wishes() -> None:
    """Retry-After stretches the polls, and so does a budget that is nearly used up."""
    patient, poor = FakeService(scale_set(1)), FakeService(scale_set(1))
    patient.pacing = Pacing(retry_after=seconds(45))
    poor.pacing = Pacing(None, (Allowance("HighCostGetVMScaleSetSubscriptionMaximum", 3),))
    usual = FakeService(scale_set(1))
    for service in (patient, poor, usual):
        carry_out(service)

    assert len(patient.requests) < len(usual.requests)
    assert len(poor.requests) < len(usual.requests)


def test_a_model_write_that_failed_and_does_not_stand_halts() -> None:
    """Preempted by somebody's newer write: exit 4 with Azure's code, and no instance touched."""
    preempted = AzureError("OperationPreempted", "A more recent operation.")
    service = FakeService(scale_set(1), stale_failure=preempted)
    service.at(seconds(10), partial(with_model, image=OLD_IMAGE))
    ended, _ = carry_out(service)

    assert code(ended) is ExitCode.INSTANCE_FAILED
    assert why(ended) == "OperationPreempted: A more recent operation."
    assert service.asked("upgrade") == []


def test_resume_awaits_health_again_and_upgrades_nothing_twice() -> None:
    """What was not healthy in time runs the model: resume gives it a new deadline."""
    service = FakeService(scale_set(2), healthy_after=None)
    plan = rollout(service.scale_set)
    halted, journal = carry_out(service, plan)
    service.change(health_of("0", HealthState.HEALTHY))
    service.healthy_after = seconds(20)
    ended, _ = carry_out(service, plan, journal)

    assert code(halted) is ExitCode.GATE
    assert code(ended) is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",), ("1",)]


def test_somebody_elses_operation_between_two_batches_is_waited_for() -> None:
    """A set that is busy with something of others' is left alone until it is done."""
    service = FakeService(scale_set(2))
    for after, state in ((151, "Updating"), (500, "Succeeded")):
        service.at(seconds(after), partial(replace, provisioning_state=state))
    ended, journal = carry_out(service)
    [_, second] = journal.of(ev.UpgradeIntended)

    assert code(ended) is ExitCode.SUCCESS
    assert second.at - START >= seconds(500)


def test_a_service_that_answers_slowly_and_never_takes_a_request_ends_the_run() -> None:
    """Looks that take longer than a quiet time do not let it try for ever."""
    service = FakeService(scale_set(1))
    service.refusals["write"] = [EtagChanged("PreconditionFailed", "changed") for _ in range(500)]
    service.clock.on_sleep = lambda: setattr(
        service.clock, "time", service.clock.time + minutes(30)
    )
    journal = MemoryJournal()
    ended = run(rollout(service.scale_set), service, service.clock, journal)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.DEADLINE
    assert "no request got through in 100 tries" in ended.outcome.reason
