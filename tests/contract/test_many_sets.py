"""Fifty Runs at once, and one of a thousand instances, in the throttle of one subscription.

Every Run is on its own, as if on another machine: all that it knows of the others is what the
answers say is left of the buckets they share.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.many_sets import roll_all, world_of
from tests.support.values import strategy

if TYPE_CHECKING:
    from vmssplan.model import Strategy

SLOWEST = 1.2
TWENTY_PERCENT = strategy("fixedBatch", "20%")
BY_UPDATE_DOMAIN = strategy("perUpdateDomain")
WINDOW = strategy("slidingWindow", "10%")
SLOW_HEALTH = {"health": {"median": "PT3M", "p95": "PT4M"}}


@pytest.mark.parametrize(
    ("sets", "instances", "how"),
    [
        pytest.param(50, 20, TWENTY_PERCENT, id="50 of 20, a fifth at a time"),
        pytest.param(50, 20, BY_UPDATE_DOMAIN, id="50 of 20, by update domain"),
        pytest.param(1, 1_000, TWENTY_PERCENT, id="1 of 1000, a fifth at a time"),
        pytest.param(1, 1_000, BY_UPDATE_DOMAIN, id="1 of 1000, by update domain"),
        pytest.param(1, 1_000, WINDOW, id="1 of 1000, in a window"),
    ],
)
def test_the_throttle_costs_little_and_refuses_nothing(
    sets: int, instances: int, how: Strategy
) -> None:
    """With Azure's buckets it takes at most a fifth longer than without, and meets no 429."""
    free = roll_all(world_of(sets, instances, throttling=False), how)
    throttled = roll_all(world_of(sets, instances), how)

    assert free.exit_codes == throttled.exit_codes == Counter({0: sets})
    assert throttled.makespan <= free.makespan * SLOWEST
    assert throttled.refused == 0
    assert sum(throttled.requests.values()) <= sum(free.requests.values())


def test_others_in_the_same_bucket_are_made_room_for() -> None:
    """Somebody takes five sixths of the refill: still no 429, and little time lost."""
    free = roll_all(world_of(50, 4, throttling=False, latencies=SLOW_HEALTH), TWENTY_PERCENT)
    shared = roll_all(world_of(50, 4, latencies=SLOW_HEALTH), TWENTY_PERCENT, others_per_minute=300)

    assert shared.exit_codes == Counter({0: 50})
    assert shared.makespan <= free.makespan * SLOWEST
    assert shared.refused == 0


def test_ten_times_as_many_start_no_storm() -> None:
    """Five hundred Runs at once ask for more than there is: few of their requests are refused."""
    crowd = roll_all(world_of(500, 2), strategy("fixedBatch", "50%"))

    assert crowd.exit_codes == Counter({0: 500})
    assert crowd.refused <= sum(crowd.requests.values()) // 100
    assert crowd.refused <= 2 * 500
