"""What each kind of step does, and when it is over: the model, pauses, autoscale, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.copying import replace
from tests.support.service import with_instance, with_model
from tests.support.states import LIVE, at_step, started, upgrading, written
from tests.support.values import (
    NEW_IMAGE,
    START,
    at_most,
    autoscale_setting,
    current,
    minutes,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import (
    Live,
    Look,
    PinBounds,
    Pins,
    Record,
    RestoreBounds,
    UpgradeInstances,
    Wait,
    WriteModel,
    decide,
    evolve,
)
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.model import (
    Autoscale,
    HealthState,
    ModelFields,
    OperationReport,
    OperationStatus,
    UpgradeMode,
)
from vmssplan.rollout import rollback_of

if TYPE_CHECKING:
    from vmssplan.engine import Command, RunState

GOES_ON = OperationReport(OperationStatus.IN_PROGRESS)
MADE = rollout(LIVE, availability=at_most(2))
SETTING = autoscale_setting()
PINNED = rollout(LIVE, autoscale=Autoscale.PIN, settings=(SETTING,))
DEADLINE = minutes(10)


def over(step: int, note: str = "") -> Record:
    """Return that the step is over."""
    return Record((ev.StepCompleted(START, step, note),))


# The model.


def test_a_model_that_is_as_wanted_is_not_written() -> None:
    """Written by somebody, or by a request that was lost: done when the set has settled."""
    state = at_step(MADE, 1)
    busy = replace(written(), provisioning_state="Updating")

    assert decide(state, Live(written()), START) == over(1)
    assert decide(state, Live(LIVE), START) == WriteModel(1, MADE.model, LIVE.etag)
    waits = decide(state, Live(busy), START)
    assert isinstance(waits, Record)
    assert isinstance(waits.events[0], ev.RequestDeferred)


def test_a_step_that_was_skipped_does_not_wait_for_a_busy_set() -> None:
    """There is nothing to write, and the reason was reviewed."""
    live = replace(LIVE, model=replace(LIVE.model, image=NEW_IMAGE))
    state = at_step(rollout(live), 1)
    busy = replace(live, provisioning_state="Updating")

    assert decide(state, Live(busy), START) == over(1, "the model says so already")


def test_an_owned_policy_is_written_first_and_then_holds() -> None:
    """The image is written under the policy that the Rollout has just set."""
    live = replace(LIVE, model=replace(LIVE.model, upgrade_policy=UpgradeMode.ROLLING))
    wanted = ModelFields(image=NEW_IMAGE, upgrade_policy=UpgradeMode.MANUAL)
    made = rollout(live, model=wanted)
    manual = with_model(live, upgrade_policy=UpgradeMode.MANUAL)

    first = WriteModel(1, ModelFields(upgrade_policy=UpgradeMode.MANUAL), live.etag)
    assert decide(at_step(made, 1), Live(live), START) == first
    second = WriteModel(2, ModelFields(image=NEW_IMAGE), manual.etag)
    assert decide(at_step(made, 2), Live(manual), START) == second
    again = decide(at_step(made, 2), Live(live), START)
    assert isinstance(again, Record)
    [halted] = again.events
    assert isinstance(halted, ev.RunHalted)
    assert halted.exit_code == ExitCode.STALE


# Windows, pauses, the end.


def test_what_is_operated_on_takes_its_place_in_the_window() -> None:
    """One of two is in flight: one more starts."""
    made = rollout(
        LIVE, strategy=strategy("slidingWindow", 2), availability=at_most(4, operations=3)
    )
    state = upgrading(made, *started(1, "0"))
    live = with_instance(written(), "0", provisioning_state="Updating")

    command = decide(state, Live(live, {"operation-1": GOES_ON}), START)
    assert command == UpgradeInstances(2, ("1",))


def test_a_pause_is_over_to_the_second() -> None:
    """From the moment it began."""
    made = rollout(LIVE, strategy=strategy("perInstance", pause_time_between_batches=minutes(2)))
    state, live = at_step(made, 4), Live(written())
    end = START + minutes(2)

    assert decide(state, live, end - seconds(1)) == Wait(end, Look.EVERYTHING)
    assert decide(state, live, end) == Record((ev.StepCompleted(end, 4),))


def test_a_run_is_complete_when_all_that_it_upgraded_is_well() -> None:
    """One that has fallen sick since is waited for, also behind the last step."""
    came = [ev.InstanceUpgraded(START, one) for one in "0123"]
    well = [ev.InstanceBecameHealthy(START, one) for one in "0123"]
    ready = [ev.InstanceReady(START, one) for one in "0123"]
    last = len(MADE.steps)
    state = at_step(MADE, last, *came, *well, *ready, ev.StepCompleted(START, last))
    live = written()
    for one in "0123":
        live = with_instance(
            live, one, image=NEW_IMAGE, exact_version="1.10.0", latest_model_applied=True
        )
    sick = with_instance(live, "0", application_health=HealthState.UNHEALTHY)

    assert decide(state, Live(live), START) == Record((ev.RunCompleted(START),))
    relapse = evolve(state, ev.InstanceBecameUnhealthy(START, "0", "sick"))
    assert isinstance(decide(relapse, Live(sick), START), Wait)


# Autoscale.


def pins_after(*tries: int, settled: bool = False) -> tuple[ev.AutoscaleEvent, ...]:
    """Return what was told of holding, with tries that did not get through at these seconds."""
    intended = ev.AutoscalePinIntended(START, (SETTING,), 4)
    put_off = (
        ev.AutoscaleDeferred(
            START + seconds(after), START + seconds(after + 15), "Down", "no answer"
        )
        for after in tries
    )
    return (intended, *([ev.AutoscalePinned(START)] if settled else []), *put_off)


@pytest.mark.parametrize("step", range(1, len(PINNED.steps)))
def test_the_count_is_held_in_every_step_but_the_last(step: int) -> None:
    """Also by a Run that was killed there, and does not know whether it is."""
    for events in ((), pins_after()):
        state = at_step(PINNED, step, *events)
        assert decide(state, Live(written()), START) == PinBounds(state.pins)
    settled = at_step(PINNED, step, *pins_after(settled=True))
    assert not isinstance(decide(settled, Live(written()), START), PinBounds)


def test_the_count_is_not_held_before_the_first_step_in_the_last_or_unasked() -> None:
    """Nor where the Plan does not want it."""
    before = evolve(at_step(PINNED, 1), ev.RunResumed(START))
    before = replace(before, step=0, step_started_at=None)

    assert decide(before, Live(LIVE), START) == Record((ev.StepStarted(START, 1),))
    last = at_step(PINNED, len(PINNED.steps))
    assert decide(last, Live(written()), START) == over(len(PINNED.steps))
    assert decide(upgrading(MADE), Live(written()), START) == UpgradeInstances(2, ("0",))


def test_the_count_is_held_on_the_way_back_too() -> None:
    """In every step of it but the last."""
    back = rollback_of(PINNED, ("0", "1"))
    forward = Live(scale_set([current(n, latest_model_applied=False) for n in "0123"]))

    for step in range(1, len(back.steps)):
        assert isinstance(decide(at_step(back, step), forward, START), PinBounds)
    assert decide(at_step(back, len(back.steps)), forward, START) == over(len(back.steps))


def holding(state: RunState, after: float) -> Command:
    """Return what is done that many seconds after the start."""
    return decide(state, Live(LIVE), START + seconds(after))


def test_holding_that_does_not_get_through_is_tried_again_until_the_deadline() -> None:
    """At the moment that was told, and no longer than instances have to turn healthy."""
    once = at_step(PINNED, 1, *pins_after(0))
    almost = at_step(PINNED, 1, *pins_after(0, 599))
    too_long = at_step(PINNED, 1, *pins_after(0, 600))

    assert holding(once, 14) == Wait(START + seconds(15), Look.EVERYTHING)
    assert holding(once, 15) == PinBounds(once.pins)
    assert holding(almost, 614) == PinBounds(almost.pins)
    assert holding(too_long, 615) == Record(
        (
            ev.StopDecided(
                START + seconds(615),
                ExitCode.DEADLINE,
                "autoscale could not be pinned: Down: no answer",
            ),
        )
    )


def test_giving_back_that_does_not_get_through_is_tried_again_until_the_deadline() -> None:
    """Then it is written down that it is held still."""
    last = len(PINNED.steps)
    once = at_step(PINNED, last, *pins_after(0, settled=True))
    almost = at_step(PINNED, last, *pins_after(0, 599, settled=True))
    too_long = at_step(PINNED, last, *pins_after(0, 600, settled=True))
    assert once.pins is not None
    assert almost.pins is not None

    def giving(state: RunState, after: float) -> Command:
        return decide(state, Live(written()), START + seconds(after))

    assert giving(once, 14) == Wait(START + seconds(15), Look.EVERYTHING)
    assert giving(once, 15) == RestoreBounds(once.pins)
    assert giving(almost, 614) == RestoreBounds(almost.pins)
    left = ev.AutoscaleLeftPinned(START + seconds(615), "Down: no answer")
    assert giving(too_long, 615) == Record((left,))


def test_a_run_that_ends_gives_back_first_what_it_holds() -> None:
    """It writes down why it ends, gives back, and halts; where that failed, it halts at once."""
    cancel = ev.CancelRequested(START, "1", "ann")
    decided = ev.StopDecided(START, ExitCode.CANCELLED, "cancelled by ann")
    held = at_step(PINNED, 3, *pins_after(settled=True), cancel)
    given_up = evolve(held, ev.AutoscaleLeftPinned(START, "no right"))
    live = Live(written())

    assert decide(held, live, START) == Record((decided,))
    told = evolve(held, decided)
    assert decide(told, live, START) == RestoreBounds(Pins((SETTING,), 4, is_settled=True))
    halted = Record((ev.RunHalted(START, 3, ExitCode.CANCELLED, "cancelled by ann"),))
    assert decide(evolve(told, ev.AutoscaleRestored(START)), live, START) == halted
    assert decide(given_up, live, START) == halted
    assert decide(evolve(given_up, decided), live, START) == halted
    free = at_step(MADE, 3, cancel)
    assert decide(free, live, START) == halted
