"""What a report tells of a Run: values that every format draws from, free of secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from vmssplan.engine import RunState
from vmssplan.report.heatmap import CellState
from vmssplan.report.told import Weight
from vmssplan.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Spell:
    """How an instance stood from one time to another."""

    state: CellState
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class InstanceTale:
    """One instance through the Run.

    `batch` is None in a window and where nothing was to be done; `reason` says why it was chosen
    or left alone; `row` and `column` are its place in the heat map, "" where there is none.
    """

    instance_id: str
    batch: int | None
    reason: str
    row: str
    column: str
    spells: tuple[Spell, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many instances were in service from then on."""

    at: datetime
    in_service: int


@dataclass(frozen=True, slots=True)
class StepTale:
    """One step; `started` is None for one that was not reached, `ended` for one left open."""

    number: int
    title: str
    is_way_back: bool
    batch: int | None
    started: datetime | None
    ended: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class BatchTale:
    """One batch, or the window, and what became of its instances.

    `started` is None when nothing was done to it, `ended` while an instance was still open.
    """

    name: str
    is_way_back: bool
    instance_ids: tuple[str, ...]
    started: datetime | None
    ended: datetime | None
    ready: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate, a hook or a person said; `times` in a row, at last at `at`."""

    at: datetime
    step: int | None
    about: str
    said: str
    by: str
    weight: Weight
    times: int = 1


@dataclass(frozen=True, slots=True)
class FailureTale:
    """Instances that failed alike, in Azure's words; `stands`: at least one of them to the end."""

    at: datetime
    instance_ids: tuple[str, ...]
    phase: str
    code: str
    message: str
    stands: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the journal knows it; `ended` is None when its end is not known."""

    at: datetime
    what: str
    instance_ids: tuple[str, ...]
    operation: str
    outcome: str
    ended: datetime | None
    weight: Weight


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what happened; instances alike are together. `step`, `batch` None: of none."""

    at: datetime
    text: str
    weight: Weight
    step: int | None
    batch: int | None
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that the chart points at."""

    at: datetime
    label: str
    weight: Weight


@dataclass(frozen=True, slots=True)
class Chronicle:
    """All of a Run. Times run from `started` to `last`, which is its last Event.

    `state` is where it stands after that; `rollout` is what was reviewed. `lowest` is the lowest
    count in service.
    """

    run: str
    rollout: Rollout
    state: RunState
    started: datetime
    last: datetime
    headline: str
    summary: tuple[tuple[str, str], ...]
    steps: tuple[StepTale, ...]
    batches: tuple[BatchTale, ...]
    instances: tuple[InstanceTale, ...]
    counts: tuple[Count, ...]
    decisions: tuple[Decision, ...]
    failures: tuple[FailureTale, ...]
    calls: tuple[Call, ...]
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]

    @property
    def floor(self) -> int:
        """How many instances had to be in service."""
        return self.rollout.bounds.floor

    @property
    def lowest(self) -> int:
        """How few were in service at the worst moment."""
        return min(one.in_service for one in self.counts)

    @property
    def duration(self) -> timedelta:
        """From its first Event to its last."""
        return self.last - self.started

    @property
    def is_of_one_day(self) -> bool:
        """Whether the time of day alone says when."""
        return self.started.date() == self.last.date()

    def clock(self, at: datetime) -> str:
        """Return that time for people, with the date where it needs one."""
        return f"{at:%H:%M:%S}" if self.is_of_one_day else f"{at:%m-%d %H:%M:%S}"

    @property
    def total(self) -> int:
        """How many instances the chart has to have room for."""
        return max(self.rollout.bounds.total, *(one.in_service for one in self.counts))
