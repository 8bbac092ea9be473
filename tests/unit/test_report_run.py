"""A Run in lines, its outcome with what to do next, and the table of Runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from tests.support.copying import replace
from tests.support.reports import (
    RUN,
    begun,
    guarded,
    guarded_batch,
    people,
    regional,
    twelve,
    way_back,
)
from tests.support.values import START, at_most, rollout, seconds, strategy
from vmssplan.engine import Event, replay
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.model import Method
from vmssplan.report.paint import Paint
from vmssplan.report.run import ADVICE, Recap, event_line, event_lines, outcome_text
from vmssplan.report.status import RunRecord, run_text, state_word, status_text
from vmssplan.rollout import digest

if TYPE_CHECKING:
    from datetime import datetime

    from tests.support.golden import Golden

REFUSALS = [
    ExitCode.ERROR,
    ExitCode.NOT_PERMITTED,
    ExitCode.INSTANCE_FAILED,
    ExitCode.REFUSED,
    ExitCode.CANCELLED,
    ExitCode.DEADLINE,
    ExitCode.PAUSED,
    ExitCode.GATE,
    ExitCode.ROLLED_BACK,
    ExitCode.STALE,
    ExitCode.LOCKED,
    ExitCode.BUG,
]
OPERATION, HEALTH = ev.FailurePhase.OPERATION, ev.FailurePhase.HEALTH


def at(second: float) -> datetime:
    """Return that many seconds after the start."""
    return START + seconds(second)


def first_batch() -> list[Event]:
    """Return the Events of a first batch (0, 5, 10) that went well, after those that lead to it."""
    return [
        *begun(twelve()),
        ev.StepStarted(at(20), 2),
        ev.UpgradeIntended(at(20), 2, 2, Method.UPGRADE, ("0", "5", "10")),
        ev.OperationAccepted(at(20), 2, "op-2"),
        *(ev.InstanceUpgraded(at(180), i) for i in ("0", "5", "10")),
        ev.OperationEnded(at(180), 2, "Succeeded"),
        ev.StepCompleted(at(180), 2),
        ev.StepStarted(at(180), 3),
        *(ev.InstanceBecameHealthy(at(190), i) for i in ("0", "5", "10")),
        *(ev.InstanceReady(at(220), i) for i in ("0", "5", "10")),
        ev.StepCompleted(at(220), 3),
        ev.StepStarted(at(220), 4),
    ]


def second_batch_fails() -> list[Event]:
    """Return what follows when the second batch (1, 6, 11) goes wrong in every way."""
    message = "Provisioning of VM extension health has timed out."
    return [
        ev.StepCompleted(at(340), 4),
        ev.StepStarted(at(340), 5),
        ev.FloorReached(at(340), 9, 9),
        ev.RequestDeferred(
            at(350), ev.DeferralReason.THROTTLED, at(365), "OperationNotAllowed", "Too many."
        ),
        ev.UpgradeIntended(at(365), 3, 5, Method.UPGRADE, ("1", "6", "11")),
        ev.OutcomeLost(at(365), 3, "ConnectionLost", "the connection broke"),
        ev.InstanceNotStarted(at(400), "11"),
        ev.InstanceSkipped(at(400), "11", "no longer in the scale set"),
        ev.InstanceFailed(at(400), "1", OPERATION, "VMExtensionProvisioningTimeout", message),
        ev.InstanceFailed(at(400), "6", OPERATION, "VMExtensionProvisioningTimeout", message),
        ev.OperationEnded(at(400), 3, "Failed", "VMExtensionProvisioningTimeout", message),
        ev.InstanceBecameUnhealthy(at(410), "5", "application health unhealthy"),
        ev.RequestRefused(at(420), 4, 4, "AllocationFailed", "No room\nhere."),
        ev.CancelRequested(at(430)),
        ev.RunHalted(at(440), 5, 4, "instance 1: VMExtensionProvisioningTimeout"),
        ev.RunResumed(at(500)),
    ]


def test_event_lines(golden: Golden) -> None:
    """A log has a line for all that matters, one Event at a time."""
    events = [*first_batch(), *second_batch_fails(), ev.RunCompleted(at(900))]
    lines = [line for event in events if (line := event_line(event, twelve()))]

    golden.check("run-events", "\n".join(lines) + "\n")


def test_event_lines_of_a_steered_run(golden: Golden) -> None:
    """Gates, hooks, people, autoscale and the way back are told, with its own steps."""
    cancelled = ev.CancelRequested(at(1200), "7", "bob@desk")
    events = [*guarded_batch(), *people(), *way_back(), cancelled]

    golden.check("run-events-steered", "\n".join(event_lines(events, guarded())) + "\n")


def test_every_event_has_been_told() -> None:
    """The logs that somebody has looked at leave out no kind of Event."""
    usual = {*first_batch(), *second_batch_fails(), ev.RunCompleted(at(900))}
    told = {type(event) for event in (*usual, *guarded_batch(), *people(), *way_back())}

    assert told == set(get_args(Event))


def test_lines_together(golden: Golden) -> None:
    """What happens to many instances at one moment is one line, where space is short."""
    golden.check("run-events-together", "\n".join(event_lines(first_batch(), twelve())) + "\n")


def test_very_many_instances() -> None:
    """A line about very many instances tells their number and the first ones."""
    made = rollout(regional(30), strategy=strategy("fixedBatch", 30), availability=at_most(30))
    ids = tuple(str(number) for number in range(30))
    event = ev.UpgradeIntended(START, 2, 2, Method.UPGRADE, ids)

    assert event_line(event, made) == (
        "08:00:00  step 2/3  Upgrade batch 1 of 1: 30 instances (0, 1, 2, 3, ...)"
    )


def test_window_has_no_batches() -> None:
    """In a sliding window an instance belongs to no batch."""
    made = rollout(regional(3), strategy=strategy("slidingWindow", 2))

    assert event_line(ev.InstanceReady(START, "1"), made) == (
        "08:00:00            instance 1: ready"
    )
    assert event_line(ev.UpgradeIntended(START, 2, 2, Method.REIMAGE, ("1",)), made) == (
        "08:00:00  step 2/2  Upgrade in a window of 2: instance 1"
    )


def test_complete(golden: Golden) -> None:
    """The end of a Run without a fault is short."""
    made = twelve()
    events: list[Event] = begun(made)
    for instance_id in replay(made, events).progress:
        events += [ev.InstanceUpgraded(START, instance_id), ev.InstanceReady(START, instance_id)]
    events.append(ev.RunCompleted(START))

    golden.check("outcome-complete", outcome_text(replay(made, events), RUN))


@pytest.mark.parametrize("code", REFUSALS, ids=lambda code: code.name.lower())
def test_halted(code: ExitCode, golden: Golden) -> None:
    """Every way to halt says where, why, what failed, how it stands, and what to do next."""
    made = twelve()
    why = {
        ExitCode.INSTANCE_FAILED: "instance 1: VMExtensionProvisioningTimeout: It timed out.",
        ExitCode.GATE: "instance 1: HealthDeadlineExceeded: not healthy within PT10M",
        ExitCode.CANCELLED: "cancelled by the user",
    }.get(code, f"for the reason of exit {int(code)}")
    failed = ev.InstanceFailed(at(400), "1", OPERATION, "VMExtensionProvisioningTimeout", "Late.")
    failures: list[Event] = [failed, replace(failed, instance_id="6")]
    has_failed = code in (ExitCode.INSTANCE_FAILED, ExitCode.GATE)
    events: list[Event] = [
        *first_batch(),
        ev.StepStarted(at(340), 5),
        *(failures if has_failed else []),
        ev.RunHalted(at(440), 5, int(code), why),
    ]
    golden.check(
        f"outcome-{code.name.lower().replace('_', '-')}",
        outcome_text(replay(made, events), RUN),
    )


def test_interrupted() -> None:
    """A Run that was killed says where it stood, and how to go on."""
    made = twelve()
    text = outcome_text(replay(made, first_batch()), RUN)

    assert text.startswith("Apply interrupted at step 4/9 (batch 1)\n")
    assert text.endswith("What next: this goes on where it stopped:\n  vmssplan resume web-1\n")


def test_halted_before_the_first_step() -> None:
    """A Run can halt before any step, and then belongs to no batch."""
    made = twelve()
    events: list[Event] = [
        ev.RunStarted(START, RUN, digest(made)),
        ev.RunHalted(START, 0, 3, "NotPermitted"),
    ]

    assert outcome_text(replay(made, events), RUN).startswith(
        "Apply halted at step 0/9: NotPermitted\n"
    )


def test_advice_is_for_ends_of_runs() -> None:
    """There is no advice for exit codes that no Run ends with."""
    assert set(ADVICE) <= set(REFUSALS)


def test_recap() -> None:
    """Every instance is counted once; upgraded ones are among the ok ones."""
    made = twelve()
    state = replay(made, [*first_batch(), *second_batch_fails()[:10]])
    recap = Recap.of(state)

    assert recap == Recap(ok=5, upgraded=3, skipped=2, failed=2, pending=3)
    assert recap.ok + recap.skipped + recap.failed + recap.pending == len(made.instances)
    assert str(recap) == "ok=5 upgraded=3 skipped=2 failed=2 pending=3"


# --- status ---------------------------------------------------------------------------------


def records() -> list[RunRecord]:
    """Return Runs in all states."""
    made = twelve()
    halted = [*first_batch(), *second_batch_fails()[:-1]]
    ends = {
        "complete": [*first_batch(), ev.RunCompleted(at(900))],
        "halted": halted,
        "cancelled": [*first_batch(), ev.RunHalted(at(300), 4, 8, "cancelled by the user")],
        "killed": first_batch(),
        "paused": [*first_batch(), ev.RunHalted(at(300), 4, 10, "gate is inconclusive: 503")],
        "new": [],
    }
    return [
        *(RunRecord(f"web-{name}", made, tuple(events)) for name, events in ends.items()),
        RunRecord("web-going", made, tuple(first_batch()), is_held=True),
    ]


def steered_records() -> list[RunRecord]:
    """Return Runs that people have steered, or that wait for them."""
    held = ev.RunHeld(at(320), "4", "ann@desk", "paused by ann@desk")
    asked = ev.RunHalted(at(310), 7, 10, "step 7 waits for an approval")
    back = [*guarded_batch(), *people(), *way_back()]
    going: dict[str, list[Event]] = {
        "waiting": guarded_batch(),
        "held": [*guarded_batch(), held],
        "aborted": [*guarded_batch(), held, ev.CancelRequested(at(330), "5", "ann@desk")],
        "asked-back": [*guarded_batch(), *people()[:-2], ev.RollbackRequested(at(1010), "6", "me")],
        "going-back": back,
    }
    over: dict[str, list[Event]] = {
        "asked": [*guarded_batch()[:-1], asked],
        "left-pinned": [*guarded_batch(), *people()[:5]],
        "killed-back": back,
        "cancelled-back": [*back, ev.RunHalted(at(1300), 5, 8, "cancelled by ann@desk")],
        "halted-back": [*back, ev.RunHalted(at(1300), 5, 11, "instance 0: it is sick")],
        "undone": [
            *back,
            *(ev.InstanceReady(at(1230), i) for i in "01"),
            ev.StepCompleted(at(1230), 5),
            ev.AutoscaleRestored(at(1300)),
            ev.RunCompleted(at(1300)),
        ],
    }
    made = guarded()
    return [
        *(RunRecord(f"web-{n}", made, tuple(events), is_held=True) for n, events in going.items()),
        *(RunRecord(f"web-{n}", made, tuple(events)) for n, events in over.items()),
    ]


def test_status(golden: Golden) -> None:
    """The table tells of each Run where it is, and of an unfinished one what happened last."""
    golden.check("status", status_text([*records(), *steered_records()], width=100))


def test_status_in_colour() -> None:
    """Colour adds nothing that is not said."""
    plain, coloured = (status_text(records(), paint=p) for p in (Paint.plain(), Paint.ansi()))

    assert len(plain.splitlines()) == len(coloured.splitlines())
    assert "\x1b" not in plain


def test_no_runs() -> None:
    """An empty table is a sentence."""
    assert status_text([]) == "No Runs yet. `vmssplan apply` starts one.\n"


@pytest.mark.parametrize("record", [*records(), *steered_records()], ids=lambda one: one.run)
def test_one_run(record: RunRecord, golden: Golden) -> None:
    """One Run in detail names every instance by its state."""
    golden.check(f"status-{record.run}", run_text(record, width=80))


def test_state_words() -> None:
    """A Run without an outcome runs while its scale set is held, and else was interrupted."""
    assert {one.run: state_word(one.state, is_held=one.is_held) for one in records()} == {
        "web-complete": "complete",
        "web-halted": "halted (exit 4)",
        "web-cancelled": "cancelled",
        "web-killed": "interrupted",
        "web-paused": "paused",
        "web-new": "interrupted",
        "web-going": "running",
    }


def test_state_words_of_steered_runs() -> None:
    """What people have told a Run shows in its state, and that it is on its way back."""
    assert {one.run: state_word(one.state, is_held=one.is_held) for one in steered_records()} == {
        "web-waiting": "waiting for approval",
        "web-held": "paused",
        "web-aborted": "cancelling",
        "web-asked-back": "rolling back",
        "web-going-back": "rolling back",
        "web-asked": "waiting for approval",
        "web-left-pinned": "halted (exit 11)",
        "web-killed-back": "interrupted",
        "web-cancelled-back": "rollback cancelled",
        "web-halted-back": "rollback halted (exit 11)",
        "web-undone": "rolled back",
    }
