"""What was in service over time, as one line: the lowest of each moment, against the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.report.paint import Tone
from vmssplan.report.segments import Line, Segment, cropped, length, line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.report.heatmap import Symbols

Served = tuple[tuple["datetime", int], ...]
"""Since when how many were in service, oldest first."""
_WIDEST = 60


def serving_line(
    served: Served, now: datetime, total: int, floor: int, symbols: Symbols, width: int
) -> Line:
    """Return the line, its floor in the middle of its height; empty where nothing is known."""
    if not served:
        return ()
    lowest = min(count for _, count in served)
    said = f"  lowest {lowest}, floor {floor}"
    label = "in service so far "
    room = min(_WIDEST, width - len(label) - len(said))
    bars = [
        Segment(_bar(count, total, floor, symbols.levels), Tone.BAD if count < floor else Tone.GOOD)
        for count in _lowest_of_each(served, now, room)
    ]
    tone = Tone.BAD if lowest < floor else None
    drawn = line(label, *_joined(bars), Segment(said, tone))
    return drawn if length(drawn) <= width else cropped(drawn, width)


def _lowest_of_each(served: Served, now: datetime, slices: int) -> list[int]:
    """Cut the time into so many slices, and return the lowest count of each."""
    start = served[0][0]
    span = max((now - start).total_seconds(), 0.001)
    changes: dict[int, list[int]] = {}
    for at, count in served:
        place = int((at - start).total_seconds() * slices / span)
        changes.setdefault(max(0, min(slices - 1, place)), []).append(count)
    found, last = [], served[0][1]
    for place in range(slices):
        # What held when the slice began held for a part of it.
        counts = [last, *changes.get(place, ())]
        found.append(min(counts))
        last = counts[-1]
    return found


def _bar(count: int, total: int, floor: int, levels: str) -> str:
    least = 2 * floor - total
    share = (count - least) / max(1, total - least)
    return levels[max(0, min(len(levels) - 1, round(share * (len(levels) - 1))))]


def _joined(pieces: Sequence[Segment]) -> list[Segment]:
    """Put neighbours of one tone together, so that a terminal is not told it for every column."""
    joined: list[Segment] = []
    for one in pieces:
        if joined and joined[-1].tone is one.tone:
            joined[-1] = Segment(joined[-1].text + one.text, one.tone)
        else:
            joined.append(one)
    return joined
