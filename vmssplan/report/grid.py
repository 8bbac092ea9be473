"""Draws a heat map into a width and a height: the most telling drawing that fits.

First choice is every instance with its name, then a symbol for every instance, then counts by
state in each place, then the symbols in one stream. Nothing is ever wider or higher than asked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vmssplan.report.heatmap import TONES, Cell, CellState, HeatMap, Symbols
from vmssplan.report.paint import Tone
from vmssplan.report.segments import Line, Segment, cropped, length, line
from vmssplan.report.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_GAP = 3
_COUNT_WIDTH = 8
"""Narrower than this, a place has no room for counts."""


def grid_lines(heat: HeatMap, symbols: Symbols, width: int, height: int) -> list[Line]:
    """Return at most `height` lines of at most `width`; the last resort is one line of counts."""
    for draw in (_named, _marked, _counted, _streamed):
        lines = draw(heat, symbols, width)
        if lines and len(lines) <= height and all(length(one) <= width for one in lines):
            return lines
    return [cropped(_counts(heat.counts(), symbols, width), width)][:height]


def legend_lines(heat: HeatMap, symbols: Symbols, width: int, height: int = 4) -> list[Line]:
    """Return the states that occur, each with its symbol and its number, in so many lines."""
    counts = heat.counts()
    lines: list[Line] = [()]
    for state in (one for one in CellState if counts[one]):
        piece = line(Segment(symbols.by_state[state], TONES[state]), f" {counts[state]} {state}")
        gap = line("   ") if lines[-1] else ()
        if length(lines[-1]) + length(gap) + length(piece) > width and lines[-1]:
            lines.append(piece)
        else:
            lines[-1] = (*lines[-1], *gap, *piece)
    return [cropped(one, width) for one in lines[:height]]


def _named(heat: HeatMap, symbols: Symbols, width: int) -> list[Line]:
    names = {cell.instance_id: one_line(cell.instance_id) for cell in heat.all_cells}
    size = max((len(name) for name in names.values()), default=0)
    entries = {
        cell.instance_id: line(
            Segment(symbols.by_state[cell.state], TONES[cell.state]),
            Segment(f" {names[cell.instance_id]:<{size}}", _name_tone(cell)),
        )
        for cell in heat.all_cells
    }
    return _table(heat, entries, size + 2, 2, width)


def _name_tone(cell: Cell) -> Tone | None:
    quiet = (CellState.PENDING, CellState.CURRENT, CellState.SKIPPED)
    return Tone.QUIET if cell.state in quiet else None


def _marked(heat: HeatMap, symbols: Symbols, width: int) -> list[Line]:
    return _table(heat, _marks(heat, symbols), 1, 0, width)


def _marks(heat: HeatMap, symbols: Symbols) -> Mapping[str, Line]:
    return {
        cell.instance_id: line(Segment(symbols.by_state[cell.state], TONES[cell.state]))
        for cell in heat.all_cells
    }


def _table(
    heat: HeatMap, entries: Mapping[str, Line], size: int, space: int, width: int
) -> list[Line]:
    """Put the entries, each `size` wide, into the places; nothing when one does not fit."""
    label = _label_width(heat)
    a_line = (_room(heat, width) + space) // (size + space)
    if a_line < 1:
        return []
    most = max((len(cells) for cells in heat.cells.values()), default=0)
    column = max(min(a_line, most) * (size + space) - space, *(len(c) for c in heat.columns))
    lines = _head(heat, column)
    for row in heat.rows:
        places = [[entries[c.instance_id] for c in heat.at(row, name)] for name in heat.columns]
        for number in range(max(1, *(-(-len(place) // a_line) for place in places))):
            parts = [place[number * a_line : (number + 1) * a_line] for place in places]
            cells = [_joined(part, space) for part in parts]
            lines.append(_row(row if number == 0 else "", label, cells, column))
    return lines


def _counted(heat: HeatMap, symbols: Symbols, width: int) -> list[Line]:
    room = _room(heat, width)
    if room < _COUNT_WIDTH:
        return []
    cells = {
        place: _counts(Counter(cell.state for cell in members), symbols, room)
        for place, members in heat.cells.items()
    }
    column = max(*(length(one) for one in cells.values()), *(len(c) for c in heat.columns), 0)
    return _head(heat, column) + [
        _row(row, _label_width(heat), [cells.get((row, c), ()) for c in heat.columns], column)
        for row in heat.rows
    ]


def _counts(counts: Counter[CellState], symbols: Symbols, width: int) -> Line:
    """Return as many counts as fit, most urgent first; `+` says that there are more states."""
    pieces: list[Segment] = []
    present = [state for state in CellState if counts[state]]
    for number, state in enumerate(present):
        text = f"{symbols.by_state[state]}{counts[state]} "
        is_last = number == len(present) - 1
        if length(pieces) + len(text) - (1 if is_last else -1) > width:
            return (*pieces, Segment("+", Tone.QUIET))
        pieces.append(Segment(text.rstrip() if is_last else text, TONES[state]))
    return tuple(pieces)


def _streamed(heat: HeatMap, symbols: Symbols, width: int) -> list[Line]:
    marks = [piece for mark in _marks(heat, symbols).values() for piece in mark]
    return [tuple(marks[start : start + width]) for start in range(0, len(marks), width)]


# --- the frame ------------------------------------------------------------------------------


def _label_width(heat: HeatMap) -> int:
    widest = max((len(row) for row in heat.rows), default=0)
    return widest + 2 if widest else 0


def _room(heat: HeatMap, width: int) -> int:
    """Return how wide each column may be."""
    count = max(1, len(heat.columns))
    return (width - _label_width(heat) - _GAP * (count - 1)) // count


def _head(heat: HeatMap, column: int) -> list[Line]:
    """Return the line that names the columns, unless they have no names."""
    if not any(heat.columns):
        return []
    cells = [line(Segment(name, Tone.HEADING)) for name in heat.columns]
    return [_row("", _label_width(heat), cells, column)]


def _row(label: str, label_width: int, cells: Sequence[Line], column: int) -> Line:
    pieces = [Segment(label.ljust(label_width), Tone.HEADING)] if label_width else []
    for number, cell in enumerate(cells):
        is_last = number == len(cells) - 1
        padding = 0 if is_last else column - length(cell) + _GAP
        pieces += [*cell, Segment(" " * padding)] if padding else cell
    return tuple(pieces)


def _joined(entries: Sequence[Line], space: int) -> Line:
    return tuple(_with_spaces(entries, space))


def _with_spaces(entries: Sequence[Line], space: int) -> Iterator[Segment]:
    for number, entry in enumerate(entries):
        if number and space:
            yield Segment(" " * space)
        yield from entry
