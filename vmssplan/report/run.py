"""A Run as plain text: one line an Event for logs, and how it ended, with what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from vmssplan.engine import Phase
from vmssplan.engine.events import RollbackStarted
from vmssplan.errors import ExitCode
from vmssplan.report.between import held_text
from vmssplan.report.happening import azure_text, happening, names_text
from vmssplan.report.paint import PLAIN, Paint, Tone
from vmssplan.report.steps import place_text
from vmssplan.report.told import Happening, Weight
from vmssplan.report.wording import one_line
from vmssplan.rollout import Approval, Disposition, rollback_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmssplan.engine import Event, RunState
    from vmssplan.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Advice:
    """What the operator does next, and the commands for it."""

    text: str
    commands: tuple[str, ...] = ("resume {run}",)


ADVICE = {
    ExitCode.NOT_PERMITTED: Advice("log in, or ask for the permission; then this goes on:"),
    ExitCode.INSTANCE_FAILED: Advice(
        "mend what Azure complains about; then this tries the failed ones again, and goes on:"
    ),
    ExitCode.REFUSED: Advice(
        "bring instances back into service; when there is room above the floor, this goes on:"
    ),
    ExitCode.CANCELLED: Advice("this goes on where it stopped:"),
    ExitCode.DEADLINE: Advice("look in Azure what holds the scale set up; then this goes on:"),
    ExitCode.PAUSED: Advice("look whether all is well; then this asks again, and goes on:"),
    ExitCode.GATE: Advice(
        "find out why it is not healthy; then this gives it a new deadline, and goes on:"
    ),
    ExitCode.ROLLED_BACK: Advice(
        "the instances run what they ran before; mend the Plan, then plan again:",
        ("plan PLAN --out ROLLOUT",),
    ),
    ExitCode.STALE: Advice(
        "the scale set is not what was reviewed; plan again, what is done stays done:",
        ("plan PLAN --out ROLLOUT", "apply ROLLOUT"),
    ),
    ExitCode.LOCKED: Advice("wait for the holder; then this goes on:", ("status", "resume {run}")),
    ExitCode.BUG: Advice("please report this with the journal; the Run can be resumed:"),
}
"""By exit code; any other one means: mend the cause, then resume."""

APPROVE = Advice(
    "look whether all is well; then approve, and go on:", ("approve {run} {step}", "resume {run}")
)
APPROVE_AFTER_ALL = Advice(
    "when what was found is mended, approve after all, and go on:",
    ("approve {run} {step}", "resume {run}"),
)
ASK_AGAIN = Advice("find out why, and mend it; then this asks again, and goes on:")
OF_STATE = ("approve", "status")
TURNING_HELPS = (ExitCode.INSTANCE_FAILED, ExitCode.GATE, ExitCode.PAUSED)
TURN_ROUND = Advice("or bring back what it has changed:", ("rollback {run}",))


def event_line(event: Event, rollout: Rollout) -> str | None:
    """Return `HH:MM:SS`, the step, batch and instance, and what happened; None for a detail.

    Nothing that a reader would look for is a detail: those are the intents, receipts and first
    signs of health between the lines that tell the result.
    """
    return next(iter(event_lines([event], rollout)), None)


def event_lines(events: Iterable[Event], rollout: Rollout) -> list[str]:
    """Return the lines of several Events; what befell instances alike at one time is one line."""
    shown = []
    for event in events:
        if isinstance(event, RollbackStarted):
            rollout = rollback_of(rollout, event.instance_ids, event.added, event.sick)
        told = happening(event, rollout)
        if told.weight is not Weight.DETAIL:
            shown.append((f"{event.at:%H:%M:%S}", len(rollout.steps), told))
    lines = []
    for (at, total, is_instance, batch, text), alike in groupby(shown, key=_sameness):
        column = len(f"step {total}/{total}")
        members = [one for _, _, one in alike]
        if is_instance:
            portion = "" if batch is None else f"batch {batch}  "
            names = names_text([one.instance or "" for one in members])
            lines.append(f"{at}  {'':<{column}}  {portion}{names}: {text}")
            continue
        for one in members:
            step = "" if one.step is None else f"step {one.step}/{total}"
            lines.append(f"{at}  {step:<{column}}  {text}")
    return lines


def _sameness(shown: tuple[str, int, Happening]) -> tuple[str, int, bool, int | None, str]:
    at, total, one = shown
    return at, total, one.instance is not None, one.batch, one.text


@dataclass(frozen=True, slots=True)
class Recap:
    """The instances of a set, counted: ok + skipped + failed + pending is all of them.

    On the way back what is wanted is what ran before, and what was never changed is skipped.

    ok        runs what is wanted: current when it was planned, or upgraded and proven healthy
    upgraded  the part of ok that this Run upgraded
    skipped   left alone with a reason, when it was planned or during the Run
    failed    the operation failed on it, or it was not healthy in time
    pending   everything else: not started, being operated on, or its health still awaited
    """

    ok: int
    upgraded: int
    skipped: int
    failed: int
    pending: int

    @classmethod
    def of(cls, state: RunState) -> Recap:
        """Count the instances of the Rollout in force, as they stand in that state."""
        rollout, counts = state.rollout, state.counts()
        return cls(
            ok=rollout.count(Disposition.CURRENT) + counts[Phase.READY],
            upgraded=counts[Phase.READY],
            skipped=rollout.count(Disposition.SKIPPED) + counts[Phase.SKIPPED],
            failed=counts[Phase.FAILED],
            pending=counts[Phase.PENDING] + counts[Phase.OPERATING] + counts[Phase.AWAITING],
        )

    def __str__(self) -> str:
        """Render as Ansible's recap does."""
        return (
            f"ok={self.ok} upgraded={self.upgraded} skipped={self.skipped}"
            f" failed={self.failed} pending={self.pending}"
        )


def awaits_approval(state: RunState) -> bool:
    """Tell whether the step that is open is one that a person has to approve."""
    is_open = state.step_started_at is not None
    return is_open and isinstance(state.rollout.steps[state.step - 1], Approval)


def held_up_by(state: RunState, run: str) -> str | None:
    """Say what people have told a Run that goes on, or what it waits for; None for neither."""
    people = state.people
    if people.cancel is not None:
        return "Cancelling: what is in flight is finished first"
    if people.rollback is not None:
        return "About to roll back: what is in flight is finished first"
    if people.held is not None:
        text = held_text(people.held)
        return f"{text[0].upper()}{text[1:]}. vmssplan resume {run} goes on"
    if awaits_approval(state):
        return f"Waiting: vmssplan approve {run} {state.step}"
    return None


def outcome_text(
    state: RunState,
    run: str,
    *,
    paint: Paint = PLAIN,
    options: str = "",
    state_options: str = "",
) -> str:
    """Return how the Run ended, what failed, the recap, and what to run next.

    `options` are those of commands that need the service, `state_options` of those that do not.
    """
    rollout = state.rollout
    parts = [
        [headline(state, paint)],
        [*_failures(state), *_appeared(state), *_pinned(state, run, options)],
        [f"{one_line(rollout.target.name)}  {Recap.of(state)}"],
        list(_next(state, run, options, state_options)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def headline(state: RunState, paint: Paint = PLAIN) -> str:
    """Return the line a script may look for: `Apply complete!` or `Apply halted at ...`."""
    outcome, rollout = state.outcome, state.rollout
    what = "Apply" if state.rollback is None else "Rollback"
    if outcome is None:
        return paint(f"{what} interrupted at {place_text(rollout, state.step)}", Tone.WARNING)
    if outcome.exit_code is ExitCode.SUCCESS:
        return paint("Apply complete!", Tone.GOOD)
    if outcome.exit_code is ExitCode.ROLLED_BACK:
        return paint(f"Rollback complete: {one_line(outcome.reason)}", Tone.WARNING)
    where, why = place_text(rollout, outcome.step), one_line(outcome.reason)
    return paint(f"{what} halted at {where}: {why}", Tone.BAD)


def _appeared(state: RunState) -> Iterator[str]:
    """Name what came meanwhile and is left outdated."""
    outdated = [one.instance.instance_id for one in state.appeared.values() if not one.is_current]
    if outdated and state.rollback is None:
        verb = "was" if len(outdated) == 1 else "were"
        names = names_text(outdated)
        yield f"{names[0].upper()}{names[1:]} came meanwhile and {verb} outdated: plan again"


def _pinned(state: RunState, run: str, options: str) -> Iterator[str]:
    """Name the autoscale settings that nobody gives back now, and what does."""
    if state.pins is not None and state.pins.settings:
        names = ", ".join(one_line(one.name) for one in state.pins.settings)
        yield f"Autoscale {names} is still pinned. This gives it back:"
        yield f"  vmssplan recover {run}{options}"


def _failures(state: RunState) -> Iterator[str]:
    """Name every failed instance with Azure's own words; those of the same words together."""
    same: dict[tuple[str, str], list[str]] = {}
    for failure in state.failures:
        ids = same.setdefault((failure.code, failure.message), [])
        ids.append(one_line(failure.instance_id))
    for (code, message), ids in same.items():
        noun = "Failed instance" if len(ids) == 1 else f"{len(ids)} failed instances"
        yield f"{noun} {', '.join(ids)}:"
        yield f"  {azure_text(code, message)}"
    for instance_id, one in state.progress.items():
        if one.phase is Phase.SKIPPED:
            yield f"Skipped instance {one_line(instance_id)}: {one_line(one.skip_reason)}"


def _next(state: RunState, run: str, options: str, state_options: str) -> Iterator[str]:
    """Say what to do now, and what to type."""
    code = state.outcome.exit_code if state.outcome else ExitCode.CANCELLED
    if code is ExitCode.SUCCESS:
        return
    advice = _advice(state, code)
    yield f"What next: {advice.text}"
    yield from _commands(advice, state, run, options, state_options)
    if code in TURNING_HELPS and state.rollout.rollback is not None:
        yield TURN_ROUND.text
        yield from _commands(TURN_ROUND, state, run, options, state_options)


def _advice(state: RunState, code: ExitCode) -> Advice:
    match code:
        case ExitCode.PAUSED if awaits_approval(state):
            return APPROVE
        case ExitCode.GATE if not state.failures:
            return APPROVE_AFTER_ALL if awaits_approval(state) else ASK_AGAIN
        case _:
            return ADVICE.get(code, Advice("mend the cause; then this goes on:"))


def _commands(
    advice: Advice, state: RunState, run: str, options: str, state_options: str
) -> Iterator[str]:
    for command in advice.commands:
        mine = state_options if command.startswith(OF_STATE) else options
        yield f"  vmssplan {command.format(run=run, step=state.step)}{mine}"
