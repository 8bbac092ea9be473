"""The screen while apply runs: where it is, the heat map, availability, time, and what happened.

A function of the state and the time, so a frame can be tested like any other text. It fits the
width and height it is given, from 80 by 24 upwards, and neither wraps nor scrolls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import Phase
from vmssplan.report.grid import grid_lines, legend_lines
from vmssplan.report.heatmap import Symbols, heat_map
from vmssplan.report.pace import remaining
from vmssplan.report.paint import Tone
from vmssplan.report.run import headline, held_up_by
from vmssplan.report.segments import Line, Segment, cropped, length, line
from vmssplan.report.steps import batch_of_step, step_title
from vmssplan.report.wording import counted, one_line, roughly, span_text
from vmssplan.rollout import UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.engine import Progress, RunState
    from vmssplan.model import ScaleSet

LEAST_EVENTS, MOST_EVENTS = 3, 12
_LEAST_BAR, _MOST_BAR, _BESIDE_BAR = 10, 60, 46
UNICODE = Symbols.unicode()


def live_lines(
    state: RunState,
    scale_set: ScaleSet | None,
    now: datetime,
    started_at: datetime,
    width: int,
    height: int,
    recent: Sequence[str] = (),
    symbols: Symbols = UNICODE,
) -> list[Line]:
    """Return the frame: at most `height` lines of at most `width`."""
    heat = heat_map(state, scale_set)
    head = [
        _title(state, width),
        _activity(state),
        (),
        _bar(state, symbols, width),
        _figures(state, scale_set, now, started_at),
    ]
    legend = legend_lines(heat, symbols, width)
    events = min(LEAST_EVENTS, len(recent))
    room = height - len(head) - len(legend) - 2 - (events + 1 if events else 0)
    grid = grid_lines(heat, symbols, width, max(1, room))
    shown = min(len(recent), MOST_EVENTS, max(events, room - len(grid) + events))
    last = [line(Segment(one, Tone.QUIET)) for one in recent[len(recent) - shown :]]
    body = [*head, (), *grid, (), *legend, *([(), *last] if last else [])]
    return [cropped(one, width) for one in body[:height]]


def _title(state: RunState, width: int) -> Line:
    """Name the Run at the left, and count steps and batches at the right."""
    rollout = state.rollout
    left = line(
        Segment(one_line(state.run or rollout.plan), Tone.HEADING),
        f"  {one_line(str(rollout.target))}",
    )
    way = "" if state.rollback is None else "way back, "
    steps = f"{way}step {state.step}/{len(rollout.steps)}"
    batch = batch_of_step(rollout, state.step)
    window = next((s.window for s in rollout.steps if isinstance(s, UpgradeWindow)), None)
    portion = (
        f"batch {batch or 0}/{rollout.batch_count}" if window is None else f"window of {window}"
    )
    right = f"{steps}  {portion}"
    space = max(2, width - length(left) - len(right))
    return (*left, Segment(" " * space), Segment(right, Tone.HEADING))


def _activity(state: RunState) -> Line:
    """Say what is going on: how it ended, what holds it up, or the step."""
    if state.outcome is not None:
        return line(headline(state))
    said = held_up_by(state, state.run)
    if said is not None:
        return line(Segment(said, Tone.WARNING))
    if state.deferral is not None:
        last = state.deferral.last
        text = f"Put off until {last.until:%H:%M:%S}, {last.reason}: {one_line(last.code)}"
        return line(Segment(text, Tone.WARNING))
    if state.step == 0:
        return line("Starting")
    return line(step_title(state.rollout, state.rollout.steps[state.step - 1]))


def _bar(state: RunState, symbols: Symbols, width: int) -> Line:
    total = len(state.progress)
    if not total:
        return line(f"no instance to {state.rollout.method}")
    bar = max(_LEAST_BAR, min(_MOST_BAR, width - _BESIDE_BAR))
    counts = state.counts()
    ready, failed = counts[Phase.READY], counts[Phase.FAILED]
    moving = counts[Phase.OPERATING] + counts[Phase.AWAITING]
    parts = ((ready, Tone.GOOD), (failed, Tone.BAD), (moving, Tone.ACTIVE))
    pieces: list[Segment] = []
    drawn, so_far = 0, 0
    for count, tone in parts:
        so_far += count
        size = so_far * bar // total - drawn
        drawn += size
        pieces.append(Segment(symbols.full * size, tone))
    pieces.append(Segment(symbols.empty * (bar - drawn), Tone.QUIET))
    said = f"  {ready} of {counted(total, 'instance')} ready"
    pieces.append(Segment(said))
    if failed:
        pieces.append(Segment(f", {failed} failed", Tone.BAD))
    return tuple(pieces)


def _figures(
    state: RunState, scale_set: ScaleSet | None, now: datetime, started_at: datetime
) -> Line:
    """Show what serves beside the floor, and the time gone beside the time to go."""
    bounds = state.rollout.bounds
    serving = in_service(state, scale_set)
    tone = Tone.BAD if serving < bounds.floor else Tone.GOOD
    pieces = [
        Segment("in service "),
        Segment(f"{serving} of {bounds.total}", tone),
        Segment(f", floor {bounds.floor}   elapsed {span_text(now - started_at)}"),
    ]
    left = None if state.outcome else remaining(state, now, started_at)
    if left is not None:
        pieces.append(Segment(f", about {roughly(left)} left"))
    return tuple(pieces)


def in_service(state: RunState, scale_set: ScaleSet | None) -> int:
    """Count what serves; what is being operated on does not, even if the last look is older."""
    rollout = state.rollout
    if scale_set is None:
        return known_in_service(state)
    operated = set(state.ids(Phase.OPERATING))
    return sum(
        one.is_in_service(rollout.health.source)
        for one in scale_set.instances
        if one.instance_id not in operated
    )


def known_in_service(state: RunState) -> int:
    """Count what serves as far as the journal tells: an instance is out until it is well again."""
    return sum(
        _is_known_to_serve(state.progress.get(one.instance_id), was=one.in_service)
        for one in state.rollout.instances
    )


def _is_known_to_serve(progress: Progress | None, *, was: bool) -> bool:
    if progress is None:
        return was
    match progress.phase:
        case Phase.PENDING | Phase.SKIPPED:
            return was
        case Phase.AWAITING:
            return progress.healthy_since is not None
        case Phase.READY:
            return True
        case Phase.OPERATING | Phase.FAILED:
            return False
    assert_never(progress.phase)
