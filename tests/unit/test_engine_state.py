"""What a state and a look can be asked."""

from __future__ import annotations

from tests.support.service import with_instance
from tests.support.states import LIVE, WINDOW, started, upgrading
from tests.support.values import START, minutes, rollout
from vmssplan.engine import Live, Phase
from vmssplan.engine import events as ev
from vmssplan.model import UNSEEN, HealthSource, HealthState, OperationReport, OperationStatus

MADE = rollout(LIVE, **WINDOW)
SOURCE = HealthSource.APPLICATION_HEALTH


def test_instances_are_found_and_counted_by_phase() -> None:
    """One phase or several, in the order of the steps."""
    state = upgrading(MADE, ev.InstanceUpgraded(START, "1"), ev.InstanceSkipped(START, "3", "gone"))

    assert state.ids(Phase.AWAITING) == ("1",)
    assert state.ids(Phase.READY) == ()
    assert state.ids(Phase.SKIPPED, Phase.PENDING) == ("0", "2", "3")
    assert state.counts() == {Phase.PENDING: 2, Phase.AWAITING: 1, Phase.SKIPPED: 1}


def test_sick_is_what_failed_or_is_not_healthy_since_it_was_touched() -> None:
    """Not one that proves itself, nor one that waits for its turn."""
    well = [ev.InstanceBecameHealthy(START, one) for one in "03"]
    failure = ev.InstanceFailed(START, "1", ev.FailurePhase.OPERATION, "NoRoom", "No room.")
    state = upgrading(
        MADE,
        *started(1, "0", "1", "2", "3"),
        *(ev.InstanceUpgraded(START, one) for one in "023"),
        failure,
        *well,
        ev.InstanceReady(START, "3"),
    )

    assert state.to_take_back() == (("0", "1", "2", "3"), ("1", "2"))
    again = upgrading(MADE, *started(1, "0"), ev.InstanceNotStarted(START, "0"))
    assert again.to_take_back() == (("0",), ())
    assert upgrading(MADE, ev.InstanceUpgraded(START, "0")).to_take_back() == ((), ())


def test_only_what_cannot_be_seen_may_serve_beside_what_does() -> None:
    """Not one that is known to be sick, nor one that is being worked on."""
    live = with_instance(LIVE, "0", power_state=UNSEEN)
    live = with_instance(live, "1", application_health=HealthState.UNHEALTHY)
    live = with_instance(live, "2", power_state=UNSEEN, provisioning_state="Updating")

    assert Live(live).serving(SOURCE) == {"3"}
    assert Live(live).may_serve(SOURCE) == {"0", "3"}


def test_a_look_with_newer_reports_is_the_same_look() -> None:
    """Asked before and after, it says the same of the set, and the new thing of operations."""
    sick = with_instance(LIVE, "0", application_health=HealthState.UNHEALTHY)
    machines = {"0": "vm-0", "1": "vm-another"}
    reports = {"operation-1": OperationReport(OperationStatus.SUCCEEDED)}
    ended = {"operation-1": START + minutes(1)}

    for asked_before in (True, False):
        look = Live(sick, is_rolling=True)
        if asked_before:
            assert look.serving(SOURCE) == {"1", "2", "3"}
            assert [one.instance_id for one in look.strangers(machines)] == ["1", "2", "3"]
        newer = look.with_operations(reports, ended)
        assert (newer.operations, newer.ended_at) == (reports, ended)
        assert (newer.scale_set, newer.is_rolling) == (sick, True)
        assert newer.serving(SOURCE) == {"1", "2", "3"}
        assert newer.serving(HealthSource.HTTP) == frozenset()
        assert [one.instance_id for one in newer.strangers(machines)] == ["1", "2", "3"]
        assert newer.strangers(MADE.machines) == []
