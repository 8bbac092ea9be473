"""What people tell a Run: approvals, pauses, aborts; each followed once, whenever it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.copying import replace
from tests.support.runs import MemoryInbox, MemoryJournal, run
from tests.support.service import FakeService, with_model
from tests.support.values import NEW_IMAGE, START, rollout, scale_set, seconds
from vmssplan.engine import Live, Look, Wait, decide, replay
from vmssplan.engine import events as ev
from vmssplan.engine.following import follow
from vmssplan.engine.instructions import Abort, Approve, GoOn, Hold, Reject, RollBack
from vmssplan.errors import ExitCode
from vmssplan.model import ApprovalGate, Gate
from vmssplan.rollout import digest

if TYPE_CHECKING:
    from vmssplan.engine import Event
    from vmssplan.engine.instructions import Instruction
    from vmssplan.rollout import Rollout

APPROVAL_STEP = 4


def gated() -> Rollout:
    """Return a rollout of two batches of one, with an approval after the first."""
    return rollout(scale_set(2), gates=(Gate(ApprovalGate("canary looks right?"), 1),))


def approval(made: Rollout, key: str = "1", *, step: int = APPROVAL_STEP) -> Approve:
    """Return Ann's approval."""
    return Approve(key, "ann", START, step, digest(made))


class Story:
    """One Run, resumed as often as it is told to."""

    def __init__(self, made: Rollout, *told: Instruction) -> None:
        self.made = made
        self.service, self.journal = FakeService(scale_set(2)), MemoryJournal()
        self.inbox = MemoryInbox(list(told))

    def go(self, *, waits: bool = False) -> tuple[ExitCode, str]:
        """Go on to the next end."""
        ended = run(
            self.made, self.service, self.service.clock, self.journal, self.inbox, waits=waits
        )
        assert ended.outcome is not None
        return ended.outcome.exit_code, ended.outcome.reason


def test_without_an_approval_the_run_ends_and_says_what_waits() -> None:
    """Exit code 10; asked again it waits again; approved it goes on to the end."""
    story = Story(gated())

    assert story.go() == (ExitCode.PAUSED, "step 4 waits for an approval")
    assert story.go()[0] is ExitCode.PAUSED
    assert story.service.asked("upgrade") == [("0",)]
    story.inbox.told.append(approval(story.made))
    assert story.go()[0] is ExitCode.SUCCESS
    [given] = story.journal.of(ev.ApprovalGiven)
    assert (given.by, given.step, given.digest) == ("ann", 4, digest(story.made))
    assert [one.note for one in story.journal.of(ev.StepCompleted) if one.note] == [
        "approved by ann"
    ]


def test_a_run_that_waits_goes_on_when_it_is_approved() -> None:
    """It says once that it waits, and stays."""
    story = Story(gated())
    story.inbox.on_rest = lambda: (
        story.inbox.told.append(approval(story.made)) if story.inbox.rests == 5 else None
    )

    assert story.go(waits=True)[0] is ExitCode.SUCCESS
    assert len(story.journal.of(ev.ApprovalAwaited)) == 1


def test_an_approval_may_come_before_its_step() -> None:
    """The Rollout was reviewed; who approves early approves what is in it."""
    story = Story(made := gated(), approval(made))

    assert story.go()[0] is ExitCode.SUCCESS


def test_an_approval_of_another_rollout_or_step_is_ignored_with_the_reason() -> None:
    """What was approved is what is carried out, or nothing is."""
    other = Approve("1", "ann", START, APPROVAL_STEP, "sha256:other")
    story = Story(gated(), other, approval(gated(), "2", step=2))

    assert story.go()[0] is ExitCode.PAUSED
    first, second = story.journal.of(ev.InstructionIgnored)
    assert "sha256:other" in first.why
    assert second.why == "step 2 is no approval"


def test_a_refusal_halts_and_can_be_thought_over() -> None:
    """Exit code 11 with the reason; approved after all, the Run goes on."""
    story = Story(gated(), Reject("1", "ann", START, APPROVAL_STEP, "errors doubled"))

    assert story.go() == (ExitCode.GATE, "ann did not approve step 4: errors doubled")
    story.inbox.told.append(approval(story.made, "2"))
    assert story.go()[0] is ExitCode.SUCCESS


def test_the_last_word_counts_at_an_approval() -> None:
    """A yes that was taken back is no yes, also after a resume."""
    no = Reject("2", "bob", START, APPROVAL_STEP, "wait")
    story = Story(made := gated(), approval(made), no)

    assert story.go()[0] is ExitCode.GATE
    assert story.go()[0] is ExitCode.PAUSED


def test_a_held_run_starts_nothing_until_it_is_told_to_go_on() -> None:
    """What is in flight is seen through meanwhile."""
    story = Story(rollout(scale_set(2)), Hold("1", "ann", START))
    story.inbox.on_rest = lambda: (
        story.inbox.told.append(GoOn("2", "bob", START)) if story.inbox.rests == 30 else None
    )

    assert story.go()[0] is ExitCode.SUCCESS
    [held], [continued] = story.journal.of(ev.RunHeld), story.journal.of(ev.RunContinued)
    assert held.reason == "paused by ann"
    between = [
        one for one in story.journal.of(ev.UpgradeIntended) if held.at <= one.at < continued.at
    ]
    assert between == []


def test_an_instruction_counts_once() -> None:
    """The same inbox read again after a resume changes nothing."""
    story = Story(rollout(scale_set(2)), Abort("1", "ann", START))

    assert story.go() == (ExitCode.CANCELLED, "cancelled by ann")
    assert story.go()[0] is ExitCode.SUCCESS
    assert len(story.journal.of(ev.CancelRequested)) == 1


def test_what_does_not_fit_is_ignored_with_the_reason() -> None:
    """Going on without a pause, pausing twice."""
    told = (GoOn("1", "ann", START), Hold("2", "ann", START), Hold("3", "bob", START))
    story = Story(rollout(scale_set(2)), *told, GoOn("4", "ann", START))

    assert story.go()[0] is ExitCode.SUCCESS
    assert [one.why for one in story.journal.of(ev.InstructionIgnored)] == [
        "the Run was not paused",
        "the Run is paused already",
    ]


def test_an_abort_waits_for_what_is_in_flight() -> None:
    """Nothing that was started is left to itself."""
    story = Story(rollout(scale_set(2)))

    def stop() -> None:
        if story.service.asked("upgrade") and not story.inbox.told:
            story.inbox.told.append(Abort("1", "ann", START))

    story.service.clock.on_sleep = stop
    assert story.go()[0] is ExitCode.CANCELLED
    assert [type(one) for one in story.journal.events[-3:]][-1] is ev.RunHalted
    assert story.journal.of(ev.InstanceUpgraded)


def test_people_may_ask_for_the_way_back_at_any_time() -> None:
    """While it waits for an approval, too: what was changed comes back, exit code 12."""
    story = Story(gated(), RollBack("1", "ann", START))
    story.inbox.told.clear()
    assert story.go()[0] is ExitCode.PAUSED
    story.inbox.told.append(RollBack("1", "ann", START))

    assert story.go() == (ExitCode.ROLLED_BACK, "ann asked to roll back")
    assert story.service.asked("upgrade") == [("0",), ("0",)]
    assert {one.exact_version for one in story.service.scale_set.instances} == {"1.9.0"}


def test_who_waits_for_an_approval_passes_by_nothing_else() -> None:
    """Once it has said that it waits, it waits for people, and asks for them at every poll."""
    made = gated()
    waiting = replay(
        made,
        [
            ev.RunStarted(START, "web-1", digest(made), waits=True),
            ev.StepStarted(START, APPROVAL_STEP),
            ev.ApprovalAwaited(START, APPROVAL_STEP),
        ],
    )
    command = decide(waiting, Live(with_model(scale_set(2), image=NEW_IMAGE)), START)

    assert command == Wait(START + seconds(10), Look.EVERYTHING, for_people=True)


def fits(made: Rollout, one: Instruction, *events: Event) -> str:
    """Return why the instruction does not fit; "" when it does."""
    [told] = follow(
        replay(made, [ev.RunStarted(START, "web-1", digest(made)), *events]), [one], START
    )
    return told.why if isinstance(told, ev.InstructionIgnored) else ""


def test_only_an_approval_can_be_approved() -> None:
    """Whatever number somebody gives; the last step can be one, and the first."""
    made = rollout(scale_set(2), gates=(Gate(ApprovalGate("ok?"), 2),))
    last = len(made.steps)
    first = replace(made, steps=(made.steps[-1], *made.steps[:-1]))

    assert fits(made, approval(made, step=last)) == ""
    assert fits(first, approval(first, step=1)) == ""
    for step in (-1, 0, 1, last - 1, last + 1, last + 99):
        assert fits(made, approval(made, step=step)) == f"step {step} is no approval"
        no = Reject("1", "ann", START, step, "no")
        assert fits(made, no) == f"step {step} is no approval"


def test_on_the_way_back_nobody_is_asked() -> None:
    """An approval that comes late is for a step that is not carried out any more."""
    made = gated()
    back = ev.RollbackStarted(START, "bad", ("0",))

    assert "where nobody is asked" in fits(made, approval(made), back)
    assert fits(made, Reject("1", "ann", START, 4, "no"), back) != ""
    assert fits(made, RollBack("1", "ann", START), back) == "the Run is on its way back already"


def test_asked_back_where_there_is_no_way_back_it_says_why() -> None:
    """And goes on."""
    made = rollout(scale_set(2), missing_image="1.9.0 is gone")

    assert fits(made, RollBack("1", "ann", START)) == "there is no way back: 1.9.0 is gone"
    assert fits(gated(), RollBack("1", "ann", START)) == ""
