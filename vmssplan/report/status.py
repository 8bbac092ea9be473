"""`vmssplan status`: all Runs in one table, or one Run in detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.engine import Event, Phase, RunState, replay
from vmssplan.errors import ExitCode
from vmssplan.report.paint import PLAIN, Paint, Tone
from vmssplan.report.run import Recap, awaits_approval, event_lines, held_up_by, outcome_text
from vmssplan.report.segments import Line, Segment, line, painted
from vmssplan.report.steps import step_title
from vmssplan.report.wording import beginning, columns, one_line, wrapped
from vmssplan.rollout import Rollout, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

LAST_EVENTS = 8


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A Run as it was kept; `is_held` tells whether a process holds its scale set right now."""

    run: str
    rollout: Rollout
    events: tuple[Event, ...]
    is_held: bool = False

    @property
    def state(self) -> RunState:
        """Where the Run stands after its Events."""
        return replay(self.rollout, self.events)

    @property
    def started(self) -> datetime | None:
        """When it began; None when it never did."""
        return self.events[0].at if self.events else None


def state_word(state: RunState, *, is_held: bool) -> str:
    """Return the state of a Run in a word or two; a halted one has its exit code with it."""
    if state.outcome is None:
        return _word_of_going(state) if is_held else "interrupted"
    way = "" if state.rollback is None else "rollback "
    match state.outcome.exit_code:
        case ExitCode.SUCCESS:
            return "complete"
        case ExitCode.ROLLED_BACK:
            return "rolled back"
        case ExitCode.PAUSED:
            return "waiting for approval" if awaits_approval(state) else f"{way}paused"
        case ExitCode.CANCELLED:
            return f"{way}cancelled"
        case code:
            return f"{way}halted (exit {int(code)})"


def _word_of_going(state: RunState) -> str:
    people = state.people
    if people.cancel is not None:
        return "cancelling"
    if people.held is not None:
        return "paused"
    if awaits_approval(state):
        return "waiting for approval"
    is_turning = state.rollback is not None or people.rollback is not None
    return "rolling back" if is_turning else "running"


def status_text(records: Sequence[RunRecord], *, paint: Paint = PLAIN, width: int = 100) -> str:
    """Return the table of Runs, in the order given, each with its last line below."""
    return painted(status_lines(records, width), paint)


def status_lines(records: Sequence[RunRecord], width: int) -> list[Line]:
    """Return the lines of the table; only the last line of a Run is cut at the width."""
    if not records:
        return [line("No Runs yet. `vmssplan apply` starts one.")]
    states = [record.state for record in records]
    rows: list[tuple[str, ...]] = [
        ("RUN", "SCALE SET", "STATE", "STEP", "OK", "FAILED", "PENDING", "STARTED")
    ]
    rows += [_row(record, state) for record, state in zip(records, states, strict=True)]
    sizes = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    head, *body = (
        "  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip()
        for row in rows
    )
    lines = [line(Segment(head, Tone.HEADING))]
    for record, state, text in zip(records, states, body, strict=True):
        lines.append(line(Segment(text, _tone(state, is_held=record.is_held))))
        if record.events and not _is_complete(state):
            lines.append(line("  " + beginning(_last_line(record), width - 2)))
    return lines


def run_text(record: RunRecord, *, paint: Paint = PLAIN, width: int = 100) -> str:
    """Return one Run in detail: how far it is, its instances by state, and what happened last."""
    state = record.state
    rollout = state.rollout
    started = f"{record.started:%Y-%m-%d %H:%M:%S} UTC" if record.started else "not yet"
    rows = {
        "scale set": str(rollout.target),
        "state": state_word(state, is_held=record.is_held),
        "step": _step_text(state),
        "started": started,
    }
    head = [paint(f"Run {one_line(record.run)}", Tone.HEADING)]
    for name, value in rows.items():
        head += wrapped(value, width, f"  {name:<9}  ", " " * 13)
    head.append(f"  digest     {digest(record.rollout)}")
    shown = event_lines(record.events, record.rollout)
    last = [beginning(f"  {one}", width) for one in shown[-LAST_EVENTS:]]
    is_over = state.outcome is not None or not record.is_held
    going = f"{one_line(rollout.target.name)}  {Recap.of(state)}"
    if said := held_up_by(state, record.run):
        going += f"\n\n{said}"
    parts = [
        "\n".join(head),
        "\n".join([paint("Instances", Tone.HEADING), *_instances(state, width)]),
        "\n".join([paint("Last events", Tone.HEADING), *last]) if last else "",
        outcome_text(state, record.run, paint=paint).rstrip() if is_over else going,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(record: RunRecord, state: RunState) -> tuple[str, ...]:
    recap = Recap.of(state)
    return (
        one_line(record.run),
        one_line(str(record.rollout.target)),
        state_word(state, is_held=record.is_held),
        f"{state.step}/{len(state.rollout.steps)}",
        str(recap.ok),
        str(recap.failed),
        str(recap.pending),
        f"{record.started:%Y-%m-%d %H:%M}" if record.started else "-",
    )


def _tone(state: RunState, *, is_held: bool) -> Tone:
    if state.outcome is None:
        return Tone.ACTIVE if is_held else Tone.WARNING
    return Tone.GOOD if _is_complete(state) else Tone.BAD


def _is_complete(state: RunState) -> bool:
    return state.outcome is not None and state.outcome.exit_code is ExitCode.SUCCESS


def _last_line(record: RunRecord) -> str:
    lines = event_lines(record.events, record.rollout)
    return " ".join(lines[-1].split()) if lines else ""


def _step_text(state: RunState) -> str:
    steps = state.rollout.steps
    title = f" {step_title(state.rollout, steps[state.step - 1])}" if state.step else ""
    way = "" if state.rollback is None else "way back, "
    return f"{way}{state.step}/{len(steps)}{title}"


def _instances(state: RunState, width: int) -> Iterator[str]:
    for phase in Phase:
        ids = [one_line(one) for one in state.ids(phase)]
        if ids:
            yield f"  {phase} ({len(ids)})"
            yield from columns(ids, width, " " * 6)
