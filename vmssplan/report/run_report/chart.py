"""A Run as a drawing: every instance through time, and below it how many were in service.

SVG by hand, without scripts, readable in light and dark. Colour is never alone: states have
symbols where there is room, failures are hatched, and every bar says in words what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from vmssplan.report.heatmap import CellState, Symbols
from vmssplan.report.run_report.elements import Markup, element, joined
from vmssplan.report.told import Weight
from vmssplan.report.wording import beginning, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.report.run_report.chronicle import Chronicle, InstanceTale

LABELS, PLOT, RIGHT = 150, 760, 80
WIDTH = LABELS + PLOT + RIGHT
TITLE, LEGEND, GAP, CURVE, AXIS = 52, 30, 34, 130, 40
TEXT = 12
MOST_TICKS = 8
_ROWS = ((24, 18), (60, 10), (200, 5), (400, 3))
"""Up to so many instances, a row is so many pixels high; with more of them, 1."""
_SEEN = 3
"""A failure is so many pixels high at least, and covers what is below it."""
_LABELLED = 10
"""A row of so many pixels has room for a name."""
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
SYMBOLS = Symbols.unicode().by_state
KINDS = {state: state.name.lower() for state in CellState}
"""The class of each state, for the style sheets."""
STYLE = """
  .page { fill: #ffffff } text { fill: #1f2328; font: 12px system-ui, sans-serif }
  .title { font-size: 16px; font-weight: 600 } .quiet { fill: #59636e } .end { text-anchor: end }
  .middle { text-anchor: middle } .on { fill: #ffffff; text-anchor: middle; font-size: 11px }
  .failed { fill: #cf222e } .sick { fill: #a475f9 } .operating { fill: #0969da }
  .awaiting { fill: #9a6700 } .ready, .current { fill: #1a7f37 } rect.current { opacity: .45 }
  .pending { fill: #d1d9e0 } .skipped { fill: #818b98 } .hatch { stroke: #ffffff; opacity: .6 }
  .axis { stroke: #d1d9e0 } .mark { stroke: #59636e; stroke-dasharray: 2 3 }
  .mark.error { stroke: #cf222e } .mark.warn { stroke: #9a6700 }
  .serving { fill: none; stroke: #1a7f37; stroke-width: 2 } .area { fill: #1a7f37; opacity: .12 }
  .floor { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 6 4 } .low { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc } .quiet { fill: #9198a1 } .on { fill: #0d1117 }
    .failed { fill: #ff7b72 } .sick { fill: #d2a8ff } .operating { fill: #58a6ff }
    .awaiting { fill: #e3b341 } .ready, .current { fill: #3fb950 } .pending { fill: #3d444d }
    .skipped { fill: #9198a1 } .hatch { stroke: #0d1117 } .axis { stroke: #3d444d }
    .mark { stroke: #9198a1 } .mark.error { stroke: #ff7b72 } .mark.warn { stroke: #e3b341 }
    .serving { stroke: #3fb950 } .area { fill: #3fb950 } .floor { stroke: #ff7b72 }
    .low { fill: #ff7b72 }
  }
"""


Shape = tuple[tuple[CellState, "datetime", "datetime"], ...]


def chart_svg(chronicle: Chronicle) -> str:
    """Return the drawing as a file of its own."""
    layout = Layout.of(chronicle)
    title = f"{chronicle.run}: {chronicle.headline}"
    style = Markup(f"<style>{STYLE}</style>")
    page = element("rect", {"class": "page", "width": WIDTH, "height": layout.height})
    head = _text(16, 26, beginning(title, 110), "title")
    return drawing(chronicle, title, style, page, head) + "\n"


def drawing(chronicle: Chronicle, title: str, *first: Markup) -> Markup:
    """Return the drawing with what comes before it in the same picture."""
    layout = Layout.of(chronicle)
    size = {"viewBox": f"0 0 {WIDTH} {layout.height}", "width": WIDTH, "height": layout.height}
    name = {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-label": title}
    parts = [
        *first,
        _text(16, 44, f"times in UTC, from {chronicle.started:%Y-%m-%d %H:%M:%S}", "quiet"),
        *_legend(chronicle),
        *_axis(chronicle, layout),
        *_rows(chronicle, layout),
        *_curve(chronicle, layout),
        *_marks(chronicle, layout),
    ]
    return element("svg", {**name, **size}, Markup("\n".join(("", *parts, ""))))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are, in pixels."""

    start: datetime
    span: timedelta
    row: int
    rows: int

    @classmethod
    def of(cls, chronicle: Chronicle) -> Layout:
        """Give each instance as much room as their number allows."""
        count = len(chronicle.instances)
        row = next((size for most, size in _ROWS if count <= most), 1)
        return cls(chronicle.started, chronicle.duration, row, count)

    @property
    def top(self) -> int:
        """Where the first instance is."""
        return TITLE + LEGEND

    @property
    def bottom(self) -> int:
        """Where the last instance ends."""
        return self.top + self.row * self.rows

    @property
    def curve_top(self) -> int:
        """Where the curve begins."""
        return self.bottom + GAP

    @property
    def foot(self) -> int:
        """Where the time axis is."""
        return self.curve_top + CURVE

    @property
    def height(self) -> int:
        """How high all of it is."""
        return self.foot + AXIS

    def shape(self, tale: InstanceTale) -> tuple[int | None, Shape, str]:
        """Return what neighbours must have in common to share their bars."""
        shape = tuple((one.state, one.start, one.end) for one in tale.spells)
        return tale.batch, shape, tale.instance_id if self.row >= _LABELLED else ""

    def x(self, at: datetime) -> float:
        """Return where that time is."""
        share = (at - self.start) / self.span if self.span else 0.0
        return round(LABELS + share * PLOT, 1)


def _legend(chronicle: Chronicle) -> Iterator[Markup]:
    used = {spell.state for tale in chronicle.instances for spell in tale.spells}
    left = LABELS
    for state in (one for one in CellState if one in used):
        box = {"class": KINDS[state], "x": left, "y": TITLE + 2, "width": 14, "height": 14, "rx": 2}
        yield element("rect", box)
        yield _text(left + 7, TITLE + 13, SYMBOLS[state], "on")
        yield _text(left + 19, TITLE + 13, state.value)
        left += 34 + 7 * len(state.value)


def _axis(chronicle: Chronicle, layout: Layout) -> Iterator[Markup]:
    seconds = chronicle.duration.total_seconds()
    step = next((one for one in _TICKS if seconds / one <= MOST_TICKS), _TICKS[-1])
    while seconds / step > MOST_TICKS:
        step *= 2
    pattern = "%H:%M:%S" if step % 60 else "%H:%M"
    pattern = pattern if chronicle.is_of_one_day else f"%m-%d {pattern}"
    begin = layout.start.replace(minute=0, second=0, microsecond=0)
    past = (layout.start - begin).total_seconds()
    at = begin + timedelta(seconds=-(-past // step) * step)
    while at <= chronicle.last:
        yield _line(layout.x(at), layout.top, layout.x(at), layout.foot + 4, "axis")
        yield _text(layout.x(at), layout.foot + 18, f"{at:{pattern}}", "quiet middle")
        at += timedelta(seconds=step)


def _rows(chronicle: Chronicle, layout: Layout) -> Iterator[Markup]:
    """Yield the bars; where they are thin, neighbours that went alike, as in a batch, share one."""
    top, labelled_to = layout.top, 0
    before: int | None = None
    on_top: list[Markup] = []
    for (batch, shape, _), alike in groupby(chronicle.instances, key=layout.shape):
        members = list(alike)
        high = layout.row * len(members)
        for number, one in enumerate(members):
            middle = top + layout.row * number + layout.row // 2 + 4
            if layout.row >= _LABELLED:
                yield _text(LABELS - 8, middle, beginning(one.instance_id, 14), "end")
        if top >= labelled_to and (layout.row < _LABELLED or batch != before):
            yield from _group_label(batch, members, top, layout)
            labelled_to = top + TEXT + 2
        before = batch
        for state, start, end in shape:
            bar = _bar(state, start, end, members, top, high, layout)
            if state is CellState.FAILED:
                on_top.append(bar)
            else:
                yield bar
        top += high
    yield from on_top


def _group_label(
    batch: int | None, members: Sequence[InstanceTale], top: int, layout: Layout
) -> Iterator[Markup]:
    if layout.row >= _LABELLED:
        text = "" if batch is None else f"batch {batch}"
    else:
        names = beginning(members[0].instance_id, 12)
        more = f" +{len(members) - 1}" if len(members) > 1 else ""
        text = f"{'' if batch is None else f'batch {batch}: '}{names}{more}"
    if text:
        yield _text(8, top + TEXT, text, "quiet")


def _bar(
    state: CellState,
    start: datetime,
    end: datetime,
    members: Sequence[InstanceTale],
    top: int,
    high: int,
    layout: Layout,
) -> Markup:
    left, right = layout.x(start), layout.x(end)
    gap = 2 if layout.row >= _LABELLED else 0
    who = members[0].instance_id if len(members) == 1 else counted(len(members), "instance")
    said = f"{who}: {state}, {start:%H:%M:%S} to {end:%H:%M:%S}"
    wide = max(round(right - left, 1), 1.0)
    least = _SEEN if state is CellState.FAILED else 1
    box = {"x": left, "y": top, "width": wide, "height": max(high - gap, least)}
    parts = [element("rect", {"class": KINDS[state], **box}, element("title", {}, said))]
    if state is CellState.FAILED:
        parts += _hatch(left, top, wide, high - gap)
    if layout.row >= _LABELLED and wide >= TEXT + 4:
        parts += [
            _text(round(left + wide / 2, 1), top + layout.row * n + layout.row // 2 + 3,
                  SYMBOLS[state], "on")
            for n in range(len(members))
        ]  # fmt: skip
    return joined(*parts)


def _hatch(left: float, top: int, wide: float, high: int) -> Iterator[Markup]:
    """Yield slanting lines, so that a failure is seen without its colour."""
    for number in range(int(min(wide, PLOT) // 8)):
        x = round(left + 8 * number, 1)
        yield _line(x, top + high, round(x + min(8, wide), 1), top, "hatch")


def _curve(chronicle: Chronicle, layout: Layout) -> Iterator[Markup]:
    total, floor = chronicle.total, chronicle.floor
    lowest = min(chronicle.lowest, floor)
    base = max(0, lowest - max(1, total // 6)) if total > 20 else 0  # noqa: PLR2004 - a screenful

    def y(count: int) -> float:
        return round(layout.foot - CURVE * (count - base) / max(1, total - base), 1)

    points: list[str] = [f"M{layout.x(chronicle.counts[0].at)} {y(chronicle.counts[0].in_service)}"]
    for before, after in pairwise(chronicle.counts):
        points.append(f"H{layout.x(after.at)}")
        if after.in_service != before.in_service:
            points.append(f"V{y(after.in_service)}")
    points.append(f"H{layout.x(chronicle.last)}")
    path = "".join(points)
    ends = f"V{layout.foot}H{layout.x(chronicle.started)}Z"
    yield _text(8, layout.curve_top + TEXT, "in service")
    yield element("path", {"class": "area", "d": path + ends})
    yield _line(LABELS, y(floor), LABELS + PLOT, y(floor), "floor")
    yield element("path", {"class": "serving", "d": path})
    yield _text(LABELS + PLOT + 6, y(floor) + 4, f"floor {floor}", "low")
    yield _text(LABELS - 8, y(total) + 4, str(total), "quiet end")
    if y(base) - y(lowest) >= TEXT:
        yield _text(LABELS - 8, y(base), str(base), "quiet end")
    if lowest != total:
        yield _text(LABELS - 8, y(chronicle.lowest) + 4, str(chronicle.lowest), "quiet end")


def _marks(chronicle: Chronicle, layout: Layout) -> Iterator[Markup]:
    for mark in chronicle.marks:
        kind = "" if mark.weight is Weight.INFO else f" {mark.weight}"
        title = element("title", {}, f"{mark.at:%H:%M:%S} {mark.label}")
        x = layout.x(mark.at)
        ends = {"x1": x, "y1": layout.top, "x2": x, "y2": layout.foot}
        yield element("line", {"class": f"mark{kind}", **ends}, title)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return element("line", {"class": kind, "x1": x1, "y1": y1, "x2": x2, "y2": y2})


def _text(left: float, baseline: float, text: str, kind: str = "") -> Markup:
    return element("text", {"class": kind or None, "x": left, "y": baseline}, text)
