"""What Azure's throttle costs: many Runs at once in one subscription and region, in virtual time.

Every Run is on its own, as if on another machine. Each figure is of one whole rollout with the
throttle on; the ratio is its makespan against the same rollout with it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Measure
from tests.support.many_sets import roll_all, world_of
from tests.support.values import strategy
from vmssplan.model import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOWEST = 1.2
TWENTY_PERCENT = strategy("fixedBatch", "20%")
SLOW_HEALTH = {"health": {"median": "PT3M", "p95": "PT4M"}}


@dataclass(frozen=True, slots=True)
class Case:
    """Equal sets, all rolled at once; `most_refused` is None where no goal is set."""

    name: str
    sets: int
    instances: int
    strategy: Strategy = TWENTY_PERCENT
    latencies: dict[str, Any] | None = None
    others_per_minute: int = 0
    slowest: float | None = SLOWEST
    most_refused: int | None = 0


CASES = (
    Case("50 sets of 20, batches of 20%", 50, 20),
    Case("50 sets of 20, by update domain", 50, 20, strategy("perUpdateDomain")),
    Case("50 sets of 20, window of 10%", 50, 20, strategy("slidingWindow", "10%")),
    Case("50 sets of 20, slow to be healthy", 50, 20, latencies=SLOW_HEALTH),
    Case("  and others take 300 lists a minute", 50, 20, TWENTY_PERCENT, SLOW_HEALTH, 300),
    Case("1 set of 1,000, batches of 20%", 1, 1_000),
    Case("1 set of 1,000, by update domain", 1, 1_000, strategy("perUpdateDomain")),
    Case("1 set of 1,000, window of 10%", 1, 1_000, strategy("slidingWindow", "10%")),
    Case("1 set of 1,000, slow to be healthy", 1, 1_000, latencies=SLOW_HEALTH),
    Case("200 sets of 20, batches of 20%", 200, 20),
    Case("500 sets of 4, batches of 20%", 500, 4, slowest=None, most_refused=1_000),
)


def measures() -> Iterator[Measure]:
    """Measure."""
    for case in CASES:
        yield from _measured(case)


def _measured(case: Case) -> Iterator[Measure]:
    free, throttled = (
        roll_all(
            world_of(case.sets, case.instances, latencies=case.latencies, throttling=throttling),
            case.strategy,
            others_per_minute=case.others_per_minute,
        )
        for throttling in (False, True)
    )
    for cost in (free, throttled):
        if set(cost.exit_codes) != {0}:
            raise RuntimeError(f"{case.name}: not all completed: {cost.exit_codes}")
    minutes = throttled.makespan.total_seconds() / 60
    yield Measure(case.name, minutes, unit="min")
    yield Measure("  against no throttle", throttled.makespan / free.makespan, case.slowest, "x")
    yield Measure("  answers of 429", throttled.refused, case.most_refused, "")
    requests = sum(throttled.requests.values())
    yield Measure("  requests", requests, unit="")
    yield Measure("  requests without throttle", sum(free.requests.values()), unit="")
