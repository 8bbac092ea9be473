"""Small scale sets and policies, drawn from one seed: every time the same table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from tests.support.copying import replace
from tests.support.values import amount, instance, plan, scale_set, strategy
from vmssplan.batching import max_unavailable
from vmssplan.model import (
    Availability,
    CommandProbe,
    Counting,
    Failure,
    Gate,
    Health,
    HealthState,
    Hooks,
    HttpProbe,
    Plan,
    ScaleSet,
    Selector,
    StrategyType,
)

if TYPE_CHECKING:
    from vmssplan.model import Strategy

LARGEST = 8
PAIRS = 2_400
SAMPLE = 300
SIZED = (StrategyType.FIXED_BATCH, StrategyType.SLIDING_WINDOW)
SIZES: tuple[int | str, ...] = (1, 2, 3, "20%", "50%", "100%")
PROBE = HttpProbe("https://web.invalid/ok")


@dataclass(frozen=True, slots=True)
class Pair:
    """A scale set and a Plan for it; `boot` is how long health needs there to be known."""

    live: ScaleSet
    plan: Plan
    boot: timedelta


@cache
def table() -> tuple[Pair, ...]:
    """Return the pairs, no two of them equal."""
    random = Random(20)  # noqa: S311 - cases, not secrets
    found: dict[str, Pair] = {}
    while len(found) < PAIRS:
        pair = _pair(random)
        found.setdefault(repr(pair), pair)
    return tuple(found.values())


def sample() -> tuple[Pair, ...]:
    """Return an even share of the table."""
    return table()[:: PAIRS // SAMPLE]


def _pair(random: Random) -> Pair:
    size = random.randint(1, LARGEST)
    live = _live(random, size)
    chosen = plan(
        strategy=_strategy(random, size),
        availability=_availability(random, size),
        health=Health(
            min_healthy_time=timedelta(seconds=random.choice([0, 20, 150])),
            deadline=timedelta(seconds=random.choice([60, 60, 60, 5])),
        ),
        failure=Failure(random.choice([0, 0, 1, 2, size - 1, size])),
        gates=_gates(random),
        hooks=Hooks(CommandProbe(("./drain",))) if random.random() < 0.2 else Hooks(),
    )
    if chosen.strategy.type is StrategyType.SLIDING_WINDOW:
        chosen = replace(chosen, gates=(), hooks=Hooks())
    if _floor_is_all(chosen, size):
        # What such a floor forbids is to take a healthy instance; sick ones need no room.
        live = _well(live)
    return Pair(live, chosen, timedelta(seconds=random.choice([2, 25, 25, 25, 100])))


def _floor_is_all(chosen: Plan, size: int) -> bool:
    return max_unavailable(chosen.availability, chosen.strategy, (), size) == 0


def _well(live: ScaleSet) -> ScaleSet:
    health = HealthState.HEALTHY if live.has_application_health else None
    return replace(
        live, instances=tuple(replace(one, application_health=health) for one in live.instances)
    )


def _live(random: Random, size: int) -> ScaleSet:
    """Return a set of which some may be sick; only application health can tell."""
    has_health = random.random() < 0.8
    sick = random.choice([0, 0, 0, 1, 2, size]) if has_health else 0
    ids = random.sample(range(size), min(sick, size))
    well = HealthState.HEALTHY if has_health else None
    members = [
        instance(str(number), application_health=HealthState.UNHEALTHY if number in ids else well)
        for number in range(size)
    ]
    return scale_set(members, has_application_health=has_health)


def _strategy(random: Random, size: int) -> Strategy:
    kind = random.choice(list(StrategyType))
    sizes: tuple[int | str, ...] = ()
    if kind in SIZED:
        sizes = (random.choice(SIZES),)
    if kind is StrategyType.FIXED_BATCH and random.random() < 0.3:
        sizes = (1, *sizes)
    left_out = tuple(str(n) for n in range(size) if random.random() < 0.15)
    exclude = Selector(instance_ids=left_out if len(left_out) < size else ())
    return strategy(kind.value, *sizes, exclude=exclude)


def _availability(random: Random, size: int) -> Availability:
    most: int | str | None = random.choice([None, 1, 2, size, "20%", "50%", "100%"])
    if random.random() < 0.6:
        return Availability(max_unavailable=amount(most) if most is not None else None)
    floors: list[int | str] = [1, size - 1, size, "50%", "80%", "90%", "100%"]
    least = random.choice(floors)
    return Availability(min_in_service=amount(least or 1))


def _gates(random: Random) -> tuple[Gate, ...]:
    if random.random() < 0.8:
        return ()
    counting = Counting(
        interval=timedelta(seconds=20),
        consecutive_successes=random.choice([1, 3, 4]),
        deadline=timedelta(seconds=random.choice([0, 40, 60])),
    )
    return (Gate(PROBE, random.choice([None, 1]), counting),)
