"""What holds for a set of any size: how low a Rollout can bring it, from the strategy alone. Pure.

Two reasons keep it up. Every start leaves the floor; and no more than a batch, or a window, is
under way at once, besides what has failed and is tolerated. Whatever falls sick by itself comes on
top, one for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.model import OnFailure
from vmssplan.rollout import UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from vmssplan.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Bound:
    """The fewest in service, and what it follows from.

    `under_way` is the largest batch or the window, `tolerated` how many may have failed before
    nothing more starts. `by_strategy` is None where the way back may follow, whose batches are
    made of what was touched: there the floor alone counts.
    """

    total: int
    in_service: int
    floor: int
    under_way: int
    tolerated: int
    by_strategy: int | None

    @property
    def lowest(self) -> int:
        """The fewest in service, as long as nothing falls sick by itself."""
        by_floor = min(self.in_service, self.floor)
        return by_floor if self.by_strategy is None else max(by_floor, self.by_strategy)

    def text(self) -> str:
        """Say it as an equation, for people."""
        start = f"each start leaves {self.floor} of {self.total}"
        if self.in_service < self.floor:
            start = (
                f"only {self.in_service} of {self.total} serve now, so only the sick are started"
            )
        if self.by_strategy is None:
            return f"lowest = {self.lowest}: {start}, on the way back too"
        sum_ = f"{self.in_service} - {self.under_way} under way"
        if self.tolerated:
            sum_ += f" - {self.tolerated} that may have failed"
        return f"lowest = max({min(self.in_service, self.floor)}, {sum_}) = {self.lowest}: {start}"


def bound_of(rollout: Rollout) -> Bound:
    """Return the bound of a Rollout, for the set it was computed for."""
    sizes = [
        step.window if isinstance(step, UpgradeWindow) else len(step.instance_ids)
        for step in rollout.steps
        if isinstance(step, UpgradeBatch | UpgradeWindow)
    ]
    under_way, bounds = max(sizes, default=0), rollout.bounds
    tolerated = rollout.failure.max_failed_instances if sizes else 0
    may_go_back = rollout.rollback is not None and rollout.failure.on_failure is OnFailure.ROLLBACK
    by_strategy = max(0, bounds.in_service - under_way - tolerated)
    return Bound(
        bounds.total,
        bounds.in_service,
        bounds.floor,
        under_way,
        tolerated,
        None if may_go_back else by_strategy,
    )
