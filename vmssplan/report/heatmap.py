"""The heat map: one cell an instance, in the grid of the failure boundaries of its set.

Update domains by fault domains; zones by fault domains where the set has zones; otherwise just
the instances in a row. This file knows what is in the grid; `grid` knows how to draw it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import Phase
from vmssplan.report.paint import Tone
from vmssplan.report.wording import one_line
from vmssplan.rollout import Disposition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmssplan.engine import RunState
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import PlannedInstance, Rollout


class CellState(StrEnum):
    """How an instance stands, most urgent first; that order is also the one of the legend."""

    FAILED = "failed"
    SICK = "not in service"
    OPERATING = "operating"
    AWAITING = "awaiting health"
    READY = "ready"
    PENDING = "pending"
    SKIPPED = "skipped"
    CURRENT = "current"


TONES: Mapping[CellState, Tone] = {
    CellState.FAILED: Tone.BAD,
    CellState.SICK: Tone.REMOVE,
    CellState.OPERATING: Tone.ACTIVE,
    CellState.AWAITING: Tone.WAITING,
    CellState.READY: Tone.GOOD,
    CellState.PENDING: Tone.QUIET,
    CellState.SKIPPED: Tone.WARNING,
    CellState.CURRENT: Tone.GOOD,
}


@dataclass(frozen=True, slots=True)
class Symbols:
    """One character a state, so that no state needs its colour to be told from another."""

    by_state: Mapping[CellState, str]
    full: str
    empty: str
    levels: str  # from few to many

    @classmethod
    def unicode(cls) -> Symbols:
        """Return the symbols of a terminal that shows more than ASCII."""
        by_state = dict(zip(CellState, "✗?▶◆■·!=", strict=True))
        return cls(by_state, full="━", empty="─", levels="▁▂▃▄▅▆▇█")

    @classmethod
    def ascii(cls) -> Symbols:
        """Return the symbols for every other one."""
        by_state = dict(zip(CellState, "x?>o#.!=", strict=True))
        return cls(by_state, full="#", empty="-", levels="_.-=+*#")


@dataclass(frozen=True, slots=True)
class Cell:
    """One instance in the map."""

    instance_id: str
    state: CellState


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The grid; a map without rows or columns has one of them, with an empty name."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], tuple[Cell, ...]]

    @property
    def all_cells(self) -> tuple[Cell, ...]:
        """All instances, row by row."""
        return tuple(
            cell for row in self.rows for column in self.columns for cell in self.at(row, column)
        )

    def at(self, row: str, column: str) -> tuple[Cell, ...]:
        """Return the instances there."""
        return self.cells.get((row, column), ())

    def counts(self) -> Counter[CellState]:
        """Return how many instances are in each state."""
        return Counter(cell.state for cell in self.all_cells)


def heat_map(state: RunState, live: ScaleSet | None = None) -> HeatMap:
    """Return the map as the Run knows it; `live` adds who is out of service by itself."""
    rollout = state.rollout
    serving = _in_service(rollout, live)
    rows = _row_name(rollout.instances)
    columns = _column_name(rollout.instances)
    cells: dict[tuple[str, str], list[Cell]] = {}
    for one in rollout.instances:
        cell = Cell(one.instance_id, _cell_state(one, state, is_serving=serving[one.instance_id]))
        cells.setdefault((rows(one), columns(one)), []).append(cell)
    return HeatMap(
        _sorted(row for row, _ in cells),
        _sorted(column for _, column in cells),
        {place: tuple(members) for place, members in cells.items()},
    )


def _in_service(rollout: Rollout, live: ScaleSet | None) -> Mapping[str, bool]:
    """Tell who serves; an instance that is gone does not."""
    planned = {one.instance_id: one.in_service for one in rollout.instances}
    if live is None:
        return planned
    source, now = rollout.health.source, live.by_id()
    return {i: i in now and now[i].is_in_service(source) for i in planned}


def _cell_state(one: PlannedInstance, state: RunState, *, is_serving: bool) -> CellState:
    progress = state.progress.get(one.instance_id)
    if progress is None:
        if not is_serving:
            return CellState.SICK
        is_current = one.disposition is Disposition.CURRENT
        return CellState.CURRENT if is_current else CellState.SKIPPED
    match progress.phase:
        case Phase.PENDING:
            return CellState.PENDING if is_serving else CellState.SICK
        case Phase.OPERATING:
            return CellState.OPERATING
        case Phase.AWAITING:
            return CellState.AWAITING
        case Phase.READY:
            return CellState.READY if is_serving else CellState.SICK
        case Phase.FAILED:
            return CellState.FAILED
        case Phase.SKIPPED:
            return CellState.SKIPPED if is_serving else CellState.SICK
    assert_never(progress.phase)


def _row_name(instances: Iterable[PlannedInstance]) -> Callable[[PlannedInstance], str]:
    """Rows are zones where any instance has one, else update domains."""
    if any(one.zone is not None for one in instances):
        return lambda one: _name("zone", one.zone)
    if any(one.update_domain is not None for one in instances):
        return lambda one: _name("UD", one.update_domain)
    return lambda _: ""


def _column_name(instances: Iterable[PlannedInstance]) -> Callable[[PlannedInstance], str]:
    if any(one.fault_domain is not None for one in instances):
        return lambda one: _name("FD", one.fault_domain)
    return lambda _: ""


def _name(word: str, value: object) -> str:
    return f"{word} ?" if value is None else one_line(f"{word} {value}")


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    """Sort by number where the names end in one; unknown places come last."""
    return tuple(sorted(set(names), key=lambda name: (name.endswith("?"), len(name), name)))
