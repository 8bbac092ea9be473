"""Gates and hooks between batches: asked as often as the Plan says, never passed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.runs import PASSED, MemoryInbox, MemoryJournal, ScriptedProbes, run
from tests.support.service import FakeService, with_instance, with_model
from tests.support.states import upgrading
from tests.support.values import (
    NEW_IMAGE,
    START,
    at_most,
    minutes,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import Live, Record, RunProgram, decide, evolve
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Abort, GoOn
from vmssplan.errors import ExitCode
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import (
    CommandProbe,
    Counting,
    Failure,
    Gate,
    HealthState,
    Hooks,
    HttpProbe,
)
from vmssplan.rollout import HookTime, RunHook

if TYPE_CHECKING:
    from vmssplan.engine import RunState
    from vmssplan.rollout import Rollout, Step

PROBE = HttpProbe("https://web.invalid/health")
DRAIN, UNDRAIN = CommandProbe(("./drain",)), CommandProbe(("./undrain",))
ONCE = Counting()
NO = Measurement(Verdict.FAILED, "answered 500")
PERHAPS = Measurement(Verdict.INCONCLUSIVE, "exit code 75")
BROKEN = Measurement(Verdict.ERROR, "no connection")


def gated(counting: Counting = ONCE, after: int | None = None) -> Rollout:
    """Return a rollout of two batches of one with a gate."""
    return rollout(scale_set(2), gates=(Gate(PROBE, after, counting),))


def outcome_of(state: RunState) -> tuple[ExitCode, str]:
    """Return how it ended."""
    assert state.outcome is not None
    return state.outcome.exit_code, state.outcome.reason


def test_a_gate_that_says_yes_is_passed_after_each_batch() -> None:
    """It is asked once each time, about the instances of its batch."""
    made = gated()
    service, journal, probes = FakeService(scale_set(2)), MemoryJournal(), ScriptedProbes()
    ended = run(made, service, service.clock, journal, probes=probes)

    assert outcome_of(ended) == (ExitCode.SUCCESS, "")
    assert [(one.occasion, one.batch) for one in probes.asked] == [("gate", 1), ("gate", 2)]
    assert [[i.instance_id for i in one.instances] for one in probes.asked] == [["0"], ["1"]]
    assert [one.step for one in journal.of(ev.GateMeasured)] == [4, 7]
    notes = [one.note for one in journal.of(ev.StepCompleted) if one.note]
    assert notes == ["1 successful: ok", "1 successful: ok"]


def test_a_gate_that_says_no_halts_with_its_words() -> None:
    """Nothing of the next batch is touched; resumed, it is asked afresh."""
    made = gated()
    service, journal = FakeService(scale_set(2)), MemoryJournal()
    ended = run(made, service, service.clock, journal, probes=ScriptedProbes([NO]))

    code, reason = outcome_of(ended)
    assert code is ExitCode.GATE
    assert "answered 500" in reason
    assert service.asked("upgrade") == [("0",)]
    again = run(made, service, service.clock, journal, probes=ScriptedProbes())
    assert outcome_of(again)[0] is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0",), ("1",)]


@pytest.mark.parametrize(("answer", "code"), [(BROKEN, ExitCode.GATE), (PERHAPS, ExitCode.PAUSED)])
def test_what_cannot_be_told_never_passes(answer: Measurement, code: ExitCode) -> None:
    """An error ends the Run as a gate does, an inconclusive answer pauses it."""
    service, probes = FakeService(scale_set(2)), ScriptedProbes([answer])
    ended = run(gated(), service, service.clock, MemoryJournal(), probes=probes)

    assert outcome_of(ended)[0] is code
    assert service.asked("upgrade") == [("0",)]
    assert len(probes.asked) == (5 if answer is BROKEN else 1), "four errors in a row are borne"


def test_it_is_asked_as_often_as_the_plan_counts() -> None:
    """After the delay, at intervals, until enough successes in a row; failures are counted."""
    counting = Counting(
        initial_delay=seconds(30),
        interval=seconds(20),
        consecutive_successes=2,
        failure_limit=1,
    )
    service, journal = FakeService(scale_set(1)), MemoryJournal()
    made = rollout(scale_set(1), gates=(Gate(PROBE, None, counting),))
    probes = ScriptedProbes([PASSED, NO, PASSED, PASSED])
    ended = run(made, service, service.clock, journal, probes=probes)

    assert outcome_of(ended)[0] is ExitCode.SUCCESS
    times = [one.at for one in journal.of(ev.GateMeasured)]
    [begun] = [one.at for one in journal.of(ev.StepStarted) if one.step == 4]
    assert [at - begun for at in times] == [seconds(30), seconds(50), seconds(70), seconds(90)]


def test_a_gate_that_can_neither_pass_nor_fail_halts_at_its_deadline() -> None:
    """Answers and errors in turn end it; resumed, it has its whole time again."""
    counting = Counting(interval=minutes(1), consecutive_successes=2, deadline=minutes(3))
    made = rollout(scale_set(1), gates=(Gate(PROBE, None, counting),))
    service, journal = FakeService(scale_set(1)), MemoryJournal()
    in_turn = ScriptedProbes([PASSED, BROKEN] * 9)
    ended = run(made, service, service.clock, journal, probes=in_turn)

    reason = "gate could not be measured: not passed within PT3M: no connection"
    assert outcome_of(ended) == (ExitCode.GATE, reason)
    assert len(in_turn.asked) == 4
    again = run(
        made, service, service.clock, journal, probes=ScriptedProbes([BROKEN, PASSED, PASSED])
    )
    assert outcome_of(again)[0] is ExitCode.SUCCESS


def test_an_inconclusive_gate_holds_a_run_that_waits_until_told_to_go_on() -> None:
    """Told so, it asks again, and only the new answer counts."""
    service, journal = FakeService(scale_set(1)), MemoryJournal()
    made = rollout(scale_set(1), gates=(Gate(PROBE),))
    inbox = MemoryInbox()

    def go_on() -> None:
        if not inbox.told:
            inbox.told.append(GoOn("1", "ann", service.clock.now()))

    inbox.on_rest = go_on
    probes = ScriptedProbes([PERHAPS, PASSED])
    ended = run(made, service, service.clock, journal, inbox, probes, waits=True)

    assert outcome_of(ended)[0] is ExitCode.SUCCESS
    [held], [continued] = journal.of(ev.RunHeld), journal.of(ev.RunContinued)
    assert "inconclusive" in held.reason
    assert continued.by == "ann"


def test_hooks_run_around_the_batch_they_are_for() -> None:
    """Drained before the request, undrained after the batch is healthy."""
    made = rollout(scale_set(2), hooks=Hooks(DRAIN, UNDRAIN))
    service, journal, probes = FakeService(scale_set(2)), MemoryJournal(), ScriptedProbes()
    ended = run(made, service, service.clock, journal, probes=probes)

    assert outcome_of(ended)[0] is ExitCode.SUCCESS
    assert [(one.occasion, one.batch) for one in probes.asked] == [
        ("beforeBatch", 1),
        ("afterBatch", 1),
        ("beforeBatch", 2),
        ("afterBatch", 2),
    ]
    kinds = (ev.HookEnded, ev.UpgradeIntended, ev.InstanceReady)
    told = [type(one).__name__ for one in journal.events if isinstance(one, kinds)]
    assert told[:4] == ["HookEnded", "UpgradeIntended", "InstanceReady", "HookEnded"]
    assert [one.note for one in journal.of(ev.StepCompleted) if one.note] == ["ok"] * 4


def test_a_hook_that_fails_halts_before_anything_is_touched() -> None:
    """Resumed, it runs again."""
    made = rollout(scale_set(1), hooks=Hooks(before_batch=DRAIN))
    service, journal = FakeService(scale_set(1)), MemoryJournal()
    ended = run(made, service, service.clock, journal, probes=ScriptedProbes([NO]))

    code, reason = outcome_of(ended)
    assert code is ExitCode.GATE
    assert "hook beforeBatch of batch 1" in reason
    assert service.asked("upgrade") == []
    again = run(made, service, service.clock, journal, probes=ScriptedProbes())
    assert outcome_of(again)[0] is ExitCode.SUCCESS


def test_draining_needs_room_above_the_floor() -> None:
    """A batch is not drained while another instance is out of service already."""
    live = scale_set(3)
    made = rollout(live, hooks=Hooks(before_batch=DRAIN), availability=at_most(1))
    service, journal, probes = FakeService(live), MemoryJournal(), ScriptedProbes()
    service.healthy_after = None
    ended = run(made, service, service.clock, journal, probes=probes)

    assert outcome_of(ended)[0] is ExitCode.GATE
    assert [one.batch for one in probes.asked] == [1]


def test_a_hook_of_nobody_is_not_run() -> None:
    """When every instance of the batch has gone, there is nothing to drain."""
    live = scale_set(1)
    made = rollout(live, hooks=Hooks(DRAIN, UNDRAIN))
    service, probes, journal = FakeService(live), ScriptedProbes(), MemoryJournal()
    service.at(seconds(5), lambda s: replace(s, instances=()))
    ended = run(made, service, service.clock, journal, probes=probes)

    assert outcome_of(ended)[0] is ExitCode.SUCCESS
    assert [one.occasion for one in probes.asked] == []
    notes = [one.note for one in journal.of(ev.StepCompleted) if one.note]
    assert notes == ["none of its instances is left"] * 2


def test_a_machine_that_took_the_place_of_another_is_not_drained() -> None:
    """The same instance id, and not what was reviewed: the hook is for the others."""
    made = rollout(
        scale_set(2),
        strategy=strategy("fixedBatch", 2),
        availability=at_most(2),
        hooks=Hooks(before_batch=DRAIN),
    )
    live = with_instance(with_model(scale_set(2), image=NEW_IMAGE), "0", vm_id="vm-another")
    appeared = decide(upgrading(made), Live(live), START)
    assert isinstance(appeared, Record)
    command = decide(upgrading(made, *appeared.events), Live(live), START)

    assert isinstance(command, RunProgram)
    assert command.instance_ids == ("1",)


def test_after_its_batch_a_hook_is_for_all_that_were_upgraded() -> None:
    """Also for one that has fallen sick again, at the floor or not; not for one that failed."""
    made = rollout(
        scale_set(4),
        strategy=strategy("fixedBatch", 3),
        availability=at_most(3),
        failure=Failure(max_failed_instances=1),
        hooks=Hooks(after_batch=UNDRAIN),
    )
    came = [ev.InstanceUpgraded(START, one) for one in "01"]
    failed = ev.InstanceFailed(START, "2", ev.FailurePhase.OPERATION, "NoRoom", "No room.")
    begun = ev.StepStarted(START, 4)
    state = upgrading(made, *came, ev.InstanceReady(START, "0"), failed, begun)
    live = with_model(scale_set(4), image=NEW_IMAGE)
    for one in "123":
        live = with_instance(live, one, application_health=HealthState.UNHEALTHY)
    command = decide(state, Live(live), START)

    assert isinstance(command, RunProgram)
    assert command.instance_ids == ("0", "1")


def test_who_is_left_out_already_is_not_drained() -> None:
    """Its turn never comes."""
    made = rollout(
        scale_set(2),
        strategy=strategy("fixedBatch", 2),
        availability=at_most(2),
        hooks=Hooks(before_batch=DRAIN),
    )
    state = upgrading(made, ev.InstanceSkipped(START, "1", "protected"))
    command = decide(state, Live(with_model(scale_set(2), image=NEW_IMAGE)), START)

    assert isinstance(command, RunProgram)
    assert command.instance_ids == ("0",)


def _is_undraining(step: Step) -> bool:
    return isinstance(step, RunHook) and step.time is HookTime.AFTER_BATCH


@pytest.mark.parametrize(
    ("hooks", "changes", "ids"),
    [
        (Hooks(DRAIN, UNDRAIN), {}, ("0", "1")),
        (Hooks(DRAIN, UNDRAIN), {"power_state": "deallocated"}, ("0",)),
        (Hooks(DRAIN, UNDRAIN), {"vm_id": "vm-another"}, ("0",)),
        (Hooks(after_batch=UNDRAIN), {}, ("0",)),
    ],
)
def test_who_was_drained_and_then_skipped_is_brought_back(
    hooks: Hooks, changes: dict[str, Any], ids: tuple[str, ...]
) -> None:
    """Where it still runs: it was taken out of service for an upgrade that never came."""
    made = rollout(
        scale_set(2),
        strategy=strategy("fixedBatch", 2),
        availability=at_most(2),
        hooks=hooks,
    )
    after = next(n for n, one in enumerate(made.steps, 1) if _is_undraining(one))
    skipped = ev.InstanceSkipped(START, "1", "protected")
    came = (ev.InstanceUpgraded(START, "0"), ev.InstanceReady(START, "0"), skipped)
    state = upgrading(made, *came, ev.StepStarted(START, after))
    live = Live(with_instance(with_model(scale_set(2), image=NEW_IMAGE), "1", **changes))
    while isinstance(command := decide(state, live, START), Record):
        state = evolve(state, *command.events)

    assert isinstance(command, RunProgram)
    assert command.instance_ids == ids


def test_a_gate_can_be_cancelled_between_two_measurements() -> None:
    """A long gate does not keep people waiting."""
    counting = Counting(interval=minutes(1), consecutive_successes=100)
    service, inbox = FakeService(scale_set(1)), MemoryInbox()
    made = rollout(scale_set(1), gates=(Gate(PROBE, None, counting),))
    probes = ScriptedProbes()
    service.clock.on_sleep = lambda: (
        inbox.told.append(Abort("1", "ann", service.clock.now()))
        if len(probes.asked) == 3 and not inbox.told
        else None
    )
    ended = run(made, service, service.clock, MemoryJournal(), inbox, probes)

    assert outcome_of(ended) == (ExitCode.CANCELLED, "cancelled by ann")
    assert len(probes.asked) == 3


def test_a_window_is_checked_once_at_its_end() -> None:
    """A gate after each batch stands behind the whole window."""
    made = rollout(scale_set(3), strategy=strategy("slidingWindow", 2), gates=(Gate(PROBE),))
    service, probes = FakeService(scale_set(3)), ScriptedProbes()
    ended = run(made, service, service.clock, MemoryJournal(), probes=probes)

    assert outcome_of(ended)[0] is ExitCode.SUCCESS
    assert [len(one.instances) for one in probes.asked] == [3]
