"""How a Rollout goes where all goes well, and where nothing that is upgraded is ever well again.

Arithmetic over the Steps, in no time: which instances may be taken out of service, how many have
failed, and what ends the Run. A test holds it against rehearsals by the real engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from vmssplan.rollout import HookTime, Rollout, RunHook, UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Sequence


class End(StrEnum):
    """What a Run ends by."""

    COMPLETE = "complete"
    ABORT = "abort"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class Course:
    """How a Run goes: `touched` are operated on before it ends, in step number `step`."""

    end: End
    touched: int
    step: int


def good_course(rollout: Rollout) -> Course:
    """Return how it goes when every upgraded instance becomes healthy."""
    return _Walk(rollout, is_good=True).course()


def bad_course(rollout: Rollout) -> Course:
    """Return how it goes when no upgraded instance is ever healthy again."""
    return _Walk(rollout, is_good=False).course()


@dataclass(slots=True)
class _Walk:
    """One way through the Steps; what serves changes as instances come back, or do not."""

    rollout: Rollout
    is_good: bool
    serving: set[str] = field(init=False)
    touched: int = 0

    def __post_init__(self) -> None:
        self.serving = {one.instance_id for one in self.rollout.instances if one.in_service}

    def course(self) -> Course:
        tolerated = self.rollout.failure.max_failed_instances
        for number, step in enumerate(self.rollout.steps, start=1):
            is_done = True
            match step:
                case RunHook(time=HookTime.BEFORE_BATCH, instance_ids=ids):
                    is_done = len(self.serving.intersection(ids)) <= max(0, self._room())
                case UpgradeBatch(instance_ids=ids) | UpgradeWindow(instance_ids=ids):
                    is_done = self._upgrade(ids)
                case _:
                    continue
            if not self.is_good and self.touched > tolerated:
                return Course(End.ABORT, self.touched, number)
            if not is_done:
                return Course(End.FLOOR, self.touched, number)
        return Course(End.COMPLETE, self.touched, len(self.rollout.steps))

    def _room(self) -> int:
        return len(self.serving) - self.rollout.bounds.floor

    def _upgrade(self, ids: Sequence[str]) -> bool:
        """Upgrade what the floor allows, those out of service first; tell whether that was all."""
        sick = [i for i in ids if i not in self.serving]
        well = [i for i in ids if i in self.serving]
        if self.is_good:
            self.serving.update(sick)
        room = max(0, self._room())
        # What comes back makes room for the next; what does not takes it away for good.
        started = well if self.is_good and room else well[:room]
        if not self.is_good:
            self.serving.difference_update(started)
        self.touched += len(sick) + len(started)
        return len(started) == len(well)
