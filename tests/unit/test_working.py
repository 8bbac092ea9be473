"""Operations are carried out with care: a fresh look before each request, whatever goes wrong."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.service import with_instance, without_instance
from tests.support.values import amount, instance, instances, minutes, scale_set, seconds
from tests.support.working import Notes, WorkService, held, work
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    ExitCode,
    LockHeld,
    NotPermitted,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from vmssplan.model import AzureError, HealthState
from vmssplan.operating import (
    Operation,
    Protection,
    Request,
    Selection,
    Verb,
    compute_operation,
)
from vmssplan.working import Asker, carry_out

if TYPE_CHECKING:
    from vmssplan.model import ScaleSet

ALL = Selection(everything=True)
LOST = OutcomeUnknown("ConnectionLost", "the connection broke")
DEALLOCATED: dict[str, Any] = {"power_state": "deallocated", "application_health": None}


def planned(verb: Verb, live: ScaleSet, selection: Selection = ALL, **asked: Any) -> Operation:
    """Compute an Operation that is not refused."""
    shown = compute_operation(live, Request(verb, selection, **asked))
    assert shown.refused is None
    return shown


def test_each_batch_is_back_before_the_next_is_requested() -> None:
    """Restarted two at a time, with a pause between; all of them serve in the end."""
    live = scale_set(4)
    service = WorkService(live)
    asked = planned(Verb.RESTART, live, max_unavailable=amount(2), pause=minutes(3))

    outcome = work(service, asked)

    assert (outcome.exit_code, outcome.done) == (ExitCode.SUCCESS, ("0", "1", "2", "3"))
    assert service.asked("restart") == [("0", "1"), ("2", "3")]
    first, second = (at for at, kind, _ in service.requests if kind == "restart")
    assert second - first >= service.upgrade_takes + minutes(3) + seconds(30)


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        (Verb.STOP, "stop"),
        (Verb.DEALLOCATE, "deallocate"),
        (Verb.DELETE, "delete"),
        (Verb.REIMAGE, "reimage"),
    ],
)
def test_what_was_asked_is_requested_in_one_call(verb: Verb, kind: str) -> None:
    """And followed until it is so."""
    live = scale_set(6)
    service = WorkService(live)
    chosen = Selection(ids=("1", "2"))

    outcome = work(service, planned(verb, live, chosen, max_unavailable=amount(2)))

    assert (outcome.exit_code, set(outcome.done)) == (ExitCode.SUCCESS, {"1", "2"})
    assert service.asked(kind) == [("1", "2")]


def test_who_was_stopped_is_started_and_serves() -> None:
    """Only those that are off are asked for."""
    live = scale_set([*instances(2), instance("2", **DEALLOCATED)])
    service = WorkService(live)

    outcome = work(service, planned(Verb.START, live))

    assert outcome.done == ("2",)
    assert service.scale_set.by_id()["2"].power_state == "running"


def test_protection_is_written_one_by_one_and_keeps_its_other_half() -> None:
    """As each instance has it."""
    live = scale_set([instance("0"), instance("1", protected_from_scale_in=True)])
    service = WorkService(live)
    wanted = Protection(scale_set_actions=True)

    outcome = work(service, planned(Verb.PROTECT, live, protection=wanted))

    assert outcome.done == ("0", "1")
    assert service.asked("protect") == [("0",), ("1",)]
    found = service.scale_set.by_id()
    assert [found[i].protected_from_scale_set_actions for i in "01"] == [True, True]
    assert [found[i].protected_from_scale_in for i in "01"] == [False, True]


def test_the_floor_is_asked_of_a_fresh_look() -> None:
    """An instance falls sick before the second batch: that waits until it serves again."""
    live = scale_set(4)
    service = WorkService(live)
    notes = Notes()
    sick = partial(with_instance, instance_id="3", application_health=HealthState.UNHEALTHY)
    well = partial(with_instance, instance_id="3", application_health=HealthState.HEALTHY)
    service.at(minutes(1), sick)
    service.at(minutes(8), well)

    outcome = work(service, planned(Verb.RESTART, live, Selection(ids=("0", "1"))), notes)

    assert outcome.exit_code is ExitCode.SUCCESS
    assert "waiting: 3 of 4 in service, and the floor is 3" in notes.texts
    second = [at for at, kind, _ in service.requests if kind == "restart"][1]
    assert second - service.requests[0][0] >= minutes(8)


def test_a_floor_that_never_gives_room_ends_it() -> None:
    """Exit 5 with the numbers, after as long as an instance may take to be healthy."""
    live = scale_set(4)
    service = WorkService(live)
    asked = planned(Verb.STOP, live, Selection(ids=("0",)))
    service.change(
        partial(with_instance, instance_id="3", application_health=HealthState.UNHEALTHY)
    )

    outcome = work(service, asked)

    assert outcome.exit_code is ExitCode.REFUSED
    assert "3 of 4 in service, and the floor is 3" in outcome.reason
    assert service.asked("stop") == []


@pytest.mark.parametrize(
    "error",
    [
        Conflict("OperationNotAllowed", "another operation"),
        Throttled("TooManyRequests", "slowly", retry_after=seconds(90)),
        ServiceUnavailable("Gone", "not now"),
    ],
)
def test_what_may_succeed_later_is_asked_again(error: Exception) -> None:
    """409, 429 and 5xx are waited for: never an end, never two requests at once."""
    live = scale_set(3)
    service = WorkService(live)
    service.refusals["stop"] = [error, error]  # type: ignore[list-item]
    service.refusals["observe"] = [ServiceUnavailable("Gone", "not now")]

    outcome = work(service, planned(Verb.STOP, live, Selection(ids=("1",))))

    assert (outcome.exit_code, outcome.done) == (ExitCode.SUCCESS, ("1",))
    assert service.asked("stop") == [("1",)] * 3
    moments = [at for at, kind, _ in service.requests if kind == "stop"]
    assert moments[1] - moments[0] >= seconds(15)


@pytest.mark.parametrize("error", [Conflict("Busy", "another operation"), LOST])
def test_it_ends_when_nothing_gets_through_for_long(error: Exception) -> None:
    """Exit 9, with what the service last said."""
    live = scale_set(3)
    service = WorkService(live)
    service.refusals["stop"] = [error for _ in range(200)]  # type: ignore[misc]

    outcome = work(service, planned(Verb.STOP, live, Selection(ids=("1",))))

    assert outcome.exit_code is ExitCode.DEADLINE
    assert str(error) in outcome.reason


def test_a_lost_reply_is_settled_by_looking() -> None:
    """The request had come through: it is not made again."""
    live = scale_set(3)
    service = WorkService(live)
    service.losses["restart"] = [LOST]

    outcome = work(service, planned(Verb.RESTART, live, Selection(ids=("1",))))

    assert (outcome.exit_code, outcome.done) == (ExitCode.SUCCESS, ("1",))
    assert service.asked("restart") == [("1",)]


@pytest.mark.parametrize("verb", [Verb.RESTART, Verb.STOP, Verb.DELETE])
def test_a_lost_request_is_made_again(verb: Verb) -> None:
    """Nothing was seen at work for half a minute, so it never came through."""
    live = scale_set(3)
    service = WorkService(live)
    service.refusals[verb.value] = [LOST]

    outcome = work(service, planned(verb, live, Selection(ids=("1",))))

    assert (outcome.exit_code, outcome.done) == (ExitCode.SUCCESS, ("1",))
    assert service.asked(verb.value) == [("1",), ("1",)]
    first, second = (at for at, kind, _ in service.requests if kind == verb.value)
    assert second - first >= seconds(30)


def test_a_failure_ends_it_with_azures_own_words() -> None:
    """Exit 4; the next batch is not begun, and what is left is counted."""
    live = scale_set(3)
    service = WorkService(live)
    service.failing["0"] = AzureError("VMAgentTimeout", "no agent")

    outcome = work(service, planned(Verb.RESTART, live))

    assert outcome.exit_code is ExitCode.INSTANCE_FAILED
    assert outcome.failed == (("0", AzureError("VMAgentTimeout", "no agent")),)
    assert service.asked("restart") == [("0",)]


def test_who_does_not_come_back_in_time_ends_it() -> None:
    """Exit 11, with who and how long."""
    live = scale_set(3)
    service = WorkService(live)
    asked = planned(Verb.RESTART, live, Selection(ids=("0",)))
    ill = partial(with_instance, instance_id="0", application_health=HealthState.UNHEALTHY)
    service.at(minutes(2) + seconds(1), ill)

    outcome = work(service, asked)

    assert outcome.exit_code is ExitCode.GATE
    assert outcome.reason == "0 not in service again within PT10M"
    assert outcome.waiting == ("0",)


def test_who_is_gone_or_protected_meanwhile_is_left_alone() -> None:
    """With the reason; another machine under the same id is nobody's to touch."""
    live = scale_set(5)
    service = WorkService(live)
    asked = planned(Verb.STOP, live, Selection(ids=("0", "1", "2", "3")), max_unavailable=amount(4))
    service.change(partial(without_instance, instance_id="0"))
    service.change(partial(with_instance, instance_id="1", vm_id="another"))
    guarded = {"protected_from_scale_set_actions": True}
    service.change(partial(with_instance, instance_id="2", **guarded))  # type: ignore[arg-type]

    outcome = work(service, asked)

    assert outcome.exit_code is ExitCode.SUCCESS
    assert service.asked("stop") == [("3",)]
    assert {one.instance_id: one.reason for one in outcome.left} == {
        "0": "no longer in the scale set",
        "1": "no longer in the scale set",
        "2": "protected from scale set actions",
    }


def test_nothing_is_requested_while_something_else_works_on_the_set() -> None:
    """It waits until that is over."""
    live = scale_set(3)
    service = WorkService(live)
    asked = planned(Verb.STOP, live, Selection(ids=("0",)))
    service.answers_at_once = True
    service.change(partial(_with_state, state="Updating"))
    service.at(minutes(4), partial(_with_state, state="Succeeded"))

    outcome = work(service, asked)

    assert outcome.exit_code is ExitCode.SUCCESS
    [stopped] = [at for at, kind, _ in service.requests if kind == "stop"]
    assert stopped - service.requests[0][0] >= minutes(4)


def _with_state(live: ScaleSet, state: str) -> ScaleSet:
    return replace(live, provisioning_state=state)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestRejected("BadRequest", "no"), ExitCode.INSTANCE_FAILED),
        (NotPermitted("AuthorizationFailed: no"), ExitCode.NOT_PERMITTED),
    ],
)
def test_a_refusal_for_good_ends_it(error: Exception, code: ExitCode) -> None:
    """With the exit code of its kind."""
    live = scale_set(3)
    service = WorkService(live)
    service.refusals["stop"] = [error]  # type: ignore[list-item]

    assert work(service, planned(Verb.STOP, live, Selection(ids=("0",)))).exit_code is code


def test_a_lock_that_was_taken_away_stops_it_before_the_request() -> None:
    """The set is another's to touch."""
    live = scale_set(3)
    service = WorkService(live)

    def lost() -> None:
        raise LockHeld("somebody else")

    with pytest.raises(LockHeld):
        work(service, planned(Verb.STOP, live, Selection(ids=("0",))), check_lock=lost)
    assert service.asked("stop") == []


def test_who_wants_it_to_stop_has_what_is_in_flight_finished() -> None:
    """Exit 8: the restart that runs is seen through, the next one is not begun."""
    live = scale_set(3)
    service = WorkService(live)
    asked = planned(Verb.RESTART, live)
    asker = Asker(asked, service, service.clock, Notes(), held)
    service.clock.on_sleep = asker.request_cancel

    outcome = asyncio.run(carry_out(asker, service))

    assert (outcome.exit_code, outcome.reason) == (ExitCode.CANCELLED, "stopped by the user")
    assert service.asked("restart") == [("0",)]
    assert service.scale_set.by_id()["0"].provisioning_state == "Succeeded"
    assert service.clock.woken > 0


def test_who_need_not_wait_waits_for_all_but_the_last() -> None:
    """The floor needs the first batch back; the last one is only requested."""
    live = scale_set(2)
    service = WorkService(live)

    outcome = work(service, planned(Verb.RESTART, live), waits=False)

    assert (outcome.done, outcome.waiting) == (("0",), ("1",))
    assert outcome.exit_code is ExitCode.SUCCESS


# --- capacity -------------------------------------------------------------------------------


def test_scaling_out_waits_until_the_new_ones_serve() -> None:
    """One write, and all that came is named."""
    live = scale_set(3)
    service = WorkService(live)

    outcome = work(service, planned(Verb.SCALE, live, capacity=5))

    assert (outcome.exit_code, outcome.done) == (ExitCode.SUCCESS, ("100", "101"))
    assert service.asked("capacity") == [("5",)]


def test_scaling_in_ends_when_they_are_gone() -> None:
    """Within the floor that was shown."""
    live = scale_set(4)
    service = WorkService(live)

    outcome = work(service, planned(Verb.SCALE, live, capacity=2, max_unavailable=amount(2)))

    assert outcome.exit_code is ExitCode.SUCCESS
    assert len(service.scale_set.instances) == 2


def test_scaling_in_is_refused_when_the_floor_would_not_hold_any_more() -> None:
    """Somebody fell sick since the preview."""
    live = scale_set(4)
    service = WorkService(live)
    asked = planned(Verb.SCALE, live, capacity=3)
    ill = partial(with_instance, instance_id="0", application_health=HealthState.UNHEALTHY)
    service.change(ill)

    outcome = work(service, asked)

    assert outcome.exit_code is ExitCode.REFUSED
    assert "may leave 2 of 4 in service (3 are now), and the floor is 3" in outcome.reason
    assert service.asked("capacity") == []


def test_scaling_is_of_the_count_that_was_shown() -> None:
    """Another count by now is another question."""
    live = scale_set(4)
    service = WorkService(live)
    asked = planned(Verb.SCALE, live, capacity=6)
    service.change(partial(without_instance, instance_id="0"))

    outcome = work(service, asked)

    assert outcome.exit_code is ExitCode.STALE
    assert outcome.reason == "the set had 4 instances, and has 3 now"


@pytest.mark.parametrize("error", [EtagChanged("PreconditionFailed", "etag"), LOST])
def test_a_capacity_that_did_not_come_through_is_written_again(error: Exception) -> None:
    """After another look; one that did come through is not."""
    live = scale_set(3)
    service = WorkService(live)
    service.refusals["capacity"] = [error]  # type: ignore[list-item]
    assert work(service, planned(Verb.SCALE, live, capacity=4)).exit_code is ExitCode.SUCCESS
    assert service.asked("capacity") == [("4",), ("4",)]

    through = WorkService(live)
    through.losses["capacity"] = [LOST]
    assert work(through, planned(Verb.SCALE, live, capacity=4)).exit_code is ExitCode.SUCCESS
    assert through.asked("capacity") == [("4",)]
