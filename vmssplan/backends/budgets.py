"""How much of the service's documented request budgets the requests of one door have used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmss_simulator.throttling import POLICIES
from vmssplan.ports import BudgetUse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_simulator.errors import ArmError

_SIZES = {
    bucket.policy: (bucket.size, bucket.refill) for each in POLICIES.values() for bucket in each
}
_TOO_MANY = 429


@dataclass(slots=True)
class Budgets:
    """The least that was ever left in each bucket."""

    _least: dict[str, int] = field(default_factory=dict)

    def note(self, remaining: Iterable[tuple[str, int]]) -> None:
        """Take note of what an answer says is left, as its header has it."""
        least = self._least
        for policy, left in remaining:
            if left < least.get(policy, left + 1):
                least[policy] = left

    def note_refusal(self, error: ArmError) -> None:
        """Take note of a bucket that had nothing left."""
        if error.status == _TOO_MANY:
            self.note((str(each.target), 0) for each in error.details)

    def tightest(self) -> BudgetUse | None:
        """Return the bucket of which the largest share was used; None before any request."""
        uses = [_use(policy.rpartition("/")[2], left) for policy, left in self._least.items()]
        return max((use for use in uses if use), key=lambda use: use.share, default=None)


def _use(policy: str, left: int) -> BudgetUse | None:
    if policy not in _SIZES:
        return None
    size, refill = _SIZES[policy]
    return BudgetUse(policy, size, refill, 1 - left / size)
