"""The steps and batches of a Run as they went, on the way there and on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.engine import Event, Phase, RunState
from vmssplan.engine import events as ev
from vmssplan.report.run_report.chronicle import BatchTale, StepTale
from vmssplan.report.run_report.safe import safe
from vmssplan.report.steps import batch_of_step, step_title
from vmssplan.rollout import Rollout, UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


_SETTLED = (Phase.READY, Phase.FAILED, Phase.SKIPPED)


@dataclass(frozen=True, slots=True)
class Course:
    """The Events with the Rollout in force; the state before the Run turned round, and at last.

    `turned` is None where it never did.
    """

    told: Sequence[tuple[Event, Rollout]]
    turned: RunState | None
    ended: RunState

    def ways(self) -> Iterator[tuple[bool, RunState, Sequence[Event]]]:
        """Yield the way there, and the way back if there was one: its end and its Events."""
        first = self.told[0][1]
        there = [event for event, rollout in self.told if rollout is first]
        yield False, self.turned or self.ended, there
        if self.turned is not None:
            back = [event for event, rollout in self.told if rollout is not first]
            yield True, self.ended, back


def steps_of(course: Course) -> Iterator[StepTale]:
    """Yield every step, reached or not."""
    for is_back, state, events in course.ways():
        started: dict[int, datetime] = {}
        ended: dict[int, datetime] = {}
        notes: dict[int, str] = {}
        for event in events:
            match event:
                case ev.StepStarted(at=at, step=reached):
                    started.setdefault(reached, at)
                    ended.pop(reached, None)
                case ev.StepCompleted(at=at, step=done, note=note):
                    ended[done] = at
                    notes[done] = safe(note)
                case _:
                    pass
        rollout = state.rollout
        for number, step in enumerate(rollout.steps, start=1):
            yield StepTale(
                number,
                safe(step_title(rollout, step)),
                is_back,
                batch_of_step(rollout, number),
                started.get(number),
                ended.get(number),
                notes.get(number, ""),
            )


def batches_of(course: Course) -> Iterator[BatchTale]:
    """Yield every batch, and what became of its instances."""
    for is_back, state, events in course.ways():
        begun = {
            one: event.at
            for event in reversed(events)
            if isinstance(event, ev.UpgradeIntended)
            for one in event.instance_ids
        }
        settled = {
            event.instance_id: event.at
            for event in events
            if isinstance(event, ev.InstanceReady | ev.InstanceFailed | ev.InstanceSkipped)
        }
        for step in state.rollout.steps:
            if isinstance(step, UpgradeBatch | UpgradeWindow):
                yield _batch(step, state, begun, settled, is_way_back=is_back)


def _batch(
    step: UpgradeBatch | UpgradeWindow,
    state: RunState,
    begun: dict[str, datetime],
    settled: dict[str, datetime],
    *,
    is_way_back: bool,
) -> BatchTale:
    ids = step.instance_ids
    phases = [state.progress[one].phase for one in ids]
    ends = [settled[one] for one in ids if one in settled]
    is_over = all(phase in _SETTLED for phase in phases)
    match step:
        case UpgradeBatch(batch=number, label=label):
            name = f"batch {number}" + (f", {label}" if label else "")
        case UpgradeWindow(window=window):
            name = f"window of {window}"
    return BatchTale(
        safe(name),
        is_way_back,
        tuple(safe(one) for one in ids),
        min((begun[one] for one in ids if one in begun), default=None),
        max(ends) if is_over and ends else None,
        phases.count(Phase.READY),
        phases.count(Phase.FAILED),
        phases.count(Phase.SKIPPED),
    )
