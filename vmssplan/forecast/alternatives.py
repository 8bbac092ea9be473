"""The same Plan with other strategies, to be compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.errors import Refused
from vmssplan.model import Amount, Autoscale, Plan, StrategyType
from vmssplan.rollout import Rollout, UpgradeBatch, UpgradeWindow, compute_rollout

if TYPE_CHECKING:
    from vmssplan.model import ScaleSet

SIZED = frozenset({StrategyType.FIXED_BATCH, StrategyType.SLIDING_WINDOW})


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy by its type and batch sizes, written `fixedBatch:1/20%`."""

    type: StrategyType
    sizes: tuple[Amount, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Choice:
        """Read `perInstance`, `fixedBatch:20%`, `fixedBatch:1/5/20%`, `slidingWindow:5`.

        ValueError with what is wrong and what there is.
        """
        name, _, rest = text.strip().partition(":")
        known = {one.value.lower(): one for one in StrategyType}
        if name.lower() not in known:
            raise ValueError(
                f"{name!r} is no strategy; there are {', '.join(one.value for one in StrategyType)}"
            )
        kind = known[name.lower()]
        if kind not in SIZED:
            if rest:
                raise ValueError(f"{kind} takes no size, got {rest!r}")
            return cls(kind)
        sizes = tuple(_amount(part, kind) for part in rest.split("/"))
        if kind is StrategyType.SLIDING_WINDOW and len(sizes) > 1:
            raise ValueError(f"{kind} takes one size, got {rest!r}")
        return cls(kind, sizes)

    def __str__(self) -> str:
        """Render as it is typed."""
        return f"{self.type}:{'/'.join(map(str, self.sizes))}" if self.sizes else self.type.value


def _amount(text: str, kind: StrategyType) -> Amount:
    digits = text.strip().removesuffix("%")
    is_percent = text.strip().endswith("%")
    if not digits.isdecimal() or not 1 <= int(digits) <= (100 if is_percent else 1000):
        raise ValueError(
            f"{kind} needs a size from 1 to 1000 or 1% to 100%, as in {kind}:20%; got {text!r}"
        )
    return Amount(int(digits), percent=is_percent)


def with_choice(plan: Plan, choice: Choice) -> Plan:
    """Return the Plan with another strategy; a sliding window has no pauses between batches.

    Its autoscale is left out: what holds the count changes nothing about the strategy.
    """
    strategy = replace(plan.strategy, type=choice.type, batch_sizes=choice.sizes)
    if choice.type is StrategyType.SLIDING_WINDOW:
        strategy = replace(strategy, pause_time_between_batches=timedelta(0))
    return replace(plan, strategy=strategy, autoscale=Autoscale.IGNORE)


def canary_first(plan: Plan, rollout: Rollout, live: ScaleSet) -> tuple[Choice, Rollout] | None:
    """Return the same rollout with one instance ahead of all batches; None where there is none."""
    sizes = plan.strategy.batch_sizes
    if plan.strategy.type is not StrategyType.FIXED_BATCH:
        sizes = (Amount(largest_batch(rollout)),)
    choice = Choice(StrategyType.FIXED_BATCH, (Amount(1), *sizes))
    try:
        return choice, compute_rollout(with_choice(plan, choice), live, rollout.model)
    except Refused:
        return None


def first_batch(rollout: Rollout) -> int:
    """Return how many instances are worked on first, at most."""
    for step in rollout.steps:
        match step:
            case UpgradeBatch():
                return len(step.instance_ids)
            case UpgradeWindow():
                return step.window
    return 0


def largest_batch(rollout: Rollout) -> int:
    """Return how many instances are worked on at once, at most."""
    batches = (len(one.instance_ids) for one in rollout.steps if isinstance(one, UpgradeBatch))
    windows = (one.window for one in rollout.steps if isinstance(one, UpgradeWindow))
    return max((*batches, *windows), default=1)
