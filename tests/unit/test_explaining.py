"""The one reason that binds, by example: each kind of it, and the verb that says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS
from tests.support.copying import replace
from tests.support.reports import begun, guarded, guarded_batch, people, twelve, way_back
from tests.support.values import START, at_most, rollout, scale_set, seconds, strategy
from vmssplan.engine import RunState, evolve
from vmssplan.engine import events as ev
from vmssplan.errors import NotFound
from vmssplan.explaining import explain_plan, explain_run
from vmssplan.model import Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.in_process import Here
    from vmssplan.engine import Event
    from vmssplan.rollout import Rollout

STORY = (*guarded_batch(), *people(), *way_back())
"""Two batches of two: hooks, an approval, a gate, people, and the way back."""
LATER = "batch 2 of 2 comes later: "
# What is said of instance 2, of the second batch, after the n-th Event of that kind.
WAITING = [
    (ev.RunStarted, 1, "step 1 is about to begin"),
    (ev.StepStarted, 1, "autoscale is being pinned first"),
    (ev.StepStarted, 2, "the model comes first, in step 2"),
    (ev.StepStarted, 3, "the hook beforeBatch of batch 1 has not ended"),
    (ev.StepStarted, 4, "the request for batch 1 is made at the next look"),
    (ev.UpgradeIntended, 1,
     "at most 1 operation at a time, and instances 0, 1 are being upgraded since 08:00:40"),
    (ev.StepStarted, 5, "batch 1 comes first, and instances 0, 1 are not healthy yet"),
    (ev.InstanceReady, 1, "batch 1 comes first, and instance 1 is not healthy yet"),
    (ev.InstanceReady, 2, "batch 1 comes first, and is healthy now"),
    (ev.StepStarted, 6, "the hook afterBatch of batch 1 has not ended"),
    (ev.StopDecided, 1, "the Run is about to halt: hook afterBatch of batch 1: exit code 1"),
    (ev.RunHalted, 1, "the Run halted at step 6: hook afterBatch of batch 1: exit code 1"),
    (ev.StepStarted, 7, "step 7 waits for an approval: canary looks right?"),
    (ev.RunHeld, 1, "the Run is paused: paused by ann@desk"),
    (ev.StepStarted, 8, "the gate of step 8: not measured yet"),
    (ev.GateMeasured, 1, "the gate of step 8: 1 inconclusive, none tolerated: exit code 75"),
    (ev.RollbackRequested, 1, "the Run is about to turn round, as it was told"),
]  # fmt: skip


def after(rollout_: Rollout, events: Sequence[Event]) -> RunState:
    """Return the state after these Events."""
    return evolve(RunState.begin(rollout_), *events)


def told(made: Rollout, events: Sequence[Event], instance_id: str, late: float = 0) -> str:
    """Return what is said of an instance after these Events, so many seconds later."""
    at = events[-1].at + seconds(late)
    found = explain_run(after(made, events), instance_id, at)
    return f"{found.standing}: {found.reason}"


def up_to(kind: type[Event], number: int) -> Sequence[Event]:
    """Return the story up to the n-th Event of that kind."""
    places = [n for n, event in enumerate(STORY) if isinstance(event, kind)]
    return STORY[: places[number - 1] + 1]


@pytest.mark.parametrize(("kind", "number", "reason"), WAITING)
def test_what_waits_is_bound_by_what_the_run_waits_for(
    kind: type[Event], number: int, reason: str
) -> None:
    """And it says where its own turn is behind that."""
    assert told(guarded(), up_to(kind, number), "2") == f"waiting: {LATER}{reason}"


def test_on_the_way_back_it_says_so() -> None:
    """What was touched goes back, what was not is left; a newcomer has its place behind."""
    first = told(guarded(), up_to(ev.RollbackStarted, 1), "0")
    newcomer = told(guarded(), STORY, "40")

    assert first == "waiting: on the way back, batch 1 of 2 comes later: step 1 is about to begin"
    assert told(guarded(), STORY, "2") == "skipped: this Run has not changed it"
    assert newcomer == (
        "waiting: on the way back, batch 2 of 2 (came meanwhile) comes later:"
        " batch 1 comes first, and instances 0, 1 are not healthy yet"
    )


def test_what_has_its_turn_says_which_and_since_when() -> None:
    """Chosen, then awaited, then ready."""
    chosen = told(guarded(), up_to(ev.UpgradeIntended, 1), "0")
    awaited = told(guarded(), up_to(ev.InstanceUpgraded, 1), "0")
    well = [*up_to(ev.StepStarted, 5), ev.InstanceBecameHealthy(START + seconds(190), "0")]

    assert chosen == "being upgraded: batch 1 of 2 had its turn at 08:00:40"
    assert awaited == (
        "awaiting health: upgraded at 08:03:00 and not healthy by applicationHealth;"
        " it fails at 08:13:00"
    )
    assert told(guarded(), well, "0") == (
        "awaiting health: healthy since 08:03:10, which has to last until 08:03:40"
    )
    assert told(guarded(), up_to(ev.InstanceReady, 1), "0") == (
        "ready: it was healthy long enough after its upgrade"
    )


def test_what_came_meanwhile_is_left_alone_for_a_reason() -> None:
    """Current or outdated."""
    events = up_to(ev.StepStarted, 7)

    assert told(guarded(), events, "40") == ("left alone: it came during the Run, and was current")
    assert told(guarded(), events, "41") == (
        "left alone: it came during the Run, and was outdated; plan again to have it upgraded"
    )


def test_what_failed_says_why_in_azures_words() -> None:
    """Code and message."""
    failed = ev.InstanceFailed(
        START + seconds(60), "0", ev.FailurePhase.OPERATION, "AllocationFailed", "No room."
    )

    assert told(guarded(), [*up_to(ev.UpgradeIntended, 1), failed], "0") == (
        "failed: AllocationFailed: No room."
    )


def test_what_was_left_alone_when_planned_says_that_reason() -> None:
    """Current ones and protected ones, before and during the Run."""
    made = twelve()
    protected = "skipped: protected from scale set actions"

    assert told(made, begun(made), "7") == protected
    assert explain_plan(made, "7").reason == "protected from scale set actions"
    assert told(made, begun(made), "3").startswith("current: ")


def test_a_request_put_off_binds_until_its_time() -> None:
    """Azure's code says why; after it, what binds is the next thing again."""
    deferred = ev.RequestDeferred(
        START + seconds(40),
        ev.DeferralReason.THROTTLED,
        START + seconds(100),
        "TooManyRequests",
        "Slow down.",
    )
    events = [*up_to(ev.StepStarted, 4), deferred]

    assert told(guarded(), events, "0", late=30) == (
        "waiting: no request before 08:01:40: TooManyRequests"
    )
    assert told(guarded(), events, "0", late=60) == (
        "waiting: the request for batch 1 is made at the next look"
    )


def test_the_floor_binds_where_it_is_reached() -> None:
    """With both numbers."""
    state = after(guarded(), up_to(ev.StepStarted, 4))
    low = replace(state, floor_reached_at=START)

    found = explain_run(low, "0", START + seconds(60))

    bounds = guarded().bounds
    assert found.reason == (
        f"starting more would go below the floor of {bounds.floor} of {bounds.total}"
    )


def windowed(operations: int) -> Rollout:
    """Return a window of two over four instances."""
    return rollout(
        scale_set(4),
        strategy=strategy("slidingWindow", 2),
        availability=at_most(2, operations=operations),
    )


def test_a_full_window_binds_and_an_empty_one_does_not() -> None:
    """What is being upgraded or awaited fills it; where there is room, the next look does it."""
    made = windowed(2)
    [one, two, three, _] = made.steps[-1].instance_ids  # type: ignore[union-attr]
    opening = [*begun(made), ev.StepStarted(START + seconds(20), 2)]
    first = [*opening, ev.UpgradeIntended(START + seconds(20), 2, 2, Method.UPGRADE, (one,))]
    full = [
        *first,
        ev.InstanceUpgraded(START + seconds(80), one),
        ev.OperationEnded(START + seconds(80), 2, "Succeeded"),
        ev.UpgradeIntended(START + seconds(90), 3, 2, Method.UPGRADE, (two,)),
    ]

    assert told(made, opening, three) == "waiting: the next request is made at the next look"
    assert told(made, first, three) == "waiting: the next request is made at the next look"
    assert told(windowed(1), first, three).startswith(
        f"waiting: at most 1 operation at a time, and instance {one} is being upgraded"
    )
    assert told(made, full, three) == (
        f"waiting: the window of 2 is full: instances {one}, {two} are not healthy yet"
    )


def test_an_instance_that_is_not_there_is_named() -> None:
    """Beside some that are."""
    with pytest.raises(NotFound, match="no instance '99'") as planned:
        explain_plan(guarded(), "99")
    with pytest.raises(NotFound, match="no instance '99'"):
        explain_run(after(guarded(), begun(guarded())), "99", START)
    assert planned.value.hint == "it has 4 instances, such as 0, 1, 2, 3"


# --- the verb -------------------------------------------------------------------------------

WEB_SET = ("--simulator", SCENARIOS / "bad-image.yaml")


@pytest.fixture
def halted(here: Here) -> Here:
    """Return where a Run was halted by a bad image, and the Rollout it was of."""
    web = PLANS / "web-jammy.yaml"
    assert here.run("plan", web, *WEB_SET, "--out", "r.json").code == 0
    assert here.run("apply", "r.json", *WEB_SET, "--auto-approve").code == 11
    return here


def test_the_verb_answers_in_one_line(halted: Here) -> None:
    """For a Run as it stands, as it stood, and for a Rollout."""
    now = halted.run("explain", "web-jammy-1", "5")
    then = halted.run("explain", "web-jammy-1", "5", "--at", "2026-11-02T08:01:00Z")
    waiting = halted.run("explain", "web-jammy-1", "9")
    planned = halted.run("explain", "r.json", "9")

    assert now.out.startswith("instance 5: failed: HealthDeadlineExceeded: ")
    assert then.out == "instance 5: being upgraded: batch 1 of 5 had its turn at 08:00:20\n"
    assert waiting.out.startswith("instance 9: waiting: batch 5 of 5 comes later: the Run halted")
    assert planned.out.startswith("instance 9: to be upgraded: ")
    assert {one.out.count("\n") for one in (now, then, waiting, planned)} == {1}


def test_the_verb_answers_as_json(halted: Here) -> None:
    """With the same words."""
    text = halted.run("explain", "web-jammy-1", "9").out
    document = json.loads(halted.run("explain", "web-jammy-1", "9", "--json").out)

    assert text == "instance {instance}: {standing}: {reason}\n".format(**document)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("web-jammy-9", "1"), "web-jammy-9"),
        (("web-jammy-1", "99"), "no instance '99'"),
        (("r.json", "99"), "no instance '99'"),
        (("no.json", "1"), "no.json"),
        (("r.json", "1", "--at", "2026-11-02T08:01:00Z"), "--at goes with a Run"),
        (("web-jammy-1", "1", "--at", "noon"), "is no time"),
        (("web-jammy-1", "1", "--at", "2020-01-01"), "had not begun"),
    ],
)
def test_what_cannot_be_explained_is_1_with_a_message(
    halted: Here, arguments: tuple[str, ...], said: str
) -> None:
    """Named, and never a traceback."""
    answer = halted.run("explain", *arguments)

    assert (answer.code, answer.out, said in answer.err) == (1, "", True), answer.text
