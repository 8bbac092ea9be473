"""The steps of a Run as a list with a mark each, cut to the lines there are around the open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.report.paint import Tone
from vmssplan.report.segments import Line, Segment, cropped, line
from vmssplan.report.steps import step_title

if TYPE_CHECKING:
    from vmssplan.engine import RunState

_LEAST = 3
_BEFORE = 2
"""So many steps that are done stay in sight."""


def step_lines(state: RunState, width: int, height: int) -> list[Line]:
    """Return a heading and the steps around the open one; nothing where three do not fit."""
    steps = state.rollout.steps
    room = min(len(steps), height - 1)
    if room < min(_LEAST, len(steps)):
        return []
    first = max(0, min(state.step - 1 - _BEFORE, len(steps) - room))
    number_width = len(str(len(steps)))
    lines = [line(Segment("Steps", Tone.HEADING))]
    for number in range(first + 1, first + room + 1):
        mark, tone = _mark(state, number)
        title = step_title(state.rollout, steps[number - 1])
        text = f"{mark} {number:>{number_width}}  {title}"
        lines.append(cropped(line(Segment(text, tone)), width))
    return lines


def _mark(state: RunState, number: int) -> tuple[str, Tone]:
    """Return a sign for what is done, open and still to come, so that colour is not needed."""
    is_open = number == state.step and (state.step_started_at is not None or _has_failed(state))
    if is_open:
        return ("!", Tone.BAD) if _has_failed(state) else (">", Tone.ACTIVE)
    return ("=", Tone.GOOD) if number <= state.step else (" ", Tone.QUIET)


def _has_failed(state: RunState) -> bool:
    return state.outcome is not None and int(state.outcome.exit_code) != 0
