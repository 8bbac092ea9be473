"""How long a Run waits, and what it looks at then: the next poll, or sooner when time decides."""

from __future__ import annotations

from tests.support.service import with_instance
from tests.support.states import LIVE, WINDOW, put_off, started, upgrading, written
from tests.support.values import NEW, NEW_IMAGE, START, minutes, rollout, scale_set, seconds
from vmssplan.actors import rolling_upgrade_text
from vmssplan.engine import Live, Look, Record, Wait, decide
from vmssplan.engine import events as ev
from vmssplan.engine.waiting import wait
from vmssplan.model import OperationReport, OperationStatus

GOES_ON = OperationReport(OperationStatus.IN_PROGRESS)


def test_a_moment_before_the_next_poll_is_waited_for() -> None:
    """What is due in four seconds is done in four seconds."""
    state = upgrading(rollout(LIVE, **WINDOW))

    assert wait(state, START, START + seconds(4)).until == START + seconds(4)
    assert wait(state, START, START + minutes(4)).until == START + seconds(10)
    assert wait(state, START).until == START + seconds(10)


def test_health_is_judged_as_soon_as_time_can_tell() -> None:
    """Proven after 30 s, failed after 10 min: the Run looks then, and not at the next poll."""
    made = rollout(LIVE, **WINDOW)
    proving = upgrading(
        made, ev.InstanceUpgraded(START, "0"), ev.InstanceBecameHealthy(START + seconds(7), "0")
    )
    sick = upgrading(made, ev.InstanceUpgraded(START, "0"))

    assert wait(proving, START + seconds(31)).until == START + seconds(37)
    assert wait(sick, START + minutes(10) - seconds(3)).until == START + minutes(10)


def test_a_moment_that_has_come_is_not_waited_for() -> None:
    """A wait always lets time pass."""
    sick = upgrading(rollout(LIVE, **WINDOW), ev.InstanceUpgraded(START, "0"))

    for now in (START + minutes(10), START + minutes(11)):
        assert wait(sick, now) == Wait(now + seconds(10), Look.EVERYTHING)


def test_only_the_health_of_those_that_are_awaited_is_waited_for() -> None:
    """One that is ready has nothing more to prove."""
    made = rollout(LIVE, **WINDOW)
    ready = upgrading(
        made,
        ev.InstanceUpgraded(START, "0"),
        ev.InstanceBecameHealthy(START, "0"),
        ev.InstanceReady(START + seconds(30), "0"),
        *started(1, "1"),
    )

    assert wait(ready, START + seconds(25)) == Wait(START + seconds(35), Look.OPERATIONS)


def test_the_instances_are_looked_at_while_anything_is_in_doubt() -> None:
    """Two operations, one of them lost: its report can tell nothing any more."""
    state = upgrading(rollout(LIVE, **WINDOW), *started(1, "0"), *started(2, "1"))
    lost = upgrading(
        state.rollout, *started(1, "0"), *started(2, "1"), ev.OutcomeLost(START, 2, "X", "x")
    )

    assert wait(state, START) == Wait(START + seconds(10), Look.OPERATIONS)
    assert wait(lost, START) == Wait(START + seconds(10), Look.EVERYTHING)


def test_an_operation_is_followed_while_the_next_request_is_put_off() -> None:
    """Told to wait twenty minutes, the Run still asks how the first one goes."""
    made = rollout(LIVE, **WINDOW)
    state = upgrading(made, *started(1, "0"), put_off(START + minutes(20)))
    live = Live(
        with_instance(written(), "0", provisioning_state="Updating"), {"operation-1": GOES_ON}
    )

    assert decide(state, live, START) == Wait(START + seconds(10), Look.OPERATIONS)


def test_what_makes_the_set_busy_is_named() -> None:
    """Azure's own rolling upgrade is put off as a conflict like any other, in its own words."""
    made = rollout(LIVE, **WINDOW)
    busy = scale_set(4, provisioning_state="Updating")
    code, message = "RollingUpgradeInProgress", rolling_upgrade_text(made.target)

    assert decide(upgrading(made), Live(written(busy), is_rolling=True), START) == Record(
        (ev.RequestDeferred(START, ev.DeferralReason.CONFLICT, START + seconds(15), code, message),)
    )
    assert decide(upgrading(made), Live(written(busy)), START) == Record(
        (
            ev.RequestDeferred(
                START,
                ev.DeferralReason.CONFLICT,
                START + seconds(15),
                "ScaleSetBusy",
                "another operation runs on the scale set",
            ),
        )
    )


def test_one_that_came_to_the_model_is_not_waited_for_in_vain() -> None:
    """Seen current, it is noted at once, whatever else is awaited."""
    state = upgrading(rollout(LIVE, **WINDOW), *started(1, "1"))
    done = with_instance(
        written(), "0", image=NEW_IMAGE, exact_version=NEW, latest_model_applied=True
    )

    assert decide(state, Live(done, {"operation-1": GOES_ON}), START) == Record(
        (ev.InstanceUpgraded(START, "0"),)
    )
